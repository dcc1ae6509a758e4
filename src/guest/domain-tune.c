/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/domain-parts.h"

#include "base/util.h"

#include <stdlib.h>

/* --- IOThreads --- */

void domain_read_iothreads(XmlReader *reader, const xmlNode *domain, GuestDef *def)
{
    unsigned count = 0;

    for (xmlNode *node = xml_child(xml_child(domain, "iothreadids"), "iothread"); node;
         node = xml_next(node)) {
        unsigned id = 0;
        xml_read_unsigned(reader, node, "id", CPUSET_MAX_INDEX, &id);
        if (id == 0 || cpuset_has(def->iothreads, id))
            xml_error(reader, node, "id", "expected an id from 1 on, each once");
        else
            hwloc_bitmap_set(def->iothreads, id);
    }
    /* The rest of the count gets the lowest free ids. */
    xml_read_unsigned(reader, xml_child(domain, "iothreads"), NULL, MAX_IOTHREADS, &count);
    for (unsigned id = 1, n = cpuset_weight(def->iothreads); n < count; id++) {
        if (cpuset_has(def->iothreads, id))
            continue;
        hwloc_bitmap_set(def->iothreads, id);
        n++;
    }
}

/* --- pins --- */

typedef struct PinKind {
    const char *element, *attribute;
    const CpuSet *ids; /* that exist */
} PinKind;

static int compare_pins(const void *a, const void *b)
{
    return CMP(((const GuestPin *)a)->id, ((const GuestPin *)b)->id);
}

static void read_cpus(XmlReader *reader, const xmlNode *node, CpuSet **ret)
{
    if (xml_require(reader, node, "cpuset", "a CPU list") &&
        xml_read_set(reader, node, "cpuset", ret) && cpuset_is_empty(*ret))
        xml_error(reader, node, "cpuset", "expected at least one CPU");
}

/* libvirt drops a pin of what does not exist, and so do we. */
static GuestPin *read_pins(XmlReader *reader, const xmlNode *cputune, const PinKind *kind,
                           unsigned *ret_n)
{
    GArray *pins = g_array_new(FALSE, TRUE, sizeof(GuestPin));
    g_autoptr(CpuSet) seen = cpuset_new();

    for (xmlNode *node = xml_child(cputune, kind->element); node; node = xml_next(node)) {
        GuestPin pin = {0};
        if (!xml_require(reader, node, kind->attribute, "a number") ||
            !xml_read_unsigned(reader, node, kind->attribute, UINT_MAX, &pin.id))
            continue;
        if (pin.id > CPUSET_MAX_INDEX || !cpuset_has(kind->ids, pin.id)) {
            xml_warning(reader, node, kind->attribute, "the guest has no %s %u", kind->attribute,
                        pin.id);
        } else if (cpuset_has(seen, pin.id)) {
            xml_error(reader, node, kind->attribute, "%s %u is pinned twice", kind->attribute,
                      pin.id);
        } else {
            hwloc_bitmap_set(seen, pin.id);
            read_cpus(reader, node, &pin.cpus);
            g_array_append_val(pins, pin);
        }
    }
    *ret_n = pins->len;
    GuestPin *sorted = (GuestPin *)(void *)g_array_free(pins, FALSE);
    if (*ret_n > 0)
        qsort(sorted, *ret_n, sizeof(*sorted), compare_pins);
    return sorted;
}

/* --- weights --- */

/* Microseconds; -1 for none: libvirt takes 0 and anything negative for no limit. */
static int64_t read_quota(XmlReader *reader, const xmlNode *node)
{
    g_autofree char *text = xml_value(node, NULL);
    uint64_t quota = 0;

    if (!text || *text == '-')
        return -1;
    if (parse_u64(text, INT64_MAX, &quota) < 0)
        xml_error(reader, node, NULL, "'%s': expected microseconds, or -1", text);
    return quota == 0 ? -1 : (int64_t)quota;
}

void domain_read_cputune(XmlReader *reader, const xmlNode *domain, GuestDef *def)
{
    const xmlNode *cputune = xml_child(domain, "cputune");
    const xmlNode *emulatorpin = xml_child(cputune, "emulatorpin");
    g_autoptr(CpuSet) vcpus = cpuset_new_range(0, def->max_vcpus - 1);
    PinKind vcpu_pins = {"vcpupin", "vcpu", vcpus};
    PinKind iothread_pins = {"iothreadpin", "iothread", def->iothreads};
    unsigned number;

    def->vcpu_pins = read_pins(reader, cputune, &vcpu_pins, &def->n_vcpu_pins);
    def->iothread_pins = read_pins(reader, cputune, &iothread_pins, &def->n_iothread_pins);
    if (emulatorpin)
        read_cpus(reader, emulatorpin, &def->emulator_pin);
    if (xml_read_unsigned(reader, xml_child(cputune, "shares"), NULL, UINT_MAX, &number))
        def->shares = number;
    if (xml_read_unsigned(reader, xml_child(cputune, "period"), NULL, UINT_MAX, &number))
        def->vcpu_period = number;
    def->vcpu_quota = read_quota(reader, xml_child(cputune, "quota"));
}
