/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measurements as ratios to a floor taken in the same run, pass by pass in turn, median of the
 * pairs:
 *   quick pass  / the bare system calls it cannot do without (readdir, sched_getaffinity)
 *   memory check / the bare move_pages(2) of the same pages, at 1 to 16 GiB; numa_maps beside it
 *   topology    / hwloc's own load of the same description
 * and, for the eye, the time of a plan and of a diff.
 */
#include "host/guest-kernel.h"
#include "host/host-knob.h"
#include "host/quick.h"
#include "host/ram.h"
#include "plan/diff.h"
#include "plan/plan-make.h"
#include "tests/common/fake-guest.h"
#include "topo/topo-load.h"

#include <dirent.h>
#include <hwloc.h>
#include <numaif.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS 41
#define N_THREADS 64
#define PASSES 200 /* quick passes per sample */

static double now_usec(void)
{
    return (double)g_get_monotonic_time();
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, unsigned n)
{
    qsort(values, n, sizeof *values, compare_double);
    return values[n / 2];
}

typedef struct Pair {
    const char *name;
    void (*ours)(void *data);
    void (*floor)(void *data);
    void *data;
} Pair;

static void measure(const Pair *pair)
{
    double ratios[PAIRS], ours[PAIRS], floors[PAIRS];

    pair->ours(pair->data);
    pair->floor(pair->data);
    for (unsigned i = 0; i < PAIRS; i++) {
        double start = now_usec();
        pair->ours(pair->data);
        double middle = now_usec();
        pair->floor(pair->data);
        floors[i] = now_usec() - middle;
        ours[i] = middle - start;
        ratios[i] = ours[i] / MAX(floors[i], 1.0);
    }
    printf("%-34s %10.1f us  floor %10.1f us  ratio %5.2f\n", pair->name, median(ours, PAIRS),
           median(floors, PAIRS), median(ratios, PAIRS));
}

/* --- quick pass over this process, as if it were a guest --- */

static gpointer sleeper(gpointer data)
{
    g_mutex_lock(data);
    g_mutex_unlock(data);
    return NULL;
}

typedef struct QuickWorld {
    QuickWatch *watch;
    CpuSet *online;
} QuickWorld;

static void quick_ours(void *data)
{
    QuickWorld *world = data;

    for (unsigned i = 0; i < PASSES; i++)
        if (quick_check(world->watch, world->online) != 0)
            abort();
}

static void quick_floor(void *data)
{
    DIR *folder = opendir("/proc/self/task");
    cpu_set_t set;

    (void)data;
    for (unsigned i = 0; i < PASSES; i++) {
        rewinddir(folder);
        for (const struct dirent *entry; (entry = readdir(folder));)
            if (entry->d_name[0] != '.')
                sched_getaffinity((pid_t)atoi(entry->d_name), sizeof set, &set);
    }
    closedir(folder);
}

/* Field 22 of /proc/self/stat */
static uint64_t own_starttime(void)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents("/proc/self/stat", &text, NULL, NULL))
        abort();
    g_auto(GStrv) fields = g_strsplit(strrchr(text, ')') + 2, " ", 0);
    return g_ascii_strtoull(fields[19], NULL, 10);
}

/* This process as if it were a guest that is where it is wanted. */
static GuestKernel *own_kernel(SettingList *wanted)
{
    GuestKernel *kernel = NULL;

    if (guest_kernel_acquire("", getpid(), own_starttime(), NULL, &kernel) != HOST_DONE)
        abort();
    for (unsigned i = 0; i < kernel->n_threads; i++) {
        const GuestThread *thread = &kernel->threads[i];
        SettingKey key = {.knob = KNOB_EMULATOR_PIN,
                          .plane = PLANE_ACTUAL,
                          .tid = thread->tid,
                          .tid_start = thread->starttime};
        setting_list_add_cpus(wanted, &key, thread->affinity, NULL, NULL);
    }
    setting_list_sort(wanted);
    return kernel;
}

