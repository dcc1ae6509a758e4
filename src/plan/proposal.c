/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/proposal.h"

#include "base/text.h"
#include "base/util.h"
#include "plan/knobs.h"
#include "plan/plan-make.h"

#include <inttypes.h>

#define WHY_COLUMN 34

typedef struct Proposal {
    const Topo *topo;
    const Guest *guest;
    const GuestDef *def; /* of its next start, where it has one */
    GString *out;
} Proposal;

/* Words of others in a comment: they stay in their line. Owned by the caller. */
static char *in_comment(const char *words)
{
    return g_strdelimit(text_show(words), "\n\t", ' ');
}

static void add_line(const Proposal *proposal, const char *indent, const char *text,
                     const char *why)
{
    g_autofree char *line = g_strconcat(indent, text, NULL);

    g_string_append_printf(proposal->out, "%-*s # %s\n", WHY_COLUMN, line, why);
}

static void section(const Proposal *proposal, const char *name)
{
    g_string_append_printf(proposal->out, "    %s:\n", name);
}

/* A line in force. */
static void set(const Proposal *proposal, const char *text, const char *why, ...)
    G_GNUC_PRINTF(3, 4);
/* A line that waits for somebody to take its "#" away. */
static void offer(const Proposal *proposal, const char *text, const char *why, ...)
    G_GNUC_PRINTF(3, 4);

static void set(const Proposal *proposal, const char *text, const char *why, ...)
{
    va_list arguments;

    va_start(arguments, why);
    g_autofree char *words = g_strdup_vprintf(why, arguments);
    va_end(arguments);
    add_line(proposal, "      ", text, words);
}

static void offer(const Proposal *proposal, const char *text, const char *why, ...)
{
    va_list arguments;

    va_start(arguments, why);
    g_autofree char *words = g_strdup_vprintf(why, arguments);
    va_end(arguments);
    add_line(proposal, "      # ", text, words);
}

static char *size_text(uint64_t kib)
{
    return format_size_kib(kib >= 1024 ? kib / 1024 * 1024 : kib);
}

static unsigned n_vcpus(const Proposal *proposal)
{
    return cpuset_weight(proposal->def->vcpus);
}

static uint64_t largest_node_kib(const Topo *topo)
{
    uint64_t largest = 0;

    for (unsigned i = 0; i < topo->n_nodes; i++)
        largest = MAX(largest, topo->nodes[i].memory_kib);
    return largest;
}

static bool is_virtio(const char *word)
{
    return word && g_str_has_prefix(word, "virtio");
}

static unsigned count_nics(const GuestDef *def, bool virtio)
{
    unsigned n = 0;

    for (unsigned i = 0; i < def->n_nics; i++)
        n += !virtio || is_virtio(def->nics[i].model);
    return n;
}

/* With bus virtio, or behind a virtio-scsi controller, as far as the definition tells. */
static unsigned count_disks(const GuestDef *def, bool virtio)
{
    unsigned n = 0;

    for (unsigned i = 0; i < def->n_disks; i++) {
        const GuestDisk *disk = &def->disks[i];
        bool medium =
            g_strcmp0(disk->device, "cdrom") == 0 || g_strcmp0(disk->device, "floppy") == 0;
        n += !medium && (!virtio || is_virtio(disk->bus) || g_strcmp0(disk->bus, "scsi") == 0);
    }
    return n;
}

static unsigned count_devices(const GuestDef *def)
{
    return def->hostdevs ? g_strv_length(def->hostdevs) : 0;
}

/* A whole policy for guests of its kind, beside the documentation; NULL: none is. */
static const char *example_of(const Proposal *proposal)
{
    const GuestDef *def = proposal->def;

    if (g_strcmp0(knob_system(def->os), "windows") == 0)
        return "windows.yaml";
    if (count_devices(def) > 0 || def->has_vhost_user)
        return "dpdk.yaml";
    return def->memory_kib >= largest_node_kib(proposal->topo) / 2 ? "database.yaml" : NULL;
}

