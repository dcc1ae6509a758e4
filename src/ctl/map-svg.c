/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/map-svg.h"

#include <string.h>

/* All lengths are in units of the picture: pixels, where it is shown in its own size. */
#define PICTURE_WIDTH 1320
#define TITLE_EM 13 /* size of the letters of titles, and of all else */
#define TEXT_EM 11
#define MARGIN 18

#define CPU_NUMBER_WIDTH 38
#define CHIP_HEIGHT 15
#define CHIP_GAP 3
#define MIN_CHIPS_WIDTH 24
#define MAX_CHIPS_WIDTH 92
#define MAX_CHIP_LINES 3
#define CPU_PAD 3
#define CORE_PAD 5
#define CORE_TITLE 16

#define BAR_HEIGHT 18
#define MIN_SEGMENT 3 /* of the memory bar; guests with less share one */
#define LEGEND_ROW 21
#define LEGEND_COLUMN 290

static const char style[] =
    "svg.map{background:#fff;font-family:'DejaVu Sans','Helvetica Neue',Arial,sans-serif;"
    "font-size:11px}"
    ".map text{fill:#1c2330}.map .b{font-weight:bold;font-size:13px}.map .h{font-weight:bold;"
    "font-size:17px}.map .s{fill:#4d5765;font-weight:normal;font-size:11px}.map .n{font-size:10px}"
    ".map .m{font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:10px;"
    "font-weight:bold}"
    ".map rect{stroke:#8b95a3;fill:#fff}.map .sheet{stroke:none}.map .package{fill:#e9edf2}.map "
    ".node{fill:#fff}"
    ".map .llc{fill:#f1f4f8}.map .core{fill:#dfe5ec}.map .pool{fill:#dcecfb}"
    ".map .housekeeping{fill:#ffe9b8}.map .isolated{fill:#ecdff6}.map .float{fill:#fff;"
    "stroke-dasharray:2 2}.map .other{fill:#c9cfd6}.map .page{fill:#eef0f2;"
    "stroke-dasharray:3 2}";

/* Light enough for black words on them: ColorBrewer's Set3 without its grey, and others like it. */
static const char *const colours[] = {"#8dd3c7", "#ffed6f", "#bebada", "#fb8072", "#80b1d3",
                                      "#fdb462", "#b3de69", "#fccde5", "#d6a1d7", "#ccebc5",
                                      "#e5c494", "#a6cee3", "#f4a6a6", "#d9d04a", "#c2a5cf",
                                      "#a8e0a0", "#f7c6a0", "#9fe3e8"};

static const char *colour_of(const MapGuest *guest)
{
    return colours[guest->hue % G_N_ELEMENTS(colours)];
}

typedef struct Picture {
    const Map *map;
    Markup *markup;
    int chips_width; /* room for chips beside a CPU's number */
    int cpu_height;
} Picture;

/* --- words --- */

/* Wide letters are taken for all. */
static int text_width(const char *text, int em)
{
    return (int)g_utf8_strlen(text, -1) * em * 5 / 8;
}

static int chip_width(const char *text)
{
    return (int)g_utf8_strlen(text, -1) * 6 + 8;
}

/* At most so wide; owned by the caller. */
static char *text_fit(const char *text, int em, int width)
{
    glong room = MAX(width, 0) * 8 / (em * 5);

    if (!g_utf8_validate(text, -1, NULL) || g_utf8_strlen(text, -1) <= room)
        return g_strdup(text);
    if (room < 2)
        return g_strdup("");
    g_autofree char *head = g_utf8_substring(text, 0, room - 1);
    return g_strconcat(head, "…", NULL);
}

static void open_text(const Picture *picture, const char *class, int x, int y)
{
    markup_open(picture->markup, "text");
    markup_attribute(picture->markup, "class", class);
    markup_number(picture->markup, "x", x);
    markup_number(picture->markup, "y", y);
}

static void put_text(const Picture *picture, const char *class, int x, int y, const char *text)
{
    open_text(picture, class, x, y);
    markup_text(picture->markup, text);
    markup_close(picture->markup);
}

/* Two words in one line, the second less weighty. */
static void put_pair(const Picture *picture, const char *class, int x, int y, const char *first,
                     const char *second)
{
    open_text(picture, class, x, y);
    markup_text(picture->markup, first);
    markup_open(picture->markup, "tspan");
    markup_attribute(picture->markup, "class", "s");
    markup_number(picture->markup, "dx", 8);
    markup_text(picture->markup, second);
    markup_close(picture->markup);
    markup_close(picture->markup);
}

