/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The map: marks of guests, nested boxes, characters and pictures; names are words everywhere. */
#include "ctl/canvas.h"
#include "ctl/map-svg.h"
#include "ctl/report-page.h"
#include "ctl/show.h"

#include <libxml/parser.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CORE(core, cpus, llc, node, package)                                                       \
    "{\"core\": " #core ", \"cpus\": \"" cpus "\", \"llc\": " #llc ", \"node\": " #node            \
    ", \"package\": " #package "}"
#define THREAD(class, id, cpus)                                                                    \
    "{\"class\": \"" class "\", \"id\": " #id ", \"cpus\": \"" cpus "\"}"

/* Two caches, SMT, a node of memory alone; a guest of its own CPUs, one with a thread off the pool,
 * two that float, one that is off. */
static const char host[] =
    "{\"source\": \"this host\", \"hostname\": \"kvm-7\", \"planned\": false,"
    " \"offline\": \"8\", \"isolated\": \"7\", \"housekeeping\": \"0\", \"shared\": \"0-2,4-6\","
    " \"nodes\": [{\"node\": 0, \"cpus\": \"0-7\", \"memory_mib\": 15990, \"free_mib\": 9216,"
    "   \"pools\": [{\"size_kib\": 2048, \"total\": 64, \"free\": 12}]},"
    "  {\"node\": 1, \"cpus\": \"\", \"memory_mib\": 1024, \"free_mib\": null, \"pools\": []}],"
    " \"llcs\": [{\"llc\": 0, \"size_kib\": 32768}, {\"llc\": 1, \"size_kib\": 0}],"
    " \"cores\": [" CORE(0, "0,4", 0, 0, 0) "," CORE(1, "1,5", 0, 0, 0) "," CORE(2, "2,6", 0, 0, 0) "," CORE(
        3, "3,7", 1, 0,
        0) "],"
           " \"guests\": ["
           "  {\"name\": \"db1\", \"state\": \"as-planned\", \"cpu_policy\": \"dedicated\","
           "   \"memory_mib\": {\"0\": 4096}, \"threads\": [" THREAD("vcpu", 0, "3") "," THREAD(
               "vcpu", 1,
               "7") "," THREAD("emulator", 0,
                               "0,4") "," THREAD("iothread", 1,
                                                 "3,7") "]},"
                                                        "  {\"name\": \"off\", \"state\": "
                                                        "\"off\", \"cpu_policy\": "
                                                        "\"shared\", \"threads\": null},"
                                                        "  {\"name\": \"odd\", \"state\": "
                                                        "\"drifted\", \"cpu_policy\": "
                                                        "\"shared\","
                                                        "   \"memory_mib\": {\"0\": 100, "
                                                        "\"1\": 512}, \"threads\": "
                                                        "[" THREAD("vcpu", 0, "2,6") "," THREAD(
                                                            "emulator", 0,
                                                            "6") "]},"
                                                                 "  {\"name\": \"web1\", "
                                                                 "\"state\": "
                                                                 "\"as-planned\", "
                                                                 "\"cpu_policy\": "
                                                                 "\"shared\","
                                                                 "   \"memory_mib\": "
                                                                 "null, \"threads\": "
                                                                 "[" THREAD("vcpu", 0, "0-2,4-6") "," THREAD(
                                                                     "emulator", 0,
                                                                     "0-2,4-6") "]},"
                                                                                "  "
                                                                                "{\"name\""
                                                                                ": "
                                                                                "\"web2\","
                                                                                " \"state"
                                                                                "\": "
                                                                                "\"as-"
                                                                                "planned\""
                                                                                ", "
                                                                                "\"cpu_"
                                                                                "policy\":"
                                                                                " \"shared"
                                                                                "\","
                                                                                "   "
                                                                                "\"memory_"
                                                                                "mib\": "
                                                                                "null, "
                                                                                "\"threads"
                                                                                "\": "
                                                                                "[" THREAD(
                                                                                    "vcpu", 0,
                                                                                    "0-2,"
                                                                                    "4-6") "]}]}";

