/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/report-page.h"

#include "base/util.h"
#include "ctl/map-svg.h"
#include "ctl/page.h"
#include "ctl/show.h"
#include "model/host.h"

#include <inttypes.h>

/* --- cells --- */

static void write_time(Markup *markup, PageRow row, const char *key)
{
    g_autofree char *time = doc_time(row.row, key);

    if (!time)
        return;
    markup_open(markup, "time");
    markup_attribute(markup, "datetime", doc_word(row.row, key));
    markup_text(markup, time);
    markup_close(markup);
}

static void write_when(Markup *markup, PageRow row)
{
    write_time(markup, row, "time");
}

static void write_since(Markup *markup, PageRow row)
{
    write_time(markup, row, "since");
}

static void write_state(Markup *markup, PageRow row)
{
    page_word(markup, doc_word(row.row, "state"));
}

static void write_severity(Markup *markup, PageRow row)
{
    page_word(markup, doc_word(row.row, "severity"));
}

static void write_result(Markup *markup, PageRow row)
{
    page_word(markup, doc_word(row.row, "result"));
}

static void write_owner(Markup *markup, PageRow row)
{
    markup_text(markup, doc_word(row.owner, "name"));
}

static void write_whose(Markup *markup, PageRow row)
{
    markup_text(markup, doc_text(row.row, "guest") ? doc_word(row.row, "guest") : "host");
}

static void write_setting(Markup *markup, PageRow row)
{
    g_autofree char *name = show_setting_name(row.row);

    markup_text(markup, name);
}

static void write_locality(Markup *markup, PageRow row)
{
    if (doc_get(row.row, "locality_pct"))
        markup_textf(markup, "%" PRId64 "%%", doc_number(row.row, "locality_pct"));
}

static void write_drift(Markup *markup, PageRow row)
{
    markup_textf(markup, "%" PRId64 " / %" PRId64, doc_number(row.row, "drift"),
                 doc_number(row.row, "repaired"));
}

static void write_live(Markup *markup, PageRow row)
{
    markup_text(markup, show_value(row.row, "live"));
}

static void write_next(Markup *markup, PageRow row)
{
    markup_text(markup, show_value(row.row, "next"));
}

static void write_why_host(Markup *markup, PageRow row)
{
    markup_text(markup, doc_text(row.row, "refused") ? doc_word(row.row, "refused")
                                                     : doc_word(row.row, "reason"));
}

static void write_page_size(Markup *markup, PageRow row)
{
    g_autofree char *size = page_size_format((unsigned)MAX(doc_number(row.row, "size_kib"), 0));

    markup_text(markup, size);
}

/* The policy's lines or a command, whichever there is. */
static void write_remedy(Markup *markup, PageRow row)
{
    static const char *const keys[] = {"policy", "command"};

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
        if (doc_text(row.row, keys[i])) {
            markup_open(markup, "pre");
            markup_element(markup, "code", NULL, doc_text(row.row, keys[i]));
            markup_close(markup);
        }
}

/* --- tables --- */

static const PageTable guests_table = {
    .caption = "How each guest stands, and where",
    .columns =
        (const PageColumn[]){
            {"Guest", "name", NULL},
            {"State", NULL, write_state},
            {"Since", NULL, write_since},
            {"Policy", "cpu_policy", NULL},
            {"vCPUs", "vcpus", NULL},
            {"Nodes", "nodes", NULL},
            {"CPUs", "cpus", NULL},
            {"Local memory", NULL, write_locality},
            {"Drift / repaired", NULL, write_drift},
            {"Note", "text", NULL},
            {NULL, NULL, NULL},
        },
    .empty = "There is no guest.",
};

static const PageTable findings_table = {
    .caption = "What costs performance, as measured, and what mends it",
    .columns =
        (const PageColumn[]){
            {"Guest", NULL, write_whose},
            {"Severity", NULL, write_severity},
            {"Class", "class", NULL},
            {"Device", "device", NULL},
            {"What", "what", NULL},
            {"Evidence", "evidence", NULL},
            {"Remedy", NULL, write_remedy},
            {NULL, NULL, NULL},
        },
    .empty = "Nothing was measured that costs performance.",
    .without = "advice",
};

