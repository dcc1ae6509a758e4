/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * disk.iotune → Settings. The value is whole: what the policy does not name is no limit. QEMU wants
 * limits that fit together; libvirt takes some that do not, and fails when the guest starts.
 */
#include "plan/disks.h"

#include <string.h>

/* The most QEMU takes, for a limit and for what a burst may come to. */
#define MAX_LIMIT UINT64_C(1000000000000000)

typedef enum Unit { UNIT_BYTES, UNIT_IOPS } Unit;
typedef enum Who { WHO_TOTAL, WHO_READ, WHO_WRITE } Who;
typedef enum Kind { KIND_BASE, KIND_MAX, KIND_LENGTH } Kind;
#define N_UNITS (UNIT_IOPS + 1)
#define N_WHO (WHO_WRITE + 1)
#define N_KINDS (KIND_LENGTH + 1)

static const char *const units[] = {"bytes", "iops"};
static const char *const whos[] = {"total", "read", "write"};
static const char *const kinds[] = {"", "_max", "_max_length"};

typedef struct Iotune {
    uint64_t limits[N_UNITS][N_WHO][N_KINDS]; /* 0: none */
    uint64_t size;                            /* a request larger than this counts as several */
    char *group;                              /* NULL: none */
} Iotune;

static void iotune_clear(Iotune *iotune)
{
    g_free(iotune->group);
    *iotune = (Iotune){0};
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Iotune, iotune_clear)

/* --- reading --- */

static uint64_t number_read(const PolicyValue *by, const char *name)
{
    const PolicyValue *value = policy_value_entry(by, name);

    return value ? value->u : 0;
}

static bool has_any(const Iotune *iotune, Unit unit)
{
    for (unsigned who = 0; who < N_WHO; who++)
        if (iotune->limits[unit][who][KIND_BASE] > 0)
            return true;
    return false;
}

static char *group_now(const DiskWant *want)
{
    const KnobInfo *info = knob_info(KNOB_DISK_IOTUNE);
    const KnobTarget target = {.knob = KNOB_DISK_IOTUNE, .device = want->disk->target};
    char **values = NULL, *group = NULL;

    if (knob_fields_parse(info, knob_now(want->wants, &target), &values) < 0)
        return NULL;
    for (unsigned i = 0; info->fields[i].name; i++)
        if (strcmp(info->fields[i].name, "group_name") == 0)
            group = g_strdup(values[i]);
    knob_fields_free(info, values);
    return group;
}

/* A group that the policy does not name stays: other disks are in it. */
static void iotune_read(const DiskWant *want, const PolicyValue *by, Iotune *ret)
{
    const PolicyValue *group = policy_value_entry(by, "group");

    for (unsigned unit = 0; unit < N_UNITS; unit++)
        for (unsigned who = 0; who < N_WHO; who++)
            for (unsigned kind = 0; kind < N_KINDS; kind++) {
                g_autofree char *name =
                    g_strdup_printf("%s_%s%s", whos[who], units[unit], kinds[kind]);
                ret->limits[unit][who][kind] = number_read(by, name);
            }
    ret->size = number_read(by, "size_iops");
    if (group)
        ret->group = g_strdup(group->text);
    else if (has_any(ret, UNIT_BYTES) || has_any(ret, UNIT_IOPS))
        ret->group = group_now(want);
}

/* --- what fits together --- */

static char *unit_problem(const Iotune *iotune, Unit unit)
{
    const char *name = units[unit];

    for (unsigned kind = KIND_BASE; kind <= KIND_MAX; kind++)
        if (iotune->limits[unit][WHO_TOTAL][kind] > 0 &&
            (iotune->limits[unit][WHO_READ][kind] > 0 || iotune->limits[unit][WHO_WRITE][kind] > 0))
            return g_strdup_printf("total_%s%s cannot go with read_%s%s or write_%s%s", name,
                                   kinds[kind], name, kinds[kind], name, kinds[kind]);
    return NULL;
}

