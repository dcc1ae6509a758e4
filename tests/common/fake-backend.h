/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A Backend over an in-memory world of guests. It changes that world as libvirt and the kernel
 * would:
 *   - libvirt's live pin writes the cgroup, then the affinity of the vCPU, IOThread or main thread,
 *     then the definition, and takes nothing back when the affinity fails;
 *   - a cpuset outside the partition is accepted, but not in effect;
 *   - writing a cpuset cuts its threads' affinities to it, or gives them all of it where nothing is
 *     left; before Linux 6.2 (old_kernel) every thread gets all of it;
 *   - affinity outside the cpuset is refused, partly outside it is cut.
 * Every call is counted and logged, and can be made to fail.
 */
#pragma once

#include "apply/backend.h"

typedef enum FakeFault {
    FAKE_RETRY,
    FAKE_GONE,
    FAKE_REFUSED,
    FAKE_EIO,       /* -EIO, nothing changed */
    FAKE_NO_EFFECT, /* DONE, nothing changed */
    FAKE_HALF,      /* REFUSED after the cgroup of a live pin was written; else as FAKE_REFUSED */
} FakeFault;
#define N_FAKE_FAULTS (FAKE_HALF + 1)
const char *fake_fault_name(FakeFault fault);

typedef struct FakeBackend FakeBackend;
typedef void (*FakeCallback)(FakeBackend *fake, void *data);

struct FakeBackend {
    Backend backend;     /* pass &fake->backend */
    GPtrArray *guests;   /* of Guest: the world. Tests may change these between calls */
    Host *host;          /* the world's host; tests may change its knobs between calls */
    uint64_t most_pages; /* huge pages of one pool that can be had; 0: any number */
    bool old_kernel;
    bool stubborn; /* guests that are asked to shut down do not */

    pid_t next_pid;    /* guests started here have those after it */
    unsigned n_calls;  /* of all functions */
    unsigned n_writes; /* of setting_apply and host_apply */
    GPtrArray *log; /* of char *: "acquire NAME", "ready NAME", "NAME: SETTING PLANE FROM -> TO" and
                       " = RESULT" */

    unsigned fail_call; /* this call (from 1) meets the fault; 0: none */
    FakeFault fault;
    unsigned callback_call; /* before this call (from 1) the callback runs; 0: never */
    FakeCallback callback;
    void *callback_data;
};

FakeBackend *fake_backend_new(void);
void fake_backend_free(FakeBackend *fake);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeBackend, fake_backend_free)
/* Takes the guest over; returns it for tests to change. */
Guest *fake_backend_add(FakeBackend *fake, Guest *guest);
/* NULL if it is not in the world. Borrowed. */
Guest *fake_backend_find(const FakeBackend *fake, const char *uuid);
/* The guest leaves the world. */
void fake_backend_remove(FakeBackend *fake, const char *uuid);
/* Forgets counts, log and faults; the world stays. */
void fake_backend_reset(FakeBackend *fake);

/* A knob of the host gets a value, whoever wrote it; it need not have been there. */
void fake_host_set(FakeBackend *fake, const SettingKey *key, const char *value);
/* NULL: there is no such knob. Borrowed. */
const char *fake_host_get(const FakeBackend *fake, const SettingKey *key);

/* It ended: no live definition, no process. */
void fake_power_off(Guest *guest, OffReason reason);

/* What taskset, virsh vcpupin and echo > cpuset.cpus do, for drift. False: refused. */
bool fake_taskset(GuestKernel *kernel, pid_t tid, const char *cpus);
bool fake_live_pin(FakeBackend *fake, Guest *guest, Knob knob, unsigned id, const char *cpus);
/* CPUs go off line, or its partition is narrowed or widened: these are what it has now. */
void fake_partition_set(FakeBackend *fake, GuestKernel *kernel, const char *cpus);
bool fake_cpuset_write(FakeBackend *fake, GuestKernel *kernel, ThreadHome home, unsigned id,
                       const char *cpus);
