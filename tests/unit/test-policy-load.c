/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files: what is told about bad ones, word for word (policy-bad/NAME.yaml and NAME.txt;
 * VMTUNED_UPDATE=1 writes the latter), limits, drop-in directories.
 */
#include "policy/policy-load.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BAD_DIR "tests/unit/policy-bad"

static char *diags_format(const DiagList *diags)
{
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; diag_list_get(diags, i); i++) {
        g_autofree char *words = diag_format(diag_list_get(diags, i));
        g_string_append(out, words);
    }
    return g_string_free(out, FALSE);
}

/* What is told about a file of the current directory, which must be refused. */
static char *told_about(const char *file)
{
    const char *const files[] = {file, NULL};
    g_autoptr(Policy) policy = NULL;
    g_autoptr(DiagList) diags = diag_list_new();

    int r = policy_load_files(files, &policy, diags);
    if (r != -EINVAL)
        fail_msg("%s: accepted", file);
    assert_null(policy);
    return diags_format(diags);
}

static void bad_file_test(const char *file)
{
    g_autofree char *told = told_about(file);
    g_autofree char *stem = g_strndup(file, strlen(file) - strlen(".yaml"));
    g_autofree char *expected_file = g_strconcat(stem, ".txt", NULL);
    g_autofree char *expected = NULL;

    if (g_getenv("VMTUNED_UPDATE"))
        assert_true(g_file_set_contents(expected_file, told, -1, NULL));
    assert_true(g_file_get_contents(expected_file, &expected, NULL, NULL));
    if (strcmp(told, expected) != 0)
        fail_msg("%s tells:\n%s", file, told);
}

static void test_bad_files(void **state)
{
    (void)state;
    g_autofree char *back = g_get_current_dir();
    g_autoptr(GDir) dir = g_dir_open(BAD_DIR, 0, NULL);
    unsigned count = 0;

    assert_non_null(dir);
    assert_int_equal(g_chdir(BAD_DIR), 0);
    for (const char *name; (name = g_dir_read_name(dir));) {
        if (!g_str_has_suffix(name, ".yaml"))
            continue;
        bad_file_test(name);
        count++;
    }
    assert_int_equal(g_chdir(back), 0);
    assert_true(count >= 30);
}

/* --- a directory of its own for each test --- */

typedef struct World {
    char *root;
    char *back;
} World;

static int world_setup(void **state)
{
    World *world = g_new0(World, 1);

    world->root = g_dir_make_tmp("vmtuned-policy-XXXXXX", NULL);
    world->back = g_get_current_dir();
    *state = world;
    return world->root ? g_chdir(world->root) : -1;
}

static void tree_remove(const char *path)
{
    g_autoptr(GDir) dir = NULL;

    if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK))
        dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        tree_remove(inner);
    }
    g_remove(path);
}

static int world_teardown(void **state)
{
    World *world = *state;
    int r = g_chdir(world->back);

    tree_remove(world->root);
    g_free(world->root);
    g_free(world->back);
    g_free(world);
    return r;
}