static void put_text_centred(const Picture *picture, const char *class, int x, int y,
                             const char *text)
{
    open_text(picture, class, x, y);
    markup_attribute(picture->markup, "text-anchor", "middle");
    markup_text(picture->markup, text);
    markup_close(picture->markup);
}

/* Opens a group whose title is shown when it is pointed at; NULL: it has none. */
static void open_group(const Picture *picture, const char *title)
{
    markup_open(picture->markup, "g");
    if (title)
        markup_element(picture->markup, "title", NULL, title);
}

typedef struct Area {
    int x, y, width, height;
} Area;

/* fill NULL: as the class says. */
static void put_area(const Picture *picture, const char *class, Area area, int round,
                     const char *fill)
{
    markup_open(picture->markup, "rect");
    markup_attribute(picture->markup, "class", class);
    markup_number(picture->markup, "x", area.x);
    markup_number(picture->markup, "y", area.y);
    markup_number(picture->markup, "width", area.width);
    markup_number(picture->markup, "height", area.height);
    markup_number(picture->markup, "rx", round);
    if (fill) /* a presentation attribute would not count over a class */
        markup_attribute(picture->markup, "style", fill);
    markup_close_void(picture->markup);
}

static void put_guest_area(const Picture *picture, const MapGuest *guest, Area area, int round)
{
    g_autofree char *fill = g_strconcat("fill:", colour_of(guest), NULL);

    put_area(picture, "guest", area, round, fill);
}

/* --- CPUs and their chips --- */

static void put_chip(const Picture *picture, int x, int y, const MapChip *chip)
{
    const Area area = {x, y, chip_width(chip->text), CHIP_HEIGHT};

    open_group(picture, chip->title);
    if (chip->guest)
        put_guest_area(picture, chip->guest, area, 3);
    else
        put_area(picture, "float", area, 3, NULL);
    put_text_centred(picture, "m", x + area.width / 2, y + 11, chip->text);
    markup_close(picture->markup);
}

/* Where the next chip goes: in lines of that width. */
typedef struct Flow {
    int x, line;
} Flow;

static Flow flow_add(Flow *flow, int width, int room)
{
    if (flow->x > 0 && flow->x + width > room)
        *flow = (Flow){.line = flow->line + 1};
    Flow place = *flow;
    flow->x += width + CHIP_GAP;
    return place;
}

/* How many lines chips of one CPU take in room; puts them there unless picture is NULL. */
static int flow_chips(const Picture *picture, const GPtrArray *chips, int room, int x, int y)
{
    Flow flow = {0}, place = {0};

    for (unsigned i = 0; i < chips->len; i++) {
        const MapChip *chip = g_ptr_array_index(chips, i);
        place = flow_add(&flow, chip_width(chip->text), room);
        if (place.line >= MAX_CHIP_LINES) {
            g_autofree char *more = g_strdup_printf("+%u", chips->len - i);
            if (picture)
                put_text(picture, "n", x - CPU_NUMBER_WIDTH + 4,
                         y + (MAX_CHIP_LINES - 1) * (CHIP_HEIGHT + CHIP_GAP) + 11, more);
            return MAX_CHIP_LINES;
        }
        if (picture)
            put_chip(picture, x + place.x, y + place.line * (CHIP_HEIGHT + CHIP_GAP), chip);
    }
    return place.line + 1;
}

static int all_chips_width(const GPtrArray *chips)
{
    int width = 0;

    for (unsigned i = 0; i < chips->len; i++) {
        const MapChip *chip = g_ptr_array_index(chips, i);
        width += chip_width(chip->text) + (i > 0 ? CHIP_GAP : 0);
    }
    return width;
}

static void measure_cpus(Picture *picture)
{
    int lines = 1;

    picture->chips_width = MIN_CHIPS_WIDTH;
    CPUSET_FOREACH(cpu, picture->map->cpus)
    {
        g_autoptr(GPtrArray) chips = map_chips(picture->map, cpu);
        picture->chips_width = CLAMP(all_chips_width(chips), picture->chips_width, MAX_CHIPS_WIDTH);
    }
    CPUSET_FOREACH(cpu, picture->map->cpus)
    {
        g_autoptr(GPtrArray) chips = map_chips(picture->map, cpu);
        lines = MAX(lines, flow_chips(NULL, chips, picture->chips_width, 0, 0));
    }
    picture->cpu_height = lines * (CHIP_HEIGHT + CHIP_GAP) - CHIP_GAP + 2 * CPU_PAD;
}

