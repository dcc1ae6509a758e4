/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A /proc and cgroupfs made of plain files below a temporary directory. */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct FakeThread {
    pid_t tid, tgid;
    const char *comm;
    unsigned flags; /* PF_… */
    unsigned long long starttime;
    const char *cpus; /* Cpus_allowed_list */
} FakeThread;

/* Owned by the caller; fake_host_free() removes the tree. */
char *fake_host_new(void);
void fake_host_free(char *root);

/* Writes a file, and the directories above it. path begins with '/'. */
void fake_host_put(const char *root, const char *path, const char *text);
/* A symbolic link, and the directories above it. */
void fake_host_link(const char *root, const char *path, const char *target);
/* stat, status and, in its process, a task entry. */
void fake_host_add_thread(const char *root, const FakeThread *thread);
/* The arguments of a process: "-uuid <uuid>" among others. */
void fake_host_add_cmdline(const char *root, pid_t pid, const char *uuid);
/* /proc/self/mountinfo of a v1 hybrid or a v2 host. */
void fake_host_add_mounts_v1(const char *root);
void fake_host_add_mounts_v2(const char *root);
