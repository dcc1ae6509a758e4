/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"
#include "ctl/style.h"
#include "ctl/terminal.h"
#include "ctl/verbs.h"

/* What belongs to a finding stands below its words. */
#define INDENT "           "

/* One line, whatever path a guest's disk has. */
static void print_line(GString *out, const char *label, const char *text)
{
    if (!text)
        return;
    g_autofree char *line = g_strdelimit(g_strdup(text), "\n", ' ');
    g_string_append_printf(out, INDENT "%s%s\n", label, line);
}

static void print_finding(Doc *finding, GString *out)
{
    const char *severity = doc_word(finding, "severity"), *device = doc_text(finding, "device");
    const char *guest = doc_text(finding, "guest");
    g_autofree char *mark = g_strdup_printf("%s %-6s", terminal_glyph(GLYPH_BULLET), severity);
    g_autofree char *id = g_strdup_printf("[%s]", doc_word(finding, "id"));

    g_string_append(out, "  ");
    style_append(out, style_of_word(severity), mark);
    g_string_append(out, " ");
    style_append(out, STYLE_STRONG, guest ? guest : "host");
    g_string_append_printf(out, "%s%s: %s ", device ? " " : "", device ? device : "",
                           doc_word(finding, "what"));
    style_append(out, STYLE_GREY, id);
    g_string_append_c(out, '\n');
    print_line(out, "", doc_text(finding, "evidence"));
    print_line(out, "policy: ", doc_text(finding, "policy"));
    print_line(out, "to do: ", doc_text(finding, "command"));
}

/* "2 high, 1 low" */
static void print_sum(Doc *document, GString *out)
{
    static const char *const severities[] = {"high", "medium", "low", "info"};
    unsigned n_kinds = 0;

    style_mark_legend(out);
    for (gsize i = 0; i < G_N_ELEMENTS(severities); i++) {
        unsigned n = 0;
        DOC_FOREACH(finding, document, "findings")
        n += g_str_equal(doc_word(finding, "severity"), severities[i]);
        if (n > 0)
            g_string_append_printf(out, "%s%u %s", n_kinds++ > 0 ? ", " : "", n, severities[i]);
    }
    g_string_append_printf(out, "%s\n", n_kinds > 0 ? "" : "nothing found that costs performance");
}

static void print_drop_in(Doc *drop_in, GString *out)
{
    if (!drop_in)
        return;
    g_string_append_printf(out,
                           "\nWhat the policy can mend, as a file of its own, %s\n"
                           "('vmtuned-ctl reload' then reads it):\n\n%s",
                           doc_word(drop_in, "file"), doc_word(drop_in, "text"));
}

/* They come by class, the gravest first. */
static void render(Doc *document, GString *out)
{
    const char *class = "";

    DOC_FOREACH(finding, document, "findings")
    {
        if (!g_str_equal(class, doc_word(finding, "class"))) {
            class = doc_word(finding, "class");
            g_autofree char *heading = g_ascii_strup(class, -1);
            if (out->len > 0)
                g_string_append_c(out, '\n');
            style_append(out, STYLE_HEADING, heading);
            g_string_append_c(out, '\n');
        }
        print_finding(finding, out);
    }
    if (out->len > 0)
        g_string_append_c(out, '\n');
    print_sum(document, out);
    print_drop_in(doc_get(document, "drop_in"), out);
}

int verb_doctor_run(const Options *options)
{
    BusRequest request = {.method = "Doctor", .guests = options_words(options), .slow = true};

    return bus_request_run(options, &request, render);
}
