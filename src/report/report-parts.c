/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/report-parts.h"

#define REPORT_VERSION 1

struct json_object *parts_document(ReportExit exit_status)
{
    struct json_object *document = json_object_new_object();

    json_object_object_add(document, "version", json_object_new_int(REPORT_VERSION));
    parts_set_exit(document, exit_status);
    return document;
}

struct json_object *report_document(void)
{
    return parts_document(REPORT_OK);
}

char *report_text(struct json_object *document)
{
    char *text = g_strdup(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY));

    json_object_put(document);
    return text;
}

void parts_set_exit(struct json_object *document, ReportExit exit_status)
{
    json_object_object_add(document, "exit", json_object_new_int((int)exit_status));
}

static unsigned exit_rank(ReportExit exit_status)
{
    switch (exit_status) {
    case REPORT_OK:
        return 0;
    case REPORT_COLD:
        return 1;
    case REPORT_MISMATCH:
        return 2;
    case REPORT_BAD_INPUT:
        return 3;
    }
    return 3;
}

ReportExit parts_worse(ReportExit a, ReportExit b)
{
    return exit_rank(a) >= exit_rank(b) ? a : b;
}

ReportExit report_get_exit(struct json_object *document)
{
    struct json_object *value;

    if (!json_object_object_get_ex(document, "exit", &value))
        return REPORT_OK;
    int number = json_object_get_int(value);
    return number >= REPORT_OK && number <= REPORT_COLD ? (ReportExit)number : REPORT_BAD_INPUT;
}

struct json_object *parts_text(const char *text)
{
    if (!text || g_utf8_validate(text, -1, NULL))
        return text ? json_object_new_string(text) : NULL;
    g_autofree char *valid = g_utf8_make_valid(text, -1); /* else no bus would carry it */
    return json_object_new_string(valid);
}

struct json_object *parts_set(const CpuSet *set)
{
    g_autofree char *text = set ? cpuset_format(set) : g_strdup("");

    return json_object_new_string(text);
}

struct json_object *parts_number(unsigned number)
{
    return number > 0 ? json_object_new_int64(number) : NULL;
}

struct json_object *parts_time(int64_t realtime_usec)
{
    if (realtime_usec <= 0)
        return NULL;
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(realtime_usec / G_USEC_PER_SEC);
    g_autofree char *text = time ? g_date_time_format_iso8601(time) : NULL;
    return parts_text(text);
}

struct json_object *parts_names(char *const *names)
{
    struct json_object *array = json_object_new_array();

    for (; names && *names; names++)
        json_object_array_add(array, json_object_new_string(*names));
    return array;
}

void parts_append_diags(struct json_object *array, const DiagList *diags)
{
    const Diag *diag;

    for (unsigned i = 0; diags && (diag = diag_list_get(diags, i)); i++) {
        struct json_object *row = json_object_new_object();
        json_object_object_add(row, "severity", parts_text(diag_severity_name(diag->severity)));
        json_object_object_add(row, "file", parts_text(diag->file));
        json_object_object_add(row, "line", parts_number(diag->line));
        json_object_object_add(row, "column", parts_number(diag->column));
        json_object_object_add(row, "key", parts_text(diag->key));
        json_object_object_add(row, "text", parts_text(diag->text));
        json_object_array_add(array, row);
    }
}

struct json_object *report_diags(const DiagList *diags)
{
    bool bad = diags && diag_list_count(diags, DIAG_ERROR) > 0;
    struct json_object *document = parts_document(bad ? REPORT_BAD_INPUT : REPORT_OK);
    struct json_object *array = json_object_new_array();

    parts_append_diags(array, diags);
    json_object_object_add(document, "diagnostics", array);
    return document;
}

void parts_add_key(struct json_object *row, const SettingKey *key)
{
    g_autofree char *instance = setting_key_instance(key);

    json_object_object_add(row, "knob", parts_text(knob_info(key->knob)->name));
    json_object_object_add(row, "instance", parts_text(instance));
    json_object_object_add(row, "plane", parts_text(plane_name(key->plane)));
}

void parts_append_changes(struct json_object *array, const char *subject, const ChangeSet *changes)
{
    for (unsigned i = 0; changes && i < change_set_size(changes); i++) {
        const Change *change = change_set_get(changes, i);
        struct json_object *row = json_object_new_object();
        json_object_object_add(row, "subject", parts_text(subject));
        parts_add_key(row, &change->key);
        json_object_object_add(row, "from", parts_text(change->from));
        json_object_object_add(row, "to", parts_text(change->to));
        json_object_object_add(row, "reason", parts_text(change->reason));
        json_object_object_add(row, "origin", parts_text(change->origin));
        json_object_object_add(row, "drift", json_object_new_boolean(change->drift));
        json_object_object_add(row, "contested", json_object_new_boolean(change->contested));
        json_object_array_add(array, row);
    }
}

