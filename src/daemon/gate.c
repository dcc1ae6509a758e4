/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A Query is a call that waits for an authorization: first for the bus to tell whose it is, then
 * for polkit, guest by guest. It ends with an answer to the client, with the method called again,
 * or with the client's leaving the bus.
 */
#include "daemon/gate.h"
#include "daemon/read-job.h"

#include "daemon/jobs.h"

#include <errno.h>

#define BUS_SERVICE "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define POLKIT_SERVICE "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
/* Signals come by themselves. Of answers each may be the last that is asked for. */
#define SIGNAL_PROBE_USEC (5 * G_USEC_PER_SEC)
/* Somebody may have to find and type a password. */
#define POLKIT_TIMEOUT_USEC (5 * G_TIME_SPAN_MINUTE)

/* The methods that change something; conf/org.vmtuned.policy has the actions. */
typedef struct Action {
    const char *member, *id;
} Action;

static const Action actions[] = {
    {"Apply", "org.vmtuned.apply"},
    {"Cancel", "org.vmtuned.cancel"},
    {"Defrag", "org.vmtuned.defrag"},
    {"Reload", "org.vmtuned.reload"},
    {"RestartInto", "org.vmtuned.restart-into"},
    {"Restore", "org.vmtuned.restore"},
    {"Resume", "org.vmtuned.resume"},
    {"StopMove", "org.vmtuned.stop-move"},
};

typedef struct Query {
    Manager *manager;
    sd_bus_message *message;
    const Action *action;
    sd_bus_message_handler_t again;
    char **guests;  /* name, uuid, name, uuid, … NULL; empty: it is about all */
    unsigned asked; /* of those, in steps of two */
    bool at_polkit;
    uint32_t uid; /* whose it is, once at polkit */
    sd_bus_slot *slot;
} Query;

struct Gate {
    GPtrArray *queries;      /* of Query */
    const Query *authorized; /* whose method runs again; NULL: none */
    GHashTable *calls;       /* sender -> how many came in this second */
    int64_t second_usec;     /* monotonic, when that began */
    unsigned n_answers;      /* documents since the bus had last taken everything */
    sd_bus_slot *probe;      /* a call that is answered when it takes messages again; NULL: none */
    int64_t probed_usec;     /* monotonic, when the last was sent */
    bool lost;               /* it was not */
};

static void query_free(gpointer data)
{
    Query *query = data;

    sd_bus_slot_unref(query->slot);
    sd_bus_message_unref(query->message);
    g_strfreev(query->guests);
    g_free(query);
}

Gate *gate_new(void)
{
    Gate *gate = g_new0(Gate, 1);

    gate->queries = g_ptr_array_new_with_free_func(query_free);
    gate->calls = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return gate;
}

void gate_free(Gate *gate)
{
    g_ptr_array_unref(gate->queries);
    g_hash_table_unref(gate->calls);
    sd_bus_slot_unref(gate->probe);
    g_free(gate);
}

static const Action *action_of(sd_bus_message *message)
{
    const char *member = sd_bus_message_get_member(message);

    for (unsigned i = 0; i < G_N_ELEMENTS(actions); i++)
        if (g_strcmp0(actions[i].member, member) == 0)
            return &actions[i];
    return NULL;
}

/* --- how much --- */

static bool is_from(sd_bus_message *message, const char *sender)
{
    return g_strcmp0(sd_bus_message_get_sender(message), sender) == 0;
}

static unsigned count_of(const GQueue *requests, const char *sender)
{
    unsigned count = 0;

    for (const GList *link = requests->head; link; link = link->next)
        count += is_from(((const Request *)link->data)->message, sender);
    return count;
}

int gate_admit(const Manager *manager, sd_bus_message *message, sd_bus_error *reterr)
{
    const char *sender = sd_bus_message_get_sender(message);
    unsigned own = count_of(&manager->requests, sender) + count_of(&manager->answering, sender) +
                   read_calls_count(manager, sender);
    const GPtrArray *queries = manager->gate->queries;
    unsigned all = queries->len + manager->requests.length + manager->answering.length +
                   read_calls_count(manager, NULL);

    for (guint i = 0; i < queries->len; i++)
        own += is_from(((const Query *)g_ptr_array_index(queries, i))->message, sender);
    if (own < GATE_MAX_WAITING_OF_CLIENT && all < GATE_MAX_WAITING)
        return 0;
    return sd_bus_error_set_const(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                  "too many calls wait for an answer already");
}

