/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "property/random-text.h"

#include <string.h>

#define MANY 4 /* "*" and "+" give at most so many */
#define N_CHARACTERS 128

typedef struct Matching {
    Random *random;
    const char *at; /* in the pattern */
} Matching;

static void match_any(Matching *matching, GString *text);

/* --- classes --- */

static void add_range(bool *set, char first, char last)
{
    for (int c = first; c <= last; c++)
        set[c] = true;
}

/* The character after a backslash; true if it stands for itself. */
static bool add_escape(bool *set, char c)
{
    if (c == 'd')
        add_range(set, '0', '9');
    else if (c == 's')
        set[' '] = true;
    else
        set[(int)c] = true;
    return c != 'd' && c != 's';
}

/* From behind the "[". */
static void read_class(Matching *matching, bool *set)
{
    bool negated = *matching->at == '^', excluded[N_CHARACTERS] = {false};
    bool *into = negated ? excluded : set;

    matching->at += negated;
    while (*matching->at != ']') {
        char first = *matching->at++;
        if (first == '\\') {
            first = *matching->at++;
            if (!add_escape(into, first))
                continue;
        }
        into[(int)first] = true;
        if (matching->at[0] != '-' || matching->at[1] == ']')
            continue;
        matching->at++;
        matching->at += *matching->at == '\\';
        add_range(into, first, *matching->at++);
    }
    matching->at++;
    for (int c = ' '; negated && c < N_CHARACTERS - 1; c++)
        set[c] = !excluded[c];
}

static char pick(Random *random, const bool *set)
{
    unsigned n = 0;

    for (int c = 0; c < N_CHARACTERS; c++)
        n += set[c];
    unsigned left = random_below(random, n);
    for (int c = 0; c < N_CHARACTERS; c++)
        if (set[c] && left-- == 0)
            return (char)c;
    return 'x';
}

/* --- pieces --- */

static void match_atom(Matching *matching, GString *text)
{
    bool set[N_CHARACTERS] = {false};
    char c = *matching->at++;

    if (c == '(') {
        match_any(matching, text);
        matching->at++;
        return;
    }
    if (c == '[')
        read_class(matching, set);
    else if (c == '\\')
        add_escape(set, *matching->at++);
    else if (c == '.')
        add_range(set, '0', '9');
    else
        set[(int)c] = true;
    g_string_append_c(text, pick(matching->random, set));
}

static void read_repeats(Matching *matching, unsigned *ret_min, unsigned *ret_max)
{
    char *end;

    *ret_min = *ret_max = 1;
    switch (*matching->at) {
    case '?':
        *ret_min = 0;
        break;
    case '*':
        *ret_min = 0;
        *ret_max = MANY;
        break;
    case '+':
        *ret_max = MANY;
        break;
    case '{':
        *ret_min = *ret_max = (unsigned)g_ascii_strtoull(matching->at + 1, &end, 10);
        if (*end == ',')
            *ret_max = (unsigned)g_ascii_strtoull(end + 1, &end, 10);
        matching->at = end;
        break;
    default:
        return;
    }
    matching->at++;
}

static void match_piece(Matching *matching, GString *text)
{
    g_autoptr(GString) scratch = g_string_new(NULL);
    const char *start = matching->at;
    unsigned min, max;

    match_atom(matching, scratch);
    read_repeats(matching, &min, &max);
    const char *end = matching->at;
    for (unsigned n = min + random_below(matching->random, max - min + 1); n > 0; n--) {
        matching->at = start;
        match_atom(matching, text);
    }
    matching->at = end;
}

/* One of the alternatives, up to the end or the ")". */
static void match_any(Matching *matching, GString *text)
{
    g_autoptr(GString) chosen = g_string_new(NULL);

    for (unsigned n = 1;; n++) {
        g_autoptr(GString) branch = g_string_new(NULL);
        while (*matching->at && *matching->at != '|' && *matching->at != ')')
            match_piece(matching, branch);
        if (random_below(matching->random, n) == 0)
            g_string_assign(chosen, branch->str);
        if (*matching->at != '|')
            break;
        matching->at++;
    }
    g_string_append(text, chosen->str);
}

char *random_matching(Random *random, const char *pattern)
{
    Matching matching = {.random = random, .at = pattern};
    GString *text = g_string_new(NULL);

    match_any(&matching, text);
    if (*matching.at)
        g_error("a pattern the tests do not know: %s", pattern);
    return g_string_free(text, FALSE);
}

/* --- words --- */

const char *random_word(Random *random, const char *const *words)
{
    return words[random_below(random, g_strv_length((char **)words))];
}

const char *random_odd_text(Random *random)
{
    static const char *const texts[] = {
        "a & b",    "x < y > z", "\"quoted\" 'too'", "größer", "日本語",    "]]>", "🐏", "&amp;",
        "a\u00a0b", "-- >",      "%2C,=;",           "plain",  "two  gaps", NULL};

    return random_word(random, texts);
}
