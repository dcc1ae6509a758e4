/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/map.h"

#include "base/util.h"

#include <inttypes.h>

#define MIB_PER_GIB 1024u
#define MAX_CORE_CPUS 16u /* POWER has 8 threads in a core; a document may say what it likes */
/* Guests that float are named where one CPU is told of; no more than these. */
#define TITLE_NAMES 5

/* As they are called, in the order of the map; plural NULL: the threads of it have no number. */
static const struct {
    const char *class, *one, *plural, *brief;
} classes[] = {
    {"vcpu", "vCPU", "vCPUs", ""},
    {"iothread", "IOThread", "IOThreads", "i"},
    {"emulator", "emulator", NULL, "e"},
    {"vhost", "vhost", NULL, "v"},
};

static const struct {
    char letter;
    const char *word, *key;
} uses[N_MAP_USES + 1] = {
    [MAP_HOUSEKEEPING] = {'h', "housekeeping", "housekeeping"},
    [MAP_POOL] = {'p', "pool", "shared"},
    [MAP_ISOLATED] = {'i', "isolated", "isolated"},
    [N_MAP_USES] = {' ', "", NULL},
};

char map_use_letter(MapUse use)
{
    return uses[use].letter;
}

const char *map_use_word(MapUse use)
{
    return uses[use].word;
}

const MapKey *map_key(unsigned i)
{
    static const MapKey keys[] = {
        {"h", "housekeeping", "housekeeping"},
        {"p", "pool", "pool of shared guests"},
        {"i", "isolated", "isolated"},
        {"A0", "guest", "vCPU 0 of guest A"},
        {"Ai1", "guest", "its IOThread 1"},
        {"Ae", "guest", "emulator"},
        {"Av", "guest", "vhost"},
        {"A", "guest", "all of it"},
        {"~2", "float", "two guests that float"},
    };

    return i < G_N_ELEMENTS(keys) ? &keys[i] : NULL;
}

const char *map_host_name(const Map *map)
{
    const char *name = doc_text(map->document, "hostname");

    return name ? name : doc_word(map->document, "source");
}

MapUse map_use(const Map *map, unsigned cpu)
{
    unsigned use = 0;

    while (use < N_MAP_USES && !cpuset_has(map->use[use], cpu))
        use++;
    return (MapUse)use;
}

/* --- guests --- */

typedef struct Thread {
    unsigned class; /* index into classes */
    unsigned id;
    CpuSet *cpus;
} Thread;

static void thread_clear(Thread *thread)
{
    hwloc_bitmap_free(thread->cpus);
}

static const Thread *thread_get(const MapGuest *guest, guint i)
{
    return i < guest->threads->len ? &g_array_index(guest->threads, Thread, i) : NULL;
}

/* Those of a class that is not known, and that may run nowhere, are left out. */
static void add_thread(MapGuest *guest, Doc *row)
{
    g_autoptr(CpuSet) cpus = doc_cpus(row, "cpus");
    int64_t id = doc_number(row, "id");
    Thread thread = {.id = id > 0 && id <= CPUSET_MAX_INDEX ? (unsigned)id : 0};

    while (thread.class < G_N_ELEMENTS(classes) &&
           !g_str_equal(doc_word(row, "class"), classes[thread.class].class))
        thread.class ++;
    if (thread.class == G_N_ELEMENTS(classes) || cpuset_is_empty(cpus))
        return;
    hwloc_bitmap_or(guest->cpus, guest->cpus, cpus);
    thread.cpus = g_steal_pointer(&cpus);
    g_array_append_val(guest->threads, thread);
}

/* True if each of its threads may run wherever any of them may. */
static bool is_uniform(const MapGuest *guest)
{
    const Thread *thread;

    for (guint i = 0; (thread = thread_get(guest, i)); i++)
        if (!cpuset_equal(thread->cpus, guest->cpus))
            return false;
    return true;
}