/* This one included. */
static unsigned count_call(Gate *gate, const char *sender)
{
    int64_t now = g_get_monotonic_time();

    if (now - gate->second_usec >= G_USEC_PER_SEC) {
        g_hash_table_remove_all(gate->calls);
        gate->second_usec = now;
    }
    unsigned count = GPOINTER_TO_UINT(g_hash_table_lookup(gate->calls, sender)) + 1;
    g_hash_table_replace(gate->calls, g_strdup(sender), GUINT_TO_POINTER(count));
    return count;
}

/* No answer in the usual 25 s: it took nothing that was sent before either. */
static int on_probe(sd_bus_message *reply, void *data, sd_bus_error *reterr)
{
    Manager *manager = data;

    (void)reterr;
    manager->gate->probe = sd_bus_slot_unref(manager->gate->probe);
    manager->gate->lost = sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NO_REPLY);
    return 0;
}

bool gate_is_lost(const Manager *manager)
{
    return manager->gate->lost;
}

/* Messages that the bus has not taken yet. The kernel holds some more for it: whether it takes any
 * is found out by a call of our own, one at a time and none sooner than rest_usec after the last.
 */
static uint64_t count_unsent(Manager *manager, int64_t rest_usec)
{
    Gate *gate = manager->gate;
    int64_t now = g_get_monotonic_time();
    uint64_t count;

    if (!gate->probe && now - gate->probed_usec >= rest_usec) {
        sd_bus_call_method_async(manager->bus, &gate->probe, BUS_SERVICE, BUS_PATH, BUS_SERVICE,
                                 "GetId", on_probe, manager, NULL);
        gate->probed_usec = now;
    }
    return sd_bus_get_n_queued_write(manager->bus, &count) < 0 ? 0 : count;
}

bool gate_may_answer(Manager *manager)
{
    Gate *gate = manager->gate;

    gate->n_answers = count_unsent(manager, 0) > 0 ? gate->n_answers + 1 : 1;
    return gate->n_answers <= GATE_MAX_UNSENT_ANSWERS;
}

bool gate_may_send(Manager *manager)
{
    return count_unsent(manager, SIGNAL_PROBE_USEC) < GATE_MAX_UNSENT;
}

int gate_read_names(sd_bus_message *message, char ***ret, sd_bus_error *reterr)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    const char *name;
    unsigned n = 0;

    int r = sd_bus_message_enter_container(message, 'a', "s");
    while (r >= 0 && (r = sd_bus_message_read_basic(message, 's', &name)) > 0) {
        if (++n > GATE_MAX_NAMES)
            return sd_bus_error_setf(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                     "more than %u guests named", GATE_MAX_NAMES);
        if (strlen(name) > GATE_MAX_NAME_BYTES)
            return sd_bus_error_setf(reterr, SD_BUS_ERROR_INVALID_ARGS,
                                     "a guest's name is no longer than %u bytes",
                                     GATE_MAX_NAME_BYTES);
        g_strv_builder_add(names, name);
    }
    if (r < 0 || (r = sd_bus_message_exit_container(message)) < 0)
        return r;
    *ret = g_strv_builder_end(names);
    return 0;
}

/* --- who --- */

#define REFUSAL "only root may change anything, and whom polkit allows %s"

/* It waits no more; the caller replied, or there is nobody to reply to. */
static void query_end(Query *query)
{
    g_ptr_array_remove_fast(query->manager->gate->queries, query);
}

static void query_refuse(Query *query, bool challenge)
{
    sd_bus_reply_method_errorf(query->message,
                               challenge ? SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED
                                         : SD_BUS_ERROR_ACCESS_DENIED,
                               REFUSAL, query->action->id);
    query_end(query);
}

