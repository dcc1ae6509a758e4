/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/guest.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

/* A node that holds less is noise: libraries, leftovers of a move */
#define MIN_MEMORY_SHARE_PCT 10
/* libvirt leaves the size to the host; on all hosts it knows it is this, unless the kernel's
 * command line says otherwise */
#define DEFAULT_HUGEPAGE_KIB 2048

/* --- definition --- */

GuestDef *guest_def_new(void)
{
    GuestDef *def = g_atomic_rc_box_new0(GuestDef);

    def->vcpus = cpuset_new();
    def->iothreads = cpuset_new();
    def->numa_mode = -1;
    def->shares = -1;
    def->vcpu_quota = -1;
    def->knobs = setting_list_new();
    return def;
}

static void pins_free(GuestPin *pins, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        hwloc_bitmap_free(pins[i].cpus);
    g_free(pins);
}

static void memory_clear(GuestDef *def)
{
    for (unsigned i = 0; i < def->n_cells; i++) {
        hwloc_bitmap_free(def->cells[i].vcpus);
        hwloc_bitmap_free(def->cells[i].nodes);
    }
    g_free(def->cells);
    for (unsigned i = 0; i < def->n_hugepages; i++)
        hwloc_bitmap_free(def->hugepages[i].cells);
    g_free(def->hugepages);
    hwloc_bitmap_free(def->numa_nodeset);
}

static void devices_clear(GuestDef *def)
{
    for (unsigned i = 0; i < def->n_disks; i++) {
        GuestDisk *disk = &def->disks[i];
        g_free(disk->target);
        g_free(disk->bus);
        g_free(disk->type);
        g_free(disk->device);
        g_free(disk->source);
        g_free(disk->driver);
    }
    g_free(def->disks);
    for (unsigned i = 0; i < def->n_nics; i++) {
        GuestNic *nic = &def->nics[i];
        g_free(nic->mac);
        g_free(nic->alias);
        g_free(nic->type);
        g_free(nic->model);
        g_free(nic->pci);
        g_free(nic->host);
        g_free(nic->tap);
    }
    g_free(def->nics);
    g_strfreev(def->hostdevs);
}

/* Those that guests mostly have in common. */
static void common_sets_each(GuestDef *def, void (*call)(CpuSet **set))
{
    call(&def->vcpus);
    call(&def->vcpu_cpuset);
    call(&def->emulator_pin);
    call(&def->iothreads);
}

void guest_def_share(GuestDef *def)
{
    common_sets_each(def, cpuset_share);
    setting_list_share(def->knobs);
}

static void guest_def_clear(gpointer data)
{
    GuestDef *def = data;

    g_free(def->name);
    g_free(def->uuid);
    g_free(def->title);
    g_free(def->label);
    g_free(def->partition);
    g_free(def->on_reboot);
    g_free(def->os);
    g_free(def->type);
    g_free(def->cpu_mode);
    g_free(def->cpu_model);
    g_free(def->hyperv_mode);
    g_free(def->arch);
    g_free(def->machine);
    g_free(def->emulator);
    common_sets_each(def, cpuset_release);
    memory_clear(def);
    pins_free(def->vcpu_pins, def->n_vcpu_pins);
    pins_free(def->iothread_pins, def->n_iothread_pins);
    devices_clear(def);
    setting_list_free(def->knobs);
}

GuestDef *guest_def_ref(const GuestDef *def)
{
    return g_atomic_rc_box_acquire((GuestDef *)def);
}

void guest_def_unref(GuestDef *def)
{
    if (def)
        g_atomic_rc_box_release_full(def, guest_def_clear);
}

static const CpuSet *pin_find(const GuestPin *pins, unsigned n, unsigned id)
{
    for (unsigned i = 0; i < n; i++) {
        if (pins[i].id == id)
            return pins[i].cpus;
    }
    return NULL;
}

unsigned guest_def_page_kib(const GuestDef *def, unsigned cell, unsigned base_page_kib)
{
    const GuestHugePages *found = NULL;

    if (def->has_hugepages && def->n_hugepages == 0)
        return DEFAULT_HUGEPAGE_KIB;
    for (unsigned i = 0; i < def->n_hugepages; i++) {
        const GuestHugePages *pages = &def->hugepages[i];
        if (pages->cells ? cpuset_has(pages->cells, cell) : !found)
            found = pages;
    }
    if (!found)
        return base_page_kib;
    return found->size_kib > 0 ? found->size_kib : DEFAULT_HUGEPAGE_KIB;
}