static const PageTable advice_table = {
    .caption = "What could be faster, by the definitions of guests and host",
    .columns =
        (const PageColumn[]){
            {"Guest", NULL, write_whose},
            {"Severity", NULL, write_severity},
            {"What", "what", NULL},
            {"Device", "device", NULL},
            {"Why", "reason", NULL},
            {"To do", NULL, write_remedy},
            {NULL, NULL, NULL},
        },
    .empty = "There is no advice.",
};

static const PageTable pending_table = {
    .caption = "What waits for a guest's next cold start",
    .columns =
        (const PageColumn[]){
            {"Guest", NULL, write_owner},
            {"Setting", NULL, write_setting},
            {"Wanted", "wanted", NULL},
            {"Live", NULL, write_live},
            {"Next start", NULL, write_next},
            {"Why", "reason", NULL},
            {NULL, NULL, NULL},
        },
    .empty = "Nothing waits for a cold start.",
};

static const PageTable contested_table = {
    .caption = "Settings left to somebody who keeps changing them back",
    .columns =
        (const PageColumn[]){
            {"Guest", NULL, write_owner},
            {"Setting", NULL, write_setting},
            {"Since", NULL, write_since},
            {"Who it is likely to be", "rival", NULL},
            {NULL, NULL, NULL},
        },
    .empty = "Nobody changes settings back.",
};

static const PageTable settings_table = {
    .caption = "Settings of the host that the policy has a word on",
    .columns =
        (const PageColumn[]){
            {"Setting", NULL, write_setting},
            {"Now", "observed", NULL},
            {"Wanted", "wanted", NULL},
            {"Why", NULL, write_why_host},
            {"Policy", "origin", NULL},
            {NULL, NULL, NULL},
        },
    .empty = "The policy wants nothing of the host.",
};

static const PageTable pools_table = {
    .caption = "Pools of huge pages",
    .columns =
        (const PageColumn[]){
            {"Node", "node", NULL},
            {"Pages of", NULL, write_page_size},
            {"Total", "total", NULL},
            {"Free", "free", NULL},
            {"Surplus", "surplus", NULL},
            {NULL, NULL, NULL},
        },
    .empty = "This kernel has no pools of huge pages.",
};

static const PageTable log_table = {
    .caption = "What vmtuned changed, the newest last",
    .columns =
        (const PageColumn[]){
            {"Time", NULL, write_when},
            {"Guest", "name", NULL},
            {"Setting", NULL, write_setting},
            {"Plane", "plane", NULL},
            {"From", "from", NULL},
            {"To", "to", NULL},
            {"Why", "why", NULL},
            {"Reason", "reason", NULL},
            {"Result", NULL, write_result},
            {NULL, NULL, NULL},
        },
    .empty = "Nothing was changed yet.",
};

/* --- sections: each writes what is below its heading --- */

static void write_map(Markup *markup, Doc *map_document)
{
    g_autoptr(Map) map = map_new(map_document);

    markup_open(markup, "figure");
    markup_attribute(markup, "class", "scroll");
    markup_attribute(markup, "role", "region");
    markup_attribute(markup, "aria-label", "Map of the host");
    markup_attribute(markup, "tabindex", "0");
    map_svg_write(map, markup);
    markup_close(markup);
}

static void write_guests(Markup *markup, Doc *status)
{
    page_table(markup, &guests_table, status, "guests");
}

static void write_pending(Markup *markup, Doc *status)
{
    page_table_of_each(markup, &pending_table, status, "guests", "pending");
}

static void write_contested(Markup *markup, Doc *status)
{
    page_table_of_each(markup, &contested_table, status, "guests", "contested");
}

