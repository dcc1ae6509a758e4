/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.vmtuned1.Manager: a table and thin calls. Reading is for everybody; changing goes through
 * gate.h, which calls the method again when it may go on. */
#include "daemon/bus.h"
#include "daemon/doctor-job.h"
#include "daemon/gate.h"
#include "daemon/history-job.h"
#include "daemon/memory-move.h"
#include "daemon/metrics-job.h"
#include "daemon/restart.h"
#include "daemon/usage-job.h"

#include "plan/advise.h"
#include "plan/diff.h"
#include "plan/proposal.h"
#include "report/report.h"
#include "vmtuned/bus.h"
#include "vmtuned/version.h"

#include <errno.h>
#include <malloc.h>

int reply_document(sd_bus_message *message, struct json_object *document)
{
    g_autofree char *text = report_text(document);
    int r = sd_bus_reply_method_return(message, "s", text);

    malloc_trim(0); /* the document took far more than its text */
    return r < 0 ? r : 1;
}

static int no_such_guest(sd_bus_error *reterr, const char *name)
{
    if (strlen(name) > GATE_MAX_NAME_BYTES)
        return sd_bus_error_set_const(reterr, VMTUNED_BUS_ERROR_NO_SUCH_GUEST,
                                      "there is no guest of so long a name");
    return sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NO_SUCH_GUEST, "there is no guest '%s'",
                             name);
}

/* The guest whose object is called; NULL with the error set: it went while polkit was asked. */
static const Managed *guest_of_object(const Manager *manager, sd_bus_message *message,
                                      sd_bus_error *reterr)
{
    const Managed *managed = bus_guest_find(manager, sd_bus_message_get_path(message));

    if (!managed)
        sd_bus_error_set_const(reterr, VMTUNED_BUS_ERROR_NO_SUCH_GUEST,
                               "the guest is no longer there");
    return managed;
}

static bool is_to_guest(sd_bus_message *message)
{
    return bus_guest_is_path(sd_bus_message_get_path(message));
}

/* The guest a call is about: whose object it is, or its "s". 0 with *ret, or negative errno with
 * the error set. */
static int read_guest(const Manager *manager, sd_bus_message *message, const Managed **ret,
                      sd_bus_error *reterr)
{
    const char *name;

    if (is_to_guest(message)) {
        *ret = guest_of_object(manager, message, reterr);
        return *ret ? 0 : -ENOENT;
    }
    int r = sd_bus_message_read(message, "s", &name);
    if (r < 0)
        return r;
    *ret = manager_find(manager, name);
    return *ret ? 0 : no_such_guest(reterr, name);
}

/* The guests a call is about: whose object it is, or its "as", each once. 0 with their uuids in
 * *ret, or negative errno with the error set. */
static int read_guests(const Manager *manager, sd_bus_message *message, char ***ret,
                       sd_bus_error *reterr)
{
    g_autoptr(GPtrArray) uuids = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) names = NULL;

    if (is_to_guest(message)) {
        const Managed *managed = guest_of_object(manager, message, reterr);
        *ret = managed ? g_strdupv((char *[]){managed->uuid, NULL}) : NULL;
        return managed ? 0 : -ENOENT;
    }
    int r = gate_read_names(message, &names, reterr);
    if (r < 0)
        return r;
    for (char **name = names; *name; name++) {
        const Managed *managed = manager_find(manager, *name);
        if (!managed)
            return no_such_guest(reterr, *name);
        if (!g_ptr_array_find_with_equal_func(uuids, managed->uuid, g_str_equal, NULL))
            g_ptr_array_add(uuids, g_strdup(managed->uuid));
    }
    g_ptr_array_add(uuids, NULL);
    *ret = (char **)g_ptr_array_steal(uuids, NULL);
    return 0;
}

int method_status(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    g_auto(GStrv) uuids = NULL;

    int r = read_guests(data, message, &uuids, reterr);
    if (r < 0)
        return r;
    g_autoptr(Snapshot) snapshot = manager_snapshot(data);
    return reply_document(message, report_status(snapshot, (const char *const *)uuids));
}

static int method_map(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    g_auto(GStrv) uuids = NULL;

    int r = read_guests(data, message, &uuids, reterr);
    if (r < 0)
        return r;
    g_autoptr(Snapshot) snapshot = manager_snapshot(data);
    if (!snapshot->topo || !snapshot->plan)
        return sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NOT_READY, "no cycle has ended yet");
    return reply_document(message, report_map(snapshot, (const char *const *)uuids));
}

