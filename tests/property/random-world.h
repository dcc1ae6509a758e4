/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random hosts, policies and guests; the same seed gives the same world. */
#pragma once

#include "model/plan.h"

typedef struct Random {
    uint64_t state;
} Random;

/* The seed or count that a variable of the environment has, or else the default. */
uint64_t environment_number(const char *variable, uint64_t fallback);

uint64_t random_next(Random *random);
unsigned random_below(Random *random, unsigned n); /* 0…n-1 */
bool random_chance(Random *random, unsigned percent);

typedef struct RandomWorld {
    Topo *topo;
    char *yaml;
    Policy *policy;
    GPtrArray *guests;   /* of Guest */
    GPtrArray *policies; /* of GuestPolicy */
    GArray *inputs;      /* of PlanGuest */
} RandomWorld;

/* Measured memory of a guest: most of it on one node, some on another now and then; hardly any if
 * it has just started. */
void random_memory(Random *random, const Topo *topo, GuestKernel *kernel);

/* CPUs of a partition, on this host or beside what it allows; never empty. */
CpuSet *random_partition(Random *random, const Topo *topo);

RandomWorld *random_world_new(uint64_t seed);
void random_world_free(RandomWorld *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RandomWorld, random_world_free)
/* The host and the guests as text, for a report. */
char *random_world_format(const RandomWorld *world);
