/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names on the bus. Documented in docs/BUS.md; members and their arguments are in the introspection
 * XML, docs/org.vmtuned1.*.xml. */
#pragma once

#define VMTUNED_BUS_NAME "org.vmtuned1"
/* The Manager, which is an ObjectManager, too. */
#define VMTUNED_BUS_PATH "/org/vmtuned1"
#define VMTUNED_BUS_MANAGER "org.vmtuned1.Manager"
/* A guest: below this path, its uuid with '_' for '-'. */
#define VMTUNED_BUS_GUEST_PATH "/org/vmtuned1/guest"
#define VMTUNED_BUS_GUEST "org.vmtuned1.Guest"
/* Long work: below this path, its number. */
#define VMTUNED_BUS_JOB_PATH "/org/vmtuned1/job"
#define VMTUNED_BUS_JOB "org.vmtuned1.Job"

/* Errors */
#define VMTUNED_BUS_ERROR_NO_SUCH_GUEST "org.vmtuned1.Error.NoSuchGuest"
#define VMTUNED_BUS_ERROR_NOT_READY "org.vmtuned1.Error.NotReady"
#define VMTUNED_BUS_ERROR_NOT_RESTARTED "org.vmtuned1.Error.NotRestarted"

/* Phase of a Job whose call waits for its turn: nothing was done for it yet */
#define VMTUNED_JOB_WAITING "waiting for its turn"

/* Longest wait of RestartInto, in seconds */
#define VMTUNED_RESTART_TIMEOUT_MAX 86400u