int method_plan(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    const Manager *manager = data;
    g_auto(GStrv) uuids = NULL;

    int r = read_guests(data, message, &uuids, reterr);
    if (r < 0)
        return r;
    if (!manager->plan)
        return sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NOT_READY, "no cycle has ended yet");
    g_autoptr(Snapshot) snapshot = manager_snapshot(manager);
    return reply_document(message, report_live_plan(snapshot, (const char *const *)uuids));
}

int method_pending(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    g_auto(GStrv) uuids = NULL;

    int r = read_guests(data, message, &uuids, reterr);
    if (r < 0)
        return r;
    g_autoptr(Snapshot) snapshot = manager_snapshot(data);
    return reply_document(message, report_pending(snapshot, (const char *const *)uuids));
}

int method_explain(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    const Managed *managed;

    int r = read_guest(data, message, &managed, reterr);
    if (r < 0)
        return r;
    g_autoptr(Snapshot) snapshot = manager_snapshot(data);
    const GuestStatus *status = snapshot_find(snapshot, managed->uuid);
    if (!status->plan || !status->guest)
        return sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NOT_READY,
                                 "'%s' is not running or not planned yet", managed->name);
    g_autoptr(SettingList) wanted = wanted_make(status->plan, status->guest);
    g_autoptr(SettingList) observed = observed_make(status->guest);
    return reply_document(message, report_explain(status, snapshot->topo, wanted, observed));
}

/* Advice on the guests that were looked at, and on the host. */
int method_advise(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    const Manager *manager = data;
    g_auto(GStrv) uuids = NULL;

    int r = read_guests(data, message, &uuids, reterr);
    if (r < 0)
        return r;
    if (!manager->topo)
        return sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NOT_READY, "no cycle has ended yet");
    g_autofree AdviseGuest *guests = g_new0(AdviseGuest, manager->guests->len + 1);
    unsigned n = 0;
    for (guint i = 0; i < manager->guests->len; i++) {
        const Managed *managed = g_ptr_array_index(manager->guests, i);
        bool asked = !uuids[0] || g_strv_contains((const char *const *)uuids, managed->uuid);
        if (asked && uuids[0] && !managed->guest)
            return sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NOT_READY,
                                     "'%s' was not looked at yet", managed->name);
        if (asked && managed->guest)
            guests[n++] = (AdviseGuest){.guest = managed->guest,
                                        .policy = managed->policy,
                                        .plan = managed->plan,
                                        .refused = managed->refused};
    }
    g_autoptr(GPtrArray) list = advise_make(manager->topo, manager->policy, guests, n);
    return reply_document(message, report_advise(list));
}

/* A guest that is off and was not looked at is matched by its name and uuid alone. */
static PolicySubject subject_of(const Managed *managed)
{
    if (managed->guest)
        return guest_policy_subject(managed->guest);
    return (PolicySubject){.name = managed->name, .uuid = managed->uuid};
}

int method_policy(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    const Manager *manager = data;
    const Managed *managed;

    int r = read_guest(manager, message, &managed, reterr);
    if (r < 0)
        return r;
    const PolicySubject subject = subject_of(managed);
    g_autoptr(GuestPolicy) policy = policy_select(manager->policy, &subject);
    return reply_document(message, report_policy(managed->name, policy));
}

static int method_policy_in_force(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    const Manager *manager = data;
    unsigned n = manager->guests->len;
    g_autofree PolicySubject *subjects = g_new0(PolicySubject, n + 1);

    (void)reterr;
    for (unsigned i = 0; i < n; i++)
        subjects[i] = subject_of(g_ptr_array_index(manager->guests, i));
    return reply_document(message, report_policy_in_force(manager->options.policy_file,
                                                          manager->policy, subjects, n));
}

static int method_propose_policy(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    const Manager *manager = data;
    const Managed *managed;

    int r = read_guest(manager, message, &managed, reterr);
    if (r < 0)
        return r;
    if (!managed->guest || !manager->topo)
        return sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NOT_READY, "'%s' was not looked at yet",
                                 managed->name);
    const PolicySubject subject = subject_of(managed);
    g_autoptr(GuestPolicy) policy = policy_select(manager->policy, &subject);
    g_autofree char *text = proposal_make(manager->topo, managed->guest, policy);
    return reply_document(message, report_policy_proposal(managed->name, managed->uuid, text));
}

static int method_topology(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    const Manager *manager = data;

    if (!manager->topo)
        return sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NOT_READY, "no cycle has ended yet");
    return reply_document(message, report_topology(manager->topo, NULL));
}

