/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names on the bus. Documented in docs/BUS.md. */
#pragma once

#define VMTUNED_BUS_NAME "org.vmtuned1"
#define VMTUNED_BUS_PATH "/org/vmtuned1"
#define VMTUNED_BUS_MANAGER "org.vmtuned1.Manager"

/* Errors */
#define VMTUNED_BUS_ERROR_NO_SUCH_GUEST "org.vmtuned1.Error.NoSuchGuest"
#define VMTUNED_BUS_ERROR_NOT_READY "org.vmtuned1.Error.NotReady"
#define VMTUNED_BUS_ERROR_NOT_RESTARTED "org.vmtuned1.Error.NotRestarted"

/* Longest wait of RestartInto, in seconds */
#define VMTUNED_RESTART_TIMEOUT_MAX 86400u

/* Manager methods. Compound replies are JSON documents (docs/JSON.md) in one string.
 *   Guests() -> a(sss): uuid, name, state
 *   Status(as guests) -> s        Plan(as guests) -> s         Explain(s guest) -> s
 *   Policy(s guest) -> s          Topology() -> s              Verify(as guests) -> s
 *   Host() -> s                  Metrics(s format) -> s, not JSON: docs/METRICS.md
 *   Advise(as guests) -> s
 *   Pending(as guests) -> s       RestartInto(s guest, u timeout, b on_reboot) -> s
 *   Apply(as guests, b dry_run) -> s      Restore(as guests, b all, b force) -> s
 *   Resume(as guests) -> s
 *   StopMove(s guest) -> s                Reload() -> s
 * Signals, broadcast to whoever adds a match: GuestChanged(s uuid, s name, s state),
 * Drift(s uuid, s name, s knob, s instance, s from, s to, s result), CycleDone(t number)
 * Properties: Version s, Mode s, Connected b, PolicyRejected b, Cycles t
 */
