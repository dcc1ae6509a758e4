/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exporter/exporter.h"

#include "exporter/scrape.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/epoll.h>

/* Prometheus needs one or two; what is left is for whoever looks. */
#define MAX_CONNECTIONS 64u
/* Of a connection on which nothing happens. A request that waits for the daemon does not count. */
#define CONNECTION_TIMEOUT_SEC 10u
/* Of one connection, for its request and headers: what is larger is refused. */
#define CONNECTION_MEMORY_BYTES ((size_t)(16 * 1024))

/* libmicrohttpd asks to be called at once where it is not done: sd-event's own 250 ms are too long.
 */
#define TIMER_ACCURACY_USEC 1000

#define TYPE_PLAIN "text/plain; charset=utf-8"

struct Exporter {
    struct MHD_Daemon *http;
    ScrapeBus bus;
    sd_event_source *io, *timeout; /* of http */
    sd_event_source *idle;         /* runs while nobody is connected; NULL: it never ends */
    uint64_t idle_usec;
    GQueue waiting; /* of Request: suspended, until the daemon answers */
};

typedef struct Request {
    Scrape scrape;
    struct MHD_Connection *connection;
} Request;

static void serve(Exporter *exporter);

/* --- answers --- */

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type,
                             const char *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY); /* it does not outlive the request */

    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result reply_start_page(struct MHD_Connection *connection)
{
    return reply(connection, MHD_HTTP_OK, "text/html; charset=utf-8",
                 "<!DOCTYPE html>\n<html lang=\"en\"><title>vmtuned</title>\n"
                 "<h1>vmtuned</h1>\n<p><a href=\"/metrics\">Metrics</a></p></html>\n");
}

/* Who asks for OpenMetrics by name gets it. */
static MetricFormat format_of(struct MHD_Connection *connection)
{
    const char *accept =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);

    return accept && strcasestr(accept, "application/openmetrics-text") ? METRIC_FORMAT_OPENMETRICS
                                                                        : METRIC_FORMAT_TEXT;
}

static const char *type_of(MetricFormat format)
{
    switch (format) {
    case METRIC_FORMAT_OPENMETRICS:
        return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    case METRIC_FORMAT_TEXT:
        break;
    }
    return "text/plain; version=0.0.4; charset=utf-8";
}

static enum MHD_Result reply_scrape(Request *request)
{
    g_autofree char *words = NULL;

    if (request->scrape.text)
        return reply(request->connection, MHD_HTTP_OK, type_of(format_of(request->connection)),
                     request->scrape.text);
    words = g_strconcat(request->scrape.error, "\n", NULL);
    return reply(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE, TYPE_PLAIN, words);
}

/* --- requests --- */

static void scrape_done(Scrape *scrape)
{
    Request *request = (Request *)scrape;
    Exporter *exporter = scrape->owner;

    g_queue_remove(&exporter->waiting, request);
    MHD_resume_connection(request->connection);
    serve(exporter); /* which calls on_request() again */
}

static enum MHD_Result ask(Exporter *exporter, Request *request)
{
    if (scrape_start(&request->scrape, &exporter->bus, format_of(request->connection)) < 0)
        return reply_scrape(request);
    g_queue_push_tail(&exporter->waiting, request);
    MHD_suspend_connection(request->connection);
    return MHD_YES;
}

/* Refused before its body is read: the connection is closed after it. */
static enum MHD_Result refuse_method(struct MHD_Connection *connection)
{
    return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, TYPE_PLAIN,
                 "only GET and HEAD are served here\n");
}

/* Called when the headers are there, for each part of a body, when the request is whole, and when
 * it is resumed. */
static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **state)
{
    Request *request = *state;

    (void)version;
    (void)body;
    if (!g_str_equal(method, MHD_HTTP_METHOD_GET) && !g_str_equal(method, MHD_HTTP_METHOD_HEAD))
        return refuse_method(connection);
    if (!request) {
        request = g_new0(Request, 1);
        request->connection = connection;
        request->scrape.done = scrape_done;
        request->scrape.owner = data;
        *state = request;
        return MHD_YES;
    }
    if (*body_size > 0) {
        *body_size = 0;
        return MHD_YES;
    }
    if (g_str_equal(path, "/"))
        return reply_start_page(connection);
    if (!g_str_equal(path, "/metrics"))
        return reply(connection, MHD_HTTP_NOT_FOUND, TYPE_PLAIN, "there is only /metrics\n");
    if (request->scrape.text || request->scrape.error)
        return reply_scrape(request);
    return ask(data, request);
}

