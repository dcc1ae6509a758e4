/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/number.h"
#include "ctl/show.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

#define DEFAULT_MOVES 10
#define MAX_MOVES 1000

static void print_moves(Doc *document, GString *out)
{
    g_autoptr(Table) table = table_new(
        (const char *const[]){"GUEST", "FROM CPUS", "TO CPUS", "FROM LLCS", "TO LLCS", NULL});

    DOC_FOREACH(move, document, "moves")
    table_add(table, (const char *const[]){doc_text(move, "name"), doc_text(move, "from"),
                                           doc_text(move, "to"), doc_text(move, "from_llcs"),
                                           doc_text(move, "to_llcs")});
    table_print(table, out);
}

/* Components that change; what moves is worth. */
static void print_gain(Doc *document, GString *out)
{
    g_autoptr(Table) table = table_new((const char *const[]){"SCORE", "BEFORE", "AFTER", NULL});
    unsigned i = 0;

    DOC_FOREACH(item, document, "score")
    {
        Doc *was = doc_at(document, "score_before", i++);
        g_autofree char *from = g_strdup_printf("%" G_GINT64_FORMAT, doc_number(was, "value"));
        g_autofree char *to = g_strdup_printf("%" G_GINT64_FORMAT, doc_number(item, "value"));
        if (!g_str_equal(from, to))
            table_add(table, (const char *const[]){doc_text(item, "name"), from, to});
    }
    table_print_below(table, out);
}

static void render(Doc *document, GString *out)
{
    unsigned n = doc_length(document, "moves");

    if (n == 0) {
        g_string_append(out, "nothing to gain: no guest moves\n");
        return;
    }
    g_string_append_printf(out, "%u guest%s to move, memory stays\n\n", n, n == 1 ? "" : "s");
    print_moves(document, out);
    print_gain(document, out);
}

int verb_defrag_run(const Options *options)
{
    unsigned n = DEFAULT_MOVES;

    if (!number_option(options, OPT_MOVES, MAX_MOVES, &n))
        return CTL_USAGE;
    BusRequest request = {
        .method = "Defrag",
        .has_number = true,
        .number = n,
        .n_flags = 1,
        .flags = {options->given[OPT_DRY_RUN]},
        .slow = true,
    };

    return bus_request_run(options, &request, render);
}
