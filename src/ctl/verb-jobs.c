/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/progress.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

/* "all" also for the host's own. */
static char *guests_text(Doc *job)
{
    g_autoptr(GString) text = g_string_new(NULL);

    DOC_FOREACH(guest, job, "of")
    g_string_append_printf(text, "%s%s", text->len > 0 ? "," : "", doc_word(guest, "name"));
    return g_strdup(text->len > 0 ? text->str : "all");
}

static void render(Doc *document, GString *out)
{
    g_autoptr(Table) table = table_new(
        (const char *const[]){"JOB", "KIND", "GUESTS", "PROGRESS", "STARTED", "PHASE", NULL});

    DOC_FOREACH(job, document, "jobs")
    {
        g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, doc_number(job, "id"));
        g_autofree char *guests = guests_text(job);
        g_autofree char *count =
            progress_count((uint64_t)doc_number(job, "done"), (uint64_t)doc_number(job, "total"),
                           doc_word(job, "unit"));
        g_autofree char *started = doc_time(job, "started");
        table_add(table, (const char *const[]){id, doc_word(job, "kind"), guests, count, started,
                                               doc_word(job, "phase")});
    }
    if (table_rows(table) == 0)
        g_string_append(out, "nothing is under way\n");
    table_print(table, out);
}

int verb_jobs_run(const Options *options)
{
    BusRequest request = {.method = "Jobs"};

    return bus_request_run(options, &request, render);
}