static void on_completed(void *data, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    Request *request = *state;

    (void)data;
    (void)connection;
    (void)code;
    if (!request)
        return;
    scrape_clear(&request->scrape);
    g_free(request);
    *state = NULL;
}

/* --- the loop --- */

static unsigned count_connections(Exporter *exporter)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(exporter->http, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info ? info->num_connections : 0;
}

static void arm(sd_event_source *timer, uint64_t usec)
{
    sd_event_source_set_time_relative(timer, usec);
    sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static void watch_idle(Exporter *exporter)
{
    int armed;

    if (!exporter->idle)
        return;
    if (count_connections(exporter) > 0)
        sd_event_source_set_enabled(exporter->idle, SD_EVENT_OFF);
    else if (sd_event_source_get_enabled(exporter->idle, &armed) >= 0 && armed == SD_EVENT_OFF)
        arm(exporter->idle, exporter->idle_usec);
}

static void serve(Exporter *exporter)
{
    MHD_UNSIGNED_LONG_LONG timeout_msec;

    MHD_run(exporter->http);
    if (MHD_get_timeout(exporter->http, &timeout_msec) == MHD_YES)
        arm(exporter->timeout, timeout_msec * 1000);
    else
        sd_event_source_set_enabled(exporter->timeout, SD_EVENT_OFF);
    watch_idle(exporter);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *data)
{
    (void)source;
    (void)fd;
    (void)events;
    serve(data);
    return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *data)
{
    (void)source;
    (void)usec;
    serve(data);
    return 0;
}

/* Who connects from now on finds the socket open: systemd starts another one. */
static int on_idle(sd_event_source *source, uint64_t usec, void *data)
{
    (void)usec;
    (void)data;
    return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int add_timer(Exporter *exporter, sd_event *event, sd_event_time_handler_t handler,
                     sd_event_source **ret)
{
    int r = sd_event_add_time_relative(event, ret, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_USEC, handler,
                                       exporter);

    return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

static int http_start(Exporter *exporter, int fd)
{
    exporter->http = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, exporter,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, exporter,
        MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        CONNECTION_TIMEOUT_SEC, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    return exporter->http ? 0 : -EIO;
}

static int http_attach(Exporter *exporter, sd_event *event)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(exporter->http, MHD_DAEMON_INFO_EPOLL_FD);

    return info ? sd_event_add_io(event, &exporter->io, info->epoll_fd, EPOLLIN, on_io, exporter)
                : -EIO;
}

int exporter_new(const ExporterOptions *options, sd_event *event, Exporter **ret)
{
    g_autoptr(Exporter) exporter = g_new0(Exporter, 1);
    int r;

    exporter->bus = (ScrapeBus){.address = options->bus, .event = event};
    exporter->idle_usec = options->idle_usec;
    if ((r = http_start(exporter, options->fd)) < 0 || (r = http_attach(exporter, event)) < 0 ||
        (r = add_timer(exporter, event, on_timeout, &exporter->timeout)) < 0 ||
        (exporter->idle_usec > 0 && (r = add_timer(exporter, event, on_idle, &exporter->idle)) < 0))
        return r;
    watch_idle(exporter);
    *ret = g_steal_pointer(&exporter);
    return 0;
}

void exporter_free(Exporter *exporter)
{
    if (!exporter)
        return;
    for (Request *request; (request = g_queue_pop_head(&exporter->waiting));)
        MHD_resume_connection(request->connection); /* none may be suspended at the stop */
    if (exporter->http)
        MHD_stop_daemon(exporter->http);
    scrape_bus_clear(&exporter->bus);
    sd_event_source_unref(exporter->io);
    sd_event_source_unref(exporter->timeout);
    sd_event_source_unref(exporter->idle);
    g_free(exporter);
}