static void write_findings(Markup *markup, Doc *doctor)
{
    const char *text = doc_text(doc_get(doctor, "drop_in"), "text");

    page_table(markup, &findings_table, doctor, "findings");
    if (!text)
        return;
    markup_open(markup, "p");
    markup_text(markup, "The policy's lines for all of it, advice too, for ");
    markup_element(markup, "code", NULL, doc_word(doc_get(doctor, "drop_in"), "file"));
    markup_text(markup, ":");
    markup_close(markup);
    markup_open(markup, "pre");
    markup_element(markup, "code", NULL, text);
    markup_close(markup);
}

static void write_advice(Markup *markup, Doc *advise)
{
    page_table(markup, &advice_table, advise, "advice");
}

static void write_host(Markup *markup, Doc *document)
{
    Doc *host = doc_get(document, "host");

    DOC_FOREACH(row, host, "shortages")
    {
        g_autofree char *text = show_shortage(row);
        markup_element(markup, "p", "bad", text);
    }
    page_table(markup, &settings_table, host, "settings");
    page_table(markup, &pools_table, host, "pools");
}

static void write_log(Markup *markup, Doc *log)
{
    page_table(markup, &log_table, log, "changes");
}

static const struct {
    const char *id, *heading;
    const char *part; /* of the report document */
    void (*write)(Markup *markup, Doc *part);
} sections[] = {
    {"map", "Map", "map", write_map},
    {"guests", "Guests", "status", write_guests},
    {"findings", "Findings", "doctor", write_findings},
    {"advice", "Advice", "advise", write_advice},
    {"pending", "Pending", "status", write_pending},
    {"contested", "Contested", "status", write_contested},
    {"host", "Host", "host", write_host},
    {"history", "History", "log", write_log},
};

static void write_section(Markup *markup, Doc *document, unsigned i)
{
    Doc *part = doc_get(document, sections[i].part);
    const char *error = doc_text(doc_get(document, "errors"), sections[i].part);

    page_section_begin(markup, sections[i].id, sections[i].heading);
    if (part) {
        sections[i].write(markup, part);
    } else {
        g_autofree char *note = g_strdup_printf("Not known: %s.", error ? error : "nobody asked");
        page_note(markup, note);
    }
    page_section_end(markup);
}

/* --- the head of the page --- */

static const char *host_name(Doc *document)
{
    const char *name = doc_text(doc_get(document, "map"), "hostname");

    return name ? name : "this host";
}

typedef struct Sums {
    unsigned guests, running, well, drift, pending, findings;
} Sums;

static Sums sums_make(Doc *document)
{
    Doc *status = doc_get(document, "status");
    Sums sums = {.guests = doc_length(status, "guests")};

    DOC_FOREACH(guest, status, "guests")
    {
        sums.running += !g_str_equal(doc_word(guest, "state"), "off");
        sums.well += g_str_equal(doc_word(guest, "state"), "as-planned");
        sums.drift += (unsigned)doc_number(guest, "drift");
        sums.pending += doc_length(guest, "pending");
    }
    DOC_FOREACH(finding, doc_get(document, "doctor"), "findings")
    sums.findings +=
        !doc_bool(finding, "advice") && !g_str_equal(doc_word(finding, "severity"), "info");
    return sums;
}

static void write_pair(Markup *markup, const char *term, const char *text)
{
    markup_element(markup, "dt", NULL, term);
    markup_element(markup, "dd", NULL, text);
}

static void write_tiles(Markup *markup, Doc *document)
{
    const Sums sums = sums_make(document);
    const struct {
        const char *term;
        unsigned number;
        bool known;
    } tiles[] = {
        {"guests", sums.guests, true},
        {"running", sums.running, true},
        {"as planned", sums.well, true},
        {"changes by others", sums.drift, true},
        {"settings pending", sums.pending, true},
        {"findings", sums.findings, doc_get(document, "doctor")},
    };

    markup_open(markup, "dl");
    markup_attribute(markup, "class", "tiles");
    for (unsigned i = 0; i < G_N_ELEMENTS(tiles); i++) {
        g_autofree char *number = g_strdup_printf("%u", tiles[i].number);
        markup_open(markup, "div");
        write_pair(markup, tiles[i].term, tiles[i].known ? number : "–");
        markup_close(markup);
    }
    markup_close(markup);
}

