/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/live.h"
#include "ctl/number.h"
#include "ctl/show-log.h"
#include "ctl/since.h"
#include "ctl/verbs.h"

#define DEFAULT_LINES 50
#define DEFAULT_FOLLOW_LINES 10
#define MAX_LINES 10000 /* the record has no more */
/* A change comes with a cycle, whose end is told. */
#define FOLLOW_INTERVAL_SEC 10

static void show(Doc *document, bool reverse, GString *out)
{
    g_autoptr(Table) table = log_table_new();

    log_table_add(table, document, reverse);
    if (table_rows(table) == 0)
        g_string_append(out, "nothing was changed\n");
    table_print(table, out);
}

static void render(Doc *document, GString *out)
{
    show(document, false, out);
}

static void render_reverse(Doc *document, GString *out)
{
    show(document, true, out);
}

/* --- following --- */

typedef struct Follow {
    BusRequest *request;
    Table *table;
    int64_t last_id; /* shown; 0: none yet */
} Follow;

/* What is new; from then on no more is asked for than what came since. */
static Doc *follow_take(void *data, Doc *answer)
{
    Follow *follow = data;
    Doc *news = log_after(answer, follow->last_id);
    unsigned n = doc_length(news, "changes");

    json_object_put(answer);
    if (n == 0) {
        json_object_put(news);
        return NULL;
    }
    Doc *newest = doc_at(news, "changes", n - 1);
    follow->last_id = doc_number(newest, "id");
    follow->request->time_usec = log_time_usec(newest);
    follow->request->number = 0;
    return news;
}

static void follow_render(void *data, Doc *document, GString *out)
{
    const Follow *follow = data;

    log_table_add(follow->table, document, false);
    table_print(follow->table, out);
    table_continue(follow->table);
}

static int follow_run(const Options *options, BusRequest *request)
{
    g_autoptr(Table) table = log_table_new();
    Follow follow = {.request = request, .table = table};
    const LiveView view = {.request = request,
                           .take = follow_take,
                           .render = follow_render,
                           .data = &follow,
                           .interval_usec = FOLLOW_INTERVAL_SEC * G_USEC_PER_SEC,
                           .continues = true};

    return live_run(options, &view);
}

/* What is asked for. False: told on stderr. */
static bool read_bounds(const Options *options, BusRequest *request)
{
    const char *since = options_value(options, OPT_SINCE);
    int64_t since_usec = 0;

    request->number = since ? 0 : options->given[OPT_FOLLOW] ? DEFAULT_FOLLOW_LINES : DEFAULT_LINES;
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
    if (options->given[OPT_FOLLOW] && options->given[OPT_REVERSE]) {
        show_error("--follow shows what comes last, --reverse first");
        return CTL_USAGE;
    }
    if (options->given[OPT_FOLLOW])
        return follow_run(options, &request);
    return bus_request_run(options, &request,
                           options->given[OPT_REVERSE] ? render_reverse : render);
}
