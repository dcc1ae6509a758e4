/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPU time and run delay of a guest's threads, from schedstat, and where each runs, from stat: two
 * small files a thread, and nothing that the process's memory could hold up.
 */
#pragma once

#include "host/guest-kernel.h"
#include "model/usage.h"

/* The text of a schedstat file: time run, time waited, both in ns, and how often. False: not one;
 * *ret_counted is false where the kernel has it and does not count. */
bool schedstat_parse(const char *text, uint64_t *ret_cpu_nsec, uint64_t *ret_delay_nsec,
                     bool *ret_counted);

/* The threads the guest's look found, without those that ended since; no threads and time 0 if it
 * is off, was not looked at, or ended. Never NULL. */
GuestUsage *guest_usage_acquire(const char *root, const Guest *guest);