static int cpu_width(const Picture *picture)
{
    return CPU_NUMBER_WIDTH + picture->chips_width + CPU_PAD;
}

static void draw_cpu(const Picture *picture, int x, int y, unsigned cpu)
{
    g_autoptr(GPtrArray) chips = map_chips(picture->map, cpu);
    MapUse use = map_use(picture->map, cpu);
    const char letter[] = {map_use_letter(use), '\0'};
    g_autofree char *number = g_strdup_printf("%u", cpu);
    g_autofree char *title =
        g_strdup_printf("CPU %u%s%s", cpu, use < N_MAP_USES ? ", " : "", map_use_word(use));
    g_autofree char *class = g_strconcat("cpu ", map_use_word(use), NULL);

    open_group(picture, title);
    put_area(picture, g_strchomp(class), (Area){x, y, cpu_width(picture), picture->cpu_height}, 2,
             NULL);
    put_text(picture, "n", x + 4, y + CPU_PAD + 11, number);
    put_text(picture, "n s", x + CPU_NUMBER_WIDTH - 9, y + CPU_PAD + 11, letter);
    flow_chips(picture, chips, picture->chips_width, x + CPU_NUMBER_WIDTH, y + CPU_PAD);
    markup_close(picture->markup);
}

static void draw_core(const Picture *picture, const Box *box)
{
    g_autofree char *name = map_box_name(box);
    unsigned n = 0;

    put_area(picture, "core",
             (Area){box->x, box->y, cpu_width(picture) + 2 * CORE_PAD, box->height}, 3, NULL);
    put_text(picture, "n s", box->x + CORE_PAD + 1, box->y + 12, name);
    CPUSET_FOREACH(cpu, box->cpus)
    {
        if (n < map_box_cpus(box))
            draw_cpu(picture, box->x + CORE_PAD,
                     box->y + CORE_TITLE + (int)n * (picture->cpu_height + 3), cpu);
        n++;
    }
}

/* --- the memory of a node --- */

typedef struct Bar {
    const Picture *picture;
    Area left; /* what is not drawn yet */
    double units_per_mib;
} Bar;

static void put_segment(Bar *bar, const MapGuest *guest, const char *class, uint64_t mib,
                        const char *words)
{
    g_autofree char *size = map_size(mib), *title = g_strconcat(words, " ", size, NULL);
    Area area = bar->left;

    area.width = MIN((int)((double)mib * bar->units_per_mib + 0.5), bar->left.width);
    if (area.width < 1)
        return;
    open_group(bar->picture, title);
    if (guest)
        put_guest_area(bar->picture, guest, area, 0);
    else
        put_area(bar->picture, class, area, 0, NULL);
    const char *label = text_width(title, TEXT_EM) < area.width   ? title
                        : text_width(words, TEXT_EM) < area.width ? words
                                                                  : "";
    put_text_centred(bar->picture, "n", area.x + area.width / 2, area.y + 13, label);
    markup_close(bar->picture->markup);
    bar->left.x += area.width;
    bar->left.width -= area.width;
}

static uint64_t pages_free_mib(Doc *node)
{
    uint64_t mib = 0;

    DOC_FOREACH(pool, node, "pools")
    mib += (uint64_t)MAX(doc_number(pool, "free"), 0) *
           (uint64_t)MAX(doc_number(pool, "size_kib"), 0) / 1024;
    return mib;
}

/* Guests, pages that wait for guests, what else is used, and what is free. */
static void draw_memory(const Picture *picture, const Box *box, Area area)
{
    Doc *node = map_node(picture->map, box->index);
    uint64_t total = (uint64_t)MAX(doc_number(node, "memory_mib"), 1), guests_mib = 0, small = 0;
    g_autoptr(GPtrArray) guests = map_memory_guests(picture->map, box->index);
    Bar bar = {picture, area, (double)area.width / (double)total};

    put_area(picture, "bar", area, 0, NULL);
    for (unsigned i = 0; i < guests->len; i++) {
        const MapGuest *guest = g_ptr_array_index(guests, i);
        uint64_t mib = map_memory_mib(guest, box->index);
        guests_mib += mib;
        if ((double)mib * bar.units_per_mib < MIN_SEGMENT)
            small += mib;
        else
            put_segment(&bar, guest, NULL, mib, doc_word(guest->doc, "name"));
    }
    put_segment(&bar, NULL, "other", small, "smaller guests");
    if (!doc_get(node, "free_mib"))
        return;
    uint64_t pages = pages_free_mib(node),
             free_mib = (uint64_t)MAX(doc_number(node, "free_mib"), 0);
    uint64_t known = guests_mib + pages + free_mib;
    put_segment(&bar, NULL, "page", pages, "free pages");
    put_segment(&bar, NULL, "other", total > known ? total - known : 0, "host");
}