static void bench_quick(void)
{
    GMutex gate;
    GThread *threads[N_THREADS];

    g_mutex_init(&gate);
    g_mutex_lock(&gate);
    for (unsigned i = 0; i < N_THREADS; i++)
        threads[i] = g_thread_new("sleeper", sleeper, &gate);

    g_autoptr(SettingList) wanted = setting_list_new();
    g_autoptr(GuestKernel) kernel = own_kernel(wanted);
    g_autoptr(CpuSet) online = guest_kernel_affinity(kernel);
    QuickWorld world = {quick_watch_new(kernel, wanted), online};
    measure(&(Pair){"quick pass, 65 threads x 200", quick_ours, quick_floor, &world});
    quick_watch_free(world.watch);

    g_mutex_unlock(&gate);
    for (unsigned i = 0; i < N_THREADS; i++)
        g_thread_join(threads[i]);
}

/* --- topology --- */

static void topo_ours(void *data)
{
    g_autoptr(Topo) topo = NULL;
    g_autofree char *error = NULL;

    if (topo_load(data, NULL, &topo, &error) < 0)
        abort();
}

static void topo_floor(void *data)
{
    hwloc_topology_t topology;

    hwloc_topology_init(&topology);
    hwloc_topology_set_synthetic(topology, data);
    hwloc_topology_load(topology);
    hwloc_topology_destroy(topology);
}

/* --- plan and diff --- */

static void bench_plan(const char *machine, unsigned n_guests)
{
    g_autoptr(Topo) topo = NULL;
    g_autofree char *error = NULL;
    g_autoptr(Policy) policy = policy_new();
    double plans[PAIRS], diffs[PAIRS];

    if (topo_load(machine, NULL, &topo, &error) < 0)
        abort();
    g_autoptr(GPtrArray) guests = g_ptr_array_new_with_free_func((GDestroyNotify)guest_unref);
    g_autofree PlanGuest *entries = g_new0(PlanGuest, n_guests);
    PolicySubject subject = {.name = "x", .uuid = "x"};
    g_autoptr(GuestPolicy) guest_policy = policy_select(policy, &subject);
    for (unsigned i = 0; i < n_guests; i++) {
        g_autofree char *name = g_strdup_printf("guest%04u", i);
        FakeKernelOptions options = {.pid = (pid_t)(100000 + 100 * i), .allowed = topo->online};
        Guest *guest = fake_guest_new(name, 4, 1, &options);
        g_ptr_array_add(guests, guest);
        entries[i] = (PlanGuest){.guest = guest, .policy = guest_policy, .running = true};
    }
    PlanInput input = {.topo = topo, .policy = policy, .guests = entries, .n_guests = n_guests};
    for (unsigned i = 0; i < PAIRS; i++) {
        double start = now_usec();
        g_autoptr(Plan) plan = plan_make(&input);
        plans[i] = now_usec() - start;
        start = now_usec();
        for (unsigned j = 0; j < n_guests; j++) {
            const Guest *guest = g_ptr_array_index(guests, j);
            g_autoptr(SettingList) wanted = wanted_make(plan_find(plan, guest->uuid), guest);
            g_autoptr(SettingList) observed = observed_make(guest);
            change_set_unref(diff_make(wanted, NULL, observed, topo->allowed, topo->online));
        }
        diffs[i] = now_usec() - start;
    }
    printf("%4u shared guests, %4u PUs: plan %10.1f us, diff of all %10.1f us\n", n_guests,
           topo->n_pus, median(plans, PAIRS), median(diffs, PAIRS));
}

/* --- where a guest's memory is --- */

#define BYTES_PER_GIB (1024ull * 1024 * 1024)
#define MEMORY_CHECKS 20u /* in one measurement */

