/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-call.h"

#include "base/util.h"
#include "ctl/verbs.h"
#include "vmtuned/bus.h"
#include "vmtuned/version.h"

#include <errno.h>
#include <string.h>

#define ANSWER_TIMEOUT_USEC (25 * G_USEC_PER_SEC) /* D-Bus's customary default */
/* A cycle may wait for guests whose monitor is busy: libvirt gives up on one after 30 s. */
#define SLOW_TIMEOUT_USEC (5 * 60 * (uint64_t)G_USEC_PER_SEC)

typedef struct BusErrorInfo {
    const char *name;
    int exit;
    const char *words; /* NULL: those of the error */
    const char *hint;  /* what to do; NULL: the words say it */
} BusErrorInfo;

#define NOT_RUNNING "vmtuned is not running", "'systemctl start vmtuned' starts it"
#define NO_ANSWER "vmtuned does not answer", "'systemctl status vmtuned' and its log may tell why"
#define NOT_ALLOWED NULL, "run it as root, with sudo for example"

/* Any other error means that the daemon refused. */
static const BusErrorInfo error_infos[] = {
    {SD_BUS_ERROR_SERVICE_UNKNOWN, CTL_UNREACHABLE, NOT_RUNNING},
    {SD_BUS_ERROR_NAME_HAS_NO_OWNER, CTL_UNREACHABLE, NOT_RUNNING},
    {SD_BUS_ERROR_NO_SERVER, CTL_UNREACHABLE, NULL, NULL},
    {SD_BUS_ERROR_DISCONNECTED, CTL_UNREACHABLE, NULL, NULL},
    {SD_BUS_ERROR_NO_REPLY, CTL_UNREACHABLE, NO_ANSWER},
    {SD_BUS_ERROR_TIMEOUT, CTL_UNREACHABLE, NO_ANSWER},
    {SD_BUS_ERROR_ACCESS_DENIED, CTL_USAGE, NOT_ALLOWED},
    {SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, CTL_USAGE, NOT_ALLOWED},
    {SD_BUS_ERROR_LIMITS_EXCEEDED, CTL_MISMATCH, NULL, "try again in a moment"},
    {SD_BUS_ERROR_INVALID_ARGS, CTL_USAGE, NULL, NULL},
    {VMTUNED_BUS_ERROR_NO_SUCH_GUEST, CTL_USAGE, NULL, "'vmtuned-ctl status' lists them"},
};

static int bus_open_address(const char *address, sd_bus **ret)
{
    g_autoptr(sd_bus) bus = NULL;
    int result = sd_bus_new(&bus);

    if (result >= 0)
        result = sd_bus_set_address(bus, address);
    if (result >= 0)
        result = sd_bus_set_bus_client(bus, true);
    if (result >= 0)
        result = sd_bus_start(bus);
    if (result >= 0)
        *ret = g_steal_pointer(&bus);
    return result;
}

int bus_call_open(const Options *options, sd_bus **ret, char **reterr_words)
{
    const char *address = options_value(options, OPT_BUS), *host = options_value(options, OPT_HOST);

    if (address && host) {
        *reterr_words = g_strdup("--bus and --host name two buses; give one of them");
        return CTL_USAGE;
    }
    int result = address ? bus_open_address(address, ret)
                 : host  ? sd_bus_open_system_remote(ret, host)
                         : sd_bus_open_system(ret);
    if (result >= 0)
        return 0;
    if (result == -EINVAL && (address || host)) {
        *reterr_words = g_strdup_printf(address ? "'%s' is not a bus address"
                                                : "'%s' is not a host: expected [USER@]HOST",
                                        address ? address : host);
        return CTL_USAGE;
    }
    *reterr_words =
        g_strdup_printf("cannot reach the bus: %s; is D-Bus running there?", strerror(-result));
    return CTL_UNREACHABLE;
}

static int message_fill(sd_bus_message *message, const BusRequest *request)
{
    int result = 0;

    if (request->guests)
        result = sd_bus_message_append_strv(message, (char **)request->guests);
    if (result >= 0 && request->guest)
        result = sd_bus_message_append(message, "s", request->guest);
    if (result >= 0 && request->has_time)
        result = sd_bus_message_append(message, "t", request->time_usec);
    if (result >= 0 && request->has_number)
        result = sd_bus_message_append(message, "u", request->number);
    for (unsigned i = 0; result >= 0 && i < request->n_flags; i++)
        result = sd_bus_message_append(message, "b", (int)request->flags[i]);
    return result;
}

