/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/fake-guest.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

#define KIB_PER_MIB 1024
#define START_OF_TID(tid) (1000 + (uint64_t)(tid))

/* --- copies --- */

static GuestPin *pins_copy(const GuestPin *pins, unsigned n)
{
    GuestPin *copy = g_new0(GuestPin, n);

    for (unsigned i = 0; i < n; i++)
        copy[i] = (GuestPin){.id = pins[i].id, .cpus = cpuset_copy(pins[i].cpus)};
    return copy;
}

static void memory_copy(GuestDef *copy, const GuestDef *def)
{
    copy->cells = g_memdup2(def->cells, def->n_cells * sizeof(def->cells[0]));
    for (unsigned i = 0; i < def->n_cells; i++)
        copy->cells[i].vcpus = cpuset_copy(def->cells[i].vcpus);
    copy->hugepages = g_memdup2(def->hugepages, def->n_hugepages * sizeof(def->hugepages[0]));
    for (unsigned i = 0; i < def->n_hugepages; i++)
        copy->hugepages[i].cells = cpuset_copy(def->hugepages[i].cells);
    copy->numa_nodeset = cpuset_copy(def->numa_nodeset);
}

static void devices_copy(GuestDef *copy, const GuestDef *def)
{
    copy->disks = g_new0(GuestDisk, def->n_disks);
    for (unsigned i = 0; i < def->n_disks; i++) {
        const GuestDisk *disk = &def->disks[i];
        copy->disks[i] = (GuestDisk){.target = g_strdup(disk->target),
                                     .bus = g_strdup(disk->bus),
                                     .type = g_strdup(disk->type),
                                     .device = g_strdup(disk->device),
                                     .source = g_strdup(disk->source),
                                     .driver = g_strdup(disk->driver),
                                     .no_ioeventfd = disk->no_ioeventfd,
                                     .has_iothread_map = disk->has_iothread_map,
                                     .read_only = disk->read_only,
                                     .controller = disk->controller,
                                     .n_backing = disk->n_backing};
    }
    copy->nics = g_new0(GuestNic, def->n_nics);
    for (unsigned i = 0; i < def->n_nics; i++) {
        const GuestNic *nic = &def->nics[i];
        copy->nics[i] = (GuestNic){.mac = g_strdup(nic->mac),
                                   .alias = g_strdup(nic->alias),
                                   .type = g_strdup(nic->type),
                                   .model = g_strdup(nic->model),
                                   .pci = g_strdup(nic->pci),
                                   .host = g_strdup(nic->host),
                                   .tap = g_strdup(nic->tap)};
    }
    copy->hostdevs = g_strdupv(def->hostdevs);
}

static SettingList *knobs_copy(const SettingList *knobs)
{
    SettingList *copy = setting_list_new();

    for (unsigned i = 0; i < setting_list_size(knobs); i++) {
        const Setting *knob = setting_list_get(knobs, i);
        setting_list_add(copy, &knob->key, knob->value, knob->reason, knob->origin);
    }
    return copy;
}

static GuestDef *def_copy(const GuestDef *def)
{
    if (!def)
        return NULL;
    GuestDef *copy = guest_def_new();
    hwloc_bitmap_free(copy->vcpus);
    hwloc_bitmap_free(copy->iothreads);
    setting_list_free(copy->knobs);
    *copy = *def; /* numbers; all that is owned follows */
    copy->name = g_strdup(def->name);
    copy->uuid = g_strdup(def->uuid);
    copy->title = g_strdup(def->title);
    copy->label = g_strdup(def->label);
    copy->partition = g_strdup(def->partition);
    copy->on_reboot = g_strdup(def->on_reboot);
    copy->os = g_strdup(def->os);
    copy->type = g_strdup(def->type);
    copy->arch = g_strdup(def->arch);
    copy->machine = g_strdup(def->machine);
    copy->emulator = g_strdup(def->emulator);
    copy->cpu_mode = g_strdup(def->cpu_mode);
    copy->cpu_model = g_strdup(def->cpu_model);
    copy->has_invtsc = def->has_invtsc;
    copy->hyperv_mode = g_strdup(def->hyperv_mode);
    copy->vcpus = cpuset_copy(def->vcpus);
    copy->vcpu_cpuset = cpuset_copy(def->vcpu_cpuset);
    copy->vcpu_pins = pins_copy(def->vcpu_pins, def->n_vcpu_pins);
    copy->emulator_pin = cpuset_copy(def->emulator_pin);
    copy->iothread_pins = pins_copy(def->iothread_pins, def->n_iothread_pins);
    copy->iothreads = cpuset_copy(def->iothreads);
    memory_copy(copy, def);
    devices_copy(copy, def);
    copy->knobs = knobs_copy(def->knobs);
    return copy;
}

