/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/domain-parts.h"

/* --- disks --- */

/* libvirt's guess from the target's name. */
static const char *guess_bus(const char *target)
{
    static const struct {
        const char *prefix, *bus;
    } buses[] = {{"vd", "virtio"}, {"sd", "scsi"}, {"hd", "ide"}, {"xvd", "xen"}, {"fd", "fdc"}};

    for (unsigned i = 0; i < G_N_ELEMENTS(buses); i++) {
        if (g_str_has_prefix(target, buses[i].prefix))
            return buses[i].bus;
    }
    return "virtio";
}

static char *read_source(const xmlNode *disk)
{
    static const char *const attributes[] = {"file", "dev", "volume", "name", "dir"};
    const xmlNode *source = xml_child(disk, "source");

    for (unsigned i = 0; i < G_N_ELEMENTS(attributes); i++) {
        char *value = xml_value(source, attributes[i]);
        if (value)
            return value;
    }
    return NULL;
}

static unsigned count_backing(const xmlNode *disk)
{
    unsigned n = 0;

    for (const xmlNode *node = xml_child(disk, "backingStore"); xml_child(node, "source");
         node = xml_child(node, "backingStore"))
        n++;
    return n;
}

static char *value_or(const xmlNode *node, const char *attribute, const char *otherwise)
{
    char *value = xml_value(node, attribute);

    return value ? value : g_strdup(otherwise);
}

/* That there is such an IOThread; which one, the knob table reads. */
static void check_iothread(XmlReader *reader, const xmlNode *driver, const GuestDef *def)
{
    unsigned id = 0;

    xml_read_unsigned(reader, driver, "iothread", CPUSET_MAX_INDEX, &id);
    if (id && !cpuset_has(def->iothreads, id))
        xml_warning(reader, driver, "iothread", "the guest has no IOThread %u", id);
}

/* <driver> of the scsi controller of that index; NULL: none. */
static const xmlNode *controller_driver(const xmlNode *disk, unsigned index)
{
    XmlReader quiet = {0};

    for (const xmlNode *node = xml_child(disk->parent, "controller"); node; node = xml_next(node)) {
        unsigned other = 0;
        if (xml_value_is(node, "type", "scsi") &&
            xml_read_unsigned(&quiet, node, "index", UINT_MAX, &other) && other == index)
            return xml_child(node, "driver");
    }
    return NULL;
}

static void read_disk(XmlReader *reader, const xmlNode *node, const GuestDef *def, GArray *disks)
{
    const xmlNode *target = xml_child(node, "target");
    const xmlNode *driver = xml_child(node, "driver"), *served = driver;
    GuestDisk disk = {.target = xml_value(target, "dev"), .bus = xml_value(target, "bus")};

    if (!disk.target) {
        xml_warning(reader, node, NULL, "a disk without a target is left out");
        g_free(disk.bus);
        return;
    }
    if (!disk.bus)
        disk.bus = g_strdup(guess_bus(disk.target));
    disk.type = value_or(node, "type", "file");
    disk.device = value_or(node, "device", "disk");
    disk.source = read_source(node);
    disk.driver = xml_value(driver, "type");
    disk.read_only = xml_child(node, "readonly") != NULL;
    disk.shareable = xml_child(node, "shareable") != NULL;
    disk.n_backing = count_backing(node);
    /* libvirt gives every scsi disk an address when it is defined */
    if (g_str_equal(disk.bus, "scsi")) {
        xml_read_unsigned(reader, xml_child(node, "address"), "controller", UINT_MAX,
                          &disk.controller);
        served = controller_driver(node, disk.controller);
    }
    disk.no_ioeventfd = xml_value_is(served, "ioeventfd", "off");
    disk.has_iothread_map = xml_child(served, "iothreads") != NULL;
    check_iothread(reader, driver, def);
    g_array_append_val(disks, disk);
}

/* --- interfaces --- */

/* Of type network a running guest's definition names what libvirt took: a bridge, or the NIC below
 * a macvtap. One that is off names the network alone. */
