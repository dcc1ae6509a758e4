/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/contest.h"

#include <string.h>

/* When one setting was changed back, of late. */
typedef struct Tally {
    SettingKey key;
    int64_t usec[CONTEST_REVERSALS]; /* oldest first */
    unsigned n;
} Tally;

struct Contest {
    GArray *tallies;      /* of Tally: not contested; without those whose reversals are all past */
    GPtrArray *contested; /* of Contested, sorted by key */
};

static void contested_free(gpointer data)
{
    Contested *contested = data;

    g_free(contested->rival);
    g_free(contested);
}

Contest *contest_new(void)
{
    Contest *contest = g_new0(Contest, 1);

    contest->tallies = g_array_new(FALSE, FALSE, sizeof(Tally));
    contest->contested = g_ptr_array_new_with_free_func(contested_free);
    return contest;
}

void contest_free(Contest *contest)
{
    if (!contest)
        return;
    g_array_unref(contest->tallies);
    g_ptr_array_unref(contest->contested);
    g_free(contest);
}

Contest *contest_copy(const Contest *contest)
{
    Contest *copy = contest_new();

    g_array_append_vals(copy->tallies, contest->tallies->data, contest->tallies->len);
    for (unsigned i = 0; i < contest_size(contest); i++) {
        const Contested *contested = contest_get(contest, i);
        Contested *other = g_memdup2(contested, sizeof *contested);
        other->rival = g_strdup(contested->rival);
        g_ptr_array_add(copy->contested, other);
    }
    return copy;
}

SettingKey contest_key(const SettingKey *key)
{
    SettingKey whole = *key;

    whole.plane = PLANE_LIVE; /* where a knob that each vCPU has in its cgroup is of the guest */
    whole.tid = 0;
    whole.tid_start = 0;
    if (knob_info(key->knob)->instance == INSTANCE_GUEST)
        whole.instance = 0;
    return whole;
}

static int compare_contested(gconstpointer a, gconstpointer b)
{
    const Contested *const *one = a, *const *two = b;

    return setting_key_compare(&(*one)->key, &(*two)->key);
}

bool contest_give_up(Contest *contest, const SettingKey *key)
{
    if (contest_find(contest, key))
        return false;
    Contested *contested = g_new0(Contested, 1);
    contested->key = contest_key(key);
    g_ptr_array_add(contest->contested, contested);
    g_ptr_array_sort(contest->contested, compare_contested);
    return true;
}

static void tally_expire(Tally *tally, int64_t now_usec)
{
    unsigned n_past = 0;

    while (n_past < tally->n && now_usec - tally->usec[n_past] > CONTEST_WINDOW_USEC)
        n_past++;
    tally->n -= n_past;
    memmove(tally->usec, tally->usec + n_past, tally->n * sizeof(tally->usec[0]));
}

/* That of the key, new if there was none; the others go when all they have is past. */
static Tally *tally_of(Contest *contest, const SettingKey *key, int64_t now_usec)
{
    Tally fresh = {.key = *key};

    for (guint i = contest->tallies->len; i-- > 0;) {
        Tally *tally = &g_array_index(contest->tallies, Tally, i);
        tally_expire(tally, now_usec);
        if (tally->n == 0)
            g_array_remove_index(contest->tallies, i);
    }
    for (guint i = 0; i < contest->tallies->len; i++) {
        Tally *tally = &g_array_index(contest->tallies, Tally, i);
        if (setting_key_compare(&tally->key, key) == 0)
            return tally;
    }
    g_array_append_val(contest->tallies, fresh);
    return &g_array_index(contest->tallies, Tally, contest->tallies->len - 1);
}

bool contest_note(Contest *contest, const SettingKey *key, int64_t now_usec)
{
    SettingKey whole = contest_key(key);

    if (contest_find(contest, key))
        return false;
    Tally *tally = tally_of(contest, &whole, now_usec);
    if (tally->n > 0 && tally->usec[tally->n - 1] == now_usec)
        return false;
    tally->usec[tally->n++] = now_usec;
    if (tally->n < CONTEST_REVERSALS)
        return false;
    tally->n = 0; /* goes with the next */
    return contest_give_up(contest, key);
}

Contested *contest_find(const Contest *contest, const SettingKey *key)
{
    SettingKey whole = contest_key(key);

    for (unsigned i = 0; i < contest_size(contest); i++)
        if (setting_key_compare(&contest_get(contest, i)->key, &whole) == 0)
            return contest_get(contest, i);
    return NULL;
}

void contest_mark(const Contest *contest, ChangeSet *changes)
{
    for (guint i = 0; i < changes->items->len; i++) {
        Change *change = g_ptr_array_index(changes->items, i);
        change->contested = contest_find(contest, &change->key) != NULL;
    }
}

unsigned contest_size(const Contest *contest)
{
    return contest ? contest->contested->len : 0;
}

Contested *contest_get(const Contest *contest, unsigned i)
{
    return g_ptr_array_index(contest->contested, i);
}

char *contest_format(const Contest *contest)
{
    unsigned n = contest_size(contest);
    GString *text;

    if (n == 0)
        return NULL;
    g_autofree char *key = setting_key_format(&contest_get(contest, 0)->key);
    const char *rival = contest_get(contest, 0)->rival;
    text = g_string_new(key);
    if (n > 1)
        g_string_append_printf(text, " and %u more are contested", n - 1);
    else
        g_string_append(text, " is contested");
    if (rival)
        g_string_append_printf(text, ": %s", rival);
    return g_string_free(text, FALSE);
}
