/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Definitions come from libvirt, or by hand for planning offline. Whatever libvirt accepts parses;
 * what it would refuse is an error where the planner cannot do without it, else a warning.
 */
#include "guest/domain-xml.h"

#include "guest/domain-parts.h"
#include "guest/knob-xml.h"

#include <errno.h>
#include <string.h>

#define LIBOSINFO_URI "http://libosinfo.org/xmlns/libvirt/domain/1.0"

static char *read_name(XmlReader *reader, const xmlNode *domain)
{
    const xmlNode *node = xml_child(domain, "name");
    g_autofree char *name = xml_value(node, NULL);

    if (!name)
        xml_error(reader, node ? node : domain, NULL, "a guest needs a <name>");
    else if (strpbrk(name, "/\n"))
        xml_error(reader, node, NULL, "a name cannot contain '/' or a line break");
    else
        return g_steal_pointer(&name);
    return NULL;
}

/* A definition written by hand often has no UUID, yet all else knows guests by it: the same name
 * gives the same one every time (RFC 4122 version 5, with our namespace's URI for its UUID). */
static char *derive_uuid(const char *name)
{
    guint8 b[20];
    gsize length = sizeof(b);
    GChecksum *checksum = g_checksum_new(G_CHECKSUM_SHA1);

    g_checksum_update(checksum, (const guchar *)VMTUNED_METADATA_URI "\n", -1);
    g_checksum_update(checksum, (const guchar *)name, -1);
    g_checksum_get_digest(checksum, b, &length);
    g_checksum_free(checksum);
    b[6] = (b[6] & 0x0f) | 0x50;
    b[8] = (b[8] & 0x3f) | 0x80;
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                           b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
                           b[12], b[13], b[14], b[15]);
}

/* Any spelling libvirt takes (hyphens anywhere or nowhere, either case) in the usual one, or NULL.
 */
static char *normalize_uuid(const char *text)
{
    g_autoptr(GString) uuid = g_string_new(NULL);

    for (const char *p = text; *p && uuid->len < 36; p++) {
        if (*p == '-' || g_ascii_isspace(*p))
            continue;
        if (uuid->len == 8 || uuid->len == 13 || uuid->len == 18 || uuid->len == 23)
            g_string_append_c(uuid, '-');
        g_string_append_c(uuid, g_ascii_tolower(*p));
        if (uuid->len == 36 && p[1])
            return NULL;
    }
    return g_uuid_string_is_valid(uuid->str) ? g_strdup(uuid->str) : NULL;
}

static char *read_uuid(XmlReader *reader, const xmlNode *domain, const char *name)
{
    const xmlNode *node = xml_child(domain, "uuid");
    g_autofree char *text = xml_value(node, NULL);
    char *uuid = NULL;

    if (text) {
        uuid = normalize_uuid(text);
        if (!uuid)
            xml_error(reader, node, NULL, "'%s': not a UUID", text);
    } else if (name) {
        uuid = derive_uuid(name);
        xml_warning(reader, domain, NULL, "no <uuid>: using %s, derived from the name", uuid);
    }
    return uuid;
}

static void read_identity(XmlReader *reader, const xmlNode *domain, GuestDef *def)
{
    const xmlNode *metadata = xml_child(domain, "metadata");
    const xmlNode *osinfo = xml_child_ns(metadata, LIBOSINFO_URI, "libosinfo");
    const xmlNode *os_type = xml_child(xml_child(domain, "os"), "type");

    def->type = xml_value(domain, "type");
    if (!def->type) {
        xml_warning(reader, domain, "type", "no type: taken as kvm");
        def->type = g_strdup("kvm");
    }
    def->arch = xml_value(os_type, "arch");
    def->machine = xml_value(os_type, "machine");
    def->emulator = xml_value(xml_child(xml_child(domain, "devices"), "emulator"), NULL);
    def->name = read_name(reader, domain);
    def->uuid = read_uuid(reader, domain, def->name);
    def->title = xml_value(xml_child(domain, "title"), NULL);
    def->label = xml_value(xml_child_ns(metadata, VMTUNED_METADATA_URI, "label"), NULL);
    def->os = xml_value(xml_child_ns(osinfo, LIBOSINFO_URI, "os"), "id");
    def->partition = xml_value(xml_child(xml_child(domain, "resource"), "partition"), NULL);
    def->on_reboot = xml_value(xml_child(domain, "on_reboot"), NULL);
    if (!def->on_reboot)
        def->on_reboot = g_strdup("restart");
}