/* The method runs again, and finds that it may. */
static void query_allow(Query *query)
{
    Gate *gate = query->manager->gate;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    guint index;

    if (g_ptr_array_find(gate->queries, query, &index)) /* it waits no more */
        g_ptr_array_steal_index_fast(gate->queries, index);
    int r = sd_bus_message_rewind(query->message, true);
    gate->authorized = query;
    if (r >= 0)
        r = query->again(query->message, query->manager, &error);
    gate->authorized = NULL;
    if (r < 0 || sd_bus_error_is_set(&error))
        sd_bus_reply_method_errno(query->message, r, &error);
    sd_bus_error_free(&error);
    query_free(query);
}

static int on_polkit(sd_bus_message *reply, void *data, sd_bus_error *reterr);

static int polkit_append_details(sd_bus_message *call, const char *const *guest)
{
    if (!guest[0])
        return sd_bus_message_append(call, "a{ss}", 0);
    return sd_bus_message_append(call, "a{ss}", 2, "guest", guest[0], "uuid", guest[1]);
}

/* About the next guest. */
static int query_ask_polkit(Query *query)
{
    g_autoptr(sd_bus_message) call = NULL;
    sd_bus *bus = sd_bus_message_get_bus(query->message);
    const char *const *guest = (const char *const *)query->guests + query->asked;
    bool interactive = sd_bus_message_get_allow_interactive_authorization(query->message) > 0;
    int r;

    query->asked += guest[0] ? 2 : 0;
    query->slot = sd_bus_slot_unref(query->slot);
    if ((r = sd_bus_message_new_method_call(bus, &call, POLKIT_SERVICE, POLKIT_PATH,
                                            POLKIT_INTERFACE, "CheckAuthorization")) < 0 ||
        (r = sd_bus_message_append(call, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                   sd_bus_message_get_sender(query->message), query->action->id)) <
            0 ||
        (r = polkit_append_details(call, guest)) < 0 ||
        (r = sd_bus_message_append(call, "us", interactive, "")) < 0)
        return r;
    return sd_bus_call_async(bus, &query->slot, call, on_polkit, query, POLKIT_TIMEOUT_USEC);
}

/* The first guest, or all; unless too many are asked about already. */
static void query_begin_asking(Query *query)
{
    const GPtrArray *queries = query->manager->gate->queries;
    unsigned all = 0, own = 0;

    for (guint i = 0; i < queries->len; i++) {
        const Query *other = g_ptr_array_index(queries, i);
        all += other->at_polkit;
        own += other->at_polkit && other->uid == query->uid;
    }
    if (all < GATE_MAX_ASKING && own < GATE_MAX_ASKING_OF_USER) {
        query->at_polkit = true;
        if (query_ask_polkit(query) < 0)
            query_refuse(query, false);
        return;
    }
    sd_bus_reply_method_errorf(query->message, SD_BUS_ERROR_LIMITS_EXCEEDED,
                               "polkit is asked about too many calls already");
    query_end(query);
}

/* No polkit, no action of that name, no answer: no. */
static int on_polkit(sd_bus_message *reply, void *data, sd_bus_error *reterr)
{
    Query *query = data;
    int allowed = 0, challenge = 0;

    (void)reterr;
    if (sd_bus_message_is_method_error(reply, NULL) ||
        sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
        sd_bus_message_read(reply, "bb", &allowed, &challenge) < 0)
        allowed = challenge = 0;
    if (!allowed)
        query_refuse(query, challenge);
    else if (!query->guests[query->asked])
        query_allow(query);
    else if (query_ask_polkit(query) < 0)
        query_refuse(query, false);
    return 0;
}

static int on_user(sd_bus_message *reply, void *data, sd_bus_error *reterr)
{
    Query *query = data;

    (void)reterr;
    if (sd_bus_message_is_method_error(reply, NULL) ||
        sd_bus_message_read(reply, "u", &query->uid) < 0)
        query_refuse(query, false);
    else if (query->uid == 0)
        query_allow(query);
    else
        query_begin_asking(query);
    return 0;
}

static char **guests_of(const Manager *manager, const char *const *names)
{
    g_autoptr(GStrvBuilder) guests = g_strv_builder_new();

    for (; *names; names++) {
        const Managed *managed = manager_find(manager, *names);
        g_strv_builder_add(guests, managed->name);
        g_strv_builder_add(guests, managed->uuid);
    }
    return g_strv_builder_end(guests);
}

