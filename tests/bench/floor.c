/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The least a checker of guests can do, as a program: one connection, and at each pass one bulk
 * statistics call, one readdir per QEMU process and one sched_getaffinity per thread. Its memory
 * and CPU time are the floor the daemon is measured against.
 *
 * floor URI: a pass for each line of standard input, answered by a line with the CPU nanoseconds it
 * took; at the end of input its memory as the kernel tells it.
 */
#include <dirent.h>
#include <glib.h>
#include <hwloc.h>
#include <libvirt/libvirt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

/* State is all that a check of placement needs of the statistics; QEMU is asked nothing for it. */
static void pass(virConnectPtr connection)
{
    virDomainStatsRecordPtr *records = NULL;
    int n = virConnectGetAllDomainStats(connection, VIR_DOMAIN_STATS_STATE, &records,
                                        VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE |
                                            VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);

    for (int i = 0; i < n; i++)
        check_guest(records[i]->dom);
    if (records)
        virDomainStatsRecordListFree(records);
}

static long long cpu_nsec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int argc, char **argv)
{
    hwloc_topology_t topology;
    g_autofree char *memory = NULL;
    char line[8];

    if (argc != 2)
        return 2;
    virConnectPtr connection = virConnectOpen(argv[1]);
    if (!connection)
        return 1;
    hwloc_topology_init(&topology);
    hwloc_topology_load(topology);
    while (fgets(line, sizeof line, stdin)) {
        long long start = cpu_nsec();
        pass(connection);
        printf("%lld\n", cpu_nsec() - start);
        fflush(stdout);
    }
    if (g_file_get_contents("/proc/self/smaps_rollup", &memory, NULL, NULL))
        fputs(memory, stdout);
    hwloc_topology_destroy(topology);
    virConnectClose(connection);
    return 0;
}