/* 0: "A", 25: "Z", 26: "AA". */
static char *mark_new(unsigned n)
{
    GString *mark = g_string_new(NULL);

    for (n++; n > 0; n = (n - 1) / 26)
        g_string_prepend_c(mark, (char)('A' + (n - 1) % 26));
    return g_string_free(mark, FALSE);
}

static void map_guest_free(MapGuest *guest)
{
    g_free(guest->mark);
    hwloc_bitmap_free(guest->cpus);
    g_array_unref(guest->threads);
    g_free(guest);
}

static void add_guest(Map *map, Doc *doc, unsigned *n_marks)
{
    MapGuest *guest = g_new0(MapGuest, 1);

    guest->doc = doc;
    guest->cpus = cpuset_new();
    guest->threads = g_array_new(FALSE, FALSE, sizeof(Thread));
    g_array_set_clear_func(guest->threads, (GDestroyNotify)thread_clear);
    guest->hue = map->guests->len;
    DOC_FOREACH(row, doc, "threads")
    add_thread(guest, row);
    guest->floats = is_uniform(guest) && (g_str_equal(doc_word(doc, "cpu_policy"), "shared") ||
                                          cpuset_is_subset(map->cpus, guest->cpus));
    guest->mark = guest->floats ? g_strdup("~") : mark_new((*n_marks)++);
    g_ptr_array_add(map->guests, guest);
}

const MapGuest *map_guest(const Map *map, unsigned i)
{
    return i < map->guests->len ? g_ptr_array_index(map->guests, i) : NULL;
}

/* Ids of the guest's threads of that class that may run on one of the CPUs, which get to where. */
static CpuSet *ids_on(const MapGuest *guest, unsigned class, const CpuSet *cpus, CpuSet *where)
{
    CpuSet *ids = cpuset_new();
    const Thread *thread;

    for (guint i = 0; (thread = thread_get(guest, i)); i++) {
        if (thread->class != class || !cpuset_intersects(thread->cpus, cpus))
            continue;
        hwloc_bitmap_set(ids, thread->id);
        hwloc_bitmap_or(where, where, thread->cpus);
    }
    return ids;
}

/* ", vCPUs 0-1", or brief ",0-1". */
static void append_class(GString *text, unsigned class, const CpuSet *ids, bool brief)
{
    unsigned n = cpuset_weight(ids);
    g_autofree char *list = cpuset_format(ids);
    const char *word = brief                            ? classes[class].brief
                       : n > 1 && classes[class].plural ? classes[class].plural
                                                        : classes[class].one;

    g_string_append_printf(text, "%s%s", text->len == 0 ? "" : brief ? "," : ", ", word);
    if (classes[class].plural)
        g_string_append_printf(text, "%s%s", brief ? "" : " ", list);
}

/* The threads of it that may run there; NULL: none; "": all it has. Owned by the caller. */
static char *threads_on(const MapGuest *guest, const CpuSet *cpus, bool brief)
{
    g_autoptr(GString) text = g_string_new(NULL);
    unsigned n = 0;

    if (!cpuset_intersects(guest->cpus, cpus))
        return NULL;
    for (unsigned class = 0; class < G_N_ELEMENTS(classes); class ++) {
        g_autoptr(CpuSet) where = cpuset_new(), ids = ids_on(guest, class, cpus, where);
        if (cpuset_is_empty(ids))
            continue;
        n += cpuset_weight(ids);
        append_class(text, class, ids, brief);
    }
    return g_strdup(n < guest->threads->len ? text->str : "");
}

char *map_guest_on(const MapGuest *guest, const CpuSet *cpus)
{
    g_autofree char *threads = threads_on(guest, cpus, false);

    return threads
               ? g_strconcat(doc_word(guest->doc, "name"), threads[0] ? ": " : "", threads, NULL)
               : NULL;
}