int bus_call_make(sd_bus *bus, const BusRequest *request, sd_bus_message **ret)
{
    g_autoptr(sd_bus_message) message = NULL;
    int result = sd_bus_message_new_method_call(bus, &message, VMTUNED_BUS_NAME, VMTUNED_BUS_PATH,
                                                VMTUNED_BUS_MANAGER, request->method);

    if (result >= 0) /* polkit may ask who sits there */
        result = sd_bus_message_set_allow_interactive_authorization(message, true);
    if (result >= 0)
        result = message_fill(message, request);
    if (result < 0)
        return result;
    *ret = g_steal_pointer(&message);
    return 0;
}

uint64_t bus_call_timeout_usec(const BusRequest *request)
{
    return (request->slow ? SLOW_TIMEOUT_USEC : ANSWER_TIMEOUT_USEC) +
           (uint64_t)request->wait_sec * G_USEC_PER_SEC;
}

Doc *bus_call_document(sd_bus_message *reply)
{
    const char *text;

    return sd_bus_message_read(reply, "s", &text) > 0 ? json_tokener_parse(text) : NULL;
}

/* The names of all guests, NULL-ended; none if the daemon does not tell. */
static GPtrArray *guest_names(sd_bus *bus)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(sd_bus_message) reply = NULL;
    const char *name;

    if (sd_bus_call_method(bus, VMTUNED_BUS_NAME, VMTUNED_BUS_PATH, VMTUNED_BUS_MANAGER, "Guests",
                           NULL, &reply, "") >= 0 &&
        sd_bus_message_enter_container(reply, 'a', "(sss)") > 0)
        while (sd_bus_message_read(reply, "(sss)", NULL, &name, NULL) > 0)
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_add(names, NULL);
    return names;
}

/* "; did you mean 'db1'?" if one of the request's guests is none, but nearly. Owned by the caller;
 * NULL: none is near. */
static char *nearest_guest(sd_bus *bus, const BusRequest *request)
{
    const char *const one[] = {request->guest, NULL};
    g_autoptr(GPtrArray) names = guest_names(bus);
    const char *const *known = (const char *const *)names->pdata;

    for (const char *const *asked = request->guests ? request->guests : one; *asked; asked++) {
        const char *nearest = g_strv_contains(known, *asked) ? NULL : text_nearest(*asked, known);
        if (nearest)
            return g_strdup_printf("did you mean '%s'?", nearest);
    }
    return NULL;
}

static char *explain_version(sd_bus *bus)
{
    g_autoptr(sd_bus_message) reply = NULL;
    const char *version = NULL;

    if (sd_bus_get_property(bus, VMTUNED_BUS_NAME, VMTUNED_BUS_PATH, VMTUNED_BUS_MANAGER, "Version",
                            NULL, &reply, "s") >= 0)
        sd_bus_message_read(reply, "s", &version);
    return g_strdup_printf("the vmtuned that runs is another version (%s, vmtuned-ctl is %s); "
                           "'systemctl restart vmtuned' starts the one that is installed",
                           version ? version : "not known", VMTUNED_VERSION);
}

static char *explain_connection(const Options *options, int result)
{
    const char *host = options_value(options, OPT_HOST);

    if (host)
        return g_strdup_printf(
            "cannot reach %s: %s; does 'ssh %s systemd-stdio-bridge --help' work?", host,
            strerror(-result), host);
    return g_strdup_printf("cannot reach vmtuned: %s", strerror(-result));
}

char *bus_call_explain(const Options *options, sd_bus *bus, const BusRequest *request,
                       const sd_bus_error *error, int result, int *ret_exit)
{
    static const BusErrorInfo refused = {.exit = CTL_MISMATCH};
    const BusErrorInfo *info = &refused;

    *ret_exit = CTL_UNREACHABLE;
    if (sd_bus_is_open(bus) <= 0 || !sd_bus_error_is_set(error))
        return explain_connection(options, result);
    if (sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_METHOD)) {
        *ret_exit = CTL_MISMATCH;
        return explain_version(bus);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(error_infos); i++)
        if (g_str_equal(error->name, error_infos[i].name))
            info = &error_infos[i];
    *ret_exit = info->exit;
    g_autofree char *nearest = sd_bus_error_has_name(error, VMTUNED_BUS_ERROR_NO_SUCH_GUEST)
                                   ? nearest_guest(bus, request)
                                   : NULL;
    const char *words = info->words ? info->words : error->message ? error->message : error->name;
    const char *hint = nearest ? nearest : info->hint;
    return g_strdup_printf("%s%s%s", words, hint ? "; " : "", hint ? hint : "");
}
