/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the checks of plan/doctor*.c alone. */
#pragma once

#include "plan/doctor.h"

typedef struct Doctor {
    const Snapshot *snapshot;
    const Vitals *vitals;
    const GuestStatus *of;    /* NULL: the host */
    const GuestVitals *vital; /* of that guest; NULL: it is off */
    GPtrArray *list;
} Doctor;

/* Adds a finding on what is looked at, with its evidence. NULL: nobody wants to know. */
Finding *doctor_find(const Doctor *doctor, FindingId id, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* The same of another guest than is looked at. */
Finding *doctor_find_of(const Doctor *doctor, FindingId id, const Guest *guest, char *reason);
/* In these finding may be NULL. The least severity that a threshold reached stays. */
void doctor_raise(Finding *finding, Severity severity);
/* A command for people; from format. */
void doctor_advise(Finding *finding, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A line of the policy, unless it has that already: then why it is not so is to be found. */
void doctor_mend(const Doctor *doctor, Finding *finding, PolicyKey key, const char *value);

/* The guest looked at, for a command. */
const char *doctor_called(const Doctor *doctor);
/* How often that was in a second of the sample. */
double doctor_per_second(const Doctor *doctor, uint64_t count);
/* The sample's length for people, "1.0 s"; "1.2 GiB". Owned by the caller. */
char *doctor_sample(const Doctor *doctor);
char *doctor_size(uint64_t kib);
/* The value of a knob of the host; NULL: this kernel has none. Borrowed. */
const char *doctor_host_knob(const Doctor *doctor, Knob knob);

typedef void (*DoctorCheck)(const Doctor *doctor);
/* NULL-ended. Those of guests are for guests that run and were looked at. */
extern const DoctorCheck doctor_host_checks[];
extern const DoctorCheck doctor_guest_checks[];
