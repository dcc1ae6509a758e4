/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into the daemon, so that what happens rarely happens when a test says so. In the folder
 * VMTUNED_TEST_FOLDER: the script "race" runs after each read of a persistent definition with its
 * secrets, that is between the read and the define of an edit; while "swallow" is there, a define
 * succeeds and does nothing.
 */
#include <dlfcn.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_there(const char *name, char path[256])
{
    const char *folder = getenv("VMTUNED_TEST_FOLDER");

    snprintf(path, 256, "%s/%s", folder ? folder : "", name);
    return folder && access(path, F_OK) == 0;
}

char *virDomainGetXMLDesc(virDomainPtr domain, unsigned flags)
{
    char *(*real)(virDomainPtr, unsigned) =
        (char *(*)(virDomainPtr, unsigned))dlsym(RTLD_NEXT, "virDomainGetXMLDesc");
    char *xml = real(domain, flags);
    char path[256], command[300];

    if (flags == (VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE) && is_there("race", path)) {
        snprintf(command, sizeof(command), "env -u LD_PRELOAD sh %s", path);
        if (system(command) != 0)
            fprintf(stderr, "the race was not run\n");
    }
    return xml;
}

virDomainPtr virDomainDefineXML(virConnectPtr conn, const char *xml)
{
    virDomainPtr (*real)(virConnectPtr, const char *) =
        (virDomainPtr(*)(virConnectPtr, const char *))dlsym(RTLD_NEXT, "virDomainDefineXML");
    const char *uuid = strstr(xml, "<uuid>");
    char path[256], text[VIR_UUID_STRING_BUFLEN] = "";

    if (!uuid || !is_there("swallow", path))
        return real(conn, xml);
    memcpy(text, uuid + strlen("<uuid>"), sizeof(text) - 1);
    return virDomainLookupByUUIDString(conn, text);
}
