/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One question to the daemon for its metrics. */
#pragma once

#include "report/metric-text.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

/* Shorter than the 10 s that Prometheus waits by default: it gets words, not a timeout of its own.
 */
#define SCRAPE_TIMEOUT_USEC (8 * G_USEC_PER_SEC)

/* The connection to the bus: opened when it is needed, and again once it is lost. */
typedef struct ScrapeBus {
    const char *address; /* NULL: the system bus */
    sd_event *event;
    sd_bus *bus; /* NULL: not open */
} ScrapeBus;
void scrape_bus_clear(ScrapeBus *bus);

typedef struct Scrape Scrape;
struct Scrape {
    void (*done)(Scrape *scrape); /* once; not before scrape_start() has returned */
    void *owner;
    sd_bus_slot *slot; /* NULL: not asked yet */
    char *text;        /* the metrics; NULL: none */
    char *error;       /* why there are none, in words */
};

/* 0, or negative errno, with scrape->error set and nothing more to come. */
int scrape_start(Scrape *scrape, ScrapeBus *bus, MetricFormat format);
/* Nothing more comes. */
void scrape_clear(Scrape *scrape);
