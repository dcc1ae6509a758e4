/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/progress.h"

#include "base/text.h"
#include "ctl/show.h"
#include "ctl/terminal.h"
#include "vmtuned/bus.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* What is done by then needs no bar. */
#define FIRST_USEC (G_USEC_PER_SEC / 2)
#define REDRAW_USEC (G_USEC_PER_SEC / 5)
#define BAR_CELLS 24u
#define NARROW 80u /* a terminal that does not tell */
#define CLEAR "\r\033[K"

#define MATCH "type='signal',sender='" VMTUNED_BUS_NAME "',interface='org.freedesktop.DBus."
#define MATCH_NEW MATCH "ObjectManager',member='InterfacesAdded',path='" VMTUNED_BUS_PATH "'"
#define MATCH_CHANGED                                                                              \
    MATCH "Properties',member='PropertiesChanged',path_namespace='" VMTUNED_BUS_JOB_PATH "'"

typedef struct Progress {
    const char *client; /* this program, by its name on the bus */
    char *path;         /* of the job; NULL: there is none yet */
    Doc *job;           /* its properties */
    int64_t begin_usec; /* monotonic */
    bool drawn;
    sd_bus_message *reply;
    sd_bus_slot *added, *changed, *call; /* nothing calls back once it is gone */
} Progress;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* --- the line --- */