/* A process with so much memory of its own, as if it were QEMU. 0: it could not have it. */
static pid_t memory_child(uint64_t bytes)
{
    int ready[2];
    char byte = 0;

    if (pipe(ready) < 0)
        abort();
    pid_t pid = fork();
    if (pid == 0) {
        char *ram = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ram == MAP_FAILED)
            _exit(1);
        madvise(ram, bytes, MADV_NOHUGEPAGE);
        for (uint64_t i = 0; i < bytes; i += 4096)
            ram[i] = 1;
        if (write(ready[1], &byte, 1) == 1)
            pause();
        _exit(0);
    }
    close(ready[1]);
    bool well = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
    if (well)
        return pid;
    waitpid(pid, NULL, 0);
    return 0;
}

typedef struct MemoryWorld {
    pid_t pid;
    QuickWatch *watch;
    void *pages[RAM_SAMPLES];
} MemoryWorld;

static void memory_ours(void *data)
{
    for (unsigned i = 0; i < MEMORY_CHECKS; i++)
        if (quick_check_memory(((MemoryWorld *)data)->watch) != HOST_DONE)
            abort();
}

static void memory_floor(void *data)
{
    MemoryWorld *world = data;
    int status[RAM_SAMPLES];

    for (unsigned i = 0; i < MEMORY_CHECKS; i++)
        if (move_pages(world->pid, RAM_SAMPLES, world->pages, NULL, status, 0) < 0)
            abort();
}

/* What others read: once, in its time for one check. */
static void memory_peer(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/numa_maps", (int)pid);
    g_autofree char *text = NULL;

    double start = now_usec();
    if (!g_file_get_contents(path, &text, NULL, NULL))
        abort();
    printf("%-34s %10.1f us\n", "  numa_maps of the same, once", now_usec() - start);
}

static void bench_memory_of(unsigned gib)
{
    MemoryWorld world = {.pid = memory_child(gib * BYTES_PER_GIB)};
    g_autoptr(GuestDef) def = guest_def_new();
    g_autoptr(GuestKernel) kernel = guest_kernel_new();
    g_autoptr(SettingList) wanted = setting_list_new();
    int nodes[RAM_SAMPLES];
    unsigned n;
    g_autofree char *name = g_strdup_printf("memory check, %u GiB x %u", gib, MEMORY_CHECKS);

    def->memory_kib = gib * BYTES_PER_GIB / 1024;
    if (world.pid == 0 || ram_acquire("", world.pid, def, &kernel->ram) != HOST_DONE)
        abort();
    kernel->pid = world.pid;
    g_autofree uint64_t *samples = ram_samples(kernel->ram, &n);
    if (ram_nodes_acquire(world.pid, samples, n, nodes) != HOST_DONE)
        abort();
    guest_kernel_set_samples(kernel, nodes, n);
    for (unsigned i = 0; i < n; i++)
        world.pages[i] = (void *)(uintptr_t)samples[i]; /* of the child */
    world.watch = quick_watch_new(kernel, wanted);
    measure(&(Pair){name, memory_ours, memory_floor, &world});
    memory_peer(world.pid);
    quick_watch_free(world.watch);
    kill(world.pid, SIGKILL);
    waitpid(world.pid, NULL, 0);
}

static void bench_memory(void)
{
    for (unsigned gib = 1; gib <= 16; gib *= 2) {
        g_autoptr(Host) host = NULL;
        if (host_acquire("", &host) < 0)
            abort();
        if (host->available_kib < (gib + 2) * BYTES_PER_GIB / 1024)
            printf("memory check, %u GiB: left out, so much is not free here\n", gib);
        else
            bench_memory_of(gib);
    }
}

int main(void)
{
    char small[] = "pack:2 numa:1 l3:2 core:8 pu:2";
    char large[] = "pack:4 numa:4 l3:2 core:16 pu:2";

    bench_quick();
    bench_memory();
    measure(&(Pair){"topology, 64 PUs", topo_ours, topo_floor, small});
    measure(&(Pair){"topology, 1024 PUs", topo_ours, topo_floor, large});
    bench_plan(small, 10);
    bench_plan(large, 100);
    bench_plan(large, 1000);
    return 0;
}
