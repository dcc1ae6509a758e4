/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking an element out of a guest's persistent definition. libvirt has no call for it but defining
 * the whole document anew, and no way to say "only if nobody changed it meanwhile". So the document
 * is read again right before it is defined, and the edit starts over if it is another by then.
 *
 * The document holds the guest's secrets (they would be lost without): it is never logged and wiped
 * after use.
 */
#include "virt/link.h"

#include "guest/domain-xml.h"

#include <errno.h>
#include <string.h>

#define CONFIG_TRIES 4

static void secret_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    g_free(text);
}

static void secret_clear(char **text)
{
    secret_free(*text);
}
#define auto_secret __attribute__((cleanup(secret_clear)))

static char *config_read(VirtCall *call)
{
    return virDomainGetXMLDesc(call->domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
}

static int element_remove(const char *xml, const SettingKey *key, char **ret)
{
    switch (key->knob) {
    case KNOB_VCPU_PIN:
        return domain_xml_remove_pin(xml, "vcpupin", key->instance, ret);
    case KNOB_EMULATOR_PIN:
        return domain_xml_remove_pin(xml, "emulatorpin", 0, ret);
    case KNOB_IOTHREAD_PIN:
        return domain_xml_remove_pin(xml, "iothreadpin", key->instance, ret);
    case KNOB_CPU_WEIGHT:
        return domain_xml_remove_cputune(xml, "shares", ret);
    case KNOB_CPU_QUOTA:
        return domain_xml_remove_cputune(xml, "quota", ret);
    case KNOB_NUMA_NODESET:
        return domain_xml_remove_numatune(xml, ret);
    case KNOB_VHOST_PIN:
        return -ENOENT; /* no definition has it */
    }
    return -ENOENT;
}

/* One round. VIRT_BUSY: somebody else changed the definition meanwhile. */
static int config_edit(VirtCall *call, const SettingKey *key, char **reterr_text)
{
    auto_secret char *base = config_read(call);
    auto_secret char *edited = NULL;

    if (!base)
        return call_fail(call, reterr_text);
    int r = element_remove(base, key, &edited);
    if (r == -ENOENT)
        return VIRT_DONE;
    if (r < 0) {
        *reterr_text = g_strdup("the guest's definition cannot be edited");
        return VIRT_REFUSED;
    }

    auto_secret char *now = config_read(call);
    if (!now)
        return call_fail(call, reterr_text);
    if (!g_str_equal(base, now)) {
        *reterr_text = g_strdup("the guest's definition is being changed by somebody else");
        return VIRT_BUSY;
    }
    g_autoptr(virDomain) defined = virDomainDefineXML(call->conn, edited);
    return defined ? VIRT_DONE : call_fail(call, reterr_text);
}

int config_remove(VirtCall *call, const SettingKey *key, char **reterr_text)
{
    int r = VIRT_BUSY;

    /* defining a transient guest would make it persistent */
    int persistent = virDomainIsPersistent(call->domain);
    if (persistent < 0)
        return call_fail(call, reterr_text);
    if (persistent == 0) {
        *reterr_text = g_strdup("the guest is transient: it has no definition to change");
        return VIRT_REFUSED;
    }
    for (unsigned i = 0; i < CONFIG_TRIES && r == VIRT_BUSY; i++) {
        g_clear_pointer(reterr_text, g_free);
        r = config_edit(call, key, reterr_text);
    }
    return r;
}
