/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interrupts of devices, from /proc/interrupts. */
#pragma once

#include "model/vitals.h"

/* Counters at one moment. */
typedef struct Interrupts Interrupts;

/* Lines of other forms, and those of the kernel itself (timer, rescheduling: they have a name where
 * devices have a number), are passed over. Never NULL. */
Interrupts *interrupts_parse(const char *text);
void interrupts_free(Interrupts *interrupts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Interrupts, interrupts_free)

/* 0 or negative errno. */
int interrupts_acquire(const char *root, Interrupts **ret);

/* Adds to counts (of InterruptCount) what came between two moments. An interrupt or CPU that is in
 * one of them only is left out. */
void interrupts_between(const Interrupts *before, const Interrupts *after, GArray *counts);
