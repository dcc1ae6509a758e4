/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents as text: tables, placements, and documents that lack what is expected. */
#include "ctl/show.h"
#include "ctl/style.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static Doc *doc(const char *text)
{
    Doc *document = json_tokener_parse(text);

    assert_non_null(document);
    return document;
}

/* As it goes to a file. */
static void assert_shows(const GString *marked, const char *text)
{
    static const StyleMode bare = {.legend = true};
    g_autofree char *shown = style_show(marked->str, &bare, NULL);

    assert_string_equal(shown, text);
}

static void assert_renders(ShowRender render, const char *json, const char *text)
{
    g_autoptr(Doc) document = doc(json);
    g_autoptr(GString) out = g_string_new(NULL);

    render(document, out);
    assert_shows(out, text);
}

static void test_table_aligns(void **state)
{
    (void)state;
    g_autoptr(Table) table = table_new((const char *const[]){"A", "LONGER", "LAST", NULL});
    g_autoptr(GString) out = g_string_new(NULL);
    table_print(table, out);
    assert_shows(out, "");
    table_add(table, (const char *const[]){"wide cell", NULL, "x"});
    table_add(table, (const char *const[]){"ü", "2", ""});
    table_add(table, (const char *const[]){"two\nlines", "3", "\t"});
    table_add(table, (const char *const[]){"日本", "4", "\x1b[31m"});
    table_print(table, out);
    assert_shows(out, "A          LONGER  LAST\n"
                      "wide cell  -       x\n"
                      "ü          2       -\n"
                      "two lines  3        \n"
                      "日本       4       ?[31m\n");
}

static void assert_mode(const Table *table, const StyleMode *mode, bool cut, const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);
    bool was_cut;

    table_print(table, out);
    g_autofree char *shown = style_show(out->str, mode, &was_cut);
    assert_string_equal(shown, text);
    assert_int_equal(was_cut, cut);
}

static void test_table_on_a_terminal(void **state)
{
    static const StyleMode colour = {.colour = true, .legend = true};
    static const StyleMode no_legend = {.columns = 80, .ellipsis = "…"};
    static const StyleMode narrow = {.legend = true, .columns = 12, .ellipsis = "…"};
    static const StyleMode ascii = {.colour = true, .columns = 8, .ellipsis = "..."};
    static const StyleMode tiny = {.columns = 2, .ellipsis = "..."};

    (void)state;
    g_autoptr(Table) table = table_new((const char *const[]){"NAME", "STATE", NULL});
    table_add(table, (const char *const[]){"db", "as-planned"});
    table_add(table, (const char *const[]){"日本", "odd"});
    assert_mode(table, &colour, false,
                "\x1b[4mNAME  STATE\x1b[0m\n"
                "db    \x1b[32mas-planned\x1b[0m\n"
                "日本  odd\n");
    assert_mode(table, &no_legend, false, "db    as-planned\n日本  odd\n");
    assert_mode(table, &narrow, true, "NAME  STATE\ndb    as-pl…\n日本  odd\n");
    assert_mode(table, &ascii, true, "db   ...\n日本 ...\n");
    assert_mode(table, &tiny, true, "...\n...\n");
}

/* Marks in words that are no text are left out, whatever follows them. */
static void test_bad_marks(void **state)
{
    static const StyleMode colour = {.colour = true, .legend = true};

    (void)state;
    g_autofree char *shown = style_show("a\xff"
                                        "zb\xff\nc\xff",
                                        &colour, NULL);
    assert_string_equal(shown, "ab\nc");
    assert_int_equal(style_width("\xff"
                                 "4a\xff"
                                 "0b"),
                     2);
}