/* --- the legend --- */

static unsigned legend_columns(int width)
{
    return (unsigned)MAX((width - 2 * MARGIN) / LEGEND_COLUMN, 1);
}

static unsigned legend_rows(const Picture *picture, int width)
{
    unsigned columns = legend_columns(width);

    return (picture->map->guests->len + columns - 1) / columns;
}

static void draw_legend_guest(const Picture *picture, const MapGuest *guest, int x, int y)
{
    const Area swatch = {x, y, MAX(chip_width(guest->mark), 24), CHIP_HEIGHT};
    g_autofree char *threads = map_guest_threads(guest);
    g_autofree char *title = g_strdup_printf("%s: %s", doc_word(guest->doc, "name"), threads);
    g_autofree char *name = text_fit(doc_word(guest->doc, "name"), TEXT_EM, LEGEND_COLUMN / 2);
    g_autofree char *words = g_strdup_printf("%s, %s", doc_word(guest->doc, "cpu_policy"),
                                             doc_word(guest->doc, "state"));
    g_autofree char *rest =
        text_fit(words, TEXT_EM, LEGEND_COLUMN - swatch.width - 24 - text_width(name, TEXT_EM));

    open_group(picture, title);
    put_guest_area(picture, guest, swatch, 3);
    put_text_centred(picture, "m", x + swatch.width / 2, y + 11, guest->mark);
    put_pair(picture, "g", x + swatch.width + 6, y + 11, name, rest);
    markup_close(picture->markup);
}

/* What CPUs are used for, and what marks mean, each with an example: in as many rows as they take,
 * put there unless picture is NULL. How many rows. */
static int draw_key(const Picture *picture, int x, int y, int width)
{
    Flow flow = {0}, place = {0};
    const MapKey *key;

    for (unsigned i = 0; (key = map_key(i)); i++) {
        place = flow_add(&flow, 52 + text_width(key->words, TEXT_EM), width);
        int key_x = x + place.x, key_y = y + place.line * LEGEND_ROW;
        if (!picture)
            continue;
        put_area(picture, key->class, (Area){key_x, key_y, 28, CHIP_HEIGHT}, 3, NULL);
        put_text_centred(picture, "m", key_x + 14, key_y + 11, key->mark);
        put_text(picture, "s", key_x + 34, key_y + 11, key->words);
    }
    return place.line + 1;
}

static void draw_legend(const Picture *picture, const Box *box)
{
    unsigned rows = legend_rows(picture, box->width);
    const MapGuest *guest;

    for (unsigned i = 0; (guest = map_guest(picture->map, i)); i++)
        draw_legend_guest(picture, guest, box->x + MARGIN + (int)(i / rows) * LEGEND_COLUMN,
                          box->foot_y + 14 + (int)(i % rows) * LEGEND_ROW);
    draw_key(picture, box->x + MARGIN, box->foot_y + 22 + (int)rows * LEGEND_ROW,
             box->width - 2 * MARGIN);
}

/* --- boxes --- */

static const struct {
    const char *class;
    BoxFrame frame;
} looks[] = {
    [BOX_MACHINE] = {"machine", {.side = MARGIN, .top = 62, .gap_x = 14, .gap_y = 14, .bottom = 8}},
    [BOX_PACKAGE] = {"package", {.side = 12, .top = 30, .bottom = 12, .gap_x = 12, .gap_y = 12}},
    [BOX_NODE] = {"node", {.side = 10, .top = 28, .bottom = 10, .gap_x = 10, .gap_y = 10}},
    [BOX_LLC] = {"llc", {.side = 8, .top = 26, .bottom = 8, .gap_x = 5, .gap_y = 5}},
    [BOX_CORE] = {"core", {0}},
};

static int box_foot(const Box *box, int width, const void *context)
{
    if (box->kind == BOX_NODE)
        return BAR_HEIGHT + 8;
    if (box->kind == BOX_MACHINE)
        return 22 + ((int)legend_rows(context, width) + draw_key(NULL, 0, 0, width - 2 * MARGIN)) *
                        LEGEND_ROW;
    return 0;
}

static int title_width(const Map *map, const Box *box)
{
    g_autofree char *name = map_box_name(box), *facts = map_box_facts(map, box);

    return text_width(name, TITLE_EM) + text_width(facts, TEXT_EM) + 40;
}

