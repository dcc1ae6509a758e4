/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/live.h"
#include "ctl/number.h"
#include "ctl/show-top.h"
#include "ctl/show.h"
#include "ctl/style.h"
#include "ctl/top-document.h"
#include "ctl/verbs.h"

#include <unistd.h>

#define DEFAULT_INTERVAL_SEC 2
#define MAX_INTERVAL_SEC 3600
#define MAX_ROUNDS 1000000000

typedef struct Top {
    TopView view;
    bool has_keys;
    Doc *usage; /* the newest answer; NULL: none yet */
} Top;

static Doc *top_take(void *data, Doc *document)
{
    Top *top = data;
    Doc *made = top_document(top->usage, document);

    json_object_put(top->usage);
    top->usage = document;
    return made;
}

static void top_render(void *data, Doc *document, GString *out)
{
    const Top *top = data;

    show_top(&top->view, document, out);
    if (!top->has_keys)
        return;
    g_string_append_c(out, '\n');
    style_mark_legend(out);
    style_append(out, STYLE_GREY, "sort by c CPU, d delay, l locality, n name; t threads\n");
}

static bool top_key(void *data, char key)
{
    Top *top = data;

    if (key == 't')
        top->view.threads = !top->view.threads;
    for (TopOrder order = 0; order < N_TOP_ORDERS; order++)
        if (key == top_order_name(order)[0])
            top->view.order = order;
    return true;
}

/* False: told on stderr. */
static bool read_order(const Options *options, TopOrder *ret)
{
    const char *name = options_value(options, OPT_SORT);

    for (TopOrder order = 0; order < N_TOP_ORDERS; order++) {
        *ret = order;
        if (!name || g_str_equal(name, top_order_name(order)))
            return true;
    }
    show_error("--sort: expected cpu, delay, locality or name, not '%s'", name);
    return false;
}

int verb_top_run(const Options *options)
{
    BusRequest request = {.method = "Usage", .guests = options_words(options)};
    unsigned seconds = DEFAULT_INTERVAL_SEC, rounds = isatty(STDOUT_FILENO) ? 0 : 1;
    Top top = {.view = {.threads = options->given[OPT_THREADS]}};

    if (!number_option(options, OPT_INTERVAL, MAX_INTERVAL_SEC, &seconds) ||
        !number_option(options, OPT_ROUNDS, MAX_ROUNDS, &rounds) ||
        !read_order(options, &top.view.order))
        return CTL_USAGE;
    top.has_keys = rounds == 0;
    LiveView view = {.request = &request,
                     .take = top_take,
                     .render = top_render,
                     .key = top_key,
                     .data = &top,
                     .interval_usec = seconds * G_USEC_PER_SEC,
                     .interval_only = true,
                     .n_partial = 1,
                     .n_rounds = rounds};
    int exit_status = live_run(options, &view);

    json_object_put(top.usage);
    return exit_status;
}
