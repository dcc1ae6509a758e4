/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/verbs.h"

#define ORIGIN_COLUMN 44

static void render(Doc *document, GString *out)
{
    g_string_append_printf(out, "# %s: %s%s\n", doc_word(document, "guest"),
                           doc_bool(document, "named") ? "named by the rule at "
                                                       : "no rule names it; defaults only",
                           doc_word(document, "rule"));
    DOC_FOREACH(row, document, "keys")
    {
        const char *value = doc_text(row, "value");
        g_autofree char *line =
            g_strdup_printf("%s: %s", doc_word(row, "key"), value ? value : "-");
        g_string_append_printf(out, "%-*s # %s%s\n", ORIGIN_COLUMN, line, doc_word(row, "origin"),
                               value ? "" : ", not touched");
    }
}

int verb_policy_show_run(const Options *options)
{
    BusRequest request = {.method = "Policy", .guest = options_words(options)[0]};

    return bus_request_run(options, &request, render);
}
