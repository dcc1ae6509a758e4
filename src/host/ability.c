/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/ability.h"

#include "host/host-knob.h"

#include <glib.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct AbilityInfo {
    unsigned capability;
    const char *without;
} AbilityInfo;

static const AbilityInfo infos[N_ABILITIES] = {
    [ABILITY_AFFINITY] =
        {CAP_SYS_NICE, "CPUs of threads cannot be set (no CAP_SYS_NICE): guests in the pool stay "
                       "where they may run, and only libvirt's pins are made"},
    [ABILITY_MEMORY] =
        {CAP_SYS_PTRACE,
         "the memory of guests cannot be looked into (no CAP_SYS_PTRACE): where huge "
         "pages are is not known, and none is moved"},
    [ABILITY_NUMA_BALANCING] = {CAP_SYS_ADMIN,
                                "host.numa_balancing cannot be set (no CAP_SYS_ADMIN)"},
};

bool ability_has(Ability ability)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    unsigned capability = infos[ability].capability;

    return syscall(SYS_capget, &header, data) == 0 &&
           (data[capability / 32].effective & (1u << capability % 32)) != 0;
}

char **abilities_missing(const char *root)
{
    g_autoptr(GStrvBuilder) missing = g_strv_builder_new();

    for (Ability ability = 0; ability < N_ABILITIES; ability++)
        if (!ability_has(ability))
            g_strv_builder_add(missing, infos[ability].without);
    host_knobs_missing(root, missing);
    return g_strv_builder_end(missing);
}
