/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of /proc, /sys and /run, as the kernel and libvirt have them of a guest and its host. After
 * a line "=== PATH" comes the content of that file, up to the next such line.
 * A line of cmdline is an argument. Threads come once and ascending, with an affinity, whatever the
 * files say.
 */
#include "host/guest-kernel.h"
#include "host/host-knob.h"
#include "host/usage.h"
#include "host/vitals.h"
#include "topo/topo-load.h"
#include "topo/topo-sysfs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/fake-host.h"

#define MARK "=== /"
#define MAX_FILES 64
#define UUID "0b5f3c4e-1111-4222-8333-944455556666"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static bool is_part(const char *part)
{
    return strlen(part) < 200 && !g_str_equal(part, ".") && !g_str_equal(part, "..");
}

/* Stays below the root, and is no longer than paths may be. */
static bool is_path(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);

    for (char **part = parts; *part; part++)
        if (!is_part(*part))
            return false;
    return strlen(path) < 512 && path[strlen(path) - 1] != '/';
}

/* A path may be a file already where a directory is wanted. */
static void put(const char *root, const char *path, char *text)
{
    g_autofree char *full = g_strconcat(root, path, NULL);
    g_autofree char *directory = g_path_get_dirname(full);
    gssize length = (gssize)strlen(text);

    for (gssize i = 0; g_str_has_suffix(path, "/cmdline") && i < length; i++)
        if (text[i] == '\n')
            text[i] = '\0';
    if (g_mkdir_with_parents(directory, 0700) == 0 && !g_file_test(full, G_FILE_TEST_IS_DIR))
        (void)g_file_set_contents_full(full, text, length, G_FILE_SET_CONTENTS_NONE, 0600, NULL);
}

static void put_all(const char *root, char *text)
{
    unsigned n = 0;

    for (char *at = g_str_has_prefix(text, MARK) ? text : NULL; at && n < MAX_FILES; n++) {
        char *path = at + strlen(MARK) - 1, *end = strchr(path, '\n');
        if (!end)
            return;
        *end = '\0';
        char *next = strstr(end + 1, "\n" MARK);
        if (next)
            next[1] = '\0';
        if (is_path(path))
            put(root, path, end + 1);
        at = next ? next + 1 : NULL;
        if (at)
            *at = '=';
    }
}

static void check_kernel(const GuestKernel *kernel)
{
    for (unsigned i = 0; i < kernel->n_threads; i++) {
        check(kernel->threads[i].affinity != NULL);
        check(i == 0 || kernel->threads[i - 1].tid < kernel->threads[i].tid);
    }
}

/* The threads as they are, and no more of them. */
static void check_usage(const char *root, GuestKernel *kernel)
{
    g_autoptr(Guest) guest = guest_new(UUID, "g1");

    guest->kernel = guest_kernel_ref(kernel);
    g_autoptr(GuestUsage) usage = guest_usage_acquire(root, guest);
    check(usage->threads->len <= kernel->n_threads);
    for (guint i = 0; i < usage->threads->len; i++) {
        const ThreadUsage *thread = &g_array_index(usage->threads, ThreadUsage, i);
        check(thread->cpus != NULL && thread->last_cpu <= (int)CPUSET_MAX_INDEX);
    }
}

static void read_guest(const char *root)
{
    g_autoptr(GuestKernel) kernel = NULL;
    pid_t pid;
    uint64_t starttime;

    if (guest_process_find(root, UUID, "g1", &pid, &starttime) != HOST_DONE)
        return;
    if (guest_kernel_acquire(root, pid, starttime, NULL, &kernel) != HOST_DONE)
        return;
    check_kernel(kernel);
    check_usage(root, kernel);
}

static void read_host(const char *root)
{
    g_auto(TopoSysfs) sysfs = {0};
    g_autoptr(Host) host = NULL;
    g_autofree char *text = NULL, *stamp = NULL, *boot_id = NULL;

    if (topo_sysfs_acquire(root, &sysfs, &text) == 0)
        check(sysfs.isolated && sysfs.nohz_full);
    else
        check(text != NULL);
    (void)topo_stamp_acquire(root, &stamp);
    (void)boot_id_acquire(root, &boot_id);
    if (host_acquire(root, &host) == 0)
        check(host->knobs != NULL);
}

/* What the host counts between two moments: of the second is a file of its own. */
static void check_interrupts(const char *root)
{
    g_autofree char *later = g_strconcat(root, "/later", NULL);
    g_autoptr(Interrupts) before = NULL;
    g_autoptr(Interrupts) after = NULL;
    g_autoptr(Vitals) vitals = vitals_new();

    if (interrupts_acquire(root, &before) < 0 || interrupts_acquire(later, &after) < 0)
        return;
    interrupts_between(before, after, vitals->interrupts);
    for (guint i = 0; i < vitals->interrupts->len; i++)
        check(g_array_index(vitals->interrupts, InterruptCount, i).count > 0);
}

static void read_vitals(const char *root)
{
    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref);
    Guest *guest = guest_new(UUID, "g1");

    guest->kernel = guest_kernel_new();
    guest->kernel->pid = 100;
    guest->live = guest_def_new();
    guest->live->n_nics = 1;
    guest->live->nics = g_new0(GuestNic, 1);
    guest->live->nics[0].mac = g_strdup("52:54:00:aa:00:01");
    guest->live->nics[0].tap = g_strdup("vnet0");
    g_ptr_array_add(guests, guest);
    g_autoptr(Vitals) vitals = vitals_end(root, guests, vitals_begin(root, guests));
    check(vitals->guests->len == 1);
    check_interrupts(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = size > 0 ? g_strndup((const char *)data, size) : g_strdup("");
    char *root = fake_host_new();

    put_all(root, text);
    read_guest(root);
    read_host(root);
    read_vitals(root);
    fake_host_free(root);
    return 0;
}
