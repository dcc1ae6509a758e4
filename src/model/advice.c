/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/advice.h"

static const char *const names[N_ADVICES + 1] = {
    [ADVICE_NO_VHOST_NET] = "no-vhost-net",
    [ADVICE_PINNED_BY_HAND] = "pinned-by-hand",
    [ADVICE_TRANSIENT] = "transient",
    [ADVICE_UNSUPPORTED] = "unsupported",
    [ADVICE_EMULATED] = "emulated",
    [ADVICE_CPU_DEFAULT_MODEL] = "cpu-default-model",
    [ADVICE_VCPUS_TOO_MANY] = "vcpus-too-many",
    [ADVICE_CELLS] = "cells",
    [ADVICE_HPET] = "hpet",
    [ADVICE_KVMCLOCK_OFF] = "kvmclock-off",
    [ADVICE_CLOCK_TSC] = "clock-tsc",
    [ADVICE_WINDOWS_PLAIN] = "windows-plain",
    [ADVICE_DISK_NOT_VIRTIO] = "disk-not-virtio",
    [ADVICE_DISK_SCSI_CONTROLLER] = "disk-scsi-controller",
    [ADVICE_DISK_QCOW2] = "disk-qcow2",
    [ADVICE_DISK_BACKING_CHAIN] = "disk-backing-chain",
    [ADVICE_DISK_HOST_CACHE] = "disk-host-cache",
    [ADVICE_DISK_NO_IOTHREAD] = "disk-no-iothread",
    [ADVICE_NIC_NOT_VIRTIO] = "nic-not-virtio",
    [ADVICE_NIC_NO_VHOST] = "nic-no-vhost",
    [ADVICE_NIC_ONE_QUEUE] = "nic-one-queue",
    [ADVICE_NIC_SHARED_MEMORY] = "nic-shared-memory",
    [ADVICE_NO_HUGEPAGES] = "no-hugepages",
};

static const char *const docs[N_ADVICES] = {
    [ADVICE_NO_VHOST_NET] = "the host has no vhost-net: QEMU moves all packets",
    [ADVICE_PINNED_BY_HAND] = "the guest was pinned by hand and is left alone",
    [ADVICE_TRANSIENT] = "the guest has no persistent definition for settings of its next start",
    [ADVICE_UNSUPPORTED] = "the policy asks for what cannot be had here",
    [ADVICE_EMULATED] = "QEMU emulates the guest's CPU instead of KVM",
    [ADVICE_CPU_DEFAULT_MODEL] = "the guest has QEMU's default CPU model",
    [ADVICE_VCPUS_TOO_MANY] = "the guest has more vCPUs than CPUs it may use",
    [ADVICE_CELLS] = "the guest is on several NUMA nodes and does not know",
    [ADVICE_HPET] = "the guest has a HPET, which is emulated by QEMU and slow",
    [ADVICE_KVMCLOCK_OFF] = "a Linux guest without kvmclock",
    [ADVICE_CLOCK_TSC] = "the TSC as clock source, with what it means for migration",
    [ADVICE_WINDOWS_PLAIN] = "Windows without Hyper-V enlightenments",
    [ADVICE_DISK_NOT_VIRTIO] = "a disk on an emulated IDE or SATA bus",
    [ADVICE_DISK_SCSI_CONTROLLER] = "a scsi disk whose controller is emulated",
    [ADVICE_DISK_QCOW2] = "a disk in qcow2",
    [ADVICE_DISK_BACKING_CHAIN] = "a disk over a long chain of images",
    [ADVICE_DISK_HOST_CACHE] = "a disk through the host's page cache",
    [ADVICE_DISK_NO_IOTHREAD] = "a dedicated guest's disk without an IOThread",
    [ADVICE_NIC_NOT_VIRTIO] = "an emulated NIC",
    [ADVICE_NIC_NO_VHOST] = "a virtio NIC whose packets QEMU moves, though the kernel could",
    [ADVICE_NIC_ONE_QUEUE] = "a NIC with one queue in a guest with several vCPUs",
    [ADVICE_NIC_SHARED_MEMORY] = "a vhost-user NIC without shared memory: it cannot work",
    [ADVICE_NO_HUGEPAGES] = "a large dedicated guest on ordinary pages",
};

void advice_free(Advice *advice)
{
    if (!advice)
        return;
    g_free(advice->guest);
    g_free(advice->uuid);
    g_free(advice->device);
    g_free(advice->reason);
    g_free(advice->command);
    g_free(advice);
}

const char *advice_name(AdviceId id)
{
    return names[id];
}

const char *advice_doc(AdviceId id)
{
    return docs[id];
}

const char *const *advice_names(void)
{
    return names;
}