/* Names may mean others by now than were asked about. */
static int confirm(const Query *query, char *const *guests, sd_bus_error *reterr)
{
    if (g_strv_equal((const char *const *)query->guests, (const char *const *)guests))
        return 1;
    return sd_bus_error_set_const(reterr, SD_BUS_ERROR_ACCESS_DENIED,
                                  "there are other guests of these names now");
}

int gate_authorize(Manager *manager, sd_bus_message *message, const char *const *names,
                   sd_bus_message_handler_t again, sd_bus_error *reterr)
{
    Gate *gate = manager->gate;
    const Action *action = action_of(message);
    const char *sender = sd_bus_message_get_sender(message);
    g_auto(GStrv) guests = guests_of(manager, names);

    if (gate->authorized && gate->authorized->message == message)
        return confirm(gate->authorized, guests, reterr);
    if (!sender)
        return sd_bus_error_setf(reterr, SD_BUS_ERROR_ACCESS_DENIED, REFUSAL, action->id);
    int r = gate_admit(manager, message, reterr);
    if (r < 0)
        return r;
    Query *query = g_new0(Query, 1);
    query->manager = manager;
    query->message = sd_bus_message_ref(message);
    query->action = action;
    query->again = again;
    query->guests = g_steal_pointer(&guests);
    g_ptr_array_add(gate->queries, query);
    r = sd_bus_call_method_async(manager->bus, &query->slot, BUS_SERVICE, BUS_PATH, BUS_SERVICE,
                                 "GetConnectionUnixUser", on_user, query, "s", sender);
    if (r < 0)
        query_end(query);
    return r < 0 ? r : 0;
}

/* --- who left, and what is not worth doing --- */

static void requests_drop(Manager *manager, GQueue *requests, const char *sender)
{
    for (GList *link = requests->head, *next; link; link = next) {
        next = link->next;
        Request *request = link->data;
        if (!is_from(request->message, sender))
            continue;
        g_queue_delete_link(requests, link);
        job_end(manager, request->job, JOB_CANCELED);
        request_free(request);
    }
}

static int on_name_gone(sd_bus_message *signal, void *data, sd_bus_error *reterr)
{
    Manager *manager = data;
    const char *name, *before, *now;

    (void)reterr;
    if (sd_bus_message_read(signal, "sss", &name, &before, &now) < 0 || now[0])
        return 0;
    requests_drop(manager, &manager->requests, name);
    read_calls_drop(manager, name);
    for (guint i = manager->gate->queries->len; i-- > 0;) {
        Query *query = g_ptr_array_index(manager->gate->queries, i);
        if (is_from(query->message, name))
            query_end(query);
    }
    return 0;
}

/* Calls before any of them is looked at. 0: goes on. 1: answered, or not worth an answer. */
static int on_message(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    Manager *manager = data;
    const char *sender = sd_bus_message_get_sender(message);

    if (!sd_bus_message_is_method_call(message, NULL, NULL))
        return 0;
    unsigned calls = count_call(manager->gate, sender ? sender : "");
    if (calls > 2 * GATE_MAX_CALLS || !gate_may_send(manager))
        return 1;
    if (calls > GATE_MAX_CALLS)
        return sd_bus_error_set_const(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                      "too many calls within a second");
    if (!gate_may_answer(manager))
        return sd_bus_error_set_const(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED, GATE_JAMMED);
    return !sd_bus_message_get_expect_reply(message) && !action_of(message);
}

int gate_attach(Manager *manager)
{
    Gate *gate = manager->gate;
    int r = sd_bus_add_filter(manager->bus, NULL, on_message, manager);

    gate->probe = sd_bus_slot_unref(gate->probe);
    gate->lost = false;
    g_ptr_array_set_size(gate->queries, 0);
    if (r < 0)
        return r;
    return sd_bus_match_signal_async(manager->bus, NULL, BUS_SERVICE, BUS_PATH, BUS_SERVICE,
                                     "NameOwnerChanged", on_name_gone, NULL, manager);
}