static void put(const char *path, const char *text)
{
    g_autofree char *parent = g_path_get_dirname(path);

    assert_int_equal(g_mkdir_with_parents(parent, 0700), 0);
    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static const char *const dirs[] = {"usr", "run", "etc", NULL};

static void assert_found(const char *expected)
{
    g_autoptr(GPtrArray) files = NULL;
    g_autoptr(DiagList) diags = diag_list_new();

    assert_int_equal(policy_files_find("main.yaml", dirs, &files, diags), 0);
    assert_int_equal(diags->items->len, 0);
    g_ptr_array_add(files, NULL);
    g_autofree char *joined = g_strjoinv(" ", (char **)files->pdata);
    assert_string_equal(joined, expected);
}

static void test_drop_ins(void **state)
{
    (void)state;
    put("main.yaml", "version: 1\n");
    assert_found("main.yaml");

    put("usr/20-b.yaml", "version: 1\n");
    put("run/10-a.yaml", "version: 1\n");
    put("etc/30-c.yaml", "version: 1\n");
    put("etc/README", "x");
    put("etc/40-d.yml", "x");
    put("etc/.50-e.yaml", "x");
    put("etc/60-dir.yaml/file", "x");
    assert_found("main.yaml run/10-a.yaml usr/20-b.yaml etc/30-c.yaml");

    put("etc/20-b.yaml", "version: 1\n");
    assert_found("main.yaml run/10-a.yaml etc/20-b.yaml etc/30-c.yaml");

    assert_int_equal(symlink("/dev/null", "etc/10-a.yaml"), 0);
    assert_found("main.yaml etc/20-b.yaml etc/30-c.yaml");

    put("run/30-c.yaml", "");
    put("run/20-b.yaml", "");
    assert_found("main.yaml etc/20-b.yaml etc/30-c.yaml");
    put("etc/20-b.yaml", "");
    assert_found("main.yaml etc/30-c.yaml");

    assert_int_equal(symlink("../usr/20-b.yaml", "etc/25-link.yaml"), 0);
    assert_found("main.yaml etc/25-link.yaml etc/30-c.yaml");
}

static void test_drop_in_faults(void **state)
{
    (void)state;
    g_autoptr(GPtrArray) files = NULL;
    g_autoptr(DiagList) diags = diag_list_new();

    assert_int_equal(policy_files_find("main.yaml", dirs, &files, diags), -ENOENT);
    assert_null(files);
    put("main.yaml", "version: 1\n");
    put("run", "not a directory");
    g_mkdir("etc", 0700);
    assert_int_equal(symlink("nowhere", "etc/10-a.yaml"), 0);
    assert_int_equal(policy_files_find("main.yaml", dirs, &files, diags), -EINVAL);
    g_autofree char *told = diags_format(diags);
    assert_string_equal(told, "main.yaml: error: cannot be read: No such file or directory\n"
                              "run: error: cannot be read: Not a directory\n"
                              "etc/10-a.yaml: error: cannot be read: No such file or directory\n");
}

static void test_load(void **state)
{
    (void)state;
    g_autoptr(Policy) policy = NULL;
    g_autoptr(DiagList) diags = diag_list_new();

    assert_int_equal(policy_load("policy.yaml", &policy, diags), -ENOENT);
    put("policy.yaml", "version: 1\nguests: [{match: {name: a}, cpu: {policy: mixed}}]\n");
    put("policy.d/50-x.yaml",
        "version: 1\nmode: enforce\ndefaults: {cpu: {dedicated_vcpus: 0-1}}\n");
    assert_int_equal(policy_load("policy.yaml", &policy, NULL), 0);
    assert_int_equal(policy_get_mode(policy), MODE_ENFORCE);
    g_autoptr(GuestPolicy) guest = policy_select(policy, &(PolicySubject){.name = "a"});
    const PolicyValue *vcpus = guest_policy_get(guest, KEY_CPU_DEDICATED_VCPUS);
    g_autofree char *origin = origin_format(&vcpus->origin);
    assert_string_equal(origin, "./policy.d/50-x.yaml:3");
}

/* The one error that loading policy.yaml tells while path has that mode. */
static void assert_distrusted(const char *path, mode_t mode, const char *words)
{
    g_autoptr(Policy) policy = NULL;
    g_autoptr(DiagList) diags = diag_list_new();
    struct stat before;

    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(chmod(path, mode), 0);
    assert_int_equal(policy_load("policy.yaml", &policy, diags), -EINVAL);
    assert_null(policy);
    g_autofree char *told = diags_format(diags);
    assert_string_equal(told, words);
    assert_int_equal(chmod(path, before.st_mode & 07777), 0);
    assert_int_equal(policy_load("policy.yaml", &policy, NULL), 0);
}

static void test_writable_by_others(void **state)
{
    (void)state;
    static const char *const file[] = {"policy.yaml", NULL};
    g_autoptr(Policy) policy = NULL, same = NULL;

    put("policy.yaml", "version: 1\n");
    put("policy.d/50-x.yaml", "version: 1\nmode: enforce\n");
    assert_distrusted("policy.yaml", 0666,
                      "policy.yaml: error: others could change the policy (mode 0666): chmod go-w "
                      "policy.yaml\n");
    assert_distrusted("policy.d/50-x.yaml", 0664,
                      "./policy.d/50-x.yaml: error: others could change the policy (mode 0664): "
                      "chmod go-w ./policy.d/50-x.yaml\n");
    assert_distrusted("policy.d", 0777,
                      "./policy.d: error: others could change the policy (mode 0777): chmod go-w "
                      "./policy.d\n");
    assert_distrusted(".", 0770,
                      ".: error: others could change the policy (mode 0770): chmod go-w .\n");

    /* an empty file disables a name: that is a change too */
    put("policy.d/60-y.yaml", "");
    assert_distrusted("policy.d/60-y.yaml", 0602,
                      "./policy.d/60-y.yaml: error: others could change the policy (mode 0602): "
                      "chmod go-w ./policy.d/60-y.yaml\n");

    /* with the sticky bit others can add files, which are judged by themselves */
    assert_int_equal(chmod(".", 01777), 0);
    assert_int_equal(policy_load("policy.yaml", &policy, NULL), 0);
    assert_int_equal(chmod(".", 0700), 0);
    /* a file that is only checked may be anybody's */
    assert_int_equal(chmod("policy.yaml", 0666), 0);
    assert_int_equal(policy_load_files(file, &same, NULL), 0);
}

static void test_owned_by_others(void **state)
{
    (void)state;
    g_autoptr(Policy) policy = NULL;
    g_autoptr(DiagList) diags = diag_list_new();

    put("policy.yaml", "version: 1\n");
    put("policy.d/50-x.yaml", "version: 1\n");
    if (chown("policy.d/50-x.yaml", 12345, (gid_t)-1) < 0) {
        assert_int_equal(errno, EPERM); /* only root can make this world */
        skip();
    }
    assert_int_equal(policy_load("policy.yaml", &policy, diags), -EINVAL);
    g_autofree char *told = diags_format(diags);
    assert_string_equal(told,
                        "./policy.d/50-x.yaml: error: belongs to user 12345, who could change "
                        "the policy: chown root ./policy.d/50-x.yaml\n");
}

/* All files are read, whatever is wrong with the earlier ones. */
static void test_all_faults(void **state)
{
    (void)state;
    static const char *const files[] = {"a.yaml", "missing.yaml", "b.yaml", "c.yaml", ".", NULL};
    g_autoptr(Policy) policy = NULL;
    g_autoptr(DiagList) diags = diag_list_new();

    put("a.yaml", "version: 1\nmode: @x\n");
    put("b.yaml", "version: 1\nmode: maybe\n");
    put("c.yaml", "version: 1\ninterval: 1\n"
                  "guests: [{match: {name: a}, cpu: {policy: shared, dedicated_vcpus: 1}}]\n");
    assert_int_equal(policy_load_files(files, &policy, diags), -EINVAL);
    assert_null(policy);
    g_autofree char *told = diags_format(diags);
    assert_string_equal(
        told,
        "a.yaml:2:7: error: YAML syntax: found character that cannot start any token, while "
        "scanning for the next token\nmode: @x\n      ^\n"
        "missing.yaml: error: cannot be read: No such file or directory\n"
        "b.yaml:2:7: error: mode: expected observe or enforce, not 'maybe'\nmode: maybe\n      ^\n"
        ".: error: cannot be read: Is a directory\n"
        "c.yaml:3:68: error: cpu.dedicated_vcpus: only goes with cpu.policy: mixed, not with "
        "'shared' of line 3\n"
        "guests: [{match: {name: a}, cpu: {policy: shared, dedicated_vcpus: 1}}]\n"
        "                                                                   ^\n");
}

static void test_overridden_defaults(void **state)
{
    (void)state;
    static const char *const files[] = {"a.yaml", "b.yaml", NULL};
    g_autoptr(Policy) policy = NULL;

    put("a.yaml", "version: 1\ndefaults: {cpu: {policy: mixed, dedicated_vcpus: 0}}\n");
    put("b.yaml", "version: 1\ndefaults: {cpu: {policy: shared}}\n");
    assert_int_equal(policy_load_files(files, &policy, NULL), 0);
}

static void test_too_large(void **state)
{
    (void)state;
    GString *text = g_string_new("version: 1\n#");

    while (text->len < POLICY_FILE_MAX_BYTES)
        g_string_append_c(text, 'x');
    static const char *const files[] = {"a.yaml", NULL};
    g_autoptr(Policy) policy = NULL;
    put("a.yaml", text->str);
    assert_int_equal(policy_load_files(files, &policy, NULL), 0);

    g_string_append_c(text, 'x');
    put("a.yaml", text->str);
    g_autofree char *told = told_about("a.yaml");
    assert_string_equal(told,
                        "a.yaml: error: larger than 1048576 bytes, the most a policy may be\n");
    g_string_free(text, TRUE);
}

/* A hostile file of many faults costs no more words than the limit. */
static void test_many_faults(void **state)
{
    (void)state;
    GString *text = g_string_new("version: 1\nadvice: {ignore: [");

    for (unsigned i = 0; i < 100000; i++)
        g_string_append(text, "{},");
    g_string_append(text, "]}\n");
    g_autoptr(Policy) policy = policy_new();
    g_autoptr(DiagList) diags = diag_list_new();
    assert_int_equal(policy_parse(text->str, text->len, "a.yaml", policy, diags), -EINVAL);
    assert_int_equal(diag_list_count(diags, DIAG_ERROR), 1001);
    g_string_free(text, TRUE);
}

static void test_byte_order_mark(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbfversion: 2\r\nmode: x\r\n";
    g_autoptr(Policy) policy = policy_new();
    g_autoptr(DiagList) diags = diag_list_new();

    assert_int_equal(policy_parse(text, strlen(text), "a.yaml", policy, diags), -EINVAL);
    g_autofree char *told = diags_format(diags);
    assert_string_equal(told, "a.yaml:1:10: error: version: expected 1, the only version there is, "
                              "not '2'\nversion: 2\n         ^\n"
                              "a.yaml:2:7: error: mode: expected observe or enforce, not 'x'\n"
                              "mode: x\n      ^\n");
}

/* A parse into a policy that nobody asked the words of. */
static void test_no_diags(void **state)
{
    (void)state;
    g_autoptr(Policy) policy = policy_new();

    assert_int_equal(policy_parse("", 0, "a.yaml", policy, NULL), -EINVAL);
    assert_int_equal(policy_parse("version: 1", 10, "a.yaml", policy, NULL), 0);
}

static void test_aliases(void **state)
{
    (void)state;
    static const char text[] =
        "version: 1\n"
        "defaults: {cpu: &c {policy: shared, weight: 50}}\n"
        "guests: [{match: {name: a}, cpu: *c}, {match: {name: b}, cpu: *c}]\n";
    g_autoptr(Policy) policy = policy_new();

    assert_int_equal(policy_parse(text, strlen(text), "a.yaml", policy, NULL), 0);
    g_autoptr(GuestPolicy) guest = policy_select(policy, &(PolicySubject){.name = "b"});
    assert_int_equal(guest_policy_get(guest, KEY_CPU_WEIGHT)->u, 50);
    assert_int_equal(guest_policy_get(guest, KEY_CPU_WEIGHT)->origin.line, 2);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),
        WORLD_TEST(test_drop_ins),
        WORLD_TEST(test_drop_in_faults),
        WORLD_TEST(test_load),
        WORLD_TEST(test_writable_by_others),
        WORLD_TEST(test_owned_by_others),
        WORLD_TEST(test_all_faults),
        WORLD_TEST(test_overridden_defaults),
        WORLD_TEST(test_too_large),
        cmocka_unit_test(test_many_faults),
        cmocka_unit_test(test_byte_order_mark),
        cmocka_unit_test(test_no_diags),
        cmocka_unit_test(test_aliases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
