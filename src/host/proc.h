/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of /proc/<tid>, which the kernel has for threads too although it does not list them. */
#pragma once

#include "host/guest-kernel.h"

typedef struct ProcStat {
    char comm[16];
    char state;         /* 'Z', 'X': ended; 'T': stopped by a signal */
    unsigned flags;     /* PF_… */
    uint64_t starttime; /* clock ticks since boot */
    int last_cpu;       /* where it runs, or ran last; -1: not told */
} ProcStat;

/* include/linux/sched.h; part of /proc/…/stat since 2.6, unchanged since 4.x */
#define PROC_FLAG_KTHREAD 0x00200000u
#define PROC_FLAG_NO_SETAFFINITY 0x04000000u

/* The text of a stat file; comm may hold spaces and parentheses. False: not one. */
bool proc_stat_parse(const char *text, ProcStat *ret);

/* HOST_DONE, HOST_GONE (none of that number, or it ended), negative errno. */
int proc_stat_acquire(const char *root, pid_t tid, ProcStat *ret);

/* HOST_DONE: still the one that started then; HOST_GONE; negative errno. */
int proc_verify(const char *root, pid_t tid, uint64_t starttime);

/* Stopped by a signal: nothing answers. */
bool proc_stat_is_stopped(const ProcStat *stat);
/* False also if that is not known. */
bool proc_is_stopped(const char *root, pid_t tid);

/* A whole file of /proc/<tid>. HOST_DONE, HOST_GONE, negative errno. */
int proc_file_acquire(const char *root, pid_t tid, const char *name, char **ret);

/* The value of a "Name:\tvalue" line of the status file. HOST_DONE, HOST_GONE, negative errno
 * (-ENODATA: no such line). */
int proc_status_acquire(const char *root, pid_t tid, const char *name, char **ret);

/* All processes, ascending. HOST_DONE, negative errno. *ret: array of pid_t. */
int proc_pids_acquire(const char *root, GArray **ret);

/* All tids of a process, ascending. HOST_DONE, HOST_GONE, negative errno. *ret: array of pid_t. */
int proc_tasks_acquire(const char *root, pid_t pid, GArray **ret);