/* The class is named behind those before, with their place between if it is another. */
static void append_place(GString *text, const char *words, const CpuSet *before, const CpuSet *cpus)
{
    g_autofree char *place = before ? cpuset_format(before) : NULL;

    if (place && !cpuset_equal(before, cpus))
        g_string_append_printf(text, " on %s; ", place);
    else if (place)
        g_string_append(text, ", ");
    g_string_append(text, words);
}

char *map_guest_threads(const MapGuest *guest)
{
    GString *text = g_string_new(NULL);
    g_autoptr(CpuSet) before = NULL;
    g_autofree char *all = cpuset_format(guest->cpus);

    if (guest->floats)
        g_string_append_printf(text, "floats over %s", all);
    for (unsigned class = 0; !guest->floats && class < G_N_ELEMENTS(classes); class ++) {
        g_autoptr(CpuSet) cpus = cpuset_new(), ids = ids_on(guest, class, guest->cpus, cpus);
        g_autoptr(GString) words = g_string_new(NULL);
        if (cpuset_is_empty(ids))
            continue;
        append_class(words, class, ids, false);
        append_place(text, words->str, before, cpus);
        hwloc_bitmap_free(before);
        before = g_steal_pointer(&cpus);
    }
    g_autofree char *last = before ? cpuset_format(before) : NULL;
    if (last)
        g_string_append_printf(text, " on %s", last);
    return g_string_free(text, FALSE);
}

/* --- CPUs --- */

static void map_chip_free(MapChip *chip)
{
    g_free(chip->text);
    g_free(chip->title);
    g_free(chip);
}

static void add_chip(GPtrArray *chips, const MapGuest *guest, char *text, char *title)
{
    MapChip *chip = g_new0(MapChip, 1);

    *chip = (MapChip){.guest = guest, .text = text, .title = title};
    g_ptr_array_add(chips, chip);
}

GPtrArray *map_chips(const Map *map, unsigned cpu)
{
    GPtrArray *chips = g_ptr_array_new_with_free_func((GDestroyNotify)map_chip_free);
    g_autoptr(CpuSet) one = cpuset_new_one(cpu);
    g_autoptr(GString) names = g_string_new(NULL);
    const MapGuest *guest;
    unsigned n_floating = 0;

    for (unsigned i = 0; (guest = map_guest(map, i)); i++) {
        if (!cpuset_has(guest->cpus, cpu))
            continue;
        if (!guest->floats) {
            g_autofree char *brief = threads_on(guest, one, true);
            add_chip(chips, guest, g_strconcat(guest->mark, brief, NULL), map_guest_on(guest, one));
            continue;
        }
        if (n_floating++ < TITLE_NAMES)
            g_string_append_printf(names, "%s%s", n_floating > 1 ? ", " : "",
                                   doc_word(guest->doc, "name"));
    }
    if (n_floating > TITLE_NAMES)
        g_string_append_printf(names, " and %u more", n_floating - TITLE_NAMES);
    if (n_floating > 0)
        add_chip(chips, NULL, g_strdup_printf("~%u", n_floating),
                 g_strdup_printf("may run here: %s", names->str));
    return chips;
}

/* --- boxes --- */

static const struct {
    const char *key, *name;
} kinds[] = {
    [BOX_MACHINE] = {NULL, "Machine"},  [BOX_PACKAGE] = {"package", "Package"},
    [BOX_NODE] = {"node", "NUMA node"}, [BOX_LLC] = {"llc", "LLC"},
    [BOX_CORE] = {"core", "Core"},
};

enum { N_LEVELS = 4 };

/* True if something of the inner kind has cores in two of the outer kind. */
static bool spans(Doc *document, BoxKind inner, BoxKind outer)
{
    g_autoptr(GHashTable) first = g_hash_table_new(NULL, NULL);

    DOC_FOREACH(core, document, "cores")
    {
        gpointer in = GINT_TO_POINTER(doc_number(core, kinds[inner].key));
        gpointer out = GINT_TO_POINTER(doc_number(core, kinds[outer].key)), known;
        if (g_hash_table_lookup_extended(first, in, NULL, &known) && known != out)
            return true;
        g_hash_table_insert(first, in, out);
    }
    return false;
}

