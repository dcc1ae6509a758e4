/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/canvas.h"

#include "base/text.h"

/* Which ways the lines of a frame go from the middle of a cell. */
enum { UP = 1, DOWN = 2, LEFT = 4, RIGHT = 8 };

#define SECOND_HALF ((gunichar)-1) /* of the wide character before */

typedef struct Cell {
    gunichar c; /* 0: none */
    unsigned char lines, style;
} Cell;

struct Canvas {
    int width, height;
    Cell *cells;
};

Canvas *canvas_new(int width, int height)
{
    Canvas *canvas = g_new0(Canvas, 1);

    canvas->width = MAX(width, 1);
    canvas->height = MAX(height, 1);
    canvas->cells = g_new0(Cell, (gsize)canvas->width * (gsize)canvas->height);
    return canvas;
}

void canvas_free(Canvas *canvas)
{
    if (!canvas)
        return;
    g_free(canvas->cells);
    g_free(canvas);
}

/* NULL: it is off the page. */
static Cell *cell_at(const Canvas *canvas, int x, int y)
{
    if (x < 0 || y < 0 || x >= canvas->width || y >= canvas->height)
        return NULL;
    return &canvas->cells[(gsize)y * (gsize)canvas->width + (gsize)x];
}

static void add_lines(Canvas *canvas, int x, int y, unsigned lines)
{
    Cell *cell = cell_at(canvas, x, y);

    if (cell)
        cell->lines |= (unsigned char)lines;
}

void canvas_frame(Canvas *canvas, int x, int y, int width, int height)
{
    int right = x + width - 1, bottom = y + height - 1;

    for (int i = x + 1; i < right; i++) {
        add_lines(canvas, i, y, LEFT | RIGHT);
        add_lines(canvas, i, bottom, LEFT | RIGHT);
    }
    for (int i = y + 1; i < bottom; i++) {
        add_lines(canvas, x, i, UP | DOWN);
        add_lines(canvas, right, i, UP | DOWN);
    }
    add_lines(canvas, x, y, DOWN | RIGHT);
    add_lines(canvas, right, y, DOWN | LEFT);
    add_lines(canvas, x, bottom, UP | RIGHT);
    add_lines(canvas, right, bottom, UP | LEFT);
}

static void put(Canvas *canvas, int x, int y, Style style, gunichar c)
{
    Cell *cell = cell_at(canvas, x, y);

    if (cell)
        *cell = (Cell){.c = c, .style = (unsigned char)style};
}

static int put_all(Canvas *canvas, int x, int y, int width, Style style, const char *text)
{
    int end = x + width;

    for (; *text; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char(text);
        bool wide = g_unichar_iswide(c);
        if (g_unichar_iszerowidth(c))
            continue;
        if (x + wide >= end)
            break;
        put(canvas, x++, y, style, c == '\n' || c == '\t' ? ' ' : c);
        if (wide)
            put(canvas, x++, y, style, SECOND_HALF);
    }
    return x;
}

int canvas_text(Canvas *canvas, int x, int y, int width, Style style, const char *text,
                const char *ellipsis)
{
    g_autofree char *safe = text_show(text);
    int cut = (int)style_width(ellipsis);

    if ((int)style_width(safe) <= width)
        return put_all(canvas, x, y, width, style, safe);
    if (width < cut)
        return x;
    x = put_all(canvas, x, y, width - cut, style, safe);
    return put_all(canvas, x, y, cut, style, ellipsis);
}

static gunichar line_character(unsigned lines, bool utf8)
{
    static const gunichar joints[] = {
        [UP] = 0x2502,
        [DOWN] = 0x2502,
        [UP | DOWN] = 0x2502,
        [LEFT] = 0x2500,
        [RIGHT] = 0x2500,
        [LEFT | RIGHT] = 0x2500,
        [DOWN | RIGHT] = 0x250c,
        [DOWN | LEFT] = 0x2510,
        [UP | RIGHT] = 0x2514,
        [UP | LEFT] = 0x2518,
        [UP | DOWN | RIGHT] = 0x251c,
        [UP | DOWN | LEFT] = 0x2524,
        [DOWN | LEFT | RIGHT] = 0x252c,
        [UP | LEFT | RIGHT] = 0x2534,
        [UP | DOWN | LEFT | RIGHT] = 0x253c,
    };

    if (utf8)
        return joints[lines];
    return !(lines & (UP | DOWN)) ? '-' : !(lines & (LEFT | RIGHT)) ? '|' : '+';
}

static int line_end(const Canvas *canvas, int y)
{
    int x = canvas->width;

    while (x > 0) {
        const Cell *cell = cell_at(canvas, x - 1, y);
        if (cell->lines || (cell->c && cell->c != ' '))
            break;
        x--;
    }
    return x;
}

static void print_line(const Canvas *canvas, int y, bool utf8, GString *out)
{
    Style style = STYLE_PLAIN;

    for (int x = 0; x < line_end(canvas, y); x++) {
        const Cell *cell = cell_at(canvas, x, y);
        Style own = cell->lines ? STYLE_GREY : (Style)cell->style;
        gunichar c = cell->lines ? line_character(cell->lines, utf8) : cell->c ? cell->c : ' ';
        if (c == SECOND_HALF)
            continue;
        if (own != style && c != ' ') {
            if (style != STYLE_PLAIN)
                style_mark(out, STYLE_PLAIN);
            if (own != STYLE_PLAIN)
                style_mark(out, own);
            style = own;
        }
        g_string_append_unichar(out, c);
    }
    if (style != STYLE_PLAIN)
        style_mark(out, STYLE_PLAIN);
    g_string_append_c(out, '\n');
}

void canvas_print(const Canvas *canvas, bool utf8, GString *out)
{
    for (int y = 0; y < canvas->height; y++)
        print_line(canvas, y, utf8, out);
}