const CpuSet *guest_def_vcpu_pin(const GuestDef *def, unsigned vcpu)
{
    return pin_find(def->vcpu_pins, def->n_vcpu_pins, vcpu);
}

const CpuSet *guest_def_iothread_pin(const GuestDef *def, unsigned iothread)
{
    return pin_find(def->iothread_pins, def->n_iothread_pins, iothread);
}

/* --- kernel --- */

const char *thread_class_name(ThreadClass thread_class)
{
    switch (thread_class) {
    case THREAD_VCPU:
        return "vcpu";
    case THREAD_EMULATOR:
        return "emulator";
    case THREAD_IOTHREAD:
        return "iothread";
    case THREAD_VHOST:
        return "vhost";
    case THREAD_HELPER:
        return "helper";
    }
    return "unknown";
}

/* A thread outside the cgroups of its guest has its number in its name only. */
unsigned guest_thread_id(const GuestThread *thread)
{
    const char *prefix = thread->thread_class == THREAD_VCPU ? "CPU " : "IO iothread";

    if (thread->thread_class != THREAD_VCPU && thread->thread_class != THREAD_IOTHREAD)
        return 0;
    if (thread->home != HOME_EMULATOR)
        return thread->home_id;
    if (!g_str_has_prefix(thread->comm, prefix))
        return 0;
    /* QEMU may call its threads what it likes */
    return (unsigned)MIN(g_ascii_strtoull(thread->comm + strlen(prefix), NULL, 10),
                         CPUSET_MAX_INDEX);
}

GuestKernel *guest_kernel_new(void)
{
    GuestKernel *kernel = g_atomic_rc_box_new0(GuestKernel);

    kernel->cpu_shares = -1;
    return kernel;
}

static void sets_each(GuestKernel *kernel, void (*call)(CpuSet **set))
{
    for (unsigned i = 0; i < kernel->n_threads; i++)
        call(&kernel->threads[i].affinity);
    for (unsigned i = 0; i < kernel->n_cgroups; i++) {
        call(&kernel->cgroups[i].cpus);
        call(&kernel->cgroups[i].cpus_effective);
        call(&kernel->cgroups[i].mems);
    }
    call(&kernel->allowed);
    call(&kernel->allowed_mems);
    call(&kernel->memory_nodes);
    call(&kernel->memory_nodes_any);
}

void guest_kernel_share(GuestKernel *kernel)
{
    sets_each(kernel, cpuset_share);
}

static void guest_kernel_clear(gpointer data)
{
    GuestKernel *kernel = data;

    sets_each(kernel, cpuset_release);
    g_free(kernel->threads);
    g_free(kernel->cgroups);
    g_free(kernel->cgroup);
    g_free(kernel->memory_kib);
    g_free(kernel->pages);
    g_clear_pointer(&kernel->ram, g_array_unref);
    g_free(kernel->sample_nodes);
    g_free(kernel->samples_on);
}

GuestKernel *guest_kernel_ref(const GuestKernel *kernel)
{
    return g_atomic_rc_box_acquire((GuestKernel *)kernel);
}

void guest_kernel_unref(GuestKernel *kernel)
{
    if (kernel)
        g_atomic_rc_box_release_full(kernel, guest_kernel_clear);
}

static int compare_cgroup(const void *key, const void *element)
{
    const GuestCgroup *a = key, *b = element;

    return a->home != b->home ? CMP(a->home, b->home) : CMP(a->home_id, b->home_id);
}

static int compare_thread(const void *a, const void *b)
{
    return CMP(((const GuestThread *)a)->tid, ((const GuestThread *)b)->tid);
}

const GuestThread *guest_kernel_thread(const GuestKernel *kernel, pid_t tid)
{
    const GuestThread key = {.tid = tid};

    return kernel->n_threads == 0
               ? NULL
               : bsearch(&key, kernel->threads, kernel->n_threads, sizeof(key), compare_thread);
}

const GuestCgroup *guest_kernel_cgroup(const GuestKernel *kernel, ThreadHome home, unsigned id)
{
    if (kernel->n_cgroups == 0)
        return NULL;

    GuestCgroup key = {.home = home, .home_id = id};
    return bsearch(&key, kernel->cgroups, kernel->n_cgroups, sizeof(key), compare_cgroup);
}

