/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clock.profile → timers and, for Windows, Hyper-V enlightenments. The sets are those of
 * virt-install and of QEMU's documentation (docs/system/i386/hyperv): each enlightenment comes with
 * what QEMU demands beside it, or not at all.
 */
#include "plan/knobs.h"

#include <string.h>

typedef enum Profile { PROFILE_NONE, PROFILE_LINUX, PROFILE_WINDOWS } Profile;

/* Part of a libosinfo id → what runs there. First match counts. */
static const struct {
    const char *part;
    Profile profile;
} systems[] = {
    {"//microsoft.com/win", PROFILE_WINDOWS},  {"//debian.org/", PROFILE_LINUX},
    {"//ubuntu.com/", PROFILE_LINUX},          {"//fedoraproject.org/", PROFILE_LINUX},
    {"//redhat.com/", PROFILE_LINUX},          {"//centos.org/", PROFILE_LINUX},
    {"//almalinux.org/", PROFILE_LINUX},       {"//rockylinux.org/", PROFILE_LINUX},
    {"//oracle.com/ol/", PROFILE_LINUX},       {"//suse.com/", PROFILE_LINUX},
    {"//opensuse.org/", PROFILE_LINUX},        {"//archlinux.org/", PROFILE_LINUX},
    {"//gentoo.org/", PROFILE_LINUX},          {"//alpinelinux.org/", PROFILE_LINUX},
    {"//libosinfo.org/linux/", PROFILE_LINUX},
};

typedef struct TimerRow {
    Profile profile;
    Knob knob;
    const char *timer, *value;
    bool kvm; /* KVM's own: nothing without it */
} TimerRow;

static const TimerRow timers[] = {
    {PROFILE_LINUX, KNOB_CLOCK_TIMER, "kvmclock", "yes", true},
    {PROFILE_LINUX, KNOB_CLOCK_TIMER, "hpet", "no", false},
    {PROFILE_LINUX, KNOB_CLOCK_TICKPOLICY, "pit", "delay", false},
    {PROFILE_LINUX, KNOB_CLOCK_TICKPOLICY, "rtc", "catchup", false},
    {PROFILE_WINDOWS, KNOB_CLOCK_TIMER, "hypervclock", "yes", true},
    {PROFILE_WINDOWS, KNOB_CLOCK_TIMER, "hpet", "no", false},
    {PROFILE_WINDOWS, KNOB_CLOCK_TICKPOLICY, "pit", "delay", false},
    {PROFILE_WINDOWS, KNOB_CLOCK_TICKPOLICY, "rtc", "catchup", false},
};

/* What an enlightenment needs stands before it. */
static const struct {
    const char *name, *value;
    const char *needs[2];
} enlightenments[] = {
    {"relaxed", "state=on", {NULL}},
    {"vapic", "state=on", {NULL}},
    {"spinlocks", "state=on,retries=8191", {NULL}},
    {"vpindex", "state=on", {NULL}},
    {"runtime", "state=on", {NULL}},
    {"synic", "state=on", {"vpindex", NULL}},
    {"stimer", "state=on", {"vpindex", "synic"}}, /* and hypervclock, which is always there */
    {"frequencies", "state=on", {NULL}},
    {"tlbflush", "state=on", {"vpindex", NULL}},
    {"ipi", "state=on", {"vpindex", NULL}},
};

static Profile profile_of_system(const char *os)
{
    for (unsigned i = 0; os && i < G_N_ELEMENTS(systems); i++)
        if (strstr(os, systems[i].part))
            return systems[i].profile;
    return PROFILE_NONE;
}

const char *knob_system(const char *os)
{
    switch (profile_of_system(os)) {
    case PROFILE_LINUX:
        return "linux";
    case PROFILE_WINDOWS:
        return "windows";
    case PROFILE_NONE:
        break;
    }
    return NULL;
}

