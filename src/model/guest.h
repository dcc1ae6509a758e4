/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest: who it is, what libvirt's definitions say (live and config), and what the kernel has of
 * it (threads, cgroups). Frozen once built; shared by reference.
 */
#pragma once

#include "model/hypervisor.h"
#include "model/setting.h"

#include <stdint.h>
#include <sys/types.h>

/* --- what a definition says (guest/ parses it from domain XML) --- */

typedef struct GuestCell {
    unsigned id;
    CpuSet *vcpus;
    CpuSet *nodes; /* <memnode>: where its memory goes; NULL: none */
    bool strict;   /* and nowhere else */
    uint64_t memory_kib;
} GuestCell;

typedef struct GuestPin {
    unsigned id; /* vCPU or IOThread */
    CpuSet *cpus;
} GuestPin;

typedef struct GuestHugePages {
    unsigned size_kib; /* 0: the host's default huge page */
    CpuSet *cells;     /* guest cells; NULL: all */
} GuestHugePages;

typedef struct GuestDisk {
    char *target;          /* "vda" */
    char *bus;             /* "virtio", "scsi", … */
    char *type;            /* "file", "block", "network", "volume", "vhostuser", … */
    char *device;          /* "disk", "lun", "cdrom", "floppy" */
    char *source;          /* file, block device or volume; NULL: none, or no such name */
    char *driver;          /* format: "qcow2", "raw"; may be NULL */
    bool no_ioeventfd;     /* its driver, of a scsi disk its controller's, has ioeventfd='off' */
    bool has_iothread_map; /* its queues (its controller's) are mapped to IOThreads one by one */
    bool read_only;        /* <readonly/>; libvirt writes it for a cdrom too */
    bool shareable;        /* <shareable/>: other guests write to it, too */
    unsigned controller;   /* bus scsi: index of its controller */
    unsigned n_backing;    /* images below its own, as far as the definition names them */
} GuestDisk;

typedef struct GuestNic {
    char *mac;
    char *alias;     /* libvirt's, or the one it will give at the next start */
    char *type;      /* "network", "bridge", "hostdev", "vhostuser", … */
    char *model;     /* "virtio"; may be NULL */
    char *pci;       /* type hostdev: host address; else NULL */
    bool is_premade; /* its TAP device was made by somebody else (managed='no') */
    char *host; /* network device of the host behind it: of a macvtap the NIC, else the bridge; may
                 * be NULL */
    char *tap;  /* the host's end of it, of a running guest: "vnet0"; NULL: none */
} GuestNic;

typedef struct GuestDef {
    char *name, *uuid;
    char *title, *label, *partition, *os; /* NULL if not set; label: our metadata element */
    char *type;                           /* "kvm", "qemu" */
    char *on_reboot;     /* libvirt's word: "restart", "destroy" …; never NULL of a parsed one */
    char *cpu_mode;      /* <cpu mode>: "host-passthrough", "custom" …; NULL: no such element */
    char *cpu_model;     /* <cpu><model>: "qemu64"; NULL: none */
    bool has_invtsc;     /* the invariant TSC is shown to it */
    char *hyperv_mode;   /* <hyperv mode>: "passthrough" gives all that the host has; may be NULL */
    bool encrypted;      /* <launchSecurity>: its pages stay where they are */
    bool has_max_memory; /* memory can be plugged in: it needs cells of the operator's making */
    char *arch, *machine, *emulator; /* "x86_64", "pc-q35-7.2", its path; NULL if not set */

    unsigned max_vcpus;
    CpuSet *vcpus;       /* ids of the online vCPUs */
    CpuSet *vcpu_cpuset; /* <vcpu cpuset>; NULL: none */
    bool auto_placement; /* <vcpu placement='auto'> */
    uint64_t memory_kib; /* maximum memory, what the host must be able to give */
    uint64_t current_memory_kib;
    GuestCell *cells;
    unsigned n_cells;
    GuestHugePages *hugepages;
    unsigned n_hugepages;
    bool has_hugepages;
    bool shared_memory; /* all of it: what vhost-user needs */

    int numa_mode;        /* enum NumaMode; -1: no <numatune><memory> mode */
    CpuSet *numa_nodeset; /* NULL: none */
    bool numa_auto;       /* placement='auto' */
    bool has_memnodes;

    GuestPin *vcpu_pins; /* sorted by id */
    unsigned n_vcpu_pins;
    CpuSet *emulator_pin; /* NULL: none */
    GuestPin *iothread_pins;
    unsigned n_iothread_pins;
    int64_t shares;       /* -1: not set */
    int64_t vcpu_quota;   /* microseconds a period; -1: not set or unlimited */
    uint64_t vcpu_period; /* microseconds; 0: not set */
    CpuSet *iothreads;    /* ids */

    GuestDisk *disks;
    unsigned n_disks;
    GuestNic *nics;
    unsigned n_nics;
    char **hostdevs; /* PCI addresses "0000:3b:00.0", NULL-ended */
    bool has_vhost_user;

    SettingList *knobs; /* those that are read from XML by table (guest/knob-xml.c), sorted; the
                           plane in their keys means nothing */
} GuestDef;

