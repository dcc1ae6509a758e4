/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/style.h"

#include "base/text.h"

#include <string.h>

#define MARK '\xff'
/* the byte after MARK: a Style above STYLE_BASE, or one of these */
#define STYLE_BASE '0'
#define LEGEND 'L'
#define CUT 'C'

/* SGR parameters. The hues keep off red, which means bad. */
static const char *const sequences[STYLE_HUE + N_HUES] = {
    [STYLE_PLAIN] = "\x1b[0m",    [STYLE_HEADING] = "\x1b[4m",  [STYLE_STRONG] = "\x1b[1m",
    [STYLE_GOOD] = "\x1b[32m",    [STYLE_WARNING] = "\x1b[33m", [STYLE_BAD] = "\x1b[1;31m",
    [STYLE_GREY] = "\x1b[90m",    [STYLE_HUE] = "\x1b[36m",     [STYLE_HUE + 1] = "\x1b[35m",
    [STYLE_HUE + 2] = "\x1b[34m", [STYLE_HUE + 3] = "\x1b[32m", [STYLE_HUE + 4] = "\x1b[33m",
    [STYLE_HUE + 5] = "\x1b[96m",
};

/* The words of states, results and severities of the documents (JSON.md). */
static const struct {
    const char *word;
    Style style;
} words[] = {
    {"as-planned", STYLE_GOOD},
    {"placed", STYLE_GOOD},
    {"ok", STYLE_GOOD},
    {"yes", STYLE_GOOD},
    {"started", STYLE_GOOD},
    {"pending", STYLE_WARNING},
    {"drifted", STYLE_WARNING},
    {"contested", STYLE_WARNING},
    {"cold-pending", STYLE_WARNING},
    {"not-exclusive", STYLE_WARNING},
    {"busy", STYLE_WARNING},
    {"not seen", STYLE_WARNING},
    {"warning", STYLE_WARNING},
    {"medium", STYLE_WARNING},
    {"refused", STYLE_BAD},
    {"stuck", STYLE_BAD},
    {"failed", STYLE_BAD},
    {"differs", STYLE_BAD},
    {"no", STYLE_BAD},
    {"error", STYLE_BAD},
    {"high", STYLE_BAD},
    {"off", STYLE_GREY},
    {"unmanaged", STYLE_GREY},
    {"released", STYLE_GREY},
    {"untouched", STYLE_GREY},
    {"info", STYLE_GREY},
};

static void append_mark(GString *out, char name)
{
    g_string_append_c(out, MARK);
    g_string_append_c(out, name);
}

void style_mark(GString *out, Style style)
{
    append_mark(out, (char)(STYLE_BASE + style));
}

void style_append(GString *out, Style style, const char *text)
{
    if (style != STYLE_PLAIN)
        style_mark(out, style);
    g_string_append(out, text);
    if (style != STYLE_PLAIN)
        style_mark(out, STYLE_PLAIN);
}

Style style_of_word(const char *word)
{
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_str_equal(words[i].word, word))
            return words[i].style;
    return STYLE_PLAIN;
}

void style_append_word(GString *out, const char *word)
{
    style_append(out, style_of_word(word), word);
}

void style_mark_legend(GString *out)
{
    append_mark(out, LEGEND);
}

void style_mark_cut(GString *out)
{
    append_mark(out, CUT);
}

static unsigned columns_of(gunichar c)
{
    return g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
}

/* A line on its way out. */
typedef struct Line {
    const StyleMode *mode;
    GString *out;
    unsigned room; /* columns left; UINT_MAX: it is not cut */
    bool styled;   /* a sequence is in force */
} Line;

/* Words up to what fits. False: the rest did not. */
static bool line_add_words(Line *line, const char *words_start, size_t length)
{
    g_autofree char *piece = g_strndup(words_start, length), *safe = text_show(piece);

    for (const char *p = safe; *p; p = g_utf8_next_char(p)) {
        unsigned columns = columns_of(g_utf8_get_char(p));
        if (columns > line->room)
            return false;
        line->room -= line->room == G_MAXUINT ? 0 : columns;
        g_string_append_unichar(line->out, g_utf8_get_char(p));
    }
    return true;
}

static void line_add_mark(Line *line, char name)
{
    size_t style = (size_t)(unsigned char)name - STYLE_BASE;

    if (!line->mode->colour || style >= G_N_ELEMENTS(sequences))
        return;
    if (style != STYLE_PLAIN || line->styled)
        g_string_append(line->out, sequences[style]);
    line->styled = style != STYLE_PLAIN;
}

/* True: it was cut. */
static bool line_add(Line *line, const char *text, size_t length)
{
    const char *end = text + length;

    while (text < end) {
        const char *mark = memchr(text, (unsigned char)MARK, (size_t)(end - text));
        if (!line_add_words(line, text, (size_t)((mark ? mark : end) - text))) {
            g_string_append(line->out, line->mode->ellipsis);
            line_add_mark(line, STYLE_BASE + STYLE_PLAIN);
            return true;
        }
        if (!mark || mark + 1 >= end)
            break;
        line_add_mark(line, mark[1]);
        text = mark + 2;
    }
    return false;
}

static bool has_mark(const char *text, size_t length, char name)
{
    for (; length >= 2 && text[0] == MARK; text += 2, length -= 2)
        if (text[1] == name)
            return true;
    return false;
}

unsigned style_width(const char *marked)
{
    const StyleMode bare = {.legend = true};
    g_autofree char *shown = style_show(marked, &bare, NULL);
    unsigned width = 0;

    for (const char *p = shown; *p; p = g_utf8_next_char(p))
        width += columns_of(g_utf8_get_char(p));
    return width;
}

/* Columns that a line may take: all, or those of the terminal less the ellipsis if it is longer. */
static unsigned room_of(const char *text, size_t length, const StyleMode *mode)
{
    g_autofree char *line = NULL;

    if (mode->columns == 0 || !(mode->cut_all || has_mark(text, length, CUT)))
        return G_MAXUINT;
    line = g_strndup(text, length);
    if (style_width(line) <= mode->columns)
        return G_MAXUINT;
    unsigned ellipsis = style_width(mode->ellipsis);
    return mode->columns > ellipsis ? mode->columns - ellipsis : 0;
}

char *style_show(const char *marked, const StyleMode *mode, bool *ret_cut)
{
    GString *out = g_string_new(NULL);
    bool cut = false;

    while (*marked) {
        size_t length = strcspn(marked, "\n");
        bool ends = marked[length] == '\n',
             gone = !mode->legend && has_mark(marked, length, LEGEND);
        if (!gone) {
            Line line = {.mode = mode, .out = out, .room = room_of(marked, length, mode)};
            cut |= line_add(&line, marked, length);
            if (ends)
                g_string_append_c(out, '\n');
        }
        marked += length + ends;
    }
    if (ret_cut)
        *ret_cut = cut;
    return g_string_free(out, FALSE);
}