static Profile profile_choose(const KnobWants *wants, const PolicyValue *by)
{
    if (g_str_equal(by->text, "linux"))
        return PROFILE_LINUX;
    if (g_str_equal(by->text, "windows"))
        return PROFILE_WINDOWS;
    return g_str_equal(by->text, "auto") && knob_is_x86(wants->def)
               ? profile_of_system(wants->def->os)
               : PROFILE_NONE;
}

static const char *profile_reason(Profile profile)
{
    return profile == PROFILE_WINDOWS ? "clock.profile: windows" : "clock.profile: linux";
}

static bool is_kvm(const KnobWants *wants)
{
    return g_strcmp0(wants->def->type, "kvm") == 0;
}

/* Why it cannot be had; NULL: it can. */
static const char *timer_fault(const KnobWants *wants, const TimerRow *row)
{
    if (!knob_is_x86(wants->def))
        return "x86 has it, nothing else";
    return row->kvm && !is_kvm(wants) ? "needs KVM" : NULL;
}

/* A timer that somebody took away has no ticks to miss. */
static bool is_taken_away(const KnobWants *wants, const TimerRow *row)
{
    const KnobTarget timer = {.knob = KNOB_CLOCK_TIMER, .device = row->timer};

    return row->knob == KNOB_CLOCK_TICKPOLICY && g_strcmp0(knob_now(wants, &timer), "no") == 0;
}

static void want_timers(const KnobWants *wants, Profile profile, const PolicyValue *by)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(timers); i++) {
        const TimerRow *row = &timers[i];
        const KnobTarget target = {.knob = row->knob, .device = row->timer};
        const char *fault = timer_fault(wants, row);
        if (row->profile != profile || is_taken_away(wants, row))
            continue;
        if (fault)
            knob_unsupported(wants, &target, row->value, fault, by);
        else
            knob_want(wants, &target, row->value, profile_reason(profile), by);
    }
}

/* Why it cannot be had; NULL: it can. */
static const char *enlightenment_fault(const KnobWants *wants, unsigned i)
{
    if (!is_kvm(wants) || !knob_is_x86(wants->def))
        return "needs KVM on x86";
    if (!hypervisor_has_enlightenment(wants->guest->hypervisor, enlightenments[i].name))
        return "this host's QEMU or KVM has no such enlightenment";
    for (unsigned j = 0; j < G_N_ELEMENTS(enlightenments[i].needs) && enlightenments[i].needs[j];
         j++)
        if (!hypervisor_has_enlightenment(wants->guest->hypervisor, enlightenments[i].needs[j]))
            return "needs another enlightenment that this host's QEMU or KVM does not have";
    return NULL;
}

/* One that is on has perhaps been given another number of retries: it stays. In a mode of libvirt's
 * (passthrough, host-model) all that the host has is on. */
static void want_enlightenments(const KnobWants *wants, const PolicyValue *by)
{
    const char *mode = wants->def->hyperv_mode;

    if (mode && !g_str_equal(mode, "custom"))
        return;
    for (unsigned i = 0; i < G_N_ELEMENTS(enlightenments); i++) {
        const KnobTarget target = {.knob = KNOB_CPU_HYPERV, .device = enlightenments[i].name};
        const char *now = knob_now(wants, &target), *fault = enlightenment_fault(wants, i);
        const char *value =
            now && g_str_has_prefix(now, "state=on") ? now : enlightenments[i].value;
        if (fault)
            knob_unsupported(wants, &target, value, fault, by);
        else
            knob_want(wants, &target, value, profile_reason(PROFILE_WINDOWS), by);
    }
}

void knobs_want_clock(const KnobWants *wants)
{
    const PolicyValue *by = guest_policy_get(wants->policy, KEY_CLOCK_PROFILE);
    Profile profile = by ? profile_choose(wants, by) : PROFILE_NONE;

    if (profile == PROFILE_NONE)
        return;
    want_timers(wants, profile, by);
    if (profile == PROFILE_WINDOWS)
        want_enlightenments(wants, by);
}
