/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The least a checker of guests can do, as a program: one connection, and at each pass one bulk
 * call, one readdir per QEMU process and one sched_getaffinity per thread. Its memory and CPU time
 * are the floor the daemon is measured against.
 *
 * floor URI PASSES: PASSES passes, one a second; prints CPU microseconds a pass and memory in KiB.
 */
#include <dirent.h>
#include <glib.h>
#include <hwloc.h>
#include <libvirt/libvirt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static void check_guest(virDomainPtr domain)
{
    g_autofree char *path = g_strdup_printf("/run/libvirt/qemu/%s.pid", virDomainGetName(domain));
    g_autofree char *pid = NULL;
    cpu_set_t set;

    if (!g_file_get_contents(path, &pid, NULL, NULL))
        return;
    g_autofree char *folder = g_strdup_printf("/proc/%s/task", g_strchomp(pid));
    DIR *tasks = opendir(folder);
    for (const struct dirent *entry; tasks && (entry = readdir(tasks));)
        if (entry->d_name[0] != '.')
            sched_getaffinity((pid_t)atoi(entry->d_name), sizeof set, &set);
    if (tasks)
        closedir(tasks);
}

static void pass(virConnectPtr connection)
{
    virDomainPtr *domains = NULL;
    int n = virConnectListAllDomains(connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);

    for (int i = 0; i < n; i++) {
        check_guest(domains[i]);
        virDomainFree(domains[i]);
    }
    free(domains);
}

static double cpu_usec(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
    hwloc_topology_t topology;
    g_autofree char *memory = NULL;

    if (argc != 3)
        return 2;
    virConnectPtr connection = virConnectOpen(argv[1]);
    if (!connection)
        return 1;
    hwloc_topology_init(&topology);
    hwloc_topology_load(topology);
    pass(connection);
    double start = cpu_usec();
    int passes = atoi(argv[2]);
    for (int i = 0; i < passes; i++) {
        sleep(1);
        pass(connection);
    }
    printf("%.0f\n", (cpu_usec() - start) / passes);
    if (g_file_get_contents("/proc/self/smaps_rollup", &memory, NULL, NULL))
        fputs(memory, stdout);
    hwloc_topology_destroy(topology);
    virConnectClose(connection);
    return 0;
}