static void propose_head(const Proposal *proposal, const GuestPolicy *policy)
{
    const GuestDef *def = proposal->def;
    const char *name = proposal->guest->name, *uuid = proposal->guest->uuid;
    bool plain = text_is_plain_name(name);
    g_autofree char *called = in_comment(name);
    g_autofree char *os = in_comment(def->os ? def->os : "a system its definition does not tell");
    g_autofree char *memory = size_text(def->memory_kib);
    g_autofree char *rule = origin_format(&policy->named_by);
    g_autofree char *place = in_comment(rule);

    g_string_append_printf(
        proposal->out,
        "# %s: %u vCPUs, %s of memory, disks: %u (%u virtio or SCSI), NICs: %u (%u virtio),\n"
        "# devices passed through: %u, %s\n#\n"
        "# What is in force here keeps what the guest has. Lines behind a # are proposals: take "
        "the\n"
        "# mark away for those that suit it. vmtuned-ctl policy explain KEY tells more of each.\n",
        called, n_vcpus(proposal), memory, count_disks(def, false), count_disks(def, true),
        count_nics(def, false), count_nics(def, true), count_devices(def), os);
    if (example_of(proposal))
        g_string_append_printf(proposal->out,
                               "# An example for such guests: examples/%s of the documentation.\n",
                               example_of(proposal));
    if (policy->named)
        g_string_append_printf(
            proposal->out, "# The rule at %s names it already; this one goes over it.\n", place);
    g_string_append_printf(proposal->out, "version: 1\nguests:\n  - match: {%s: \"%s\"}%s%s\n",
                           plain ? "name" : "uuid", plain ? name : uuid, plain ? "" : "  # ",
                           plain ? "" : called);
    add_line(proposal, "    # ", "priority: 200", "placed before guests of lower priority (100)");
    add_line(proposal, "    # ", "drift: report", "tell what others change, and leave it");
}

/* The pins it has by hand, as cpu.pins writes them. */
static char *pins_text(const GuestDef *def)
{
    g_autoptr(GString) text = g_string_new("pins: {");
    unsigned n = 0;

    for (unsigned i = 0; i < def->n_vcpu_pins; i++) {
        if (cpuset_weight(def->vcpu_pins[i].cpus) == 0)
            continue;
        g_autofree char *cpus = cpuset_format(def->vcpu_pins[i].cpus);
        g_string_append_printf(text, "%s%u: \"%s\"", n++ > 0 ? ", " : "", def->vcpu_pins[i].id,
                               cpus);
    }
    return n > 0 ? g_strconcat(text->str, "}", NULL) : NULL;
}

static void propose_placement(const Proposal *proposal)
{
    unsigned n = n_vcpus(proposal), n_pus = proposal->topo->n_pus;

    if (guest_is_hand_pinned(proposal->guest, proposal->topo->allowed)) {
        g_autofree char *pins = pins_text(guest_def(proposal->guest));
        set(proposal, "policy: manual", "pinned by hand, and stays so; dedicated: vmtuned chooses");
        if (pins)
            offer(proposal, pins, "the pins it has, also when its definition loses them");
        return;
    }
    if (n < n_pus)
        set(proposal, "policy: shared", "floats over the pool; dedicated: %u of %u CPUs its own", n,
            n_pus);
    else
        set(proposal, "policy: shared",
            "floats over the pool; for CPUs of its own it is too large");
    if (topo_has_smt(proposal->topo))
        offer(proposal, "threads: require", "with dedicated: whole cores, shared with nobody");
}

static void propose_cpu(const Proposal *proposal)
{
    const GuestDef *def = proposal->def;
    bool host_model = g_strcmp0(def->cpu_mode, "host-passthrough") == 0 ||
                      g_strcmp0(def->cpu_mode, "maximum") == 0;

    section(proposal, "cpu");
    propose_placement(proposal);
    offer(proposal, "emulator: share", "QEMU's own threads on the housekeeping CPUs");
    if (count_nics(def, true) > 0)
        offer(proposal, "vhost: share", "so the workers of its NICs");
    if (!hwloc_bitmap_iszero(def->iothreads))
        offer(proposal, "iothreads: isolate", "with dedicated: a CPU for each IOThread");
    if (knob_is_x86(def) && g_strcmp0(def->type, "kvm") == 0)
        offer(proposal, "hints: on", "with dedicated: it need not yield to its own vCPUs");
    if (host_model && knob_is_x86(def))
        offer(proposal, "cache: passthrough", "with dedicated: it sees the caches it runs on");
}

