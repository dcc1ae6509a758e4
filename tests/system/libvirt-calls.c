/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into the daemon. In the folder VMTUNED_TEST_FOLDER: while "hang-NAME" is there, the
 * definition of guest NAME is not told; while "locked-PID" is there, nobody is told where that
 * process's memory is; while "deaf-NAME" is there, that guest's monitor does not answer; while
 * "jobs" is there, libvirt is of a version whose definitions take a job; the script "after-NAME"
 * runs, once, after the guest's persistent definition was read and before that is told; the script
 * "between", once, before a vCPU is pinned.
 */
#include <dlfcn.h>
#include <libvirt/libvirt.h>
#include <numaif.h>
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

int virDomainGetControlInfo(virDomainPtr domain, virDomainControlInfoPtr info, unsigned flags)
{
    int (*real)(virDomainPtr, virDomainControlInfoPtr, unsigned) =
        (int (*)(virDomainPtr, virDomainControlInfoPtr, unsigned))dlsym(RTLD_NEXT,
                                                                        "virDomainGetControlInfo");
    char path[256];

    if (!is_there("deaf-", virDomainGetName(domain), path))
        return real(domain, info, flags);
    *info = (virDomainControlInfo){.state = VIR_DOMAIN_CONTROL_OCCUPIED, .stateTime = 60000};
    return 0;
}

int virConnectGetLibVersion(virConnectPtr conn, unsigned long *version)
{
    int (*real)(virConnectPtr, unsigned long *) =
        (int (*)(virConnectPtr, unsigned long *))dlsym(RTLD_NEXT, "virConnectGetLibVersion");
    char path[256];
    int r = real(conn, version);

    if (is_there("jobs", "", path))
        *version = 11000000;
    return r;
}

long move_pages(int pid, unsigned long n, void **pages, const int *nodes, int *status, int flags)
{
    long (*real)(int, unsigned long, void **, const int *, int *, int) =
        (long (*)(int, unsigned long, void **, const int *, int *, int))dlsym(RTLD_NEXT,
                                                                              "move_pages");
    char number[16], path[256];

    snprintf(number, sizeof(number), "%d", pid);
    while (is_there("locked-", number, path))
        usleep(50000);
    return real(pid, n, pages, nodes, status, flags);
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