static char *limit_problem(const Iotune *iotune, Unit unit, Who who)
{
    const uint64_t *limit = iotune->limits[unit][who];
    g_autofree char *name = g_strdup_printf("%s_%s", whos[who], units[unit]);

    if (limit[KIND_BASE] > MAX_LIMIT || limit[KIND_MAX] > MAX_LIMIT)
        return g_strdup_printf("%s is more than QEMU takes", name);
    if (limit[KIND_MAX] > 0 && limit[KIND_BASE] == 0)
        return g_strdup_printf("%s_max needs %s", name, name);
    if (limit[KIND_MAX] > 0 && limit[KIND_MAX] < limit[KIND_BASE])
        return g_strdup_printf("%s_max is below %s", name, name);
    if (limit[KIND_LENGTH] > 0 && limit[KIND_MAX] == 0)
        return g_strdup_printf("%s_max_length needs %s_max", name, name);
    if (limit[KIND_MAX] > 0 && limit[KIND_LENGTH] > MAX_LIMIT / limit[KIND_MAX])
        return g_strdup_printf("%s_max_length is too long for such a burst", name);
    return NULL;
}

/* NULL: none; else owned. */
static char *iotune_problem(const Iotune *iotune)
{
    for (unsigned unit = 0; unit < N_UNITS; unit++) {
        char *problem = unit_problem(iotune, (Unit)unit);
        for (unsigned who = 0; who < N_WHO && !problem; who++)
            problem = limit_problem(iotune, (Unit)unit, (Who)who);
        if (problem)
            return problem;
    }
    if (iotune->size > MAX_LIMIT)
        return g_strdup("size_iops is more than QEMU takes");
    if (iotune->size > 0 && !has_any(iotune, UNIT_IOPS))
        return g_strdup("size_iops needs a limit of iops");
    if (iotune->group && !has_any(iotune, UNIT_BYTES) && !has_any(iotune, UNIT_IOPS))
        return g_strdup("a group needs a limit");
    return NULL;
}

/* --- the value --- */

static void field_set(char **values, const char *name, uint64_t number)
{
    const KnobField *fields = knob_info(KNOB_DISK_IOTUNE)->fields;

    for (unsigned i = 0; fields[i].name; i++)
        if (strcmp(fields[i].name, name) == 0 && number > 0)
            values[i] = g_strdup_printf("%" G_GUINT64_FORMAT, number);
}

static char *iotune_format(const Iotune *iotune)
{
    const KnobInfo *info = knob_info(KNOB_DISK_IOTUNE);
    char **values = g_new0(char *, knob_fields_count(info) + 1);

    for (unsigned unit = 0; unit < N_UNITS; unit++)
        for (unsigned who = 0; who < N_WHO; who++)
            for (unsigned kind = 0; kind < N_KINDS; kind++) {
                g_autofree char *name =
                    g_strdup_printf("%s_%s_sec%s", whos[who], units[unit], kinds[kind]);
                field_set(values, name, iotune->limits[unit][who][kind]);
            }
    field_set(values, "size_iops_sec", iotune->size);
    for (unsigned i = 0; info->fields[i].name; i++)
        if (strcmp(info->fields[i].name, "group_name") == 0)
            values[i] = g_strdup(iotune->group);
    char *text = knob_fields_format(info, (const char *const *)values);
    knob_fields_free(info, values);
    return text;
}

/* QEMU has one set of limits for a group: that of the first disk the policy puts into it. Its
 * target if it is before this one and has other limits, else NULL. Borrowed. */
static const char *rival_find(const DiskWant *want, const Iotune *iotune, const char *text)
{
    const GuestDef *def = want->wants->def;

    for (unsigned i = 0; iotune->group && &def->disks[i] != want->disk; i++) {
        const DiskWant other = {.wants = want->wants, .disk = &def->disks[i]};
        DiskPolicy by = disk_policy(&other, KEY_DISK_IOTUNE);
        g_auto(Iotune) limits = {0};
        if (!by.value || disk_is_outside(other.disk))
            continue;
        iotune_read(&other, by.value, &limits);
        g_autofree char *problem = iotune_problem(&limits);
        g_autofree char *other_text = iotune_format(&limits);
        if (!problem && g_strcmp0(limits.group, iotune->group) == 0)
            return g_strcmp0(other_text, text) != 0 ? other.disk->target : NULL;
    }
    return NULL;
}

void disk_decide_iotune(const DiskWant *want, const DiskPolicy *by, DiskValue *ret)
{
    g_auto(Iotune) iotune = {0};

    iotune_read(want, by->value, &iotune);
    g_free(ret->value);
    ret->value = iotune_format(&iotune);
    g_autofree char *problem = iotune_problem(&iotune);
    const char *rival = problem ? NULL : rival_find(want, &iotune, ret->value);
    if (rival)
        problem = g_strdup_printf("disk %s of the same group has other limits", rival);
    else if (!problem && disk_is_removable(want->disk) && !want->disk->source)
        problem = g_strdup("there is no medium in it");
    if (problem)
        disk_refuse(ret, problem);
}
