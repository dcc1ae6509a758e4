/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Edits of a guest's persistent definition. libvirt has no call for them but defining the whole
 * document anew, and no way to say "only if nobody changed it meanwhile". So the document
 * is read again right before it is defined, and the edit starts over if it is another by then.
 *
 * The document holds the guest's secrets (they would be lost without): it is never logged and wiped
 * after use.
 */
#include "virt/link.h"

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

/* Defining a transient guest would make it persistent, and one just undefined come back. */
static int persistent_check(VirtCall *call, char **reterr_text)
{
    int persistent = virDomainIsPersistent(call->domain);

    if (persistent < 0)
        return call_fail(call, reterr_text);
    if (persistent == 1)
        return VIRT_DONE;
    *reterr_text = g_strdup("the guest is transient: it has no definition to change");
    return VIRT_REFUSED;
}

/* One round. VIRT_BUSY: somebody else changed the definition meanwhile. */
static int config_edit(VirtCall *call, DomainEdit *edits, unsigned n, char **reterr_text)
{
    auto_secret char *base = config_read(call);
    auto_secret char *edited = NULL;

    if (!base)
        return call_fail(call, reterr_text);
    if (domain_xml_edit(base, edits, n, &edited) < 0) {
        *reterr_text = g_strdup("the guest's definition cannot be edited");
        return VIRT_REFUSED;
    }
    if (g_str_equal(base, edited))
        return VIRT_DONE;

    auto_secret char *now = config_read(call);
    if (!now)
        return call_fail(call, reterr_text);
    int r = persistent_check(call, reterr_text);
    if (r != VIRT_DONE)
        return r;
    if (!g_str_equal(base, now)) {
        *reterr_text = g_strdup("the guest's definition is being changed by somebody else");
        return VIRT_BUSY;
    }
    g_autoptr(virDomain) defined = virDomainDefineXML(call->conn, edited);
    return defined ? VIRT_DONE : call_fail(call, reterr_text);
}

int virt_definition_edit(VirtHub *hub, const char *uuid, DomainEdit *edits, unsigned n,
                         char **reterr_text)
{
    g_auto(VirtCall) call = {.what = "editing its definition"};

    *reterr_text = NULL;
    int r = call_begin_write(hub, uuid, true, &call, reterr_text);
    if (r == VIRT_DONE)
        r = persistent_check(&call, reterr_text);
    if (r != VIRT_DONE)
        return r;
    r = VIRT_BUSY;
    for (unsigned i = 0; i < CONFIG_TRIES && r == VIRT_BUSY; i++) {
        g_clear_pointer(reterr_text, g_free);
        r = config_edit(&call, edits, n, reterr_text);
    }
    return r;
}
