/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/number.h"
#include "ctl/since.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

#define DEFAULT_LINES 50
#define MAX_LINES 10000 /* the record has no more */

/* "drift: 1 PU of its own on node 0 (/etc/vmtuned/policy.yaml:5)" */
static char *why_words(Doc *row)
{
    GString *words = g_string_new(doc_word(row, "why"));

    if (doc_text(row, "reason"))
        g_string_append_printf(words, ": %s", doc_text(row, "reason"));
    if (doc_text(row, "origin"))
        g_string_append_printf(words, " (%s)", doc_text(row, "origin"));
    return g_string_free(words, FALSE);
}

static void add_row(Table *table, Doc *row)
{
    g_autofree char *time = doc_time(row, "time"), *setting = show_setting_name(row);
    g_autofree char *why = why_words(row);

    table_add(table, (const char *const[]){time, doc_text(row, "name"), setting,
                                           doc_text(row, "plane"), show_value(row, "from"),
                                           show_value(row, "to"), doc_text(row, "result"), why});
}

static Table *log_table(void)
{
    return table_new((const char *const[]){"TIME", "GUEST", "SETTING", "PLANE", "FROM", "TO",
                                           "RESULT", "WHY", NULL});
}

static void render_rows(Doc *document, bool reverse, GString *out)
{
    g_autoptr(Table) table = log_table();
    unsigned n = doc_length(document, "changes");

    for (unsigned i = 0; i < n; i++)
        add_row(table, doc_at(document, "changes", reverse ? n - 1 - i : i));
    if (n == 0)
        g_string_append(out, "nothing was changed\n");
    table_print(table, out);
}

static void render(Doc *document, GString *out)
{
    render_rows(document, false, out);
}

static void render_reverse(Doc *document, GString *out)
{
    render_rows(document, true, out);
}

/* What is asked for. False: told on stderr. */
static bool read_bounds(const Options *options, BusRequest *request)
{
    const char *since = options_value(options, OPT_SINCE);
    int64_t since_usec = 0;

    request->number = since ? 0 : DEFAULT_LINES;
    if (g_strcmp0(options_value(options, OPT_LINES), "all") == 0)
        request->number = 0;
    else if (!number_option(options, OPT_LINES, MAX_LINES, &request->number))
        return false;
    if (since && since_parse(since, g_get_real_time(), &since_usec) < 0) {
        show_error("--since: expected a time in the past, such as '2h', '10:30' or "
                   "'2026-11-21 10:30', not '%s'",
                   since);
        return false;
    }
    request->time_usec = (uint64_t)since_usec;
    return true;
}

int verb_log_run(const Options *options)
{
    BusRequest request = {.method = "History",
                          .guests = options_words(options),
                          .has_time = true,
                          .has_number = true};

    if (!read_bounds(options, &request))
        return CTL_USAGE;
    return bus_request_run(options, &request,
                           options->given[OPT_REVERSE] ? render_reverse : render);
}
