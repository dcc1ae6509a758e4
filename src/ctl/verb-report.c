/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything there is to tell of a host, in one document made of the daemon's. */
#include "ctl/bus-client.h"
#include "ctl/report-page.h"
#include "ctl/verbs.h"
#include "report/report.h"
#include "vmtuned/version.h"

#define MAX_CHANGES 500 /* a page that can still be read */

static const char *const no_guests[] = {NULL};

/* The first has to be there. */
static const struct {
    const char *part; /* as the report document calls it */
    BusRequest request;
} parts[] = {
    {"status", {.method = "Status", .guests = no_guests}},
    {"map", {.method = "Map", .guests = no_guests}},
    {"host", {.method = "Host"}},
    {"advise", {.method = "Advise", .guests = no_guests}},
    {"doctor", {.method = "Doctor", .guests = no_guests, .slow = true}},
    {"log",
     {.method = "History",
      .guests = no_guests,
      .has_time = true,
      .has_number = true,
      .number = MAX_CHANGES}},
};
enum { N_PARTS = G_N_ELEMENTS(parts) };

/* Takes the documents over. */
static Doc *document_make(BusAnswer *answers)
{
    Doc *document = report_document(), *errors = json_object_new_object();
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");

    json_object_object_add(document, "time", json_object_new_string(time));
    json_object_object_add(document, "release", json_object_new_string(VMTUNED_VERSION));
    for (unsigned i = 0; i < N_PARTS; i++) {
        json_object_object_add(document, parts[i].part, g_steal_pointer(&answers[i].document));
        if (answers[i].error)
            json_object_object_add(errors, parts[i].part, json_object_new_string(answers[i].error));
    }
    json_object_object_add(document, "errors", errors);
    return document;
}

static int write_report(const Options *options, Doc *document)
{
    if (options->given[OPT_JSON])
        return show_document(options, document, NULL);
    g_autofree char *page = report_page_make(document);
    return show_file(options_value(options, OPT_HTML), page, false);
}

int verb_report_run(const Options *options)
{
    BusRequest requests[N_PARTS];
    BusAnswer answers[N_PARTS] = {0};

    if (!options->given[OPT_HTML] && !options->given[OPT_JSON]) {
        show_error("'report' needs --html FILE, or --json");
        return CTL_USAGE;
    }
    for (unsigned i = 0; i < N_PARTS; i++)
        requests[i] = parts[i].request;
    int exit_status = bus_requests_ask(options, requests, N_PARTS, answers);
    if (exit_status == CTL_OK && answers[0].error) {
        show_error("%s", answers[0].error);
        exit_status = answers[0].exit;
    }
    if (exit_status == CTL_OK) {
        g_autoptr(Doc) document = document_make(answers);
        exit_status = write_report(options, document);
    }
    for (unsigned i = 0; i < N_PARTS; i++)
        bus_answer_clear(&answers[i]);
    return exit_status;
}