static void propose_numa(const Proposal *proposal)
{
    const GuestDef *def = proposal->def;
    g_autofree char *memory = size_text(def->memory_kib);
    uint64_t node_kib = largest_node_kib(proposal->topo);
    g_autofree char *node = size_text(node_kib);

    if (proposal->topo->n_nodes < 2)
        return;
    section(proposal, "numa");
    if (def->numa_mode >= 0) {
        g_autofree char *mode = g_strconcat("mode: ", numa_mode_name(def->numa_mode), NULL);
        set(proposal, mode, "as its definition says");
    } else if (def->memory_kib < node_kib) {
        offer(proposal, "mode: strict", "all of its %s on its node (of %s), or no start", memory,
              node);
    }
    if (def->memory_kib >= node_kib)
        offer(proposal, "guest_cells: host", "with dedicated: %s is more than a node of %s", memory,
              node);
    if (count_devices(def) > 0)
        offer(proposal, "devices: required", "only on the nodes of its devices (%s)",
              def->hostdevs[0]);
    else
        offer(proposal, "migrate_memory: on", "memory follows its vCPUs while it runs");
}

static void propose_memory(const Proposal *proposal)
{
    const GuestDef *def = proposal->def;
    unsigned huge_kib = memory_small_huge_page(proposal->topo, def);

    section(proposal, "memory");
    if (def->n_hugepages == 1 && def->hugepages[0].size_kib >= 4 && !def->hugepages[0].cells) {
        g_autofree char *size = format_size_kib(def->hugepages[0].size_kib);
        g_autofree char *line = g_strconcat("page_size: ", size, NULL);
        set(proposal, line, "as its definition says");
    } else if (!def->has_hugepages && huge_kib > 0) {
        g_autofree char *size = format_size_kib(huge_kib);
        g_autofree char *line = g_strconcat("page_size: ", size, NULL);
        offer(proposal, line, "%" PRIu64 " huge pages; host: {hugepages: auto} makes them",
              def->memory_kib / huge_kib);
    }
    offer(proposal, "locked: on", "never swapped out; its memory is the host's no more");
}

static void propose_network(const Proposal *proposal)
{
    unsigned n = n_vcpus(proposal);

    if (count_nics(proposal->def, true) == 0)
        return;
    section(proposal, "network");
    set(proposal, "driver: auto", "vhost, where this host has it");
    if (n > 1)
        offer(proposal, "queues: auto", "one for each of %u vCPUs; where it migrates to, too", n);
    offer(proposal, "rx_queue_size: 1024", "fewer packets lost in bursts");
}

static void propose_disk(const Proposal *proposal)
{
    if (count_disks(proposal->def, true) == 0)
        return;
    section(proposal, "disk");
    set(proposal, "io: auto", "native where its cache is none or directsync, else threads");
    offer(proposal, "cache: none", "past the host's page cache; the image must allow O_DIRECT");
    offer(proposal, "iothreads: auto", "disk I/O in threads of its own, not in QEMU's main one");
    offer(proposal, "queues: auto", "a queue for each vCPU");
    offer(proposal, "discard: unmap", "what it frees is freed on the host");
}

static void propose_clock(const Proposal *proposal)
{
    const char *system = knob_system(proposal->def->os);

    if (!knob_is_x86(proposal->def))
        return;
    section(proposal, "clock");
    if (system)
        set(proposal, "profile: auto", "timers for %s, from its next start on", system);
    else
        offer(proposal, "profile: linux", "or windows: its definition does not tell");
}

char *proposal_make(const Topo *topo, const Guest *guest, const GuestPolicy *policy)
{
    g_autoptr(GString) out = g_string_new(NULL);
    const Proposal proposal = {.topo = topo,
                               .guest = guest,
                               .def = guest->config ? guest->config : guest_def(guest),
                               .out = out};

    propose_head(&proposal, policy);
    propose_cpu(&proposal);
    propose_numa(&proposal);
    propose_memory(&proposal);
    propose_network(&proposal);
    propose_disk(&proposal);
    propose_clock(&proposal);
    return g_strdup(out->str);
}
