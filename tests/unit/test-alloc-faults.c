/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The n-th allocation of libyaml, libxml2 or SQLite fails, for every n until all goes well. Each
 * try is a process of its own. It tells an error, or goes on as if nothing was, or ends as GLib
 * does when memory is out; it never does something else than it was to do, and leaves no memory of
 * the library behind. GLib's own allocations do not fail here: it ends the process.
 *
 * malloc() of this program stands in front of that of the C library, and knows by the place it was
 * called from for whom. Not run where something else stands there (ASan, valgrind).
 */
#include "common/record-dir.h"
#include "guest/domain-xml.h"
#include "guest/xml-tree.h"
#include "policy/policy-load.h"
#include "record/record.h"

#include <dlfcn.h>
#include <libxml/xmlmemory.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#define MAX_LIVE 16384
#define ALL_UP_TO 100u
#define DEFAULT_EVERY 7u
#define TOLD 3      /* exit status: an error was told */
#define UNREACHED 4 /* all went well, and there was no n-th allocation */
#define WRONG 5

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

static const char *library;  /* part of its file's name; NULL: none is watched */
static unsigned countdown;   /* to the allocation that fails */
static bool fail_next;       /* whoever asks */
static void *live[MAX_LIVE]; /* blocks of the library */
static unsigned n_live;

static void *keep(void *block, bool ours)
{
    if (ours && block && n_live < MAX_LIVE)
        live[n_live++] = block;
    return block;
}

static void drop(const void *block)
{
    for (unsigned i = n_live; block && i-- > 0;)
        if (live[i] == block) {
            live[i] = live[--n_live];
            return;
        }
}

#ifndef __SANITIZE_ADDRESS__
static bool is_library(const void *caller)
{
    Dl_info info;

    return library && dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, library);
}

static bool must_fail(bool ours)
{
    if (fail_next) {
        fail_next = false;
        return true;
    }
    return ours && countdown > 0 && --countdown == 0;
}

void *malloc(size_t size)
{
    bool ours = is_library(__builtin_return_address(0));

    return must_fail(ours) ? NULL : keep(__libc_malloc(size), ours);
}

void *calloc(size_t n, size_t size)
{
    bool ours = is_library(__builtin_return_address(0));

    return must_fail(ours) ? NULL : keep(__libc_calloc(n, size), ours);
}

void *realloc(void *block, size_t size)
{
    bool ours = is_library(__builtin_return_address(0));

    if (must_fail(ours))
        return NULL;
    drop(block);
    return keep(__libc_realloc(block, size), ours);
}

void free(void *block)
{
    drop(block);
    __libc_free(block);
}
#endif

static void watch(const char *name, unsigned n)
{
    n_live = 0;
    countdown = n;
    library = name;
}

/* True if there was no n-th allocation. */
static bool unwatch(void)
{
    library = NULL;
    return countdown > 0;
}

/* --- what is done; returns an exit status --- */

#define POLICY                                                                                     \
    "version: 1\nmode: observe\ninterval: 20s\nguests:\n"                                          \
    "  - match: {name: 'db*'}\n    cpu: &cpu {policy: dedicated, weight: 300}\n"                   \
    "  - match: {name: \"web\"}\n    cpu: *cpu\n"

static char *policy_text(const Policy *policy)
{
    const PolicySubject subject = {.name = "db1", .uuid = "x"};
    g_autoptr(GuestPolicy) guest = policy_select(policy, &subject);
    GString *text = g_string_new(policy_mode_name(policy_get_mode(policy)));

    for (unsigned i = 0; i < N_POLICY_KEYS; i++) {
        g_autofree char *value = guest->values[i] ? policy_value_format(guest->values[i]) : NULL;
        g_string_append_printf(text, " %s", value ? value : "-");
    }
    return g_string_free(text, FALSE);
}

static int load_policy(unsigned n)
{
    g_autoptr(Policy) policy = policy_new(), right = policy_new();
    g_autoptr(DiagList) diags = diag_list_new();

    if (policy_parse(POLICY, strlen(POLICY), "a.yaml", right, NULL) < 0)
        return WRONG;
    watch("libyaml", n);
    int r = policy_parse(POLICY, strlen(POLICY), "a.yaml", policy, diags);
    bool unreached = unwatch();
    if (n_live > 0)
        return WRONG;
    if (r < 0)
        return diag_list_count(diags, DIAG_ERROR) > 0 ? TOLD : WRONG;
    g_autofree char *text = policy_text(policy), *expected = policy_text(right);
    return strcmp(text, expected) != 0 ? WRONG : unreached ? UNREACHED : TOLD;
}

static unsigned xml_countdown;
static xmlFreeFunc xml_free;
static xmlMallocFunc xml_malloc;
static xmlReallocFunc xml_realloc;
static xmlStrdupFunc xml_strdup;

static void count_xml(void)
{
    fail_next = xml_countdown > 0 && --xml_countdown == 0;
}

static void *counted_malloc(size_t size)
{
    count_xml();
    return keep(xml_malloc(size), true);
}

static void *counted_realloc(void *block, size_t size)
{
    count_xml();
    void *grown = xml_realloc(block, size);
    if (grown)
        drop(block);
    return keep(grown, true);
}

static char *counted_strdup(const char *text)
{
    count_xml();
    return keep(xml_strdup(text), true);
}

static void counted_free(void *block)
{
    drop(block);
    xml_free(block);
}

