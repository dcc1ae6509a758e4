/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A quick pass that hangs at one guest. */
#include "daemon/list-job.h"

#include "daemon/host-state.h"
#include "guest-world.h"
#include "host/guest-kernel.h"
#include "host/proc.h"

#include <numaif.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HUNG "5b1c7a3e-1111-4222-8333-0000000000a1"
#define OTHER "5b1c7a3e-1111-4222-8333-0000000000a2"
#define ENDED "5b1c7a3e-1111-4222-8333-0000000000a3"

static GMutex gate; /* who asks where memory is waits for it */
static int n_asked;

/* In front of libnuma's: all is on node 0. */
long move_pages(int pid, unsigned long n, void **pages, const int *nodes, int *status, int flags)
{
    (void)pid;
    (void)pages;
    (void)nodes;
    (void)flags;
    g_atomic_int_inc(&n_asked);
    g_mutex_lock(&gate);
    g_mutex_unlock(&gate);
    memset(status, 0, n * sizeof(*status));
    return 0;
}

typedef struct Stage {
    GuestWorld *world;
    Manager manager;
    Managed *hung, *other;
    pid_t qemu; /* a child that plays it */
    unsigned n_done, n_abandoned, n_listed, n_topo;
} Stage;

static GuestKernel *kernel_of(pid_t pid)
{
    static const RamRange page = {4096, 4096, 4};
    static const int node = 0;
    GuestKernel *kernel = NULL;
    ProcStat stat;

    assert_int_equal(proc_stat_acquire("", pid, &stat), HOST_DONE);
    assert_int_equal(guest_kernel_acquire("", pid, stat.starttime, NULL, &kernel), HOST_DONE);
    kernel->ram = g_array_new(FALSE, FALSE, sizeof(RamRange));
    g_array_append_val(kernel->ram, page);
    guest_kernel_set_samples(kernel, &node, 1);
    return kernel;
}

static Managed *add(Manager *manager, const char *uuid, const GuestKernel *kernel)
{
    g_autoptr(SettingList) none = setting_list_new();
    Managed *managed = managed_new(uuid, uuid);

    if (kernel)
        managed->watch = watch_new(quick_watch_new(kernel, none));
    g_ptr_array_add(manager->guests, managed);
    g_hash_table_insert(manager->by_uuid, managed->uuid, managed);
    return managed;
}