static void write_contents(Markup *markup)
{
    markup_open(markup, "nav");
    markup_attribute(markup, "aria-label", "Contents");
    markup_open(markup, "ul");
    for (unsigned i = 0; i < G_N_ELEMENTS(sections); i++) {
        g_autofree char *link = g_strconcat("#", sections[i].id, NULL);
        markup_open(markup, "li");
        markup_open(markup, "a");
        markup_attribute(markup, "href", link);
        markup_text(markup, sections[i].heading);
        markup_close(markup);
        markup_close(markup);
    }
    markup_close(markup);
    markup_close(markup);
}

static void write_header(Markup *markup, Doc *document, const char *title)
{
    g_autofree char *time = doc_time(document, "time");

    markup_open(markup, "header");
    markup_element(markup, "h1", NULL, title);
    markup_open(markup, "p");
    markup_attribute(markup, "class", "soft");
    markup_textf(markup, "Made at %s by vmtuned-ctl %s", time ? time : "a time not known",
                 doc_word(document, "release"));
    markup_close(markup);
    write_tiles(markup, document);
    write_contents(markup);
    markup_close(markup);
}

static void write_diags(Markup *markup, Doc *status)
{
    DOC_FOREACH(diag, status, "diagnostics")
    {
        g_autofree char *text = g_strdup_printf("%s%s%s: %s", doc_word(diag, "severity"),
                                                doc_text(diag, "file") ? ": " : "",
                                                doc_word(diag, "file"), doc_word(diag, "text"));
        write_pair(markup, "Policy", text);
    }
}

static void write_memory(Markup *markup, Doc *host)
{
    g_autofree char *total = map_size((uint64_t)MAX(doc_number(host, "memory_kib"), 0) / 1024);
    g_autofree char *available =
        map_size((uint64_t)MAX(doc_number(host, "available_kib"), 0) / 1024);
    g_autofree char *text = g_strdup_printf("%s, %s available", total, available);

    if (host)
        write_pair(markup, "Memory", text);
}

static void write_summary(Markup *markup, Doc *document)
{
    Doc *status = doc_get(document, "status"), *daemon = doc_get(status, "daemon");
    g_autofree char *last = doc_time(daemon, "last_cycle"),
                    *files = doc_join(daemon, "policy_files");

    page_section_begin(markup, "summary", "Summary");
    markup_open(markup, "dl");
    markup_attribute(markup, "class", "facts");
    write_pair(markup, "Mode", doc_word(daemon, "mode"));
    write_pair(markup, "libvirt", doc_bool(daemon, "connected") ? "connected" : "away");
    write_pair(markup, "Last cycle", last ? last : "none yet");
    write_pair(markup, "Policy files", files);
    write_memory(markup, doc_get(doc_get(document, "host"), "host"));
    if (doc_bool(daemon, "policy_rejected"))
        write_pair(markup, "Policy", "the newest has errors; the one before is in force");
    write_diags(markup, status);
    if (doc_text(daemon, "record_problem"))
        write_pair(markup, "Record", doc_word(daemon, "record_problem"));
    DOC_FOREACH(words, daemon, "cannot")
    write_pair(markup, "Cannot", json_object_get_string(words));
    markup_close(markup);
    page_section_end(markup);
}

char *report_page_make(Doc *document)
{
    Markup *markup = markup_new();
    g_autofree char *title = g_strconcat("vmtuned on ", host_name(document), NULL);

    page_begin(markup, title);
    write_header(markup, document, title);
    markup_open(markup, "main");
    write_summary(markup, document);
    for (unsigned i = 0; i < G_N_ELEMENTS(sections); i++)
        write_section(markup, document, i);
    markup_close(markup);
    page_end(markup);
    return markup_finish(markup);
}