static Doc *doc(const char *text)
{
    Doc *document = json_tokener_parse(text);

    assert_non_null(document);
    return document;
}

/* As it goes to a file. */
static char *shown(ShowRender render, Doc *document)
{
    static const StyleMode bare = {.legend = true};
    g_autoptr(GString) out = g_string_new(NULL);

    render(document, out);
    return style_show(out->str, &bare, NULL);
}

static void test_boxes(void **state)
{
    (void)state;
    g_autoptr(Doc) document = doc(host);
    g_autofree char *text = shown(show_map, document);

    assert_string_equal(
        text, "kvm-7: 1 package, 2 NUMA nodes, 4 cores, 8 CPUs, 16.6GiB; CPUs 8 are offline\n"
              "\n"
              "+ Package 0 ------------------------------------------------------+\n"
              "| + NUMA node 0: 15.6GiB, 9GiB free; 2MiB pages 12 free of 64 --+ |\n"
              "| | + LLC 0: 32MiB -------+----------+ + LLC 1 ---------------+ | |\n"
              "| | | 0h Ae ~2 | 1p ~2    | 2p B0 ~2 | | 3  A0,i1             | | |\n"
              "| | | 4p Ae ~2 | 5p ~2    | 6p B ~2  | | 7i A1,i1             | | |\n"
              "| | +----------+----------+----------+ +----------------------+ | |\n"
              "| | holds db1 4GiB, odd 100MiB                                  | |\n"
              "| +-------------------------------------------------------------+ |\n"
              "+-----------------------------------------------------------------+\n"
              "+ NUMA node 1: 1GiB ----------------------------------------------+\n"
              "| holds odd 512MiB                                                |\n"
              "+-----------------------------------------------------------------+\n"
              "\n"
              "MARK  GUEST  STATE       POLICY     THREADS\n"
              "A     db1    as-planned  dedicated  vCPUs 0-1, IOThread 1 on 3,7; emulator on 0,4\n"
              "B     odd    drifted     shared     vCPU 0 on 2,6; emulator on 6\n"
              "~     web1   as-planned  shared     floats over 0-2,4-6\n"
              "~     web2   as-planned  shared     floats over 0-2,4-6\n"
              "\n"
              "Not on it: off (off)\n"
              "\n"
              "h housekeeping, p pool of shared guests, i isolated, A0 vCPU 0 of guest A,\n"
              "Ai1 its IOThread 1, Ae emulator, Av vhost, A all of it, ~2 two guests that float\n");
}

static void test_rows(void **state)
{
    (void)state;
    g_autoptr(Doc) document = doc(host);
    g_autofree char *text = shown(show_map_rows, document);

    assert_string_equal(text, "NODE  LLC  CORES  CPUS  GUESTS\n"
                              "0     0    0      0,4   db1: emulator; web1; web2\n"
                              "0     0    1      1,5   web1; web2\n"
                              "0     0    2      2,6   odd; web1; web2\n"
                              "0     1    3      3,7   db1: vCPUs 0-1, IOThread 1\n"
                              "1     -    -      -     -\n"
                              "\n"
                              "NODE  MEMORY   FREE  HOLDS MEMORY OF\n"
                              "0     15.6GiB  9GiB  db1 4GiB, odd 100MiB\n"
                              "1     1GiB     -     odd 512MiB\n");
}

static void assert_chips(const Map *map, unsigned cpu, const char *texts)
{
    g_autoptr(GPtrArray) chips = map_chips(map, cpu);
    g_autoptr(GString) joined = g_string_new(NULL);

    for (unsigned i = 0; i < chips->len; i++) {
        const MapChip *chip = g_ptr_array_index(chips, i);
        g_string_append_printf(joined, "%s%s=%s", i > 0 ? "; " : "", chip->text, chip->title);
    }
    assert_string_equal(joined->str, texts);
}