/* QEMU hides it from a guest that is to stay migratable, unless it is asked for by name. */
static bool has_invtsc(const xmlNode *cpu)
{
    for (const xmlNode *node = xml_child(cpu, "feature"); node; node = xml_next(node))
        if (xml_value_is(node, "name", "invtsc"))
            return !xml_value_is(node, "policy", "disable") &&
                   !xml_value_is(node, "policy", "forbid");
    return xml_value_is(cpu, "migratable", "off");
}

static void read_cpu_model(const xmlNode *domain, GuestDef *def)
{
    const xmlNode *cpu = xml_child(domain, "cpu");

    def->cpu_mode = xml_value(cpu, "mode");
    if (cpu && !def->cpu_mode)
        def->cpu_mode = g_strdup("custom"); /* libvirt's default */
    def->cpu_model = xml_value(xml_child(cpu, "model"), NULL);
    def->has_invtsc = cpu && has_invtsc(cpu);
    def->hyperv_mode = xml_value(xml_child(xml_child(domain, "features"), "hyperv"), "mode");
    def->encrypted = xml_child(domain, "launchSecurity") != NULL;
    def->has_max_memory = xml_child(domain, "maxMemory") != NULL;
}

/* Online vCPUs: those <vcpus> says are enabled, else the first `current`. */
static void read_online_vcpus(XmlReader *reader, const xmlNode *domain, unsigned current,
                              GuestDef *def)
{
    const xmlNode *vcpus = xml_child(domain, "vcpus");

    if (!xml_child(vcpus, "vcpu")) {
        hwloc_bitmap_set_range(def->vcpus, 0, (int)current - 1);
        return;
    }
    for (xmlNode *vcpu = xml_child(vcpus, "vcpu"); vcpu; vcpu = xml_next(vcpu)) {
        unsigned id = 0;
        xml_read_unsigned(reader, vcpu, "id", UINT_MAX, &id);
        if (id >= def->max_vcpus)
            xml_warning(reader, vcpu, "id", "the guest has no vCPU %u", id);
        else if (xml_value_is(vcpu, "enabled", "yes"))
            hwloc_bitmap_set(def->vcpus, id);
    }
    if (cpuset_is_empty(def->vcpus))
        xml_error(reader, vcpus, NULL, "no vCPU is enabled");
}

static void read_vcpus(XmlReader *reader, const xmlNode *domain, GuestDef *def)
{
    const xmlNode *node = xml_child(domain, "vcpu");
    unsigned current;

    def->max_vcpus = 1;
    xml_read_unsigned(reader, node, NULL, MAX_VCPUS, &def->max_vcpus);
    current = def->max_vcpus;
    xml_read_unsigned(reader, node, "current", MAX_VCPUS, &current);
    if (def->max_vcpus == 0 || current == 0 || current > def->max_vcpus) {
        xml_error(reader, node, def->max_vcpus == 0 ? NULL : "current", "expected 1 to %u vCPUs",
                  def->max_vcpus == 0 ? MAX_VCPUS : def->max_vcpus);
        def->max_vcpus = MAX(def->max_vcpus, 1);
        current = 1;
    }
    xml_read_set(reader, node, "cpuset", &def->vcpu_cpuset);
    def->auto_placement = xml_value_is(node, "placement", "auto");
    read_online_vcpus(reader, domain, current, def);
}

int guest_def_parse(const char *xml, size_t length, const char *file, GuestDef **ret,
                    DiagList *diags)
{
    XmlReader reader = {.file = file, .diags = diags};
    g_autoptr(XmlDoc) doc = xml_document_parse(&reader, xml, length, "domain");
    if (!doc)
        return -EINVAL;

    const xmlNode *domain = xmlDocGetRootElement(doc);
    g_autoptr(GuestDef) def = guest_def_new();
    read_identity(&reader, domain, def);
    read_vcpus(&reader, domain, def);
    read_cpu_model(domain, def);
    domain_read_memory(&reader, domain, def);
    domain_read_numatune(&reader, domain, def);
    domain_read_iothreads(&reader, domain, def);
    domain_read_cputune(&reader, domain, def);
    domain_read_devices(&reader, domain, def);
    if (reader.failed)
        return -EINVAL;
    knob_xml_read(domain, def);
    *ret = g_steal_pointer(&def);
    return 0;
}
