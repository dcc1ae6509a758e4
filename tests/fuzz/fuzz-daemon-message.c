/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages of the bus, from the bytes on: "Member\nsignature\n", and a body; "guest/Member" goes to
 * a guest's object, "job/Member" to a job's. The daemon's own tables
 * answer on one end of a socket, and there is a message on the other. Whose call it is is answered
 * too: root's, so that methods that change something go on to read their arguments again. A cycle
 * is said to be under way, which never ends.
 */
#include "daemon/bus.h"
#include "daemon/gate.h"
#include "daemon/host-state.h"
#include "daemon/memory-move.h"
#include "daemon/read-job.h"
#include "policy/policy-load.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#define HELLO "\0AUTH ANONYMOUS\r\nBEGIN\r\n"
#define UUID "0b5f3c4e-1111-4222-8333-944455556666"
#define GUEST_PATH VMTUNED_BUS_GUEST_PATH "/0b5f3c4e_1111_4222_8333_944455556666"
#define CALLER ":1.7"
#define DRIVER "org.freedesktop.DBus"

enum { CALL = 1, RETURN = 2 };
enum { PATH = 1, INTERFACE = 2, MEMBER = 3, REPLY_SERIAL = 5, SENDER = 7, SIGNATURE = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

/* --- messages --- */

static void align(GByteArray *out, unsigned to)
{
    static const uint8_t zero[8];

    g_byte_array_append(out, zero, (to - out->len % to) % to);
}

static void put_number(GByteArray *out, size_t number)
{
    uint32_t value = GUINT32_TO_LE((uint32_t)number);

    align(out, 4);
    g_byte_array_append(out, (const uint8_t *)&value, 4);
}

static void put_field(GByteArray *out, uint8_t code, char type, const char *value)
{
    const uint8_t head[] = {code, 1, (uint8_t)type, 0};
    uint8_t length = (uint8_t)strlen(value);

    align(out, 8);
    g_byte_array_append(out, head, sizeof head);
    if (type == 'g')
        g_byte_array_append(out, &length, 1);
    else
        put_number(out, strlen(value));
    g_byte_array_append(out, (const uint8_t *)value, (guint)strlen(value) + 1);
}

static void put_message(GByteArray *out, uint8_t type, unsigned serial, const GByteArray *fields,
                        const uint8_t *body, size_t size)
{
    const uint8_t head[] = {'l', type, 0, 1};
    g_autoptr(GByteArray) message = g_byte_array_new();

    g_byte_array_append(message, head, sizeof head);
    put_number(message, size);
    put_number(message, serial);
    put_number(message, fields->len);
    g_byte_array_append(message, fields->data, fields->len);
    align(message, 8);
    g_byte_array_append(message, body, (guint)size);
    g_byte_array_append(out, message->data, message->len);
}

typedef struct Target {
    const char *prefix, *path, *interface;
} Target;

/* The last is for any word. */
static const Target targets[] = {
    {"guest/", GUEST_PATH, VMTUNED_BUS_GUEST},
    {"job/", VMTUNED_BUS_JOB_PATH "/1", VMTUNED_BUS_JOB},
    {"properties/", GUEST_PATH, "org.freedesktop.DBus.Properties"},
    {"objects/", VMTUNED_BUS_PATH, "org.freedesktop.DBus.ObjectManager"},
    {"", VMTUNED_BUS_PATH, VMTUNED_BUS_MANAGER},
};

static void put_call(GByteArray *out, const char *word, const char *signature, const uint8_t *body,
                     size_t size)
{
    g_autoptr(GByteArray) fields = g_byte_array_new();
    const Target *target = targets;

    while (!g_str_has_prefix(word, target->prefix))
        target++;
    put_field(fields, PATH, 'o', target->path);
    put_field(fields, INTERFACE, 's', target->interface);
    put_field(fields, MEMBER, 's', word + strlen(target->prefix));
    put_field(fields, SENDER, 's', CALLER);
    if (*signature)
        put_field(fields, SIGNATURE, 'g', signature);
    put_message(out, CALL, 1, fields, body, size);
}

/* The user is root, to each call the daemon may have made. */
static void put_answers(GByteArray *out)
{
    static const uint8_t root[4], is_number[] = {REPLY_SERIAL, 1, 'u', 0};

    for (unsigned serial = 1; serial <= 4; serial++) {
        g_autoptr(GByteArray) fields = g_byte_array_new();
        g_byte_array_append(fields, is_number, sizeof is_number);
        put_number(fields, serial);
        put_field(fields, SENDER, 's', DRIVER);
        put_field(fields, SIGNATURE, 'g', "u");
        put_message(out, RETURN, 1 + serial, fields, root, sizeof root);
    }
}

/* What a client sends. */
static GByteArray *conversation(const uint8_t *data, size_t size)
{
    GByteArray *out = g_byte_array_new();
    const uint8_t *body = data, *end = data + size;
    char *words[2];

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        const uint8_t *line = body;
        while (body < end && *body != '\n')
            body++;
        words[i] = line < body ? g_strndup((const char *)line, MIN((size_t)(body - line), 200))
                               : g_strdup("");
        body += body < end;
    }
    g_byte_array_append(out, (const uint8_t *)HELLO, sizeof HELLO - 1);
    put_call(out, words[0], words[1], body, (size_t)(end - body));
    put_answers(out);
    g_free(words[0]);
    g_free(words[1]);
    return out;
}

