/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The map on a terminal: packages, NUMA nodes and caches as nested boxes, the cores of a cache as
 * the cells of its box, and in each core a line for each CPU: its number, what it is used for, and
 * the marks of who may run there.
 */
#include "ctl/canvas.h"
#include "ctl/map.h"
#include "ctl/show.h"
#include "ctl/table.h"
#include "ctl/terminal.h"

#define DEFAULT_COLUMNS 80 /* of what is no terminal */
#define MIN_COLUMNS 40     /* with less there are no boxes, only rows */
#define MAX_MARKS 14       /* columns of marks on one CPU */
#define MAX_FOOT 3         /* lines on whose memory a node holds */

typedef struct Drawing {
    const Map *map;
    Canvas *canvas;
    const char *ellipsis;
    int columns;
    int digits, marks; /* columns of the highest CPU number, and of the most marks on one */
} Drawing;

/* --- marks on a CPU --- */

/* How many chips go into MAX_MARKS columns; all, or so many that "+9" fits behind. */
static unsigned count_fitting(const GPtrArray *chips, int *ret_width)
{
    int width = 0;

    for (unsigned i = 0; i < chips->len; i++) {
        const MapChip *chip = g_ptr_array_index(chips, i);
        int more = (int)style_width(chip->text) + (i > 0);
        int rest = i + 1 < chips->len ? 4 : 0;
        if (width + more + rest > MAX_MARKS && i > 0) {
            *ret_width = width + 1 + (chips->len - i > 9 ? 3 : 2);
            return i;
        }
        width = MIN(width + more, MAX_MARKS);
    }
    *ret_width = width;
    return chips->len;
}

static void measure_cpus(Drawing *drawing)
{
    g_autofree char *highest = g_strdup_printf("%d", MAX(hwloc_bitmap_last(drawing->map->cpus), 0));

    drawing->digits = (int)style_width(highest);
    CPUSET_FOREACH(cpu, drawing->map->cpus)
    {
        g_autoptr(GPtrArray) chips = map_chips(drawing->map, cpu);
        int width;
        count_fitting(chips, &width);
        drawing->marks = MAX(drawing->marks, width);
    }
}

/* Those that float are grey together. */
static Style guest_style(const MapGuest *guest)
{
    return guest && !guest->floats ? (Style)(STYLE_HUE + guest->hue % N_HUES) : STYLE_GREY;
}

static void draw_cpu(const Drawing *drawing, int x, int y, unsigned cpu)
{
    g_autoptr(GPtrArray) chips = map_chips(drawing->map, cpu);
    g_autofree char *number = g_strdup_printf("%*u", drawing->digits, cpu);
    const char use[] = {map_use_letter(map_use(drawing->map, cpu)), '\0'};
    int width, end;
    unsigned n = count_fitting(chips, &width);

    x = canvas_text(drawing->canvas, x, y, drawing->digits, STYLE_PLAIN, number, "");
    x = canvas_text(drawing->canvas, x, y, 1, STYLE_GREY, use, "") + 1;
    end = x + drawing->marks;
    for (unsigned i = 0; i < n; i++) {
        const MapChip *chip = g_ptr_array_index(chips, i);
        x = 1 + canvas_text(drawing->canvas, x, y, end - x, guest_style(chip->guest), chip->text,
                            drawing->ellipsis);
    }
    if (n == chips->len)
        return;
    g_autofree char *more = g_strdup_printf("+%u", chips->len - n);
    canvas_text(drawing->canvas, x, y, end - x, STYLE_GREY, more, drawing->ellipsis);
}

/* --- boxes --- */

/* The words on the upper edge. Owned by the caller. */
static char *box_title(const Drawing *drawing, const Box *box)
{
    g_autofree char *name = map_box_name(box), *facts = map_box_facts(drawing->map, box);

    return g_strconcat(name, facts[0] ? ": " : "", facts, NULL);
}

/* "holds db1 4GiB, web1 1GiB and 2 more", in lines of that width; of char *. */
static GPtrArray *foot_lines(const Drawing *drawing, const Box *box, int width)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) line = g_string_new("holds");
    g_autoptr(GPtrArray) guests = map_memory_guests(drawing->map, box->index);

    for (unsigned i = 0; i < guests->len; i++) {
        const MapGuest *guest = g_ptr_array_index(guests, i);
        g_autofree char *size = map_size(map_memory_mib(guest, box->index));
        g_autofree char *item = g_strdup_printf(" %s %s%s", doc_word(guest->doc, "name"), size,
                                                i + 1 < guests->len ? "," : "");
        if ((int)(style_width(line->str) + style_width(item)) > width) {
            g_ptr_array_add(lines, g_strdup(line->str));
            g_string_assign(line, "     ");
            if (lines->len == MAX_FOOT) {
                g_ptr_array_add(lines, g_strdup_printf("      and %u more", guests->len - i));
                return lines;
            }
        }
        g_string_append(line, item);
    }
    if (guests->len > 0)
        g_ptr_array_add(lines, g_strdup(line->str));
    return lines;
}

static int box_foot(const Box *box, int width, const void *context)
{
    if (box->kind != BOX_NODE)
        return 0;
    g_autoptr(GPtrArray) lines = foot_lines(context, box, width - 4);
    return (int)lines->len;
}

static bool has_cores(const Box *box)
{
    const Box *child = box_child(box, 0);

    return child && child->kind == BOX_CORE;
}

