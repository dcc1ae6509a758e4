/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded into QEMU where the kernel has no vhost_net: a thread of QEMU with the name that
 * kernels from 6.4 on give their vhost workers. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *sleep_on(void *data)
{
    for (;;)
        pause();
    return data;
}

/* Only in the guest's process, not when libvirt asks QEMU for its capabilities. */
__attribute__((constructor)) static void start_thread(void)
{
    char name[16], arguments[65536];
    pthread_t thread;
    FILE *file = fopen("/proc/self/cmdline", "r");
    size_t length = file ? fread(arguments, 1, sizeof arguments - 1, file) : 0;

    if (file)
        fclose(file);
    unsetenv("LD_PRELOAD");
    if (!memmem(arguments, length, "guest=", 6) || pthread_create(&thread, NULL, sleep_on, NULL))
        return;
    snprintf(name, sizeof name, "vhost-%d", (int)getpid());
    pthread_setname_np(thread, name);
}
