/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vmtuned-exporter: the daemon's metrics over HTTP, for Prometheus. A program of its own, so that
 * the daemon never reads HTTP and needs no network. One thread: libmicrohttpd's descriptors and the
 * bus share an event loop, and a request that waits for the daemon is suspended meanwhile.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

typedef struct ExporterOptions {
    int fd;             /* listens; taken over */
    const char *bus;    /* address; NULL: the system bus */
    uint64_t idle_usec; /* ends once nobody was connected for so long; 0: never */
} ExporterOptions;

typedef struct Exporter Exporter;

/* 0 or negative errno. */
int exporter_new(const ExporterOptions *options, sd_event *event, Exporter **ret);
void exporter_free(Exporter *exporter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Exporter, exporter_free)