char *progress_count(uint64_t done, uint64_t total, const char *unit)
{
    if (total == 0)
        return g_strdup("-");
    if (g_str_equal(unit, "percent"))
        return g_strdup_printf("%" G_GUINT64_FORMAT "%%", done * 100 / total);
    if (g_str_equal(unit, "seconds"))
        return g_strdup_printf("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " s", done, total);
    return g_strdup_printf("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " %s", done, total, unit);
}

static void append_bar(GString *line, uint64_t done, uint64_t total, bool utf8)
{
    uint64_t full = MIN(done, total) * BAR_CELLS / total;

    g_string_append(line, " [");
    for (unsigned i = 0; i < BAR_CELLS; i++)
        g_string_append(line, i < full ? (utf8 ? "█" : "#") : (utf8 ? "░" : "."));
    g_string_append_c(line, ']');
}

char *progress_line(Doc *job, unsigned columns, bool utf8)
{
    uint64_t done = (uint64_t)doc_number(job, "Done"), total = (uint64_t)doc_number(job, "Total");
    g_autofree char *words =
        g_strdup_printf("%s: %s", doc_word(job, "Kind"), doc_word(job, "Phase"));
    g_autofree char *head = text_show(g_strdelimit(words, "\n\t", ' '));
    g_autofree char *count = progress_count(done, total, doc_word(job, "Unit"));
    g_autoptr(GString) line = g_string_new(head);

    if (total > 0) {
        append_bar(line, done, total, utf8);
        g_string_append_printf(line, " %s", count);
    }
    if (total > 0 && g_utf8_strlen(line->str, -1) > (long)columns)
        g_string_printf(line, "%s %s", head, count);
    return g_utf8_substring(line->str, 0, MIN((long)columns, g_utf8_strlen(line->str, -1)));
}

static void draw(Progress *progress)
{
    unsigned columns = terminal_columns();
    int64_t waited_usec = g_get_monotonic_time() - progress->begin_usec;

    if (waited_usec < FIRST_USEC)
        return;
    columns = (columns > 0 ? columns : NARROW) - 1; /* the last one may wrap */
    g_autofree char *line = progress->path
                                ? progress_line(progress->job, columns, terminal_is_utf8())
                                : g_strdup_printf("waiting for vmtuned: %" G_GINT64_FORMAT " s",
                                                  waited_usec / G_USEC_PER_SEC);
    fprintf(stderr, CLEAR "%s", line);
    fflush(stderr);
    progress->drawn = true;
}

static void clear(const Progress *progress)
{
    if (progress->drawn)
        fputs(CLEAR, stderr);
}

/* --- what the daemon tells --- */

/* One "{sv}" of strings and numbers; others are left out. */
static int read_value(sd_bus_message *message, Doc *values)
{
    const char *name, *text, *type;
    uint64_t number;
    int r;

    if ((r = sd_bus_message_read_basic(message, 's', &name)) < 0 ||
        (r = sd_bus_message_peek_type(message, NULL, &type)) < 0)
        return r;
    if (g_str_equal(type, "s") && (r = sd_bus_message_read(message, "v", "s", &text)) >= 0)
        json_object_object_add(values, name, json_object_new_string(text));
    else if (g_str_equal(type, "t") && (r = sd_bus_message_read(message, "v", "t", &number)) >= 0)
        json_object_object_add(values, name, json_object_new_int64((int64_t)number));
    else if (r >= 0)
        r = sd_bus_message_skip(message, "v");
    return r;
}

/* An "a{sv}". */
static int read_values(sd_bus_message *message, Doc *values)
{
    int r = sd_bus_message_enter_container(message, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0)
        if ((r = read_value(message, values)) >= 0)
            r = sd_bus_message_exit_container(message);
    return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* The Job's of an "a{sa{sv}}". */
static int read_job(sd_bus_message *message, Doc *values)
{
    int r = sd_bus_message_enter_container(message, 'a', "{sa{sv}}");
    const char *interface;

    while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sa{sv}")) > 0) {
        if ((r = sd_bus_message_read_basic(message, 's', &interface)) < 0)
            break;
        r = g_str_equal(interface, VMTUNED_BUS_JOB) ? read_values(message, values)
                                                    : sd_bus_message_skip(message, "a{sv}");
        if (r >= 0)
            r = sd_bus_message_exit_container(message);
    }
    return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int on_new(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    Progress *progress = data;
    g_autoptr(Doc) values = json_object_new_object();
    const char *path;

    (void)reterr;
    if (progress->path || sd_bus_message_read_basic(message, 'o', &path) < 0 ||
        read_job(message, values) < 0 || !g_str_equal(doc_word(values, "Client"), progress->client))
        return 0;
    progress->path = g_strdup(path);
    json_object_put(progress->job);
    progress->job = g_steal_pointer(&values);
    return 0;
}

static int on_changed(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    Progress *progress = data;

    (void)reterr;
    if (g_strcmp0(sd_bus_message_get_path(message), progress->path) == 0 &&
        sd_bus_message_skip(message, "s") >= 0)
        read_values(message, progress->job);
    return 0;
}

static int on_reply(sd_bus_message *message, void *data, sd_bus_error *reterr)
{
    (void)reterr;
    ((Progress *)data)->reply = sd_bus_message_ref(message);
    return 0;
}

/* --- the call --- */

/* Work that has begun goes on; a call that waits for its turn is dropped with its client. */
static void leave(const Progress *progress)
{
    clear(progress);
    if (progress->path && !g_str_equal(doc_word(progress->job, "Phase"), VMTUNED_JOB_WAITING))
        show_error("the work goes on as job %" G_GINT64_FORMAT "; 'vmtuned-ctl jobs' shows it",
                   doc_number(progress->job, "Id"));
    else
        show_error("nothing was changed: the call is dropped");
    signal(SIGINT, SIG_DFL);
    raise(SIGINT);
}

static int wait_for_reply(sd_bus *bus, Progress *progress)
{
    int r = 0;

    while (r >= 0 && !progress->reply) {
        if (interrupted)
            leave(progress);
        r = sd_bus_process(bus, NULL);
        if (r != 0)
            continue;
        draw(progress);
        r = sd_bus_wait(bus, REDRAW_USEC);
        if (r == -EINTR)
            r = 0;
    }
    return r;
}

static int begin(sd_bus *bus, sd_bus_message *message, uint64_t usec, Progress *progress)
{
    const struct sigaction action = {.sa_handler = on_interrupt};
    int r;

    if ((r = sd_bus_get_unique_name(bus, &progress->client)) < 0 ||
        (r = sd_bus_add_match(bus, &progress->added, MATCH_NEW, on_new, progress)) < 0 ||
        (r = sd_bus_add_match(bus, &progress->changed, MATCH_CHANGED, on_changed, progress)) < 0)
        return r;
    sigaction(SIGINT, &action, NULL);
    return sd_bus_call_async(bus, &progress->call, message, on_reply, progress, usec);
}

static bool is_wanted(void)
{
    return isatty(STDERR_FILENO) && g_strcmp0(g_getenv("TERM"), "dumb") != 0;
}

int progress_call(sd_bus *bus, sd_bus_message *message, uint64_t usec, sd_bus_error *reterr,
                  sd_bus_message **ret)
{
    Progress progress = {.job = json_object_new_object(), .begin_usec = g_get_monotonic_time()};

    if (!is_wanted())
        return sd_bus_call(bus, message, usec, reterr, ret);
    int r = begin(bus, message, usec, &progress);
    if (r >= 0)
        r = wait_for_reply(bus, &progress);
    clear(&progress);
    signal(SIGINT, SIG_DFL);
    if (r >= 0 && sd_bus_message_is_method_error(progress.reply, NULL)) {
        r = -sd_bus_message_get_errno(progress.reply);
        sd_bus_error_copy(reterr, sd_bus_message_get_error(progress.reply));
        sd_bus_message_unref(progress.reply);
    } else if (r >= 0) {
        *ret = progress.reply;
    }
    sd_bus_slot_unref(progress.added);
    sd_bus_slot_unref(progress.changed);
    sd_bus_slot_unref(progress.call);
    json_object_put(progress.job);
    g_free(progress.path);
    return r;
}
