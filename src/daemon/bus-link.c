/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection to the bus, and the objects that answer on it. */
#include "daemon/bus.h"
#include "daemon/gate.h"

#include <sysexits.h>

/* After everything else: who floods the bus does not hold up the work. */
#define BUS_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

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
    int r;

    if ((r = sd_bus_add_object_manager(manager->bus, NULL, VMTUNED_BUS_PATH)) < 0 ||
        (r = sd_bus_add_object_vtable(manager->bus, NULL, VMTUNED_BUS_PATH, VMTUNED_BUS_MANAGER,
                                      bus_manager_vtable, manager)) < 0 ||
        (r = bus_guest_serve(manager)) < 0 || (r = bus_job_serve(manager)) < 0)
        return r;
    return gate_attach(manager);
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
    bus_manager_show(manager); /* nobody sees it yet */
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
