/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measures what "doctor" judges, at two moments. All of it is counters of the kernel and small
 * files: nothing is asked of a guest's process that its memory could hold up, and nothing of
 * libvirt. root: "" or a directory that stands for /.
 */
#pragma once

#include "host/interrupts.h"

/* What was counted at the first moment. */
typedef struct VitalsStart VitalsStart;

/* guests: of Guest; those that are off have no vitals. Never NULL: what cannot be read is left
 * out. */
VitalsStart *vitals_begin(const char *root, const GPtrArray *guests);
void vitals_start_free(VitalsStart *start);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VitalsStart, vitals_start_free)

/* The second moment, some time later, of the same guests. Takes start over. Never NULL. */
Vitals *vitals_end(const char *root, const GPtrArray *guests, VitalsStart *start);