static int method_host(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    g_autoptr(Snapshot) snapshot = manager_snapshot(data);

    if (!snapshot->host.host)
        return sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NOT_READY, "no cycle has ended yet");
    return reply_document(message, report_host(snapshot));
}

static int method_jobs(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    g_autoptr(Snapshot) snapshot = manager_snapshot(data);

    (void)reterr;
    return reply_document(message, report_jobs(snapshot));
}

static int method_usage(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    char **uuids;

    int r = read_guests(data, message, &uuids, reterr);
    if (r < 0)
        return r;
    return read_call_queue(data, &read_usage, message, (ReadCall){.uuids = uuids}, reterr);
}

/* Guests that are gone may be named, too. */
static int method_history(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    const Manager *manager = data;
    ReadCall asked = {0};
    uint64_t since_usec;

    int r = gate_read_names(message, &asked.uuids, reterr);
    if (r >= 0)
        r = sd_bus_message_read(message, "tu", &since_usec, &asked.limit);
    if (r < 0) {
        g_strfreev(asked.uuids);
        return r;
    }
    asked.since_usec = (int64_t)MIN(since_usec, (uint64_t)INT64_MAX);
    for (char **name = asked.uuids; *name; name++) {
        const Managed *managed = manager_find(manager, *name);
        if (!managed)
            continue;
        g_free(*name);
        *name = g_strdup(managed->uuid);
    }
    return read_call_queue(data, &read_history, message, asked, reterr);
}

static int method_metrics(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    const char *name;

    int r = sd_bus_message_read(message, "s", &name);
    if (r < 0)
        return r;
    int format = metric_format_by_name(name);
    if (format < 0)
        return sd_bus_error_set_const(reterr, SD_BUS_ERROR_INVALID_ARGS,
                                      "the format is neither openmetrics nor text");
    const ReadCall asked = {.uuids = g_new0(char *, 1)};
    return read_call_queue(data, &read_metrics[format], message, asked, reterr);
}

static int method_doctor(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    char **uuids;

    int r = read_guests(data, message, &uuids, reterr);
    if (r < 0)
        return r;
    return read_call_queue(data, &read_doctor, message, (ReadCall){.uuids = uuids}, reterr);
}

/* Takes request.uuids over. */
static int queue_request(Manager *manager, sd_bus_message *message, Request request,
                         sd_bus_error *reterr)
{
    int r = gate_admit(manager, message, reterr);

    if (r >= 0 && !manager->connected)
        r = sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NOT_READY, "libvirt is not reachable at %s",
                              manager->options.uri);
    if (r < 0) {
        g_strfreev(request.uuids);
        return r;
    }
    request.message = sd_bus_message_ref(message);
    job_begin_request(manager, &request);
    manager_request(manager, g_memdup2(&request, sizeof request));
    return 1;
}

int method_verify(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    char **uuids;

    int r = read_guests(data, message, &uuids, reterr);
    if (r < 0)
        return r;
    return queue_request(data, message, (Request){.kind = REQUEST_VERIFY, .uuids = uuids}, reterr);
}

int method_apply(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    g_auto(GStrv) uuids = NULL;
    int dry_run;

    int r = read_guests(data, message, &uuids, reterr);
    if (r >= 0)
        r = sd_bus_message_read(message, "b", &dry_run);
    if (r >= 0 && !dry_run)
        r = gate_authorize(data, message, (const char *const *)uuids, method_apply, reterr);
    if (r <= 0)
        return r < 0 ? r : 1;
    return queue_request(data, message,
                         (Request){.kind = dry_run ? REQUEST_DRY_RUN : REQUEST_APPLY,
                                   .uuids = g_steal_pointer(&uuids)},
                         reterr);
}

static const char *const everybody[] = {NULL};

static int method_defrag(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    const Manager *manager = data;
    unsigned max_moves;
    int dry_run;

    int r = sd_bus_message_read(message, "ub", &max_moves, &dry_run);
    if (r >= 0 && !dry_run)
        r = gate_authorize(data, message, everybody, method_defrag, reterr);
    if (r <= 0)
        return r < 0 ? r : 1;
    if (max_moves == 0)
        return sd_bus_error_set_const(reterr, SD_BUS_ERROR_INVALID_ARGS, "no moves allowed");
    if (!dry_run && policy_get_mode(manager->policy) != MODE_ENFORCE)
        return sd_bus_error_set_const(reterr, VMTUNED_BUS_ERROR_NOT_READY,
                                      "the policy says mode: observe; try --dry-run");
    return queue_request(data, message,
                         (Request){.kind = dry_run ? REQUEST_DEFRAG_DRY_RUN : REQUEST_DEFRAG,
                                   .uuids = g_new0(char *, 1), /* all guests */
                                   .max_moves = max_moves},
                         reterr);
}

