/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into the daemon, so that clocks are what a test says: the files "wall" and "slept" in
 * the folder VMTUNED_TEST_FOLDER have the seconds by which the wall clock was set, and for which
 * the host was suspended.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static time_t seconds_in(const char *name)
{
    const char *folder = getenv("VMTUNED_TEST_FOLDER");
    char path[256];
    long seconds = 0;

    snprintf(path, sizeof(path), "%s/%s", folder ? folder : "", name);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%ld", &seconds) != 1)
        seconds = 0;
    fclose(file);
    return seconds;
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    int (*real)(clockid_t, struct timespec *) =
        (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int r = real(id, ret);

    if (r == 0 && id == CLOCK_REALTIME)
        ret->tv_sec += seconds_in("wall");
    if (r == 0 && id == CLOCK_BOOTTIME)
        ret->tv_sec += seconds_in("slept");
    return r;
}