static void test_marks(void **state)
{
    (void)state;
    g_autoptr(Doc) document = doc(host);
    g_autoptr(Map) map = map_new(document);

    assert_int_equal(map->guests->len, 4); /* the one that is off is nowhere */
    assert_chips(map, 0, "Ae=db1: emulator; ~2=may run here: web1, web2");
    assert_chips(map, 3, "A0,i1=db1: vCPU 0, IOThread 1");
    assert_chips(map, 2, "B0=odd: vCPU 0; ~2=may run here: web1, web2");
    assert_chips(map, 6, "B=odd; ~2=may run here: web1, web2");
    assert_chips(map, 99, "");
    assert_int_equal(map_use(map, 0), MAP_HOUSEKEEPING);
    assert_int_equal(map_use(map, 1), MAP_POOL);
    assert_int_equal(map_use(map, 3), N_MAP_USES);
    assert_int_equal(map_use(map, 7), MAP_ISOLATED);
    g_autofree char *threads = map_guest_threads(map_guest(map, 0));
    assert_string_equal(threads, "vCPUs 0-1, IOThread 1 on 3,7; emulator on 0,4");
}

/* Guests of their own CPUs beyond Z, many that float: the first few are named. */
static void test_many_guests(void **state)
{
    (void)state;
    g_autoptr(GString) text = g_string_new("{\"shared\": \"0\", \"cores\": [" CORE(
        0, "0", 0, 0, 0) "," CORE(1, "1", 0, 0, 0) "], \"guests\": [");
    for (unsigned i = 0; i < 40; i++)
        g_string_append_printf(
            text,
            "%s{\"name\": \"g%u\", \"cpu_policy\": \"%s\", \"threads\": [" THREAD("vcpu", 0,
                                                                                  "%u") "]}",
            i > 0 ? "," : "", i, i < 30 ? "dedicated" : "shared", i < 30);
    g_string_append(text, "]}");
    g_autoptr(Doc) document = doc(text->str);
    g_autoptr(Map) map = map_new(document);
    g_autoptr(GPtrArray) chips = map_chips(map, 1);

    assert_string_equal(map_guest(map, 25)->mark, "Z");
    assert_string_equal(map_guest(map, 26)->mark, "AA");
    assert_string_equal(map_guest(map, 29)->mark, "AD");
    assert_int_equal(chips->len, 30);
    assert_chips(map, 0, "~10=may run here: g30, g31, g32, g33, g34 and 5 more");
    g_autofree char *boxes = shown(show_map, document);
    assert_non_null(strstr(boxes, " A B C D E +25 ")); /* what does not fit is counted */
}

/* A node with several packages is around them, as is a cache with several nodes. */
static void test_what_is_inside_what(void **state)
{
    (void)state;
    g_autoptr(Doc) packages =
        doc("{\"cores\": [" CORE(0, "0", 0, 0, 0) "," CORE(1, "1", 1, 0, 1) "]}");
    g_autoptr(Doc) nodes =
        doc("{\"cores\": [" CORE(0, "0", 0, 0, 0) "," CORE(1, "1", 0, 1, 0) "]}");
    g_autoptr(Map) one = map_new(packages), two = map_new(nodes);
    const Box *node = box_child(one->machine, 0);
    const Box *package = box_child(two->machine, 0);

    assert_int_equal(node->kind, BOX_NODE);
    assert_int_equal(node->children->len, 2);
    assert_int_equal(box_child(node, 1)->kind, BOX_PACKAGE);
    assert_int_equal(package->kind, BOX_PACKAGE);
    assert_int_equal(box_child(package, 0)->kind, BOX_LLC);
    assert_int_equal(box_child(package, 0)->children->len, 2);
    assert_int_equal(box_child(box_child(package, 0), 1)->kind, BOX_NODE);
}

/* --- layout --- */