GuestDef *guest_def_new(void); /* refcount 1; zeroed, sets empty, numa_mode/shares/quota -1 */
GuestDef *guest_def_ref(const GuestDef *def);
void guest_def_unref(GuestDef *def);
/* It is whole: from now on it shares what it can with others. Once. */
void guest_def_share(GuestDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestDef, guest_def_unref)
/* The pin of one vCPU or IOThread in that list; NULL: none. Borrowed. */
const CpuSet *guest_def_vcpu_pin(const GuestDef *def, unsigned vcpu);
const CpuSet *guest_def_iothread_pin(const GuestDef *def, unsigned iothread);

/* Size of the pages that back one cell (0 without cells). */
unsigned guest_def_page_kib(const GuestDef *def, unsigned cell, unsigned base_page_kib);

/* --- what the kernel has (host/ reads it) --- */

typedef enum ThreadClass {
    THREAD_VCPU,     /* "CPU n/…" in vcpuN */
    THREAD_EMULATOR, /* main thread and QEMU's other threads in the emulator cgroup */
    THREAD_IOTHREAD, /* "IO iothreadN" in iothreadN */
    THREAD_VHOST,    /* "vhost-…": a kernel thread, or a thread of QEMU */
    THREAD_HELPER,   /* any other: pool workers, swtpm, virtiofsd, passt, kvm-… kernel threads */
} ThreadClass;
#define N_THREAD_CLASSES (THREAD_HELPER + 1)
const char *thread_class_name(ThreadClass thread_class);

/* Which cgroup of the guest a thread sits in; decides which cpuset bounds it. */
typedef enum ThreadHome { HOME_EMULATOR, HOME_VCPU, HOME_IOTHREAD } ThreadHome;

typedef struct GuestThread {
    pid_t tid;
    pid_t tgid;
    uint64_t starttime; /* /proc/…/stat field 22: tells a reused tid */
    ThreadClass thread_class;
    ThreadHome home;
    unsigned home_id; /* vCPU or IOThread of the cgroup; 0 for the emulator's */
    bool fixed;       /* PF_NO_SETAFFINITY, or vmtuned may not: affinity cannot be set */
    char comm[16];
    CpuSet *affinity; /* sched_getaffinity */
} GuestThread;
/* Which vCPU or IOThread it is; 0 of other classes. */
unsigned guest_thread_id(const GuestThread *thread);

typedef struct GuestCgroup {
    ThreadHome home;
    unsigned home_id;
    CpuSet *cpus; /* cpuset.cpus as requested; NULL: no cpuset controller */
    CpuSet *cpus_effective;
    CpuSet *mems;
    int64_t quota_usec;   /* -1: none */
    uint64_t period_usec; /* 0: no cpu controller */
} GuestCgroup;

/* How much of its memory is on a node in pages of one size. */
typedef struct GuestPages {
    unsigned node; /* OS index */
    unsigned page_kib;
    bool transparent; /* huge pages the kernel makes of ordinary memory */
    uint64_t kib;
} GuestPages;

/* A piece of its RAM in QEMU's address space, in bytes. */
typedef struct RamRange {
    uint64_t start, length;
    unsigned page_kib;
} RamRange;

#define NO_SAMPLE UINT8_MAX

