/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the IOThreads of a running guest poll: libvirt tells it among the statistics only, and asks
 * QEMU for it. Nothing else of a look does, so this has a connection of its own, and a thread that
 * is left behind if QEMU does not answer.
 */
#include "virt/link.h"

#include "base/util.h"

#include <string.h>

/* Statistics of a guest that others are just asking something are left out rather than waited for.
 */
#define STATS_TRIES 5
#define STATS_PAUSE_USEC 50000
/* A monitor command takes milliseconds. */
#define ANSWER_WAIT_USEC (3 * G_USEC_PER_SEC)
/* It begins by then, or is left out: others hang. */
#define BEGIN_WAIT_USEC (5 * G_USEC_PER_SEC)

/* Shared by who asks and who waits. */
typedef struct Question {
    VirtHub *hub;
    char *uuid;
    GMutex lock;
    GCond changed;
    int64_t asked_usec; /* monotonic, since when QEMU is at it; 0: it is not */
    bool done;
    SettingList *knobs;
} Question;

static const struct {
    const char *name;
    Knob knob;
} parameters[] = {
    {"poll-max-ns", KNOB_IOTHREAD_POLL_MAX},
    {"poll-grow", KNOB_IOTHREAD_POLL_GROW},
    {"poll-shrink", KNOB_IOTHREAD_POLL_SHRINK},
};

/* "iothread.3.poll-grow". False: something else. */
static bool parameter_parse(const char *name, SettingKey *ret)
{
    g_auto(GStrv) parts = g_strsplit(name, ".", -1);
    uint64_t id;

    if (g_strv_length(parts) != 3 || !g_str_equal(parts[0], "iothread") ||
        parse_u64(parts[1], UINT_MAX, &id) < 0)
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(parameters); i++) {
        if (!g_str_equal(parts[2], parameters[i].name))
            continue;
        *ret = (SettingKey){.knob = parameters[i].knob, .instance = (unsigned)id};
        return true;
    }
    return false;
}

/* The type is not the same in all versions of libvirt. */
static char *parameter_value(virTypedParameterPtr parameter)
{
    switch (parameter->type) {
    case VIR_TYPED_PARAM_UINT:
        return g_strdup_printf("%u", parameter->value.ui);
    case VIR_TYPED_PARAM_ULLONG:
        return g_strdup_printf("%llu", parameter->value.ul);
    default:
        return NULL;
    }
}

/* False: the guest was left out. */
static bool record_read(const virDomainStatsRecord *record, SettingList *knobs)
{
    bool is_told = false;

    for (int i = 0; i < record->nparams; i++) {
        SettingKey key;
        is_told |= g_str_has_prefix(record->params[i].field, "iothread.");
        if (!parameter_parse(record->params[i].field, &key))
            continue;
        g_autofree char *value = parameter_value(&record->params[i]);
        if (value)
            setting_list_add(knobs, &key, value, NULL, NULL);
    }
    return is_told;
}

static void stats_ask(virDomainPtr domain, SettingList *knobs)
{
    virDomainPtr domains[] = {domain, NULL};
    bool is_told = false;

    for (unsigned i = 0; !is_told && i < STATS_TRIES; i++) {
        virDomainStatsRecordPtr *records = NULL;
        if (i > 0)
            g_usleep(STATS_PAUSE_USEC);
        int n = virDomainListGetStats(domains, VIR_DOMAIN_STATS_IOTHREAD, &records,
                                      VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
        if (n < 0)
            return;
        is_told = n > 0 && record_read(records[0], knobs);
        virDomainStatsRecordListFree(records);
    }
}

/* --- asking aside --- */

static void question_clear(gpointer data)
{
    Question *question = data;

    hub_unref(question->hub);
    g_free(question->uuid);
    g_mutex_clear(&question->lock);
    g_cond_clear(&question->changed);
    setting_list_free(question->knobs);
}

static void question_unref(Question *question)
{
    g_atomic_rc_box_release_full(question, question_clear);
}

static void question_ask(Question *question)
{
    g_mutex_lock(&question->lock);
    question->asked_usec = g_get_monotonic_time();
    g_cond_broadcast(&question->changed);
    g_mutex_unlock(&question->lock);
}

static void question_end(Question *question)
{
    g_mutex_lock(&question->lock);
    question->done = true;
    g_cond_broadcast(&question->changed);
    g_mutex_unlock(&question->lock);
}

/* With its lock held. */
static void question_wait(Question *question)
{
    int64_t begin_usec = g_get_monotonic_time() + BEGIN_WAIT_USEC, end_usec;

    do
        end_usec = question->asked_usec ? question->asked_usec + ANSWER_WAIT_USEC : begin_usec;
    while (!question->done && g_cond_wait_until(&question->changed, &question->lock, end_usec));
}

static gpointer ask_thread(gpointer data)
{
    Question *question = data;
    VirtCall call = {.what = "reading how its IOThreads poll"};

    if (call_begin(question->hub, LINK_MONITOR, question->uuid, &call) == VIRT_DONE) {
        question_ask(question);
        stats_ask(call.domain, question->knobs);
    }
    call_end(&call);
    question_end(question);
    question_unref(question);
    return NULL;
}

static Question *question_new(VirtHub *hub, const char *uuid)
{
    Question *question = g_atomic_rc_box_new0(Question);

    question->hub = hub_ref(hub);
    question->uuid = g_strdup(uuid);
    g_mutex_init(&question->lock);
    g_cond_init(&question->changed);
    question->knobs = setting_list_new();
    return question;
}

static void knobs_add(const SettingList *knobs, GuestDef *def)
{
    for (unsigned i = 0; i < setting_list_size(knobs); i++) {
        const Setting *knob = setting_list_get(knobs, i);
        if (cpuset_has(def->iothreads, knob->key.instance))
            setting_list_add(def->knobs, &knob->key, knob->value, NULL, NULL);
    }
    setting_list_sort(def->knobs);
}

void virt_guest_read_polling(VirtHub *hub, Guest *guest)
{
    if (!guest->live || guest->in_job || guest->hung || cpuset_is_empty(guest->live->iothreads))
        return;

    Question *question = question_new(hub, guest->uuid);
    g_thread_unref(g_thread_new("virt-polling", ask_thread, g_atomic_rc_box_acquire(question)));
    g_mutex_lock(&question->lock);
    question_wait(question);
    if (question->done)
        knobs_add(question->knobs, guest->live);
    else if (question->asked_usec)
        guest->hung = "QEMU does not tell how its IOThreads poll";
    g_mutex_unlock(&question->lock);
    question_unref(question);
}