static BoxFrame plain_frame(const Box *box, const void *context)
{
    (void)context;
    return box->kind == BOX_CORE
               ? (BoxFrame){.min_width = 10, .min_height = 3 + (int)box->index % 2}
               : (BoxFrame){.side = 2, .top = 1, .bottom = 1, .gap_x = 1};
}

static int plain_foot(const Box *box, int width, const void *context)
{
    (void)width;
    (void)context;
    return box->kind == BOX_NODE ? 2 : 0;
}

/* Children are inside and apart from each other. */
static void assert_nested(const Box *box)
{
    const Box *child, *other;

    for (unsigned i = 0; (child = box_child(box, i)); i++) {
        assert_true(child->x >= box->x && child->y >= box->y);
        assert_true(child->x + child->width <= box->x + box->width);
        assert_true(child->y + child->height <= box->foot_y);
        for (unsigned j = 0; j < i && (other = box_child(box, j)); j++)
            assert_true(other->x + other->width <= child->x ||
                        other->y + other->height <= child->y ||
                        child->x + child->width <= other->x);
        assert_nested(child);
    }
}

static void test_layout_fits(void **state)
{
    (void)state;
    const BoxMedium medium = {.frame = plain_frame, .foot = plain_foot};

    for (int width = 1; width < 200; width++) {
        g_autoptr(Box) machine = box_new(BOX_MACHINE, 0);
        for (unsigned core = 0; core < 23; core++) {
            Box *llc = box_get(box_get(machine, BOX_NODE, core / 12), BOX_LLC, core / 5);
            box_get(llc, BOX_CORE, core);
        }
        box_layout(machine, &medium, width);
        assert_nested(machine);
        assert_true(machine->width <= MAX(width, 10 + 3 * 4));
    }
}

static void test_canvas_joins_frames(void **state)
{
    (void)state;
    g_autoptr(Canvas) canvas = canvas_new(9, 3);
    g_autoptr(GString) lines = g_string_new(NULL), ascii = g_string_new(NULL);
    static const StyleMode bare = {0};

    canvas_frame(canvas, 0, 0, 5, 3);
    canvas_frame(canvas, 4, 0, 5, 3);
    canvas_text(canvas, 1, 1, 3, STYLE_PLAIN, "日本", "~");
    canvas_text(canvas, 5, 1, 3, STYLE_PLAIN, "\x1b[3", "~");
    canvas_text(canvas, 7, 5, 3, STYLE_PLAIN, "off the page", "~");
    canvas_print(canvas, true, lines);
    canvas_print(canvas, false, ascii);
    g_autofree char *utf8 = style_show(lines->str, &bare, NULL);
    g_autofree char *plain = style_show(ascii->str, &bare, NULL);
    assert_string_equal(utf8, "┌───┬───┐\n│日~│?[3│\n└───┴───┘\n");
    assert_string_equal(plain, "+---+---+\n|日~|?[3|\n+---+---+\n");
}

/* --- pictures and pages --- */

static void count_elements(const xmlNode *node, GHashTable *counts)
{
    for (; node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE)
            continue;
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, node->name));
        g_hash_table_insert(counts, g_strdup((const char *)node->name), GUINT_TO_POINTER(n + 1));
        count_elements(node->children, counts);
    }
}

/* How many elements of each name; fails if it is no XML. */
static GHashTable *elements_of(const char *text)
{
    GHashTable *counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    xmlDoc *parsed =
        xmlReadMemory(text, (int)strlen(text), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR);

    assert_non_null(parsed);
    count_elements(xmlDocGetRootElement(parsed), counts);
    xmlFreeDoc(parsed);
    return counts;
}

static const char evil[] = "</text><script>x</script>\" onload='y' &\u202e\x01\ufffe]]>";

