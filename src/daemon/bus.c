/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.vmtuned1: a table and thin calls. Reading is for everybody; changing goes through gate.h,
 * which calls the method again when it may go on. */
#include "daemon/gate.h"
#include "daemon/memory-move.h"
#include "daemon/restart.h"

#include "plan/advise.h"
#include "plan/diff.h"
#include "report/report.h"
#include "vmtuned/bus.h"
#include "vmtuned/version.h"

#include <errno.h>
#include <sysexits.h>

/* After everything else: who floods the bus does not hold up the work. */
#define BUS_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

static int reply_document(sd_bus_message *message, struct json_object *document)
{
    int r = sd_bus_reply_method_return(
        message, "s", json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY));

    json_object_put(document);
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

/* Reads the message's "as": guests there are, each once. 0 with their uuids in *ret, or negative
 * errno with the error set. */
static int read_guests(const Manager *manager, sd_bus_message *message, char ***ret,
                       sd_bus_error *reterr)
{
    g_autoptr(GPtrArray) uuids = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) names = NULL;

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

static int method_status(sd_bus_message *message, void *data, sd_bus_error *reterr)
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

static int method_plan(sd_bus_message *message, void *data, sd_bus_error *reterr)
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

static int method_pending(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    g_auto(GStrv) uuids = NULL;

    int r = read_guests(data, message, &uuids, reterr);
    if (r < 0)
        return r;
    g_autoptr(Snapshot) snapshot = manager_snapshot(data);
    return reply_document(message, report_pending(snapshot, (const char *const *)uuids));
}

static int method_explain(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    const char *name;

    int r = sd_bus_message_read(message, "s", &name);
    if (r < 0)
        return r;
    g_autoptr(Snapshot) snapshot = manager_snapshot(data);
    const GuestStatus *status = snapshot_find(snapshot, name);
    if (!status)
        return no_such_guest(reterr, name);
    if (!status->plan || !status->guest)
        return sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NOT_READY,
                                 "'%s' is not running or not planned yet", name);
    g_autoptr(SettingList) wanted = wanted_make(status->plan, status->guest);
    g_autoptr(SettingList) observed = observed_make(status->guest);
    return reply_document(message, report_explain(status, snapshot->topo, wanted, observed));
}

/* Advice on the guests that were looked at, and on the host. */
static int method_advise(sd_bus_message *message, void *data, sd_bus_error *reterr)
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

/* A guest that is off is matched by its name and uuid alone. */
static int method_policy(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    Manager *manager = data;
    const char *name;

    (void)reterr;
    int r = sd_bus_message_read(message, "s", &name);
    if (r < 0)
        return r;
    const Managed *managed = manager_find(manager, name);
    if (!managed)
        return no_such_guest(reterr, name);
    PolicySubject subject = {.name = managed->name, .uuid = managed->uuid};
    if (managed->guest)
        subject = guest_policy_subject(managed->guest);
    g_autoptr(GuestPolicy) policy = policy_select(manager->policy, &subject);
    return reply_document(message, report_policy(managed->name, policy));
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
    manager_request(manager, g_memdup2(&request, sizeof request));
    return 1;
}

static int method_verify(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    char **uuids;

    int r = read_guests(data, message, &uuids, reterr);
    if (r < 0)
        return r;
    return queue_request(data, message, (Request){.kind = REQUEST_VERIFY, .uuids = uuids}, reterr);
}

static int method_apply(sd_bus_message *message, void *data, sd_bus_error *reterr)
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