/* libxml2 asks for memory by hooks, behind which is GLib. */
static int edit_xml(unsigned n)
{
    DomainEdit edits[] = {
        {.key = {.knob = KNOB_DISK_CACHE, .device = "vda"}, .value = "none"},
        {.key = {.knob = KNOB_CPU_WEIGHT}, .value = "300"},
    };
    g_autofree char *xml = NULL, *edited = NULL, *expected = NULL;
    g_autoptr(GuestDef) def = NULL;

    if (!g_file_get_contents("tests/data/domain-full.xml", &xml, NULL, NULL) ||
        domain_xml_edit(xml, edits, G_N_ELEMENTS(edits), &expected) < 0)
        return WRONG;
    xmlMemGet(&xml_free, &xml_malloc, &xml_realloc, &xml_strdup);
    xmlMemSetup(counted_free, counted_malloc, counted_realloc, counted_strdup);
    n_live = 0;
    xml_countdown = n;
    int r = guest_def_parse(xml, strlen(xml), "a.xml", &def, NULL);
    if (r == 0)
        r = domain_xml_edit(xml, edits, G_N_ELEMENTS(edits), &edited);
    if (n_live > 0)
        return WRONG;
    return r < 0 || strcmp(edited, expected) != 0 ? WRONG : xml_countdown > 0 ? UNREACHED : TOLD;
}

static const ProcessKey db = {
    .uuid = "u", .name = "db", .boot_id = "boot-1", .pid = 100, .starttime = 5000};
static const SettingKey pin = {.knob = KNOB_VCPU_PIN, .plane = PLANE_LIVE};
static char *directory;

static int check_originals(Record *record, bool must_be_there)
{
    g_autoptr(GPtrArray) list = NULL;

    int r = record_originals(record, &db, &list);
    if (r < 0)
        return TOLD;
    if (list->len == 0)
        return must_be_there ? WRONG : 0;
    const Original *original = g_ptr_array_index(list, 0);
    bool right = list->len == 1 && setting_key_compare(&original->key, &pin) == 0 &&
                 g_strcmp0(original->original, "0-7") == 0 &&
                 g_strcmp0(original->written, "4") == 0;
    return right ? 0 : WRONG;
}

static int write_record(Record *record)
{
    g_autoptr(ChangeSet) changes = change_set_new();
    const ProcessFlags flags = {.known = true};
    int64_t batch;

    change_set_add(changes, &pin, "0-7", "4");
    if (record_begin(record, &db, changes, "plan", &batch) < 0)
        return TOLD;
    if (record_finish(record, &db, batch, changes, (const char *const[]){"done"}) < 0 ||
        record_set_flags(record, &db, &flags) < 0)
        return TOLD;
    return check_originals(record, true);
}

static int use_record(unsigned n)
{
    g_autofree char *text = NULL;
    Record *record = NULL;

    watch("libsqlite3", n);
    int r = record_open(directory, &record, &text);
    int status = r == RECORD_DONE ? write_record(record) : TOLD;
    record_close(record);
    bool unreached = unwatch();
    if (n_live > 0)
        return WRONG;
    if (status != 0)
        return status;
    return unreached ? UNREACHED : TOLD;
}

/* --- one process for each n --- */

static int run_child(int (*run)(unsigned), unsigned n)
{
    static const int faults[] = {SIGABRT, SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    const struct rlimit no_core = {0};
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        for (unsigned i = 0; i < G_N_ELEMENTS(faults); i++)
            signal(faults[i], SIG_DFL); /* cmocka's */
        setrlimit(RLIMIT_CORE, &no_core);
        if (!freopen("/dev/null", "w", stderr))
            _exit(WRONG);
        _exit(run(n));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* As GLib ends a process, or the program by g_error(). */
static bool ended_in_order(int status)
{
    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGTRAP);
}

static void each_allocation(const char *name, int (*run)(unsigned), void (*after)(unsigned))
{
    const char *text = getenv("VMTUNED_EVERY");
    unsigned every = MAX(1, text ? (unsigned)atoi(text) : DEFAULT_EVERY), told = 0, ended = 0;

    for (unsigned n = 1;; n += n < ALL_UP_TO ? 1 : every) {
        int status = run_child(run, n);
        if (after)
            after(n);
        if (WIFEXITED(status) && WEXITSTATUS(status) == UNREACHED) {
            print_message("figure: %u of about %u allocations of %s failed: %u told or done "
                          "without, %u ended the process\n",
                          told + ended, n, name, told, ended);
            assert_true(n > 10);
            return;
        }
        bool is_told = WIFEXITED(status) && WEXITSTATUS(status) == TOLD;
        if (!is_told && !ended_in_order(status))
            fail_msg("allocation %u of %s: wait status 0x%x", n, name, (unsigned)status);
        told += is_told;
        ended += !is_told;
    }
}

static void libyaml(void **state)
{
    (void)state;
    each_allocation("libyaml", load_policy, NULL);
}

static void libxml2(void **state)
{
    (void)state;
    each_allocation("libxml2", edit_xml, NULL);
}

/* What is on disk afterwards can be read, and is right. */
static void check_disk(unsigned n)
{
    g_autofree char *text = NULL;
    Record *record = NULL;

    if (record_open(directory, &record, &text) != RECORD_DONE)
        fail_msg("after allocation %u: %s", n, text);
    if (check_originals(record, false) != 0)
        fail_msg("after allocation %u: the record is wrong", n);
    record_close(record);
    record_dir_clear(directory);
}

static void sqlite(void **state)
{
    (void)state;
    directory = record_dir_new();
    each_allocation("SQLite", use_record, check_disk);
    assert_int_equal(rmdir(directory), 0);
    g_free(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libyaml),
        cmocka_unit_test(libxml2),
        cmocka_unit_test(sqlite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