static Doc *evil_map(void)
{
    Doc *document = doc(host), *guest;

    for (unsigned i = 0; (guest = doc_at(document, "guests", i)); i++) {
        json_object_object_add(guest, "name", json_object_new_string(evil));
        json_object_object_add(guest, "state", json_object_new_string(evil));
    }
    json_object_object_add(document, "hostname", json_object_new_string(evil));
    return document;
}

static void test_picture_holds_words_only(void **state)
{
    (void)state;
    g_autoptr(Doc) document = evil_map();
    g_autoptr(Map) map = map_new(document);
    g_autofree char *picture = map_svg_make(map);
    g_autoptr(GHashTable) counts = elements_of(picture);

    assert_int_equal(GPOINTER_TO_UINT(g_hash_table_lookup(counts, "script")), 0);
    assert_int_equal(GPOINTER_TO_UINT(g_hash_table_lookup(counts, "svg")), 1);
    assert_null(strstr(picture, "href"));
    assert_null(strstr(picture, "\u202e"));
}

static void test_page_holds_words_only(void **state)
{
    (void)state;
    static const char *const parts[] = {"status", "host", "advise", "doctor", "log"};
    g_autoptr(Doc) document = doc("{\"time\": \"2026-11-21T09:08:00Z\", \"release\": \"1\"}");

    for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
        Doc *rows = json_object_new_array(), *row = json_object_new_object();
        static const char *const keys[] = {
            "name",     "guest", "state", "text",   "what", "severity", "reason",   "policy",
            "evidence", "knob",  "to",    "result", "time", "rival",    "instance", "command"};
        for (unsigned k = 0; k < G_N_ELEMENTS(keys); k++)
            json_object_object_add(row, keys[k], json_object_new_string(evil));
        json_object_array_add(rows, row);
        static const char *const arrays[] = {"guests", "findings", "advice", "changes",
                                             "diagnostics"};
        Doc *object = json_object_new_object();
        for (unsigned k = 0; k < G_N_ELEMENTS(arrays); k++)
            json_object_object_add(object, arrays[k], json_object_get(rows));
        json_object_put(rows);
        json_object_object_add(document, parts[i], object);
    }
    json_object_object_add(document, "map", evil_map());
    g_autofree char *page = report_page_make(document);
    g_autoptr(GHashTable) counts = elements_of(page);
    assert_int_equal(GPOINTER_TO_UINT(g_hash_table_lookup(counts, "script")), 0);
    assert_int_equal(GPOINTER_TO_UINT(g_hash_table_lookup(counts, "h1")), 1);
    assert_int_equal(GPOINTER_TO_UINT(g_hash_table_lookup(counts, "table")), 4);
    assert_non_null(strstr(page, "Content-Security-Policy"));
}

/* What the daemon would not tell is said, and nothing else is missing for it. */
static void test_page_without_parts(void **state)
{
    (void)state;
    g_autoptr(Doc) document = doc("{\"errors\": {\"doctor\": \"it is another version\"}}");
    g_autofree char *page = report_page_make(document);
    g_autoptr(GHashTable) counts = elements_of(page);

    assert_non_null(strstr(page, "Not known: it is another version."));
    assert_int_equal(GPOINTER_TO_UINT(g_hash_table_lookup(counts, "section")), 9);
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        uint64_t mib;
        const char *text;
    } cases[] = {{0, "0MiB"},
                 {512, "512MiB"},
                 {1024, "1GiB"},
                 {15990, "15.6GiB"},
                 {16379, "16GiB"},
                 {130000, "127GiB"},
                 {1024 * 1024 * 3 / 2, "1.5TiB"}};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = map_size(cases[i].mib);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_many_guests),
        cmocka_unit_test(test_what_is_inside_what),
        cmocka_unit_test(test_layout_fits),
        cmocka_unit_test(test_canvas_joins_frames),
        cmocka_unit_test(test_picture_holds_words_only),
        cmocka_unit_test(test_page_holds_words_only),
        cmocka_unit_test(test_page_without_parts),
        cmocka_unit_test(test_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