static GuestKernel *kernel_copy(const GuestKernel *kernel)
{
    if (!kernel)
        return NULL;
    GuestKernel *copy = guest_kernel_new();
    *copy = *kernel;
    copy->cgroup = g_strdup(kernel->cgroup);
    copy->threads = g_memdup2(kernel->threads, kernel->n_threads * sizeof(kernel->threads[0]));
    for (unsigned i = 0; i < kernel->n_threads; i++)
        copy->threads[i].affinity = cpuset_copy(kernel->threads[i].affinity);
    copy->cgroups = g_memdup2(kernel->cgroups, kernel->n_cgroups * sizeof(kernel->cgroups[0]));
    for (unsigned i = 0; i < kernel->n_cgroups; i++) {
        copy->cgroups[i].cpus = cpuset_copy(kernel->cgroups[i].cpus);
        copy->cgroups[i].cpus_effective = cpuset_copy(kernel->cgroups[i].cpus_effective);
        copy->cgroups[i].mems = cpuset_copy(kernel->cgroups[i].mems);
    }
    copy->allowed = cpuset_copy(kernel->allowed);
    copy->allowed_mems = cpuset_copy(kernel->allowed_mems);
    copy->memory_nodes = cpuset_copy(kernel->memory_nodes);
    copy->memory_nodes_any = cpuset_copy(kernel->memory_nodes_any);
    copy->memory_kib =
        g_memdup2(kernel->memory_kib, kernel->n_memory_kib * sizeof(kernel->memory_kib[0]));
    return copy;
}

Guest *guest_copy(const Guest *guest)
{
    Guest *copy = guest_new(guest->uuid, guest->name);

    copy->active = guest->active;
    copy->persistent = guest->persistent;
    copy->in_job = guest->in_job;
    copy->autostart = guest->autostart;
    copy->hung = guest->hung;
    copy->off = guest->off;
    copy->managed_save = guest->managed_save;
    copy->n_snapshots = guest->n_snapshots;
    copy->live = def_copy(guest->live);
    copy->config = def_copy(guest->config);
    copy->kernel = kernel_copy(guest->kernel);
    return copy;
}

/* --- a started guest --- */

static int thread_compare(const void *a, const void *b)
{
    return CMP(((const GuestThread *)a)->tid, ((const GuestThread *)b)->tid);
}

void fake_kernel_set_memory(GuestKernel *kernel, const GuestPlan *plan)
{
    unsigned n = 0;

    for (unsigned i = 0; i < plan->n_memory; i++)
        n = MAX(n, plan->memory[i].node + 1);
    g_autofree uint64_t *kib = g_new0(uint64_t, n + 1);
    for (unsigned i = 0; i < plan->n_memory; i++)
        kib[plan->memory[i].node] += plan->memory[i].mib * KIB_PER_MIB;
    guest_kernel_set_memory(kernel, kib, n);
}

void fake_thread_add(GuestKernel *kernel, const GuestThread *thread)
{
    kernel->threads = g_renew(GuestThread, kernel->threads, kernel->n_threads + 1);
    GuestThread *added = &kernel->threads[kernel->n_threads++];
    *added = *thread;
    added->affinity = cpuset_copy(thread->affinity);
    added->starttime = START_OF_TID(thread->tid);
    qsort(kernel->threads, kernel->n_threads, sizeof(*added), thread_compare);
}

GuestThread *fake_thread_find(const GuestKernel *kernel, pid_t tid)
{
    for (unsigned i = 0; i < kernel->n_threads; i++)
        if (kernel->threads[i].tid == tid)
            return &kernel->threads[i];
    return NULL;
}

GuestThread *fake_thread_of(const GuestKernel *kernel, ThreadClass thread_class, ThreadHome home,
                            unsigned home_id)
{
    for (unsigned i = 0; i < kernel->n_threads; i++) {
        GuestThread *thread = &kernel->threads[i];
        if (thread->thread_class == thread_class && thread->home == home &&
            thread->home_id == home_id)
            return thread;
    }
    return NULL;
}

/* The CPUs a class starts with, within what its partition allows. */
static CpuSet *cpus_at_start(const GuestDef *def, const CpuSet *pin, const CpuSet *allowed)
{
    const CpuSet *cpus = pin ? pin : def->vcpu_cpuset;

    /* As the kernel has it: a mask outside the cpuset counts as none. */
    return cpus && cpuset_intersects(cpus, allowed) ? cpuset_and(cpus, allowed)
                                                    : cpuset_copy(allowed);
}

