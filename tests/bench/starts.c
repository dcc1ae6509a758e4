/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long after libvirt's event that a guest has started all its threads are where they belong.
 *
 * starts URI GUEST CPU COUNT: starts and ends the guest, whose threads all belong on that CPU, so
 * many times; prints the microseconds of each, from the event to the first look at which every
 * thread was there, looking twice a millisecond.
 */
#include <dirent.h>
#include <glib.h>
#include <libvirt/libvirt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_USEC 500
#define SETTLE_USEC 300000 /* what its end made the daemon do is over */
#define GIVE_UP_USEC (30 * G_TIME_SPAN_SECOND)

static gint64 started_usec; /* 0: no event yet */

static int on_event(virConnectPtr connection, virDomainPtr domain, int event, int detail,
                    void *data)
{
    (void)connection, (void)detail;
    if (event == VIR_DOMAIN_EVENT_STARTED && g_str_equal(virDomainGetName(domain), data))
        started_usec = g_get_monotonic_time();
    return 0;
}

static gboolean is_placed(const char *pid, const cpu_set_t *wanted)
{
    g_autofree char *folder = g_strdup_printf("/proc/%s/task", pid);
    unsigned n = 0, n_there = 0;
    cpu_set_t set;

    DIR *tasks = opendir(folder);
    for (const struct dirent *entry; tasks && (entry = readdir(tasks));) {
        if (entry->d_name[0] == '.')
            continue;
        n++;
        n_there += sched_getaffinity((pid_t)atoi(entry->d_name), sizeof set, &set) == 0 &&
                   CPU_EQUAL(&set, wanted);
    }
    if (tasks)
        closedir(tasks);
    return n > 0 && n == n_there;
}

/* Negative: it never was. */
static gint64 measure(const char *guest, const cpu_set_t *wanted)
{
    g_autofree char *path = g_strdup_printf("/run/libvirt/qemu/%s.pid", guest);
    g_autofree char *pid = NULL;

    while (started_usec == 0)
        virEventRunDefaultImpl();
    if (!g_file_get_contents(path, &pid, NULL, NULL))
        return -1;
    g_strchomp(pid);
    for (;;) {
        gint64 passed = g_get_monotonic_time() - started_usec;
        if (is_placed(pid, wanted))
            return passed;
        if (passed > GIVE_UP_USEC)
            return -1;
        usleep(LOOK_USEC);
    }
}

static void *start(void *domain)
{
    virDomainCreate(domain);
    return NULL;
}

int main(int argc, char **argv)
{
    cpu_set_t wanted;

    if (argc != 5 || virEventRegisterDefaultImpl() < 0)
        return 2;
    CPU_ZERO(&wanted);
    CPU_SET((size_t)atoi(argv[3]), &wanted);
    virConnectPtr watching = virConnectOpen(argv[1]), acting = virConnectOpen(argv[1]);
    virDomainPtr domain = acting ? virDomainLookupByName(acting, argv[2]) : NULL;
    if (!watching || !domain ||
        virConnectDomainEventRegisterAny(watching, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK(on_event), argv[2], NULL) < 0)
        return 1;
    for (int i = 0; i < atoi(argv[4]); i++) {
        started_usec = 0;
        GThread *thread = g_thread_new("start", start, domain);
        printf("%" G_GINT64_FORMAT "\n", measure(argv[2], &wanted));
        fflush(stdout);
        g_thread_join(thread);
        virDomainDestroy(domain);
        usleep(SETTLE_USEC);
    }
    virDomainFree(domain);
    virConnectClose(acting);
    virConnectClose(watching);
    return 0;
}