int method_restore(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    g_auto(GStrv) uuids = NULL;
    int all = false, force;

    int r = read_guests(data, message, &uuids, reterr);
    if (r >= 0 && !is_to_guest(message))
        r = sd_bus_message_read(message, "b", &all);
    if (r >= 0)
        r = sd_bus_message_read(message, "b", &force);
    if (r >= 0 && !all && !uuids[0])
        r = sd_bus_error_set_const(reterr, SD_BUS_ERROR_INVALID_ARGS,
                                   "name a guest, or ask for all");
    if (r >= 0)
        r = gate_authorize(data, message, (const char *const *)uuids, method_restore, reterr);
    if (r <= 0)
        return r < 0 ? r : 1;
    return queue_request(
        data, message,
        (Request){.kind = REQUEST_RESTORE, .uuids = g_steal_pointer(&uuids), .force = force},
        reterr);
}

/* A guest that the sender may do the method to. 1 with *ret; 0: asked, or negative errno with the
 * error set. */
static int read_authorized(Manager *manager, sd_bus_message *message,
                           sd_bus_message_handler_t again, const Managed **ret,
                           sd_bus_error *reterr)
{
    int r = read_guest(manager, message, ret, reterr);

    if (r < 0)
        return r;
    const char *const uuids[] = {(*ret)->uuid, NULL};
    return gate_authorize(manager, message, uuids, again, reterr);
}

int method_resume(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    g_auto(GStrv) uuids = NULL;

    int r = read_guests(data, message, &uuids, reterr);
    if (r >= 0)
        r = gate_authorize(data, message, (const char *const *)uuids, method_resume, reterr);
    if (r <= 0)
        return r < 0 ? r : 1;
    return queue_request(
        data, message, (Request){.kind = REQUEST_RESUME, .uuids = g_steal_pointer(&uuids)}, reterr);
}

int method_restart_into(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    Manager *manager = data;
    RestartRequest request = {.message = message};
    const Managed *managed = NULL;
    int on_reboot;

    int r = read_authorized(manager, message, method_restart_into, &managed, reterr);
    if (r > 0)
        r = sd_bus_message_read(message, "ub", &request.timeout_sec, &on_reboot);
    if (r <= 0)
        return r < 0 ? r : 1;
    request.on_reboot = on_reboot;
    if (!on_reboot &&
        (request.timeout_sec == 0 || request.timeout_sec > VMTUNED_RESTART_TIMEOUT_MAX))
        return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS,
                                 "the timeout is not from 1 to %u s", VMTUNED_RESTART_TIMEOUT_MAX);
    if (!manager->connected || manager->stop_usec != 0 || manager->options.dry_run)
        return sd_bus_error_set_const(reterr, VMTUNED_BUS_ERROR_NOT_READY,
                                      manager->options.dry_run ? "this vmtuned changes nothing"
                                      : manager->connected     ? "vmtuned stops"
                                                               : "libvirt is not reachable");
    return restart_request(manager, managed, &request);
}

int method_stop_move(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    Manager *manager = data;
    const Managed *managed = NULL;

    int r = read_authorized(manager, message, method_stop_move, &managed, reterr);
    if (r <= 0)
        return r < 0 ? r : 1;
    if (!memory_move_hold(manager, managed->uuid))
        return sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NOT_READY,
                                 "no memory of '%s' is being moved", managed->name);
    return reply_document(message,
                          report_step(managed->name, managed->uuid, "stopped", MEMORY_MOVE_HELD));
}

static int method_reload(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    Manager *manager = data;

    int r = gate_authorize(manager, message, everybody, method_reload, reterr);
    if (r <= 0)
        return r < 0 ? r : 1;
    manager_reload(manager);
    return reply_document(message, report_diags(manager->policy_diags));
}

static int method_guests(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    const Manager *manager = data;
    g_autoptr(sd_bus_message) reply = NULL;
    int r;

    (void)reterr;
    if ((r = sd_bus_message_new_method_return(message, &reply)) < 0 ||
        (r = sd_bus_message_open_container(reply, 'a', "(sss)")) < 0)
        return r;
    for (guint i = 0; i < manager->guests->len; i++) {
        const Managed *managed = g_ptr_array_index(manager->guests, i);
        r = sd_bus_message_append(reply, "(sss)", managed->uuid, managed->name,
                                  guest_state_name(managed->state));
        if (r < 0)
            return r;
    }
    if ((r = sd_bus_message_close_container(reply)) < 0)
        return r;
    return sd_bus_send(NULL, reply, NULL);
}

