/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exporter/scrape.h"

#include "base/text.h"
#include "vmtuned/bus.h"

#include <errno.h>

void scrape_bus_clear(ScrapeBus *bus)
{
    bus->bus = sd_bus_flush_close_unref(bus->bus);
}

static int open_address(const char *address, sd_bus **ret)
{
    sd_bus *bus = NULL;
    int r;

    if ((r = sd_bus_new(&bus)) < 0)
        return r;
    if ((r = sd_bus_set_address(bus, address)) < 0 || (r = sd_bus_set_bus_client(bus, true)) < 0 ||
        (r = sd_bus_start(bus)) < 0)
        sd_bus_unref(bus);
    else
        *ret = bus;
    return r;
}

static int bus_ensure(ScrapeBus *bus)
{
    int r;

    if (bus->bus && sd_bus_is_open(bus->bus) > 0)
        return 0;
    scrape_bus_clear(bus);
    r = bus->address ? open_address(bus->address, &bus->bus) : sd_bus_open_system(&bus->bus);
    return r < 0 ? r : sd_bus_attach_event(bus->bus, bus->event, SD_EVENT_PRIORITY_NORMAL);
}

/* Of an error that came as the answer. */
static char *error_words(sd_bus_message *reply, const sd_bus_error *error)
{
    if (sd_bus_is_open(sd_bus_message_get_bus(reply)) <= 0)
        return g_strdup("the bus ended the connection");
    if (sd_bus_error_has_names(error, SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
        return g_strdup("vmtuned is not running");
    if (sd_bus_error_has_names(error, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_TIMEOUT))
        return g_strdup("vmtuned does not answer");
    return text_show(error->message ? error->message : error->name);
}

static int on_reply(sd_bus_message *reply, void *data, sd_bus_error *reterr)
{
    Scrape *scrape = data;
    const sd_bus_error *error = sd_bus_message_get_error(reply);
    const char *text;

    (void)reterr;
    if (error)
        scrape->error = error_words(reply, error);
    else if (sd_bus_message_read(reply, "s", &text) > 0)
        scrape->text = g_strdup(text);
    else
        scrape->error = g_strdup("vmtuned's answer is none");
    scrape->done(scrape);
    return 0;
}

int scrape_start(Scrape *scrape, ScrapeBus *bus, MetricFormat format)
{
    sd_bus_message *call = NULL;
    int r;

    if ((r = bus_ensure(bus)) >= 0 &&
        (r = sd_bus_message_new_method_call(bus->bus, &call, VMTUNED_BUS_NAME, VMTUNED_BUS_PATH,
                                            VMTUNED_BUS_MANAGER, "Metrics")) >= 0 &&
        (r = sd_bus_message_set_auto_start(call, false)) >= 0 &&
        (r = sd_bus_message_append(call, "s", metric_format_name(format))) >= 0)
        r = sd_bus_call_async(bus->bus, &scrape->slot, call, on_reply, scrape, SCRAPE_TIMEOUT_USEC);
    sd_bus_message_unref(call);
    if (r < 0)
        scrape->error = g_strdup_printf("cannot reach the bus: %s", g_strerror(-r));
    return r < 0 ? r : 0;
}

void scrape_clear(Scrape *scrape)
{
    sd_bus_slot_unref(scrape->slot);
    g_free(scrape->text);
    g_free(scrape->error);
}