CpuSet *guest_kernel_affinity(const GuestKernel *kernel)
{
    CpuSet *cpus = cpuset_new();

    for (unsigned i = 0; i < kernel->n_threads; i++) {
        if (kernel->threads[i].affinity)
            hwloc_bitmap_or(cpus, cpus, kernel->threads[i].affinity);
    }
    return cpus;
}

static void memory_forget(GuestKernel *kernel)
{
    g_clear_pointer(&kernel->memory_nodes, hwloc_bitmap_free);
    g_clear_pointer(&kernel->memory_nodes_any, hwloc_bitmap_free);
    g_clear_pointer(&kernel->memory_kib, g_free);
    kernel->n_memory_kib = 0;
}

void guest_kernel_set_memory(GuestKernel *kernel, const uint64_t *kib, unsigned n)
{
    uint64_t total = 0;

    memory_forget(kernel);
    for (unsigned i = 0; i < n; i++) {
        total += kib[i];
        if (kib[i] > 0)
            kernel->n_memory_kib = i + 1;
    }
    if (total == 0)
        return;
    kernel->memory_kib = g_memdup2(kib, kernel->n_memory_kib * sizeof(kib[0]));
    kernel->memory_nodes = cpuset_new();
    kernel->memory_nodes_any = cpuset_new();
    for (unsigned i = 0; i < kernel->n_memory_kib; i++) {
        if (kib[i] > 0)
            hwloc_bitmap_set(kernel->memory_nodes_any, i);
        if (kib[i] > 0 && kib[i] * 100 >= total * MIN_MEMORY_SHARE_PCT)
            hwloc_bitmap_set(kernel->memory_nodes, i);
    }
}

void guest_kernel_add_pages(GuestKernel *kernel, const GuestPages *pages)
{
    kernel->pages = g_renew(GuestPages, kernel->pages, kernel->n_pages + 1);
    kernel->pages[kernel->n_pages++] = *pages;
}

void guest_kernel_set_samples(GuestKernel *kernel, const int *nodes, unsigned n)
{
    int last = -1;

    g_free(kernel->sample_nodes);
    kernel->n_samples = n;
    kernel->sample_nodes = g_new(uint8_t, n);
    g_clear_pointer(&kernel->samples_on, g_free);
    for (unsigned i = 0; i < kernel->n_samples; i++) {
        kernel->sample_nodes[i] =
            nodes[i] >= 0 && nodes[i] < NO_SAMPLE ? (uint8_t)nodes[i] : NO_SAMPLE;
        last = MAX(last, nodes[i]);
    }
    kernel->n_samples_on = (unsigned)(last + 1);
    if (last >= 0)
        kernel->samples_on = g_new0(unsigned, kernel->n_samples_on);
    for (unsigned i = 0; i < kernel->n_samples; i++)
        if (nodes[i] >= 0)
            kernel->samples_on[nodes[i]]++;
}

uint64_t guest_kernel_memory_on(const GuestKernel *kernel, unsigned node)
{
    return node < kernel->n_memory_kib ? kernel->memory_kib[node] : 0;
}

/* --- guest --- */

Guest *guest_new(const char *uuid, const char *name)
{
    Guest *guest = g_atomic_rc_box_new0(Guest);

    guest->uuid = g_strdup(uuid);
    guest->name = g_strdup(name);
    return guest;
}

static void guest_clear(gpointer data)
{
    Guest *guest = data;

    g_free(guest->uuid);
    g_free(guest->name);
    guest_def_unref(guest->live);
    guest_def_unref(guest->config);
    guest_kernel_unref(guest->kernel);
    hypervisor_unref(guest->hypervisor);
}

Guest *guest_ref(const Guest *guest)
{
    return g_atomic_rc_box_acquire((Guest *)guest);
}

void guest_unref(Guest *guest)
{
    if (guest)
        g_atomic_rc_box_release_full(guest, guest_clear);
}

void guest_take_standing(Guest *guest, const Guest *known)
{
    guest->persistent = known->persistent;
    guest->autostart = known->autostart;
    guest->n_snapshots = known->n_snapshots;
}

bool guest_is_of_process(const Guest *guest, pid_t pid, uint64_t starttime)
{
    const GuestKernel *kernel = guest ? guest->kernel : NULL;

    return kernel ? kernel->pid == pid && kernel->starttime == starttime : pid == 0;
}

const GuestDef *guest_def(const Guest *guest)
{
    return guest->live ? guest->live : guest->config;
}