static void swap_if_spanned(Doc *document, BoxKind *levels, unsigned inner)
{
    BoxKind kind = levels[inner];

    if (!spans(document, kind, levels[inner - 1]))
        return;
    levels[inner] = levels[inner - 1];
    levels[inner - 1] = kind;
}

static void add_core(Box *box, Doc *core, const BoxKind *levels)
{
    g_autoptr(CpuSet) cpus = doc_cpus(core, "cpus");

    for (unsigned level = 0; level < N_LEVELS; level++) {
        int64_t index = doc_number(core, kinds[levels[level]].key);
        hwloc_bitmap_or(box->cpus, box->cpus, cpus);
        box = box_get(box, levels[level], index >= 0 ? (unsigned)index : 0);
    }
    hwloc_bitmap_or(box->cpus, box->cpus, cpus);
}

/* What is inside what differs: a node may have several packages, a cache several nodes. */
static Box *boxes_make(Doc *document)
{
    Box *machine = box_new(BOX_MACHINE, 0);
    BoxKind levels[N_LEVELS] = {BOX_PACKAGE, BOX_NODE, BOX_LLC, BOX_CORE};

    swap_if_spanned(document, levels, 1);
    swap_if_spanned(document, levels, 2);
    DOC_FOREACH(core, document, "cores")
    add_core(machine, core, levels);
    DOC_FOREACH(node, document, "nodes")
    {
        int64_t index = doc_number(node, "node");
        if (doc_text(node, "cpus") && !doc_word(node, "cpus")[0] && index >= 0)
            box_get(machine, BOX_NODE, (unsigned)index);
    }
    return machine;
}

Map *map_new(Doc *document)
{
    Map *map = g_new0(Map, 1);
    unsigned n_marks = 0;

    map->document = document;
    map->machine = boxes_make(document);
    map->cpus = cpuset_copy(map->machine->cpus);
    for (unsigned use = 0; use < N_MAP_USES; use++)
        map->use[use] = doc_cpus(document, uses[use].key);
    map->guests = g_ptr_array_new_with_free_func((GDestroyNotify)map_guest_free);
    DOC_FOREACH(guest, document, "guests")
    if (doc_length(guest, "threads") > 0)
        add_guest(map, guest, &n_marks);
    return map;
}

void map_free(Map *map)
{
    if (!map)
        return;
    box_free(map->machine);
    hwloc_bitmap_free(map->cpus);
    for (unsigned use = 0; use < N_MAP_USES; use++)
        hwloc_bitmap_free(map->use[use]);
    g_ptr_array_unref(map->guests);
    g_free(map);
}

/* --- words --- */

char *map_size(uint64_t mib)
{
    static const char *const units[] = {"MiB", "GiB", "TiB"};
    double size = (double)mib;
    unsigned unit = 0;

    while (size >= MIB_PER_GIB && unit + 1 < G_N_ELEMENTS(units)) {
        size /= MIB_PER_GIB;
        unit++;
    }
    bool whole = size >= 100 || (uint64_t)(size * 10 + 0.5) % 10 == 0;
    return g_strdup_printf("%.*f%s", whole ? 0 : 1, size, units[unit]);
}

char *map_box_name(const Box *box)
{
    return g_strdup_printf("%s %u", kinds[box->kind].name, box->index);
}

unsigned map_box_cpus(const Box *box)
{
    return MIN(cpuset_weight(box->cpus), MAX_CORE_CPUS);
}

Doc *map_node(const Map *map, unsigned node)
{
    DOC_FOREACH(row, map->document, "nodes")
    if (doc_number(row, "node") == node)
        return row;
    return NULL;
}