static void test_doc_reads_what_is_not_there(void **state)
{
    (void)state;
    g_autoptr(Doc) document = doc("{\"n\": null, \"s\": \"x\", \"i\": 3, \"a\": [\"p\", \"q\"]}");
    g_autofree char *joined = doc_join(document, "a");
    g_autofree char *time = doc_time(document, "s");

    assert_null(doc_text(document, "n"));
    assert_null(doc_text(document, "i"));
    assert_null(doc_text(NULL, "x"));
    assert_string_equal(doc_word(document, "gone"), "");
    assert_int_equal(doc_number(document, "s"), 0);
    assert_int_equal(doc_number(document, "i"), 3);
    assert_int_equal(doc_length(document, "s"), 0);
    assert_string_equal(joined, "p, q");
    assert_null(time);
}

static void test_placement_joins_neighbours(void **state)
{
    (void)state;
    g_autoptr(Doc) guest = doc("{\"vcpus\": [{\"id\": 0, \"cpus\": \"0-3\"},"
                               "{\"id\": 1, \"cpus\": \"0-3\"}, {\"id\": 4, \"cpus\": \"7\"}]}");
    g_autofree char *text = show_placement(guest, "vcpus");
    g_autofree char *none = show_placement(guest, "iothreads");

    assert_string_equal(text, "0-1 on 0-3, 4 on 7");
    assert_string_equal(none, "");
}

static void test_plan_as_text(void **state)
{
    (void)state;
    assert_renders(
        show_plan,
        "{\"host\": {\"cpus\": \"0-3\", \"nodes\": \"0\", \"housekeeping\": \"0\","
        " \"shared\": \"0-1\"},"
        " \"guests\": [{\"name\": \"a\", \"uuid\": \"u\", \"result\": \"placed\","
        "   \"reason\": \"fits\", \"cpu_policy\": \"dedicated\", \"nodes\": \"0\", \"llcs\": \"0\","
        "   \"vcpus\": [{\"id\": 0, \"cpus\": \"2\"}], \"emulator\": \"0\", \"iothreads\": [],"
        "   \"vhost\": \"0\"}],"
        " \"settings\": [{\"subject\": \"u\", \"knob\": \"vhost.pin\", \"instance\": \"\","
        "   \"plane\": \"actual\", \"from\": \"3\", \"to\": \"0\", \"contested\": true},"
        "  {\"subject\": \"u\", \"knob\": \"vcpu.pin\", \"instance\": \"0\","
        "   \"plane\": \"live\", \"from\": null, \"to\": \"2\", \"reason\": \"fits\","
        "   \"origin\": \"p:1\"}],"
        " \"diagnostics\": [{\"severity\": \"warning\", \"file\": \"p\", \"line\": 2,"
        "   \"column\": 3, \"key\": \"k\", \"text\": \"odd\"}]}",
        "1 placed, 0 refused, 0 unmanaged; 1 setting to change\n"
        "Host: CPUs 0-3, nodes 0, housekeeping 0, shared 0-1\n"
        "\n"
        "GUEST  RESULT  POLICY     NODES  LLCS  VCPUS   EMULATOR  IOTHREADS  VHOST  WHY\n"
        "a      placed  dedicated  0      0     0 on 2  0         -          0      fits\n"
        "\n"
        "GUEST  SETTING     PLANE   FROM  TO  ORIGIN  WHY\n"
        "a      vhost.pin   actual  3     0   -       contested: left as it is\n"
        "a      vcpu.pin 0  live    -     2   p:1     fits\n"
        "\n"
        "warning: p:2:3: k: odd\n");
}