static int method_restore(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    g_auto(GStrv) uuids = NULL;
    int all, force;

    int r = read_guests(data, message, &uuids, reterr);
    if (r >= 0)
        r = sd_bus_message_read(message, "bb", &all, &force);
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

/* The first argument: a guest that the sender may do the method to. 1 with *ret; 0: asked, or
 * negative errno with the error set. */
static int read_authorized(Manager *manager, sd_bus_message *message,
                           sd_bus_message_handler_t again, const Managed **ret,
                           sd_bus_error *reterr)
{
    const char *names[2] = {NULL, NULL};

    int r = sd_bus_message_read(message, "s", &names[0]);
    if (r < 0)
        return r;
    *ret = manager_find(manager, names[0]);
    if (!*ret)
        return no_such_guest(reterr, names[0]);
    return gate_authorize(manager, message, names, again, reterr);
}

static int method_resume(sd_bus_message *message, void *data, sd_bus_error *reterr)
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

static int method_restart_into(sd_bus_message *message, void *data, sd_bus_error *reterr)
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

static int method_stop_move(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    Manager *manager = data;
    const Managed *managed = NULL;

    int r = read_authorized(manager, message, method_stop_move, &managed, reterr);
    if (r <= 0)
        return r < 0 ? r : 1;
    if (!memory_move_hold(manager, managed->uuid))
        return sd_bus_error_setf(reterr, VMTUNED_BUS_ERROR_NOT_READY,
                                 "no memory of '%s' is being moved", managed->name);
    return reply_document(message, report_step(managed->name, managed->uuid, "stopped",
                                               "what is moved already stays"));
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

static int property_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *data, sd_bus_error *reterr)
{
    const Manager *manager = data;

    (void)bus;
    (void)path;
    (void)interface;
    (void)reterr;
    return sd_bus_message_append(reply, "s",
                                 g_str_equal(property, "Version")
                                     ? VMTUNED_VERSION
                                     : policy_mode_name(policy_get_mode(manager->policy)));
}

static int property_flag(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *data, sd_bus_error *reterr)
{
    const Manager *manager = data;

    (void)bus;
    (void)path;
    (void)interface;
    (void)reterr;
    return sd_bus_message_append(reply, "b",
                                 g_str_equal(property, "Connected") ? manager->connected
                                                                    : manager->policy_rejected);
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

static const sd_bus_vtable manager_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Guests", "", "a(sss)", method_guests, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Status", "as", "s", method_status, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Map", "as", "s", method_map, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Plan", "as", "s", method_plan, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Pending", "as", "s", method_pending, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Explain", "s", "s", method_explain, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Advise", "as", "s", method_advise, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Policy", "s", "s", method_policy, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Topology", "", "s", method_topology, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Host", "", "s", method_host, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Verify", "as", "s", method_verify, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Apply", "asb", "s", method_apply, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Defrag", "ub", "s", method_defrag, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Restore", "asbb", "s", method_restore, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Resume", "as", "s", method_resume, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("RestartInto", "sub", "s", method_restart_into, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("StopMove", "s", "s", method_stop_move, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Reload", "", "s", method_reload, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_SIGNAL("GuestChanged", "sss", 0),
    SD_BUS_SIGNAL("Drift", "sssssss", 0),
    SD_BUS_SIGNAL("CycleDone", "t", 0),
    SD_BUS_PROPERTY("Version", "s", property_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Mode", "s", property_text, 0, 0),
    SD_BUS_PROPERTY("Connected", "b", property_flag, 0, 0),
    SD_BUS_PROPERTY("PolicyRejected", "b", property_flag, 0, 0),
    SD_BUS_PROPERTY("Cycles", "t", property_cycles, 0, 0),
    SD_BUS_VTABLE_END,
};

void bus_answer(Manager *manager, Request *request, bool whole)
{
    if (!whole) {
        sd_bus_reply_method_errorf(request->message, VMTUNED_BUS_ERROR_NOT_READY,
                                   "libvirt did not answer");
        return;
    }
    if (!gate_may_answer(manager)) {
        sd_bus_reply_method_errorf(request->message, SD_BUS_ERROR_LIMITS_EXCEEDED, GATE_JAMMED);
        return;
    }
    g_autoptr(Snapshot) snapshot = manager_snapshot(manager);
    const char *const *uuids = (const char *const *)request->uuids;
    const ReportLook look = {.wanted = wanted_make, .observed = observed_make};
    switch (request->kind) {
    case REQUEST_DRY_RUN:
        reply_document(request->message, report_live_plan(snapshot, uuids));
        break;
    case REQUEST_VERIFY:
        reply_document(request->message, report_verify_look(snapshot, uuids, &look));
        break;
    case REQUEST_APPLY:
    case REQUEST_RESTORE:
    case REQUEST_RESUME:
        reply_document(request->message, report_verify(snapshot, uuids));
        break;
    case REQUEST_DEFRAG:
    case REQUEST_DEFRAG_DRY_RUN:
        reply_document(request->message, json_object_get(request->document));
        break;
    }
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

static int bus_open(const char *address, sd_bus **ret)
{
    g_autoptr(sd_bus) bus = NULL;
    int r;

    if (!address)
        return sd_bus_open_system(ret);
    if ((r = sd_bus_new(&bus)) < 0 || (r = sd_bus_set_address(bus, address)) < 0 ||
        (r = sd_bus_set_bus_client(bus, true)) < 0 || (r = sd_bus_start(bus)) < 0)
        return r;
    *ret = g_steal_pointer(&bus);
    return 0;
}

int bus_serve(Manager *manager)
{
    int r = sd_bus_add_object_vtable(manager->bus, NULL, VMTUNED_BUS_PATH, VMTUNED_BUS_MANAGER,
                                     manager_vtable, manager);

    return r < 0 ? r : gate_attach(manager);
}

/* Without the name. */
static int connect_and_serve(Manager *manager)
{
    int r;

    if ((r = bus_open(manager->options.bus, &manager->bus)) < 0 || (r = bus_serve(manager)) < 0 ||
        (r = sd_bus_set_exit_on_disconnect(manager->bus, true)) < 0)
        return r;
    return sd_bus_attach_event(manager->bus, manager->event, BUS_PRIORITY);
}

int bus_attach(Manager *manager)
{
    int r;

    if (g_strcmp0(manager->options.bus, "none") == 0)
        return 0;
    /* bus_reattach() needs to take it from a connection that the bus does not know to be gone */
    if ((r = connect_and_serve(manager)) < 0 ||
        (r = sd_bus_request_name(manager->bus, VMTUNED_BUS_NAME, SD_BUS_NAME_ALLOW_REPLACEMENT)) <
            0)
        log_error("cannot serve %s on the bus: %s", VMTUNED_BUS_NAME, g_strerror(-r));
    return r < 0 ? r : 0;
}

void bus_reattach(Manager *manager)
{
    int r;

    log_warning("the bus takes no more messages, as clients do not read their answers: connecting "
                "to it anew");
    sd_bus_close(manager->bus);
    g_clear_pointer(&manager->bus, sd_bus_unref);
    if ((r = connect_and_serve(manager)) >= 0 &&
        (r = sd_bus_request_name_async(manager->bus, NULL, VMTUNED_BUS_NAME,
                                       SD_BUS_NAME_ALLOW_REPLACEMENT | SD_BUS_NAME_REPLACE_EXISTING,
                                       NULL, NULL)) >= 0)
        return;
    log_error("cannot serve %s on the bus: %s", VMTUNED_BUS_NAME, g_strerror(-r));
    sd_event_exit(manager->event, EX_TEMPFAIL);
}