/* How many guests are in which state, of those that some are in. */
static GVariant *states_value(const Manager *manager)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a{su}"));
    for (GuestState state = 0; state < N_GUEST_STATES; state++) {
        unsigned n = 0;
        for (guint i = 0; i < manager->guests->len; i++)
            n += ((const Managed *)g_ptr_array_index(manager->guests, i))->state == state;
        if (n > 0)
            g_variant_builder_add(&builder, "{su}", guest_state_name(state), n);
    }
    return g_variant_builder_end(&builder);
}

/* All but the number of cycles, which changes with each. */
static GVariant *values_of(const Manager *manager)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    bus_property_text(&dict, "Version", VMTUNED_VERSION);
    bus_property_text(&dict, "Mode", policy_mode_name(policy_get_mode(manager->policy)));
    g_variant_dict_insert(&dict, "Connected", "b", manager->connected);
    g_variant_dict_insert(&dict, "PolicyRejected", "b", manager->policy_rejected);
    bus_property_text(&dict, "RecordProblem", manager->record_problem);
    g_variant_dict_insert_value(&dict, "States", states_value(manager));
    return g_variant_dict_end(&dict);
}

void bus_manager_show(Manager *manager)
{
    bus_object_show(manager, VMTUNED_BUS_PATH, VMTUNED_BUS_MANAGER, &manager->shown,
                    values_of(manager));
}

static int property_cycles(sd_bus *bus, const char *path, const char *interface,
                           const char *property, sd_bus_message *reply, void *data,
                           sd_bus_error *reterr)
{
    (void)bus;
    (void)path;
    (void)interface;
    (void)property;
    (void)reterr;
    return sd_bus_message_append(reply, "t", ((const Manager *)data)->cycles);
}

#define GUESTS SD_BUS_ARGS("as", guests)

const sd_bus_vtable bus_manager_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("Guests", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sss)", guests),
                            method_guests, SD_BUS_VTABLE_UNPRIVILEGED),
    METHOD("Status", method_status, GUESTS),
    METHOD("Map", method_map, GUESTS),
    METHOD("Plan", method_plan, GUESTS),
    METHOD("Pending", method_pending, GUESTS),
    METHOD("Explain", method_explain, "s", guest),
    METHOD("Advise", method_advise, GUESTS),
    METHOD("Policy", method_policy, "s", guest),
    METHOD("Topology", method_topology, SD_BUS_NO_ARGS),
    METHOD("Host", method_host, SD_BUS_NO_ARGS),
    METHOD("Jobs", method_jobs, SD_BUS_NO_ARGS),
    METHOD("Doctor", method_doctor, GUESTS),
    METHOD("PolicyInForce", method_policy_in_force, SD_BUS_NO_ARGS),
    METHOD("ProposePolicy", method_propose_policy, "s", guest),
    METHOD("Usage", method_usage, GUESTS),
    METHOD("History", method_history, "as", guests, "t", since, "u", most),
    SD_BUS_METHOD_WITH_ARGS("Metrics", SD_BUS_ARGS("s", format), SD_BUS_RESULT("s", text),
                            method_metrics, SD_BUS_VTABLE_UNPRIVILEGED),
    METHOD("Verify", method_verify, GUESTS),
    METHOD("Apply", method_apply, "as", guests, "b", dry_run),
    METHOD("Defrag", method_defrag, "u", moves, "b", dry_run),
    METHOD("Restore", method_restore, "as", guests, "b", all, "b", force),
    METHOD("Resume", method_resume, GUESTS),
    METHOD("RestartInto", method_restart_into, "s", guest, "u", timeout, "b", on_reboot),
    METHOD("StopMove", method_stop_move, "s", guest),
    METHOD("Reload", method_reload, SD_BUS_NO_ARGS),
    SD_BUS_SIGNAL_WITH_ARGS("GuestChanged", SD_BUS_ARGS("s", uuid, "s", name, "s", state), 0),
    SD_BUS_SIGNAL_WITH_ARGS("Drift",
                            SD_BUS_ARGS("s", uuid, "s", name, "s", knob, "s", instance, "s", from,
                                        "s", to, "s", result),
                            0),
    SD_BUS_SIGNAL_WITH_ARGS("CycleDone", SD_BUS_ARGS("t", number), 0),
    SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("t", id, "o", job, "s", kind), 0),
    SD_BUS_SIGNAL_WITH_ARGS("JobRemoved", SD_BUS_ARGS("t", id, "o", job, "s", kind, "s", result),
                            0),
    SHOWN("Version", "s", CONST),
    SHOWN("Mode", "s", EMITS_CHANGE),
    SHOWN("Connected", "b", EMITS_CHANGE),
    SHOWN("PolicyRejected", "b", EMITS_CHANGE),
    SHOWN("RecordProblem", "s", EMITS_CHANGE),
    SHOWN("States", "a{su}", EMITS_CHANGE),
    SD_BUS_PROPERTY("Cycles", "t", property_cycles, 0, 0),
    SD_BUS_VTABLE_END,
};

