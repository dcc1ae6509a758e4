/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.vmtuned1.Job: long work that is under way. */
#include "daemon/bus.h"
#include "daemon/gate.h"

#include "base/util.h"
#include "report/report.h"

char *bus_job_path(uint64_t id)
{
    return g_strdup_printf(VMTUNED_BUS_JOB_PATH "/%" G_GUINT64_FORMAT, id);
}

const Job *bus_job_find(const Manager *manager, const char *path)
{
    uint64_t id;

    if (!g_str_has_prefix(path, VMTUNED_BUS_JOB_PATH "/") ||
        parse_u64(path + strlen(VMTUNED_BUS_JOB_PATH "/"), UINT64_MAX, &id) < 0)
        return NULL;
    g_autofree char *canonical = bus_job_path(id);
    return g_str_equal(canonical, path) ? job_find(manager, id) : NULL;
}

static GVariant *guests_value(const JobStatus *job)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ss)"));
    for (char **guest = job->guests; *guest; guest += 2)
        g_variant_builder_add(&builder, "(ss)", guest[0], guest[1]);
    return g_variant_builder_end(&builder);
}

static GVariant *values_of(const JobStatus *job)
{
    const JobProgress *progress = &job->progress;
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "Id", "t", (guint64)job->id);
    bus_property_text(&dict, "Kind", job_kind_name(job->kind));
    g_variant_dict_insert_value(&dict, "Guests", guests_value(job));
    bus_property_text(&dict, "Client", job->client);
    g_variant_dict_insert(&dict, "Started", "t", (guint64)job->started_usec);
    bus_property_text(&dict, "Phase", progress->phase);
    g_variant_dict_insert(&dict, "Done", "t", (guint64)progress->done);
    g_variant_dict_insert(&dict, "Total", "t", (guint64)progress->total);
    bus_property_text(&dict, "Unit", job_kind_unit(job->kind));
    g_variant_dict_insert(&dict, "CanCancel", "b", progress->can_cancel);
    return g_variant_dict_end(&dict);
}

void bus_job_show(Manager *manager, Job *job)
{
    g_autofree char *path = bus_job_path(job->status.id);
    bool is_new = !job->shown;

    bus_object_show(manager, path, VMTUNED_BUS_JOB, &job->shown, values_of(&job->status));
    job->shown_usec = g_get_monotonic_time();
    if (is_new)
        bus_emit_job_new(manager, &job->status);
}

void bus_job_hide(Manager *manager, Job *job, JobResult result)
{
    g_autofree char *path = bus_job_path(job->status.id);

    bus_emit_job_removed(manager, &job->status, result);
    bus_object_hide(manager, path, &job->shown);
}

/* --- the object --- */

/* Of the job's guests, those that are still there. */
static char **known_guests(const Manager *manager, const JobStatus *job)
{
    g_autoptr(GStrvBuilder) uuids = g_strv_builder_new();

    for (char **guest = job->guests; *guest; guest += 2)
        if (g_hash_table_contains(manager->by_uuid, guest[0]))
            g_strv_builder_add(uuids, guest[0]);
    return g_strv_builder_end(uuids);
}

static int method_cancel(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    Manager *manager = data;
    const Job *job = bus_job_find(manager, sd_bus_message_get_path(message));

    if (!job) /* it ended while polkit was asked */
        return sd_bus_error_set_const(reterr, SD_BUS_ERROR_UNKNOWN_OBJECT, "the job has ended");
    g_auto(GStrv) uuids = known_guests(manager, &job->status);
    int r = gate_authorize(manager, message, (const char *const *)uuids, method_cancel, reterr);
    if (r <= 0)
        return r < 0 ? r : 1;
    g_auto(GStrv) guest = g_strdupv(job->status.guests);
    const char *words = job_cancel(manager, job); /* and it may be gone */
    if (!words)
        return sd_bus_error_set_const(reterr, VMTUNED_BUS_ERROR_NOT_READY,
                                      "the job cannot be cancelled now: it ends by itself");
    return reply_document(message, report_step(guest[1], guest[0], "canceled", words));
}

static const sd_bus_vtable job_vtable[] = {
    SD_BUS_VTABLE_START(0),
    METHOD("Cancel", method_cancel, SD_BUS_NO_ARGS),
    SHOWN("Id", "t", CONST),
    SHOWN("Kind", "s", CONST),
    SHOWN("Guests", "a(ss)", CONST),
    SHOWN("Client", "s", CONST),
    SHOWN("Started", "t", CONST),
    SHOWN("Phase", "s", EMITS_CHANGE),
    SHOWN("Done", "t", EMITS_CHANGE),
    SHOWN("Total", "t", EMITS_CHANGE),
    SHOWN("Unit", "s", CONST),
    SHOWN("CanCancel", "b", EMITS_CHANGE),
    SD_BUS_VTABLE_END,
};

static int objects_list(sd_bus *bus, const char *prefix, void *data, char ***ret_paths,
                        sd_bus_error *reterr)
{
    const Manager *manager = data;
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();

    (void)bus;
    (void)prefix;
    (void)reterr;
    for (guint i = 0; i < manager->jobs->len; i++) {
        g_autofree char *path =
            bus_job_path(((const Job *)g_ptr_array_index(manager->jobs, i))->status.id);
        g_strv_builder_add(paths, path);
    }
    *ret_paths = g_strv_builder_end(paths);
    return 0;
}

int bus_job_serve(Manager *manager)
{
    return bus_objects_serve(manager, VMTUNED_BUS_JOB_PATH, VMTUNED_BUS_JOB, job_vtable,
                             objects_list);
}
