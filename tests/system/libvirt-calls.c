/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into the daemon. In the folder VMTUNED_TEST_FOLDER: while "hang-NAME" is there, the
 * definition of guest NAME is not told; the script "after-NAME" runs, once, after its persistent
 * one was read and before that is told; the script "between", once, before a vCPU is pinned.
 */
#include <dlfcn.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int is_there(const char *prefix, const char *name, char path[256])
{
    const char *folder = getenv("VMTUNED_TEST_FOLDER");

    snprintf(path, 256, "%s/%s%s", folder ? folder : "", prefix, name);
    return folder && access(path, F_OK) == 0;
}

static void run_once(const char *prefix, const char *name)
{
    char path[256], command[600];

    if (!is_there(prefix, name, path))
        return;
    snprintf(command, sizeof(command), "env -u LD_PRELOAD sh %s; rm -f %s", path, path);
    if (system(command) != 0)
        fprintf(stderr, "the script did not run\n");
}

char *virDomainGetXMLDesc(virDomainPtr domain, unsigned flags)
{
    char *(*real)(virDomainPtr, unsigned) =
        (char *(*)(virDomainPtr, unsigned))dlsym(RTLD_NEXT, "virDomainGetXMLDesc");
    char path[256];

    while (is_there("hang-", virDomainGetName(domain), path))
        usleep(50000);
    char *xml = real(domain, flags);
    if (flags & VIR_DOMAIN_XML_INACTIVE)
        run_once("after-", virDomainGetName(domain));
    return xml;
}

int virDomainPinVcpuFlags(virDomainPtr domain, unsigned vcpu, unsigned char *map, int length,
                          unsigned flags)
{
    int (*real)(virDomainPtr, unsigned, unsigned char *, int, unsigned) =
        (int (*)(virDomainPtr, unsigned, unsigned char *, int, unsigned))dlsym(
            RTLD_NEXT, "virDomainPinVcpuFlags");

    run_once("between", "");
    return real(domain, vcpu, map, length, flags);
}