typedef struct GuestKernel {
    pid_t pid;
    uint64_t starttime;
    bool stopped; /* by a signal: it does nothing, and answers nobody */
    bool cgroup_v2;
    char *cgroup;         /* the guest's cgroup below the cpuset mount, "" if it has none */
    GuestThread *threads; /* sorted by tid */
    unsigned n_threads;
    GuestCgroup *cgroups; /* sorted by home, home_id */
    unsigned n_cgroups;
    int64_t
        cpu_shares;  /* v1 cpu.shares or v2 cpu.weight of the guest's cgroup; -1: no controller */
    CpuSet *allowed; /* effective cpuset of its cgroup; NULL: not known, host's allowed */
    CpuSet *allowed_mems;
    CpuSet *memory_nodes;     /* nodes that hold at least 10 % of its memory; NULL: not measured */
    CpuSet *memory_nodes_any; /* nodes that hold any page of it; NULL: not measured */
    uint64_t *memory_kib;     /* KiB of it by NUMA node (OS index); NULL: not measured */
    unsigned n_memory_kib;
    GuestPages *pages; /* the same by page size: sorted by node, size, transparent */
    unsigned n_pages;
    GArray *ram; /* of RamRange, by address; NULL: not known */
    /* nodes (OS index) of samples of it (host/ram.h); NO_SAMPLE: not there, or on a node that has
     * no place here; NULL: not asked */
    uint8_t *sample_nodes;
    unsigned n_samples;
    unsigned *samples_on; /* how many of them are on each NUMA node (OS index); NULL: not asked, or
                             none is there yet */
    unsigned n_samples_on;
} GuestKernel;

GuestKernel *guest_kernel_new(void);
GuestKernel *guest_kernel_ref(const GuestKernel *kernel);
void guest_kernel_unref(GuestKernel *kernel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestKernel, guest_kernel_unref)
/* NULL: there is no such thread. */
const GuestThread *guest_kernel_thread(const GuestKernel *kernel, pid_t tid);
const GuestCgroup *guest_kernel_cgroup(const GuestKernel *kernel, ThreadHome home, unsigned id);
/* Union of the affinities of all threads; owned by the caller. */
CpuSet *guest_kernel_affinity(const GuestKernel *kernel);
/* Sets memory_kib (a copy of kib, which has n entries) and the two sets of nodes that follow from
 * it; all three are NULL if there is no memory. For who builds it: nobody else has it yet. */
void guest_kernel_set_memory(GuestKernel *kernel, const uint64_t *kib, unsigned n);
/* Adds an entry to pages, in order. */
void guest_kernel_add_pages(GuestKernel *kernel, const GuestPages *pages);
/* Sets sample_nodes and samples_on by nodes, of which those that are negative are not there. */
void guest_kernel_set_samples(GuestKernel *kernel, const int *nodes, unsigned n);
/* It is whole: from now on its sets are shared with others' (model/cpuset.h). Once. */
void guest_kernel_share(GuestKernel *kernel);
/* KiB of its memory on that node (OS index); 0 if it was not measured. */
uint64_t guest_kernel_memory_on(const GuestKernel *kernel, unsigned node);

/* --- the guest --- */

/* Why it is off, as far as libvirt still knows. */
typedef enum OffReason {
    OFF_UNKNOWN,   /* libvirtd was started since */
    OFF_SHUT_DOWN, /* on request, by itself, or by a reboot that was to end it */
    OFF_DESTROYED, /* forced off */
    OFF_CRASHED,
    OFF_FAILED,    /* it did not start */
    OFF_ELSEWHERE, /* migrated, saved, or reverted to a snapshot */
} OffReason;

typedef struct Guest {
    char *uuid, *name;
    bool active, persistent;
    bool in_job;      /* migration, snapshot, backup, save: hands off */
    const char *hung; /* static, in words: it does not answer, only its threads can be set; NULL */
    bool autostart;
    OffReason off;          /* means nothing of a guest that runs */
    GuestDef *live;         /* NULL if off */
    GuestDef *config;       /* NULL if transient */
    GuestKernel *kernel;    /* NULL if off or not looked at */
    Hypervisor *hypervisor; /* what its emulator can do; NULL: not known */
    bool managed_save; /* off, with its memory saved: the next start goes on with the old definition
                        */
    unsigned n_snapshots; /* a revert to one brings back the definition of its time */
} Guest;

Guest *guest_new(const char *uuid, const char *name); /* refcount 1 */
Guest *guest_ref(const Guest *guest);
void guest_unref(Guest *guest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Guest, guest_unref)
/* Takes over what no start changes: persistent, autostart, n_snapshots. */
void guest_take_standing(Guest *guest, const Guest *known);
/* Was it seen with that process? Of no guest, or one that is off, the pid is 0. */
bool guest_is_of_process(const Guest *guest, pid_t pid, uint64_t starttime);
/* live if there is one, else config; never NULL for a whole guest. Borrowed. */
const GuestDef *guest_def(const Guest *guest);