struct json_object *parts_setting(const SettingKey *key, const char *wanted, const char *observed,
                                  const char *reason, const char *origin)
{
    struct json_object *row = json_object_new_object();

    parts_add_key(row, key);
    json_object_object_add(row, "wanted", parts_text(wanted));
    json_object_object_add(row, "observed", parts_text(observed));
    json_object_object_add(row, "reason", parts_text(reason));
    json_object_object_add(row, "origin", parts_text(origin));
    return row;
}

struct json_object *parts_unknown_guest(const char *name)
{
    struct json_object *entry = json_object_new_object();

    json_object_object_add(entry, "name", parts_text(name));
    json_object_object_add(entry, "error", parts_text("no such guest"));
    return entry;
}

struct json_object *parts_contested(const GuestStatus *status)
{
    struct json_object *rows = json_object_new_array();

    for (unsigned i = 0; i < contest_size(status->contest); i++) {
        const Contested *contested = contest_get(status->contest, i);
        g_autofree char *instance = setting_key_instance(&contested->key);
        struct json_object *row = json_object_new_object();
        json_object_object_add(row, "knob", parts_text(knob_info(contested->key.knob)->name));
        json_object_object_add(row, "instance", parts_text(instance));
        json_object_object_add(row, "since", parts_time(contested->since_usec));
        json_object_object_add(row, "rival", parts_text(contested->rival));
        json_object_array_add(rows, row);
    }
    return rows;
}

void parts_add_identity(struct json_object *entry, const GuestStatus *status)
{
    json_object_object_add(entry, "name", parts_text(status->name));
    json_object_object_add(entry, "uuid", parts_text(status->uuid));
    json_object_object_add(entry, "state", parts_text(guest_state_name(status->state)));
    json_object_object_add(entry, "text", parts_text(status->text));
}

struct json_object *parts_memory(const GuestKernel *kernel)
{
    struct json_object *rows;

    if (!kernel || !kernel->memory_kib)
        return NULL;
    rows = json_object_new_array();
    for (unsigned i = 0; i < kernel->n_pages; i++) {
        const GuestPages *pages = &kernel->pages[i];
        struct json_object *row = json_object_new_object();
        json_object_object_add(row, "node", json_object_new_int64(pages->node));
        json_object_object_add(row, "page_kib", json_object_new_int64(pages->page_kib));
        json_object_object_add(row, "transparent", json_object_new_boolean(pages->transparent));
        json_object_object_add(row, "kib", json_object_new_int64((int64_t)pages->kib));
        json_object_array_add(rows, row);
    }
    return rows;
}

struct json_object *parts_locality(const GuestStatus *status, const Topo *topo)
{
    int pct = guest_status_locality_pct(status, topo);

    return pct >= 0 ? json_object_new_int(pct) : NULL;
}

ReportExit parts_guest_exit(const GuestStatus *status)
{
    switch (status->state) {
    case GUEST_OFF:
    case GUEST_AS_PLANNED:
    case GUEST_UNMANAGED:
        return REPORT_OK;
    case GUEST_RELEASED:
        return status->n_kept > 0 ? REPORT_MISMATCH : REPORT_OK;
    case GUEST_COLD_PENDING:
        return REPORT_COLD;
    case GUEST_BUSY:
        return change_set_size(status->left) > 0 ? REPORT_MISMATCH : REPORT_OK;
    case GUEST_PENDING:
    case GUEST_DRIFTED:
    case GUEST_CONTESTED:
    case GUEST_NOT_EXCLUSIVE:
    case GUEST_REFUSED:
    case GUEST_STUCK:
    case GUEST_FAILED:
        return REPORT_MISMATCH;
    }
    return REPORT_MISMATCH;
}

ReportExit parts_snapshot_exit(const Snapshot *snapshot)
{
    bool well = snapshot->connected && snapshot->plan && !snapshot->policy_rejected &&
                !snapshot->record_problem;

    return well ? REPORT_OK : REPORT_MISMATCH;
}

static ReportExit exit_of(const PartsOf *of, const GuestStatus *status)
{
    return of->exit_of ? of->exit_of(status) : REPORT_OK;
}

struct json_object *parts_guests(const Snapshot *snapshot, const char *const *names,
                                 const PartsOf *of, ReportExit *exit_status)
{
    struct json_object *array = json_object_new_array();

    for (unsigned i = 0; (!names || !names[0]) && i < snapshot->guests->len; i++) {
        const GuestStatus *status = g_ptr_array_index(snapshot->guests, i);
        json_object_array_add(array, of->make(status, of->context));
        *exit_status = parts_worse(*exit_status, exit_of(of, status));
    }
    for (unsigned i = 0; names && names[i]; i++) {
        const GuestStatus *status = snapshot_find(snapshot, names[i]);
        json_object_array_add(array, status ? of->make(status, of->context)
                                            : parts_unknown_guest(names[i]));
        *exit_status = parts_worse(*exit_status, status ? exit_of(of, status) : REPORT_BAD_INPUT);
    }
    return array;
}