/* The document's word on how it went. */
static JobResult answer_document(Request *request, struct json_object *document)
{
    ReportExit exit_status = report_get_exit(document);

    reply_document(request->message, document);
    return exit_status == REPORT_OK || exit_status == REPORT_COLD ? JOB_DONE : JOB_FAILED;
}

static JobResult answer(Manager *manager, Request *request, bool whole)
{
    if (!whole) {
        sd_bus_reply_method_errorf(request->message, VMTUNED_BUS_ERROR_NOT_READY,
                                   "libvirt did not answer");
        return JOB_FAILED;
    }
    if (!gate_may_answer(manager)) {
        sd_bus_reply_method_errorf(request->message, SD_BUS_ERROR_LIMITS_EXCEEDED, GATE_JAMMED);
        return JOB_DONE; /* all the same */
    }
    g_autoptr(Snapshot) snapshot = manager_snapshot(manager);
    const char *const *uuids = (const char *const *)request->uuids;
    const ReportLook look = {.wanted = wanted_make, .observed = observed_make};
    switch (request->kind) {
    case REQUEST_DRY_RUN:
        return answer_document(request, report_live_plan(snapshot, uuids));
    case REQUEST_VERIFY:
        return answer_document(request, report_verify_look(snapshot, uuids, &look));
    case REQUEST_APPLY:
    case REQUEST_RESTORE:
    case REQUEST_RESUME:
        return answer_document(request, report_verify(snapshot, uuids));
    case REQUEST_DEFRAG:
    case REQUEST_DEFRAG_DRY_RUN:
        return answer_document(request, json_object_get(request->document));
    }
    return JOB_FAILED;
}

void bus_answer(Manager *manager, Request *request, bool whole)
{
    JobResult result = answer(manager, request, whole);

    job_end(manager, request->job, result);
}

static void emit(Manager *manager, const char *signal, const char *types, ...)
{
    g_autoptr(sd_bus_message) message = NULL;
    va_list arguments;

    if (!manager->bus || !gate_may_send(manager) ||
        sd_bus_message_new_signal(manager->bus, &message, VMTUNED_BUS_PATH, VMTUNED_BUS_MANAGER,
                                  signal) < 0)
        return;
    va_start(arguments, types);
    int r = sd_bus_message_appendv(message, types, arguments);
    va_end(arguments);
    if (r >= 0)
        sd_bus_send(manager->bus, message, NULL);
}

void bus_emit_guest_changed(Manager *manager, const Managed *managed)
{
    emit(manager, "GuestChanged", "sss", managed->uuid, managed->name,
         guest_state_name(managed->state));
}

void bus_emit_drift(Manager *manager, const Managed *managed, const Change *change,
                    const char *result)
{
    g_autofree char *instance = setting_key_instance(&change->key);

    emit(manager, "Drift", "sssssss", managed->uuid, managed->name,
         knob_info(change->key.knob)->name, instance, change->from ? change->from : "",
         change->to ? change->to : "", result);
}

void bus_emit_cycle_done(Manager *manager)
{
    emit(manager, "CycleDone", "t", manager->cycles);
}

void bus_emit_job_new(Manager *manager, const JobStatus *job)
{
    g_autofree char *path = bus_job_path(job->id);

    emit(manager, "JobNew", "tos", job->id, path, job_kind_name(job->kind));
}

void bus_emit_job_removed(Manager *manager, const JobStatus *job, JobResult result)
{
    g_autofree char *path = bus_job_path(job->id);

    emit(manager, "JobRemoved", "toss", job->id, path, job_kind_name(job->kind),
         job_result_name(result));
}
