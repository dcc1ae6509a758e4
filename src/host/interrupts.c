/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/interrupts.h"

#include "base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A host of 1024 CPUs with 500 interrupts has 5 MiB. */
#define MAX_BYTES (32 * 1024 * 1024)

typedef struct Line {
    unsigned irq;
    uint64_t *counts; /* by column */
    char *device;
} Line;

struct Interrupts {
    GArray *cpus;  /* of unsigned, by column */
    GArray *lines; /* of Line, as in the file */
};

static void line_clear(gpointer data)
{
    g_free(((Line *)data)->counts);
    g_free(((Line *)data)->device);
}

void interrupts_free(Interrupts *interrupts)
{
    if (!interrupts)
        return;
    g_array_unref(interrupts->cpus);
    g_array_unref(interrupts->lines);
    g_free(interrupts);
}

/* False: none there. */
static bool take_number(const char **cursor, uint64_t max, uint64_t *ret)
{
    char *end;

    *cursor += strspn(*cursor, " ");
    if (!g_ascii_isdigit(**cursor))
        return false;
    *ret = g_ascii_strtoull(*cursor, &end, 10);
    *cursor = end;
    return *ret <= max;
}

/* "           CPU0       CPU1": the CPUs that are online. */
static void parse_heading(const char *text, GArray *cpus)
{
    uint64_t cpu;

    for (const char *at = strstr(text, "CPU"); at; at = strstr(at, "CPU")) {
        at += strlen("CPU");
        if (take_number(&at, CPUSET_MAX_INDEX, &cpu)) {
            unsigned number = (unsigned)cpu;
            g_array_append_val(cpus, number);
        }
    }
}

/* The name of the driver's handler follows the chip's words and two spaces. */
static char *device_of(const char *rest)
{
    const char *at = g_strrstr(rest, "  ");

    return g_strstrip(g_strdup(at ? at : rest));
}

static void parse_line(const char *text, Interrupts *interrupts)
{
    uint64_t irq;

    if (!take_number(&text, UINT_MAX, &irq) || *text++ != ':')
        return;
    Line line = {.irq = (unsigned)irq, .counts = g_new0(uint64_t, interrupts->cpus->len)};
    for (guint i = 0; i < interrupts->cpus->len; i++)
        if (!take_number(&text, UINT64_MAX, &line.counts[i])) {
            g_free(line.counts);
            return;
        }
    line.device = device_of(text);
    g_array_append_val(interrupts->lines, line);
}

Interrupts *interrupts_parse(const char *text)
{
    Interrupts *interrupts = g_new0(Interrupts, 1);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    interrupts->cpus = g_array_new(FALSE, FALSE, sizeof(unsigned));
    interrupts->lines = g_array_new(FALSE, FALSE, sizeof(Line));
    g_array_set_clear_func(interrupts->lines, line_clear);
    if (lines[0])
        parse_heading(lines[0], interrupts->cpus);
    for (char **line = lines; interrupts->cpus->len > 0 && *line; line++)
        parse_line(*line, interrupts);
    return interrupts;
}

int interrupts_acquire(const char *root, Interrupts **ret)
{
    g_autofree char *path = g_strconcat(root, "/proc/interrupts", NULL);
    g_autofree char *text = NULL;

    int r = file_read_small(AT_FDCWD, path, MAX_BYTES, &text);
    if (r < 0)
        return r;
    *ret = interrupts_parse(text);
    return 0;
}

static const Line *find_line(const Interrupts *interrupts, const Line *like)
{
    for (guint i = 0; i < interrupts->lines->len; i++) {
        const Line *line = &g_array_index(interrupts->lines, Line, i);
        if (line->irq == like->irq && g_str_equal(line->device, like->device))
            return line;
    }
    return NULL;
}

/* The column of that CPU; -1: none. */
static int find_column(const Interrupts *interrupts, unsigned cpu)
{
    for (guint i = 0; i < interrupts->cpus->len; i++)
        if (g_array_index(interrupts->cpus, unsigned, i) == cpu)
            return (int)i;
    return -1;
}

void interrupts_between(const Interrupts *before, const Interrupts *after, GArray *counts)
{
    for (guint i = 0; i < after->lines->len; i++) {
        const Line *line = &g_array_index(after->lines, Line, i);
        const Line *old = find_line(before, line);
        for (guint j = 0; old && j < after->cpus->len; j++) {
            unsigned cpu = g_array_index(after->cpus, unsigned, j);
            int column = find_column(before, cpu);
            if (column < 0 || line->counts[j] <= old->counts[column])
                continue;
            InterruptCount count = {.irq = line->irq,
                                    .cpu = cpu,
                                    .count = line->counts[j] - old->counts[column],
                                    .device = g_strdup(line->device)};
            g_array_append_val(counts, count);
        }
    }
}
