/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/bus-client.h"

#include "ctl/progress.h"
#include "ctl/verbs.h"
#include "vmtuned/bus.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define ANSWER_TIMEOUT_USEC (25 * G_USEC_PER_SEC) /* D-Bus's customary default */
/* A cycle may wait for guests whose monitor is busy: libvirt gives up on one after 30 s. */
#define SLOW_TIMEOUT_USEC (5 * 60 * (uint64_t)G_USEC_PER_SEC)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus, sd_bus_flush_close_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)

typedef struct BusErrorInfo {
    const char *name;
    int exit;
} BusErrorInfo;

/* Any other error means that the daemon refused. */
static const BusErrorInfo error_infos[] = {
    {SD_BUS_ERROR_SERVICE_UNKNOWN, CTL_UNREACHABLE},
    {SD_BUS_ERROR_NAME_HAS_NO_OWNER, CTL_UNREACHABLE},
    {SD_BUS_ERROR_NO_SERVER, CTL_UNREACHABLE},
    {SD_BUS_ERROR_DISCONNECTED, CTL_UNREACHABLE},
    {SD_BUS_ERROR_NO_REPLY, CTL_UNREACHABLE},
    {SD_BUS_ERROR_TIMEOUT, CTL_UNREACHABLE},
    {SD_BUS_ERROR_ACCESS_DENIED, CTL_USAGE},
    {SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, CTL_USAGE},
    {SD_BUS_ERROR_INVALID_ARGS, CTL_USAGE},
    {VMTUNED_BUS_ERROR_NO_SUCH_GUEST, CTL_USAGE},
    {SD_BUS_ERROR_UNKNOWN_OBJECT, CTL_USAGE},
};

static int show_call_error(const sd_bus_error *error, int result)
{
    const char *words = error->message ? error->message : strerror(-result);

    if (sd_bus_error_has_names(error, SD_BUS_ERROR_SERVICE_UNKNOWN,
                               SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
        show_error("vmtuned is not running (%s)", words);
        return CTL_UNREACHABLE;
    }
    if (sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT))
        show_error("there is no such job; 'vmtuned-ctl jobs' lists them");
    else
        show_error("%s", words);
    for (unsigned i = 0; error->name && i < G_N_ELEMENTS(error_infos); i++)
        if (g_str_equal(error->name, error_infos[i].name))
            return error_infos[i].exit;
    return error->name ? CTL_MISMATCH : CTL_UNREACHABLE;
}

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

/* 0, or an exit status after words on stderr. */
static int bus_connect(const char *address, sd_bus **ret)
{
    int result = address ? bus_open_address(address, ret) : sd_bus_open_system(ret);

    if (result >= 0)
        return 0;
    if (address && result == -EINVAL) {
        show_error("'%s' is not a bus address", address);
        return CTL_USAGE;
    }
    show_error("vmtuned is not running (cannot reach the bus: %s)", strerror(-result));
    return CTL_UNREACHABLE;
}

static int message_fill(sd_bus_message *message, const BusRequest *request)
{
    int result = 0;

    if (request->guests)
        result = sd_bus_message_append_strv(message, (char **)request->guests);
    if (result >= 0 && request->guest)
        result = sd_bus_message_append(message, "s", request->guest);
    if (result >= 0 && request->has_number)
        result = sd_bus_message_append(message, "u", request->number);
    for (unsigned i = 0; result >= 0 && i < request->n_flags; i++)
        result = sd_bus_message_append(message, "b", (int)request->flags[i]);
    return result;
}

static int bus_ask(sd_bus *bus, const BusRequest *request, sd_bus_message **ret)
{
    g_autoptr(sd_bus_message) message = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    g_autofree char *job_path =
        g_strdup_printf(VMTUNED_BUS_JOB_PATH "/%" G_GUINT64_FORMAT, request->job);
    int result = sd_bus_message_new_method_call(
        bus, &message, VMTUNED_BUS_NAME, request->job ? job_path : VMTUNED_BUS_PATH,
        request->job ? VMTUNED_BUS_JOB : VMTUNED_BUS_MANAGER, request->method);

    if (result >= 0) /* polkit may ask who sits there */
        result = sd_bus_message_set_allow_interactive_authorization(message, true);
    if (result >= 0)
        result = message_fill(message, request);
    if (result >= 0)
        result = (request->slow ? progress_call : sd_bus_call)(
            bus, message,
            (request->slow ? SLOW_TIMEOUT_USEC : ANSWER_TIMEOUT_USEC) +
                (uint64_t)request->wait_sec * G_USEC_PER_SEC,
            &error, ret);
    int exit_status = result >= 0 ? 0 : show_call_error(&error, result);
    sd_bus_error_free(&error);
    return exit_status;
}

int bus_request_run(const Options *options, const BusRequest *request, ShowRender render)
{
    g_autoptr(sd_bus) bus = NULL;
    g_autoptr(sd_bus_message) reply = NULL;
    const char *text;
    int exit_status = bus_connect(options_value(options, OPT_BUS), &bus);

    if (exit_status == 0)
        exit_status = bus_ask(bus, request, &reply);
    if (exit_status != 0)
        return exit_status;
    g_autoptr(Doc) document =
        sd_bus_message_read(reply, "s", &text) > 0 ? json_tokener_parse(text) : NULL;
    if (!document) {
        show_error("the daemon's answer to %s is not a document", request->method);
        return CTL_MISMATCH;
    }
    return show_document(options, document, render);
}