static char *node_facts(Doc *node)
{
    g_autofree char *memory = map_size((uint64_t)MAX(doc_number(node, "memory_mib"), 0));
    GString *text = g_string_new(memory);

    if (doc_get(node, "free_mib")) {
        g_autofree char *free_now = map_size((uint64_t)MAX(doc_number(node, "free_mib"), 0));
        g_string_append_printf(text, ", %s free", free_now);
    }
    DOC_FOREACH(pool, node, "pools")
    {
        g_autofree char *size = format_size_kib((uint64_t)MAX(doc_number(pool, "size_kib"), 0));
        if (doc_number(pool, "total") <= 0)
            continue;
        g_string_append_printf(text, "; %s pages ", size);
        if (doc_get(pool, "free"))
            g_string_append_printf(text, "%" PRId64 " free of ", doc_number(pool, "free"));
        g_string_append_printf(text, "%" PRId64, doc_number(pool, "total"));
    }
    return g_string_free(text, FALSE);
}

char *map_box_facts(const Map *map, const Box *box)
{
    if (box->kind == BOX_NODE)
        return node_facts(map_node(map, box->index));
    if (box->kind == BOX_LLC)
        DOC_FOREACH(llc, map->document, "llcs")
    if (doc_number(llc, "llc") == box->index && doc_number(llc, "size_kib") > 0)
        return map_size((uint64_t)doc_number(llc, "size_kib") / 1024);
    return g_strdup("");
}

static void append_count(GString *text, unsigned n, const char *noun)
{
    g_string_append_printf(text, "%s%u %s%s", text->len > 0 ? ", " : "", n, noun,
                           n == 1 ? "" : "s");
}

char *map_summary(const Map *map)
{
    GString *text = g_string_new(NULL);
    g_autoptr(CpuSet) packages = cpuset_new();
    uint64_t mib = 0;

    DOC_FOREACH(core, map->document, "cores")
    doc_add_number(core, "package", packages);
    DOC_FOREACH(node, map->document, "nodes")
    mib += (uint64_t)MAX(doc_number(node, "memory_mib"), 0);
    g_autofree char *memory = map_size(mib);
    append_count(text, cpuset_weight(packages), "package");
    append_count(text, doc_length(map->document, "nodes"), "NUMA node");
    append_count(text, doc_length(map->document, "cores"), "core");
    append_count(text, cpuset_weight(map->cpus), "CPU");
    g_string_append_printf(text, ", %s", memory);
    if (doc_word(map->document, "offline")[0])
        g_string_append_printf(text, "; CPUs %s are offline", doc_word(map->document, "offline"));
    return g_string_free(text, FALSE);
}

/* --- memory --- */

uint64_t map_memory_mib(const MapGuest *guest, unsigned node)
{
    g_autofree char *key = g_strdup_printf("%u", node);

    return (uint64_t)MAX(doc_number(doc_get(guest->doc, "memory_mib"), key), 0);
}

static int compare_memory(gconstpointer a, gconstpointer b, gpointer node)
{
    const MapGuest *one = *(MapGuest *const *)a, *two = *(MapGuest *const *)b;
    uint64_t mib_one = map_memory_mib(one, *(unsigned *)node);
    uint64_t mib_two = map_memory_mib(two, *(unsigned *)node);

    return mib_one != mib_two ? CMP(mib_two, mib_one) : CMP(one->hue, two->hue);
}

GPtrArray *map_memory_guests(const Map *map, unsigned node)
{
    GPtrArray *guests = g_ptr_array_new();
    const MapGuest *guest;

    for (unsigned i = 0; (guest = map_guest(map, i)); i++)
        if (map_memory_mib(guest, node) > 0)
            g_ptr_array_add(guests, (gpointer)guest);
    g_ptr_array_sort_with_data(guests, compare_memory, &node);
    return guests;
}