static int setup(void **state)
{
    Stage *stage = g_new0(Stage, 1);
    Manager *manager = &stage->manager;

    stage->qemu = fork();
    if (stage->qemu == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (stage->qemu == 0)
        pause();
    stage->world = guest_world_new();
    manager->backend = stage->world->fake->backend;
    manager->record = stage->world->record;
    manager->boot_id = (char *)GUEST_WORLD_BOOT;
    manager->topo = stage->world->topo;
    manager->policy = stage->world->policy;
    manager->guests = g_ptr_array_new_with_free_func((GDestroyNotify)managed_free);
    manager->by_uuid = g_hash_table_new(g_str_hash, g_str_equal);
    manager->host = host_state_new();
    manager->cycles = 1;
    manager->listed_usec = g_get_monotonic_time();
    assert_int_equal(pool_new(&manager->pool), 0);
    assert_int_equal(virt_hub_new("test:///default", &manager->hub), 0);
    g_autoptr(GuestKernel) kernel = kernel_of(stage->qemu);
    stage->hung = add(manager, HUNG, kernel);
    stage->other = add(manager, OTHER, NULL);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    Stage *stage = *state;
    Manager *manager = &stage->manager;

    assert_true(pool_drain(manager->pool, g_get_monotonic_time() + 60 * G_USEC_PER_SEC));
    pool_free(manager->pool);
    virt_hub_free(manager->hub);
    host_state_free(manager->host);
    g_hash_table_unref(manager->by_uuid);
    g_ptr_array_unref(manager->guests);
    guest_world_free(stage->world);
    kill(stage->qemu, SIGKILL);
    assert_int_equal(waitpid(stage->qemu, NULL, 0), stage->qemu);
    g_free(stage);
    return 0;
}

static void done(PoolJob *job, bool abandoned)
{
    Stage *stage = (Stage *)((char *)job->owner - offsetof(Stage, manager));

    stage->n_done++;
    stage->n_listed += ((const ListJob *)job)->guests != NULL;
    stage->n_topo += ((const ListJob *)job)->check_topo;
    stage->n_abandoned += abandoned;
}

static void wait_one(const Stage *stage)
{
    struct pollfd fd = {.fd = pool_get_fd(stage->manager.pool), .events = POLLIN};

    assert_int_equal(poll(&fd, 1, 60000), 1);
    pool_dispatch(stage->manager.pool, g_get_monotonic_time());
}

static ProcessKey ended_process(void)
{
    return (ProcessKey){.uuid = ENDED, .name = "ended", .boot_id = GUEST_WORLD_BOOT, .pid = 7};
}

static unsigned originals_of_ended(const Stage *stage)
{
    const ProcessKey process = ended_process();
    g_autoptr(GPtrArray) list = NULL;

    assert_int_equal(record_originals(stage->world->record, &process, &list), 0);
    return list->len;
}

static void add_original_of_ended(const Stage *stage)
{
    const ProcessKey process = ended_process();
    g_autoptr(ChangeSet) changes = change_set_new();
    int64_t batch;

    change_set_add(changes, &(SettingKey){.knob = KNOB_EMULATOR_PIN, .plane = PLANE_LIVE}, NULL,
                   "1");
    assert_int_equal(record_begin(stage->world->record, &process, changes, "plan", &batch), 0);
}

static void submit(Stage *stage)
{
    stage->manager.interval_due = true;
    list_job_submit(&stage->manager, done);
}

static void who_hangs_is_left_out(void **state)
{
    Stage *stage = *state;

    add_original_of_ended(stage);
    stage->manager.some_ended = true;
    g_mutex_lock(&gate);
    submit(stage);
    while (g_atomic_int_get(&n_asked) == 0)
        g_usleep(1000);
    pool_dispatch(stage->manager.pool, g_get_monotonic_time() + JOB_SLOW_USEC);
    assert_int_equal(stage->n_abandoned, 1);
    assert_true(stage->manager.called); /* for the list that did not come */
    assert_true(stage->hung->stuck);
    assert_null(stage->hung->watch);
    assert_false(stage->other->stuck);

    submit(stage); /* the next one goes past it */
    wait_one(stage);
    assert_int_equal(stage->n_done, 2);
    assert_int_equal(stage->n_abandoned, 1);
    assert_int_equal(g_atomic_int_get(&n_asked), 1);

    /* Back: it does nothing of what it was to do next, and its guest is looked at. */
    g_mutex_unlock(&gate);
    wait_one(stage);
    assert_int_equal(stage->n_done, 2);
    assert_int_equal(originals_of_ended(stage), 1);
    assert_true(stage->manager.some_ended);
    assert_false(stage->hung->stuck);
    assert_true(stage->hung->dirty);
    assert_true(stage->manager.triggered);
    submit(stage);
    wait_one(stage);
    assert_int_equal(originals_of_ended(stage), 0);
}

static void guests_with_lost_jobs_are_not_watched(void **state)
{
    Stage *stage = *state;

    g_atomic_int_set(&n_asked, 0);
    stage->hung->n_lost = 1;
    submit(stage);
    wait_one(stage);
    assert_int_equal(stage->n_done, 1);
    assert_int_equal(g_atomic_int_get(&n_asked), 0);
    stage->hung->n_lost = 0;
    for (unsigned i = 0; i < QUICK_MEMORY_PASSES; i++) {
        submit(stage);
        wait_one(stage);
    }
    assert_int_equal(g_atomic_int_get(&n_asked), 1);
}

/* libvirt is asked for all guests in one of LIST_PASSES routine passes, and in each cycle that
 * something else called for. */
static void routine_passes_leave_the_list_out(void **state)
{
    Stage *stage = *state;

    while (!virt_hub_is_connected(stage->manager.hub))
        g_usleep(1000);
    for (unsigned i = 0; i < 2 * LIST_PASSES; i++) {
        submit(stage);
        wait_one(stage);
    }
    assert_int_equal(stage->n_listed, 2);
    for (unsigned i = 1; i <= 3; i++) {
        stage->manager.called = true;
        submit(stage);
        wait_one(stage);
        assert_false(stage->manager.called);
    }
    assert_int_equal(stage->n_listed, 5);
    stage->manager.listed_usec -= DEEP_PASS_USEC; /* the interval is long */
    for (unsigned i = 1; i < LIST_PASSES; i++) {
        submit(stage);
        wait_one(stage);
    }
    assert_int_equal(stage->n_listed, 5 + LIST_PASSES - 1);
}

/* A guest whose threads differ: before that is told as drift, the host is looked at. */
static void what_differs_may_be_the_host(void **state)
{
    Stage *stage = *state;

    stage->manager.stamp_usec = g_get_monotonic_time();
    submit(stage);
    wait_one(stage);
    assert_int_equal(stage->n_topo, 0);
    kill(stage->qemu, SIGSTOP);
    assert_int_equal(waitpid(stage->qemu, NULL, WUNTRACED), stage->qemu);
    submit(stage);
    wait_one(stage);
    assert_int_equal(stage->n_topo, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_hangs_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_with_lost_jobs_are_not_watched, setup, teardown),
        cmocka_unit_test_setup_teardown(routine_passes_leave_the_list_out, setup, teardown),
        cmocka_unit_test_setup_teardown(what_differs_may_be_the_host, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