static void test_verify_as_text(void **state)
{
    (void)state;
    assert_renders(
        show_verify,
        "{\"daemon\": {\"connected\": true},"
        " \"guests\": [{\"name\": \"a\", \"state\": \"pending\", \"exit\": 1, \"left\": 1,"
        "   \"intruders\": [\"b\"], \"settings\": ["
        "   {\"knob\": \"vcpu.pin\", \"instance\": \"0\", \"plane\": \"live\", \"wanted\": \"2\","
        "    \"observed\": null, \"in_force\": false},"
        "   {\"knob\": \"emulator.pin\", \"instance\": \"\", \"plane\": \"live\","
        "    \"wanted\": \"0\", \"observed\": \"0\", \"in_force\": true},"
        "   {\"knob\": \"cpu.weight\", \"instance\": \"\", \"plane\": \"actual\","
        "    \"wanted\": \"9\", \"observed\": null, \"in_force\": null},"
        "   {\"knob\": \"vhost.pin\", \"instance\": \"/7\", \"plane\": \"actual\","
        "    \"wanted\": \"1\", \"observed\": \"2\", \"in_force\": false, \"contested\": true}]}]}",
        "GUEST  SETTING       PLANE   WANTED  OBSERVED  RESULT\n"
        "a      vcpu.pin 0    live    2       -         differs\n"
        "a      emulator.pin  live    0       0         ok\n"
        "a      cpu.weight    actual  9       -         not seen\n"
        "a      vhost.pin /7  actual  1       2         contested\n"
        "\n"
        "GUEST  STATE    DIFFERS  NOTE\n"
        "a      pending  1        on its CPUs: b\n"
        "\n"
        "0 of 1 guests well\n");
}

static void test_empty_documents(void **state)
{
    (void)state;
    assert_renders(show_verify, "{}", "0 of 0 guests well\n");
    assert_renders(show_plan, "{}",
                   "0 placed, 0 refused, 0 unmanaged; nothing to change\n"
                   "Host: CPUs , nodes , housekeeping , shared \n");
}

/* --- files --- */

static void assert_file(const char *path, const char *text)
{
    g_autofree char *found = NULL;

    assert_true(g_file_get_contents(path, &found, NULL, NULL));
    assert_string_equal(found, text);
}

static unsigned count_files(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    unsigned n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

static void test_files_are_replaced_as_a_whole(void **state)
{
    g_autofree char *folder = g_dir_make_tmp(NULL, NULL);
    g_autofree char *path = g_build_filename(folder, "file", NULL);
    g_autofree char *link = g_build_filename(folder, "link", NULL);

    (void)state;
    assert_int_equal(show_file(path, "first", true), CTL_OK);
    FILE *reader = fopen(path, "re");
    assert_int_equal(symlink("file", link), 0);
    assert_int_equal(show_file(link, "second", false), CTL_OK);
    assert_int_equal(fgetc(reader), 'f'); /* of what was there when it was opened */
    assert_file(path, "second");
    assert_int_equal(show_file(path, "third", true), CTL_MISMATCH);
    assert_int_equal(show_file(link, "third", true), CTL_MISMATCH);
    assert_file(path, "second");
    assert_true(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
    assert_int_equal(count_files(folder), 2);
    fclose(reader);
    unlink(link);
    unlink(path);
    rmdir(folder);
}

static void test_what_is_no_file_stays(void **state)
{
    g_autofree char *folder = g_dir_make_tmp(NULL, NULL);
    g_autofree char *path = g_build_filename(folder, "pipe", NULL);
    char text[8] = "";

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(show_file(path, "words", false), CTL_OK);
    assert_int_equal(read(fd, text, sizeof(text) - 1), 5);
    assert_string_equal(text, "words");
    assert_int_equal(show_file("/dev/full", "words", false), CTL_MISMATCH);
    assert_int_equal(show_file(folder, "words", false), CTL_MISMATCH);
    assert_int_equal(count_files(folder), 1);
    close(fd);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_aligns),
        cmocka_unit_test(test_table_on_a_terminal),
        cmocka_unit_test(test_bad_marks),
        cmocka_unit_test(test_doc_reads_what_is_not_there),
        cmocka_unit_test(test_placement_joins_neighbours),
        cmocka_unit_test(test_plan_as_text),
        cmocka_unit_test(test_verify_as_text),
        cmocka_unit_test(test_empty_documents),
        cmocka_unit_test(test_files_are_replaced_as_a_whole),
        cmocka_unit_test(test_what_is_no_file_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