static void cgroup_add(GuestKernel *kernel, const FakeKernelOptions *options, ThreadHome home,
                       unsigned id, const CpuSet *cpus)
{
    g_autoptr(CpuSet) node_0 = cpuset_new_one(0);

    kernel->cgroups = g_renew(GuestCgroup, kernel->cgroups, kernel->n_cgroups + 1);
    GuestCgroup *cgroup = &kernel->cgroups[kernel->n_cgroups++];
    *cgroup = (GuestCgroup){.home = home, .home_id = id, .quota_usec = -1, .period_usec = 100000};
    if (options->no_cpuset)
        return;
    cgroup->cpus = cpuset_copy(cpus);
    cgroup->cpus_effective = cpuset_copy(cpus);
    cgroup->mems = cpuset_copy(options->mems ? options->mems : node_0);
}

static void class_add(GuestKernel *kernel, const char *comm, ThreadClass thread_class,
                      ThreadHome home, unsigned id, const CpuSet *cpus)
{
    pid_t tid = kernel->pid + (pid_t)kernel->n_threads;
    GuestThread thread = {.tid = tid,
                          .tgid = kernel->pid,
                          .thread_class = thread_class,
                          .home = home,
                          .home_id = id,
                          .affinity = (CpuSet *)cpus};

    g_strlcpy(thread.comm, comm, sizeof(thread.comm));
    fake_thread_add(kernel, &thread);
}

static void emulator_add(GuestKernel *kernel, const GuestDef *def, const FakeKernelOptions *options)
{
    g_autoptr(CpuSet) cpus = cpus_at_start(def, def->emulator_pin, options->allowed);
    g_autofree char *vhost = g_strdup_printf("vhost-%d", (int)options->pid);

    cgroup_add(kernel, options, HOME_EMULATOR, 0, cpus);
    class_add(kernel, "qemu-system-x86", THREAD_EMULATOR, HOME_EMULATOR, 0, cpus);
    for (unsigned i = 0; i < options->n_workers; i++)
        class_add(kernel, "worker", THREAD_HELPER, HOME_EMULATOR, 0, cpus);
    for (unsigned i = 0; i < options->n_vhost; i++) {
        class_add(kernel, vhost, THREAD_VHOST, HOME_EMULATOR, 0, cpus);
        GuestThread *thread = &kernel->threads[kernel->n_threads - 1];
        if (options->vhost_kthreads)
            thread->tgid = thread->tid;
    }
}

GuestKernel *fake_kernel_new(const GuestDef *def, const FakeKernelOptions *options)
{
    GuestKernel *kernel = guest_kernel_new();

    kernel->pid = options->pid;
    kernel->starttime = START_OF_TID(options->pid);
    kernel->cgroup_v2 = options->cgroup_v2;
    kernel->cgroup = g_strdup_printf("/machine.slice/%d", (int)options->pid);
    kernel->cpu_shares = def->shares >= 0 ? def->shares : options->cgroup_v2 ? 100 : 1024;
    kernel->allowed = cpuset_copy(options->allowed);
    kernel->allowed_mems = options->mems ? cpuset_copy(options->mems) : cpuset_new_one(0);
    emulator_add(kernel, def, options);
    CPUSET_FOREACH(id, def->vcpus)
    {
        g_autoptr(CpuSet) cpus = cpus_at_start(def, guest_def_vcpu_pin(def, id), options->allowed);
        g_autofree char *comm = g_strdup_printf("CPU %u/KVM", id);
        cgroup_add(kernel, options, HOME_VCPU, id, cpus);
        class_add(kernel, comm, THREAD_VCPU, HOME_VCPU, id, cpus);
    }
    CPUSET_FOREACH(id, def->iothreads)
    {
        g_autoptr(CpuSet) cpus =
            cpus_at_start(def, guest_def_iothread_pin(def, id), options->allowed);
        g_autofree char *comm = g_strdup_printf("IO iothread%u", id);
        cgroup_add(kernel, options, HOME_IOTHREAD, id, cpus);
        class_add(kernel, comm, THREAD_IOTHREAD, HOME_IOTHREAD, id, cpus);
    }
    return kernel;
}

Guest *fake_guest_new(const char *name, unsigned n_vcpus, unsigned n_iothreads,
                      const FakeKernelOptions *options)
{
    g_autofree char *uuid = g_strdup_printf("00000000-0000-0000-0000-%012x", g_str_hash(name));
    Guest *guest = guest_new(uuid, name);
    GuestDef *def = guest_def_new();

    def->name = g_strdup(name);
    def->uuid = g_strdup(uuid);
    def->type = g_strdup("kvm");
    def->on_reboot = g_strdup("restart");
    def->max_vcpus = n_vcpus;
    def->memory_kib = def->current_memory_kib = 1024 * 1024;
    if (n_vcpus > 0)
        hwloc_bitmap_set_range(def->vcpus, 0, (int)n_vcpus - 1);
    if (n_iothreads > 0)
        hwloc_bitmap_set_range(def->iothreads, 1, (int)n_iothreads);
    guest->active = guest->persistent = true;
    guest->live = def;
    guest->config = def_copy(def);
    guest->kernel = fake_kernel_new(def, options);
    return guest;
}