static BoxFrame box_frame(const Box *box, const void *context)
{
    const Picture *picture = context;
    BoxFrame frame = looks[box->kind].frame;

    if (box->kind == BOX_CORE)
        return (BoxFrame){.min_width = cpu_width(picture) + 2 * CORE_PAD,
                          .min_height = CORE_TITLE + CORE_PAD - 3 +
                                        (int)map_box_cpus(box) * (picture->cpu_height + 3)};
    if (box->kind == BOX_MACHINE)
        frame.min_width = 2 * (LEGEND_COLUMN + MARGIN);
    else
        frame.min_width = MIN(title_width(picture->map, box), PICTURE_WIDTH * 3 / 4);
    return frame;
}

static void draw_title(const Picture *picture, const Box *box)
{
    g_autofree char *name = map_box_name(box), *facts = map_box_facts(picture->map, box);
    int side = looks[box->kind].frame.side;
    g_autofree char *fit =
        text_fit(facts, TEXT_EM, box->width - 2 * side - 8 - text_width(name, TITLE_EM));

    put_pair(picture, "b", box->x + side, box->y + 19, name, fit);
}

static void draw_heading(const Picture *picture, const Box *box)
{
    Doc *document = picture->map->document;
    g_autofree char *summary = map_summary(picture->map);
    g_autofree char *words = g_strconcat(
        summary, doc_bool(document, "planned") ? "; guests as planned" : "; guests as they are now",
        NULL);
    g_autofree char *fit = text_fit(words, TEXT_EM, box->width - 2 * MARGIN);
    g_autofree char *source =
        text_fit(map_host_name(picture->map), TITLE_EM + 4, box->width - 2 * MARGIN);

    put_text(picture, "h", box->x + MARGIN, box->y + 28, source);
    put_text(picture, "s", box->x + MARGIN, box->y + 47, fit);
}

static void draw_box(const Picture *picture, const Box *box)
{
    const Box *child;

    if (box->kind == BOX_CORE) {
        draw_core(picture, box);
        return;
    }
    if (box->kind == BOX_MACHINE)
        draw_heading(picture, box);
    else
        put_area(picture, looks[box->kind].class, (Area){box->x, box->y, box->width, box->height},
                 5, NULL);
    if (box->kind != BOX_MACHINE)
        draw_title(picture, box);
    for (unsigned i = 0; (child = box_child(box, i)); i++)
        draw_box(picture, child);
    int side = looks[box->kind].frame.side;
    if (box->kind == BOX_NODE)
        draw_memory(picture, box,
                    (Area){box->x + side, box->foot_y + 8, box->width - 2 * side, BAR_HEIGHT});
    if (box->kind == BOX_MACHINE)
        draw_legend(picture, box);
}

void map_svg_write(const Map *map, Markup *markup)
{
    Picture picture = {.map = map, .markup = markup};
    const BoxMedium medium = {.frame = box_frame, .foot = box_foot, .context = &picture};
    const Box *machine = map->machine;
    g_autofree char *summary = map_summary(map);

    measure_cpus(&picture);
    box_layout(map->machine, &medium, PICTURE_WIDTH);
    g_autofree char *view = g_strdup_printf("0 0 %d %d", machine->width, machine->height);
    markup_open(markup, "svg");
    markup_attribute(markup, "xmlns", "http://www.w3.org/2000/svg");
    markup_attribute(markup, "class", "map");
    markup_attribute(markup, "role", "img");
    markup_attribute(markup, "aria-labelledby", "map-title map-text");
    markup_number(markup, "width", machine->width);
    markup_number(markup, "height", machine->height);
    markup_attribute(markup, "viewBox", view);
    markup_open(markup, "title");
    markup_attribute(markup, "id", "map-title");
    markup_textf(markup, "Guests on %s", map_host_name(map));
    markup_close(markup);
    markup_open(markup, "desc");
    markup_attribute(markup, "id", "map-text");
    markup_text(markup, summary);
    markup_close(markup);
    markup_open(markup, "style");
    markup_raw(markup, style);
    markup_close(markup);
    put_area(&picture, "sheet", (Area){0, 0, machine->width, machine->height}, 0, NULL);
    draw_box(&picture, machine);
    markup_close(markup);
}

char *map_svg_make(const Map *map)
{
    Markup *markup = markup_new();

    markup_raw(markup, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    map_svg_write(map, markup);
    markup_raw(markup, "\n");
    return markup_finish(markup);
}