static char *read_host_device(const xmlNode *node, const char *type)
{
    const xmlNode *source = xml_child(node, "source");

    if (g_str_equal(type, "direct"))
        return xml_value(source, "dev");
    if (g_str_equal(type, "bridge"))
        return xml_value(source, "bridge");
    if (!g_str_equal(type, "network"))
        return NULL;
    char *bridge = xml_value(source, "bridge");
    return bridge ? bridge : xml_value(source, "dev");
}

/* Of a definition for the next start libvirt writes only aliases that users gave; at the start it
 * numbers the other NICs, and those passed through with the devices of the host. */
static char *read_alias(const xmlNode *node, const char *type, unsigned *numbered)
{
    char *alias = xml_value(xml_child(node, "alias"), "name");

    if (alias || g_str_equal(type, "hostdev"))
        return alias;
    return g_strdup_printf("net%u", (*numbered)++);
}

static void read_nic(XmlReader *reader, const xmlNode *node, unsigned *numbered, GArray *nics)
{
    GuestNic nic = {
        .mac = xml_value(xml_child(node, "mac"), "address"),
        .type = xml_value(node, "type"),
        .model = xml_value(xml_child(node, "model"), "type"),
    };

    if (!nic.mac) {
        xml_warning(reader, node, NULL, "an interface without a MAC address cannot be named");
        nic.mac = g_strdup("");
    }
    if (!nic.type)
        nic.type = g_strdup("");
    nic.alias = read_alias(node, nic.type, numbered);
    if (g_str_equal(nic.type, "hostdev"))
        nic.pci = xml_read_pci_address(reader, xml_child(xml_child(node, "source"), "address"));
    nic.host = read_host_device(node, nic.type);
    nic.tap = xml_value(xml_child(node, "target"), "dev");
    nic.is_premade = xml_value_is(xml_child(node, "target"), "managed", "no");
    g_array_append_val(nics, nic);
}

/* --- devices of the host --- */

static void read_hostdev(XmlReader *reader, const xmlNode *node, GPtrArray *hostdevs)
{
    if (!xml_value_is(node, "type", "pci"))
        return;

    const xmlNode *address = xml_child(xml_child(node, "source"), "address");
    char *text = xml_read_pci_address(reader, address);
    if (text)
        g_ptr_array_add(hostdevs, text);
    else if (!address)
        xml_warning(reader, node, NULL, "a PCI device without a source address is left out");
}

/* Whether any device is served by another process over shared memory (vhost-user). */
static bool has_vhost_user(const xmlNode *devices)
{
    static const struct {
        const char *element, *child, *attribute, *value;
    } kinds[] = {
        {"interface", NULL, "type", "vhostuser"},
        {"disk", NULL, "type", "vhostuser"},
        {"filesystem", "driver", "type", "virtiofs"},
        {"video", "driver", "name", "vhostuser"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (xmlNode *node = xml_child(devices, kinds[i].element); node; node = xml_next(node)) {
            const xmlNode *at = kinds[i].child ? xml_child(node, kinds[i].child) : node;
            if (xml_value_is(at, kinds[i].attribute, kinds[i].value))
                return true;
        }
    }
    return false;
}

void domain_read_devices(XmlReader *reader, const xmlNode *domain, GuestDef *def)
{
    const xmlNode *devices = xml_child(domain, "devices");
    GArray *disks = g_array_new(FALSE, TRUE, sizeof(GuestDisk));
    GArray *nics = g_array_new(FALSE, TRUE, sizeof(GuestNic));
    GPtrArray *hostdevs = g_ptr_array_new();
    unsigned numbered = 0;

    for (xmlNode *node = xml_child(devices, "disk"); node; node = xml_next(node))
        read_disk(reader, node, def, disks);
    for (xmlNode *node = xml_child(devices, "interface"); node; node = xml_next(node))
        read_nic(reader, node, &numbered, nics);
    for (xmlNode *node = xml_child(devices, "hostdev"); node; node = xml_next(node))
        read_hostdev(reader, node, hostdevs);
    g_ptr_array_add(hostdevs, NULL);

    def->has_vhost_user = has_vhost_user(devices);
    def->n_disks = disks->len;
    def->disks = (GuestDisk *)(void *)g_array_free(disks, FALSE);
    def->n_nics = nics->len;
    def->nics = (GuestNic *)(void *)g_array_free(nics, FALSE);
    def->hostdevs = (char **)g_ptr_array_free(hostdevs, FALSE);
}
