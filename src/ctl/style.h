/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How words look on a terminal. Renderers mark words by meaning; show_document() makes of the marks
 * what the terminal can show, or nothing. A mark is a byte that UTF-8 never has and one that names
 * it, so that nobody's words can hold one. Pure.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum Style {
    STYLE_PLAIN,
    STYLE_HEADING,
    STYLE_STRONG,
    STYLE_GOOD,
    STYLE_WARNING,
    STYLE_BAD,
    STYLE_GREY,
    STYLE_HUE, /* the first of N_HUES colours that tell things apart */
} Style;

#define N_HUES 6

/* Appends the mark alone: that style from here on. */
void style_mark(GString *out, Style style);
/* The text in that style, then plain again. */
void style_append(GString *out, Style style, const char *text);
/* What a state, result or severity means; STYLE_PLAIN: nothing known of that word. */
Style style_of_word(const char *word);
/* The same word, in that style. */
void style_append_word(GString *out, const char *word);

/* At the start of a line: it is a heading or a sum, and goes with --no-legend. */
void style_mark_legend(GString *out);
/* At the start of a line: what does not fit the terminal may be cut. */
void style_mark_cut(GString *out);

typedef struct StyleMode {
    bool colour;
    bool legend;
    unsigned columns;     /* lines that may be cut are as wide at most; 0: none is cut */
    bool cut_all;         /* and any other line */
    const char *ellipsis; /* in place of what was cut */
} StyleMode;

/* Text with marks as it goes to the terminal or a file, its words made safe (base/text.h). Owned by
 * the caller. ret_cut (may be NULL): a line was cut. */
char *style_show(const char *marked, const StyleMode *mode, bool *ret_cut);
/* Columns that it takes on a terminal, marks left out. */
unsigned style_width(const char *marked);