/* --- the daemon --- */

static void say_nothing(LogLevel level, const char *message_id, const LogField *fields,
                        const char *message)
{
    (void)level;
    (void)message_id;
    (void)fields;
    (void)message;
}

static Manager *manager_make(void)
{
    Manager *manager = g_new0(Manager, 1);
    Managed *managed = managed_new(UUID, "db1");

    log_set_sink(say_nothing);
    manager->options = (ManagerOptions){.uri = "none", .policy_file = "/", .dry_run = true};
    manager->policy = policy_new();
    manager->policy_diags = diag_list_new();
    manager->host = host_state_new();
    manager->moves = memory_moves_new();
    manager->reads = read_queues_new();
    manager->record = record_new("/nonexistent");
    manager->usage_totals = usage_totals_new();
    check(pool_new(&manager->pool) == 0);
    manager->jobs = jobs_new();
    manager->restarts = g_ptr_array_new();
    manager->guests = g_ptr_array_new();
    manager->by_uuid = g_hash_table_new(g_str_hash, g_str_equal);
    manager->connected = true;
    bus_manager_show(manager);
    manager->phase = CYCLE_LISTING;
    g_queue_init(&manager->requests);
    g_queue_init(&manager->answering);
    g_ptr_array_add(manager->guests, managed);
    g_hash_table_insert(manager->by_uuid, managed->uuid, managed);
    bus_guest_show(manager, managed);
    job_begin(manager, JOB_RESTART_INTO, (const char *const[]){UUID, NULL}, CALLER);
    return manager;
}

/* What workers read comes back. */
static void wait_for_reads(Manager *manager)
{
    while (read_calls_count(manager, NULL) > 0) {
        struct pollfd fd = {.fd = pool_get_fd(manager->pool), .events = POLLIN};
        check(poll(&fd, 1, -1) == 1);
        pool_dispatch(manager->pool, g_get_monotonic_time());
    }
}

static void serve(Manager *manager, int fd)
{
    const sd_id128_t id = {.bytes = {1}};

    check(sd_bus_new(&manager->bus) >= 0 && sd_bus_set_fd(manager->bus, fd, fd) >= 0 &&
          sd_bus_set_server(manager->bus, true, id) >= 0 &&
          sd_bus_set_anonymous(manager->bus, true) >= 0 && sd_bus_start(manager->bus) >= 0);
    manager->gate = gate_new();
    check(bus_serve(manager) >= 0);
    while (sd_bus_process(manager->bus, NULL) > 0)
        ;
    wait_for_reads(manager);
    g_queue_clear_full(&manager->requests, (GDestroyNotify)request_free);
    g_ptr_array_set_size(manager->jobs, 1); /* theirs go with them */
    gate_free(manager->gate);
    sd_bus_close(manager->bus);
    g_clear_pointer(&manager->bus, sd_bus_unref);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Manager *manager;
    int fds[2];

    if (!manager)
        manager = manager_make();
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    g_autoptr(GByteArray) bytes = conversation(data, MIN(size, 32768));
    check(write(fds[0], bytes->data, bytes->len) == (ssize_t)bytes->len);
    serve(manager, fds[1]);
    close(fds[0]);
    return 0;
}
