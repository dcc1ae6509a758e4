/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The map document, ready to be drawn on whatever: the host as nested boxes, each guest with its
 * mark and colour, and what stands on each CPU. Names in it are as guests have them, not made safe.
 */
#pragma once

#include "ctl/box.h"
#include "ctl/doc.h"

/* A guest that runs, or is placed. */
typedef struct MapGuest {
    Doc *doc;   /* borrowed from the document */
    char *mark; /* "A" … "Z", "AA" …; "~": it floats with others, and is only counted on a CPU */
    bool floats;     /* all its threads may run on the very same CPUs: the pool, or everywhere */
    unsigned hue;    /* its number, to choose a colour by */
    CpuSet *cpus;    /* where any of its threads may run */
    GArray *threads; /* map.c's */
} MapGuest;

typedef enum MapUse {
    MAP_HOUSEKEEPING,
    MAP_POOL,
    MAP_ISOLATED,
    N_MAP_USES, /* none of them: a guest's own, or nobody's */
} MapUse;

typedef struct Map {
    Doc *document; /* borrowed */
    Box *machine;
    CpuSet *cpus;            /* of all boxes */
    CpuSet *use[N_MAP_USES]; /* housekeeping and isolated ones are not among the pool's */
    GPtrArray *guests;       /* of MapGuest, as the document has them */
} Map;

/* The document must outlive it. Never NULL. */
Map *map_new(Doc *document);
void map_free(Map *map);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Map, map_free)

const MapGuest *map_guest(const Map *map, unsigned i); /* NULL past the end */
MapUse map_use(const Map *map, unsigned cpu);
char map_use_letter(MapUse use); /* 'h', 'p', 'i'; ' ' for none */
const char *map_use_word(MapUse use);

/* What stands on one CPU. */
typedef struct MapChip {
    const MapGuest *guest; /* NULL: all that float there together */
    char *text;            /* "A0-1,e"; "A": all its threads; "~3": three guests that float */
    char *title;           /* the same in words and names */
} MapChip;
GPtrArray *map_chips(const Map *map, unsigned cpu); /* of MapChip; owned by the caller */

/* "db1: vCPUs 0-1, vhost": the threads that may run on one of the CPUs; "db1": all of them; NULL:
 * none. Owned by the caller. */
char *map_guest_on(const MapGuest *guest, const CpuSet *cpus);
/* "vCPUs 0-3 on 4-7; emulator, vhost on 0", or "floats over 0-3". Owned by the caller. */
char *map_guest_threads(const MapGuest *guest);

/* "NUMA node 0"; owned by the caller. */
char *map_box_name(const Box *box);
/* What there is to say of it: "16GiB, 9.1GiB free; 2MiB pages 12 of 64 free"; "" for nothing.
 * Owned by the caller. */
char *map_box_facts(const Map *map, const Box *box);
/* How many CPUs of a core there are to draw. */
unsigned map_box_cpus(const Box *box);
/* What letters and marks on CPUs mean. */
typedef struct MapKey {
    const char *mark, *class; /* an example, and what it is one of: a use, "guest" or "float" */
    const char *words;
} MapKey;
const MapKey *map_key(unsigned i);         /* NULL past the end */
const char *map_host_name(const Map *map); /* or what its topology is from */
/* "2 packages, 4 NUMA nodes, …": of the whole document. Owned by the caller. */
char *map_summary(const Map *map);

/* The element of "nodes" of that index; NULL: none. Borrowed. */
Doc *map_node(const Map *map, unsigned node);
/* MiB of the guest on that node; 0: none, or not known. */
uint64_t map_memory_mib(const MapGuest *guest, unsigned node);
/* Guests with memory on that node, the most first; of const MapGuest *; owned by the caller. */
GPtrArray *map_memory_guests(const Map *map, unsigned node);
/* "512MiB", "15.6GiB", "1.5TiB"; owned by the caller. */
char *map_size(uint64_t mib);