static BoxFrame box_frame(const Box *box, const void *context)
{
    const Drawing *drawing = context;
    g_autofree char *title = box_title(drawing, box);
    int titled = MIN((int)style_width(title) + 6, drawing->columns - 8);

    if (box->kind == BOX_MACHINE)
        return (BoxFrame){.gap_x = 1};
    if (box->kind == BOX_CORE)
        return (BoxFrame){.min_width = drawing->digits + drawing->marks + 6,
                          .min_height = 2 + (int)map_box_cpus(box)};
    if (has_cores(box)) /* the edge of its cells is its own */
        return (BoxFrame){.bottom = box_foot(box, INT_MAX, context) > 0,
                          .gap_x = -1,
                          .gap_y = -1,
                          .min_width = titled};
    return (BoxFrame){.side = 2, .top = 1, .bottom = 1, .gap_x = 1, .min_width = titled};
}

static void draw_foot(const Drawing *drawing, const Box *box)
{
    if (box_foot(box, box->width, drawing) == 0)
        return;
    g_autoptr(GPtrArray) lines = foot_lines(drawing, box, box->width - 4);
    for (unsigned i = 0; i < lines->len; i++)
        canvas_text(drawing->canvas, box->x + 2, box->foot_y + (int)i, box->width - 4, STYLE_PLAIN,
                    g_ptr_array_index(lines, i), drawing->ellipsis);
}

static void draw_title(const Drawing *drawing, const Box *box)
{
    g_autofree char *title = box_title(drawing, box);
    g_autofree char *spaced = g_strconcat(" ", title, NULL);

    int end = canvas_text(drawing->canvas, box->x + 1, box->y, box->width - 3, STYLE_STRONG, spaced,
                          drawing->ellipsis);
    canvas_text(drawing->canvas, end, box->y, 1, STYLE_PLAIN, " ", "");
}

/* Titles go over the edges of the cells. */
static void draw_box(const Drawing *drawing, const Box *box)
{
    const Box *child;
    int y = box->y;

    if (box->kind != BOX_MACHINE)
        canvas_frame(drawing->canvas, box->x, box->y, box->width, box->height);
    for (unsigned i = 0; (child = box_child(box, i)); i++)
        draw_box(drawing, child);
    draw_foot(drawing, box);
    if (box->kind != BOX_MACHINE && box->kind != BOX_CORE)
        draw_title(drawing, box);
    if (box->kind != BOX_CORE)
        return;
    CPUSET_FOREACH(cpu, box->cpus)
    if (++y < box->y + box->height - 1)
        draw_cpu(drawing, box->x + 2, y, cpu);
}

static void show_boxes(const Map *map, int columns, GString *out)
{
    Drawing drawing = {.map = map, .columns = columns, .ellipsis = terminal_glyph(GLYPH_ELLIPSIS)};
    const BoxMedium medium = {.frame = box_frame, .foot = box_foot, .context = &drawing};

    measure_cpus(&drawing);
    box_layout(map->machine, &medium, columns);
    g_autoptr(Canvas) canvas = canvas_new(map->machine->width, map->machine->height);
    drawing.canvas = canvas;
    draw_box(&drawing, map->machine);
    canvas_print(canvas, terminal_is_utf8(), out);
}

/* --- around them --- */

static void show_legend(const Map *map, GString *out)
{
    g_autoptr(Table) table =
        table_new((const char *const[]){"MARK", "GUEST", "STATE", "POLICY", "THREADS", NULL});
    const MapGuest *guest;

    for (unsigned i = 0; (guest = map_guest(map, i)); i++) {
        g_autofree char *threads = map_guest_threads(guest);
        g_autoptr(GString) mark = g_string_new(NULL);
        style_append(mark, guest_style(guest), guest->mark);
        table_add(table, (const char *const[]){mark->str, doc_text(guest->doc, "name"),
                                               doc_text(guest->doc, "state"),
                                               doc_text(guest->doc, "cpu_policy"), threads});
    }
    table_print_below(table, out);
}

/* Guests that are nowhere: off, or refused. */
static void show_rest(const Map *map, GString *out)
{
    g_autoptr(GString) names = g_string_new(NULL);

    DOC_FOREACH(guest, map->document, "guests")
    if (doc_length(guest, "threads") == 0 && doc_text(guest, "state"))
        g_string_append_printf(names, "%s%s (%s)", names->len > 0 ? ", " : "",
                               doc_word(guest, "name"), doc_word(guest, "state"));
    if (names->len > 0)
        g_string_append_printf(out, "\nNot on it: %s\n", names->str);
}

/* "h housekeeping, p pool, …", in lines of that width. */
static void show_key(int columns, GString *out)
{
    g_autoptr(GString) line = g_string_new(NULL);
    const MapKey *key;

    style_mark_legend(out);
    g_string_append_c(out, '\n');
    for (unsigned i = 0; (key = map_key(i)); i++) {
        g_autofree char *item =
            g_strdup_printf("%s %s%s", key->mark, key->words, map_key(i + 1) ? "," : "");
        if ((int)(style_width(line->str) + style_width(item)) >= columns) {
            style_mark_legend(out);
            g_string_append_printf(out, "%s\n", line->str);
            g_string_truncate(line, 0);
        }
        g_string_append_printf(line, "%s%s", line->len > 0 ? " " : "", item);
    }
    style_mark_legend(out);
    g_string_append_printf(out, "%s\n", line->str);
}

void show_map(Doc *document, GString *out)
{
    g_autoptr(Map) map = map_new(document);
    g_autofree char *summary = map_summary(map);
    int columns = terminal_columns() > 0 ? (int)terminal_columns() : DEFAULT_COLUMNS;

    if (columns < MIN_COLUMNS) {
        show_map_rows(document, out);
        return;
    }
    g_string_append_printf(out, "%s: %s%s\n\n", map_host_name(map), summary,
                           doc_bool(document, "planned") ? "; as planned" : "");
    show_boxes(map, columns, out);
    show_legend(map, out);
    show_rest(map, out);
    show_key(columns, out);
    show_diag_rows(document, out);
}
