/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/text.h"

#include <glib.h>
#include <string.h>

typedef struct Range {
    gunichar first, last;
} Range;

/* Ascending. All below U+10000, so that JSON writes each as one \u. */
static const Range unsafe[] = {
    {0x01, 0x08},     {0x0b, 0x1f}, /* C0 but tab and newline */
    {0x7f, 0x9f},                   /* DEL, C1 */
    {0x061c, 0x061c}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069},
};

static bool is_unsafe(gunichar c)
{
    for (size_t i = 0; i < G_N_ELEMENTS(unsafe) && c >= unsafe[i].first; i++)
        if (c <= unsafe[i].last)
            return true;
    return false;
}

static char *replace(const char *text, bool json)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *out = g_string_new(NULL);

    for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (!is_unsafe(c))
            g_string_append_unichar(out, c);
        else if (json)
            g_string_append_printf(out, "\\u%04x", c);
        else
            g_string_append_c(out, '?');
    }
    return g_string_free(out, FALSE);
}

char *text_show(const char *text)
{
    return replace(text, false);
}

char *text_show_json(const char *json)
{
    return replace(json, true);
}

bool text_is_plain_name(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(name);

    return length > 0 && name[0] != '-' && strspn(name, plain) == length &&
           strspn(name, "0123456789") < length;
}
