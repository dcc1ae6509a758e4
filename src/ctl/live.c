/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One call is under way at most, and nothing waits for it but the loop, so that keys and signals
 * count at any time. What makes a new look due only sets the timer: a burst of cycles is one look.
 */
#include "ctl/live.h"

#include "base/util.h"
#include "ctl/screen.h"
#include "ctl/show.h"
#include "ctl/verbs.h"
#include "report/report.h"
#include "vmtuned/bus.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define DEFAULT_INTERVAL_SEC 2
#define MAX_INTERVAL_SEC 86400
/* After a change: a burst is over, and the eye can follow. */
#define CHANGE_DELAY_USEC (200 * UINT64_C(1000))

typedef struct Live {
    const Options *options;
    const LiveView *view;
    uint64_t interval_usec;
    sd_event *event;
    sd_event_source *timer;
    bool hurried; /* there was a change since the last look began */
    sd_bus *bus;  /* NULL: to be opened */
    sd_bus_slot *call, *cycles, *owner;
    Screen *screen; /* NULL: documents follow each other */
    Doc *document;  /* the newest; NULL: none yet */
    char *trouble;  /* why there is no newer one; NULL: none */
    unsigned n_documents;
} Live;

static void live_disconnect(Live *live)
{
    live->call = sd_bus_slot_unref(live->call);
    live->cycles = sd_bus_slot_unref(live->cycles);
    live->owner = sd_bus_slot_unref(live->owner);
    live->bus = sd_bus_close_unref(live->bus);
}

static void append_head(const Live *live, GString *out)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *time = g_date_time_format(now, "%Y-%m-%d %H:%M:%S");

    style_mark_legend(out);
    style_append(out, STYLE_GREY, time);
    style_append(out, STYLE_GREY, "  q ends\n");
    if (live->trouble) {
        style_append(out, STYLE_BAD, live->trouble);
        g_string_append_c(out, '\n');
    }
}

static void live_draw(Live *live)
{
    g_autoptr(GString) out = g_string_new(NULL);

    append_head(live, out);
    if (live->document)
        live->view->render(live->view->data, live->document, out);
    g_autofree char *text = show_screen_text(live->options, out->str);
    screen_draw(live->screen, text);
}

/* Who cannot be written to needs no more. */
static void live_print(const Live *live)
{
    g_autoptr(GString) out = g_string_new(NULL);

    if (live->options->given[OPT_JSON]) {
        g_autofree char *json = show_json(live->document, false);
        puts(json);
    } else {
        live->view->render(live->view->data, live->document, out);
        g_autofree char *text = show_marked(live->options, out->str);
        bool first = live->n_documents == 1 + live->view->n_partial;
        printf("%s%s", first || live->view->continues ? "" : "\n", text);
    }
    if (fflush(stdout) != 0)
        sd_event_exit(live->event, CTL_MISMATCH);
}

/* When to look again. */
static void live_wake(Live *live)
{
    sd_event_source_set_time_relative(live->timer,
                                      live->hurried ? CHANGE_DELAY_USEC : live->interval_usec);
    sd_event_source_set_enabled(live->timer, SD_EVENT_ONESHOT);
}

/* Words on the screen, or on stderr once. */
static void live_fail(Live *live, const char *words)
{
    if (!live->screen && g_strcmp0(live->trouble, words) != 0)
        show_error("%s", words);
    g_free(live->trouble);
    live->trouble = g_strdup(words);
    if (live->screen)
        live_draw(live);
    live_wake(live);
}

static void live_take(Live *live, Doc *answer)
{
    const LiveView *view = live->view;
    Doc *document = view->take ? view->take(view->data, answer) : answer;

    g_clear_pointer(&live->trouble, g_free);
    live_wake(live);
    if (!document)
        return;
    json_object_put(live->document);
    live->document = document;
    live->n_documents++;
    if (live->screen)
        live_draw(live);
    else if (live->n_documents > view->n_partial)
        live_print(live);
    if (view->n_rounds > 0 && live->n_documents == view->n_rounds + view->n_partial)
        sd_event_exit(live->event, (int)report_get_exit(document));
}

/* It will not get better, or nobody waits for that. */
static void live_give_up(Live *live, int exit_status)
{
    bool hopeless = exit_status == CTL_USAGE && live->n_documents == 0;

    if (hopeless || (exit_status != CTL_OK && live->view->n_rounds > 0))
        sd_event_exit(live->event, exit_status);
}

static int on_answer(sd_bus_message *reply, void *data, sd_bus_error *unused)
{
    Live *live = data;
    const sd_bus_error *error = sd_bus_message_get_error(reply);

    (void)unused;
    live->call = sd_bus_slot_unref(live->call);
    if (!error) {
        Doc *document = bus_call_document(reply);
        if (document)
            live_take(live, document);
        else
            live_fail(live, "the daemon's answer is not a document");
        return 0;
    }
    int exit_status;
    g_autofree char *words = bus_call_explain(live->options, live->bus, live->view->request, error,
                                              -sd_bus_message_get_errno(reply), &exit_status);
    live_fail(live, words);
    live_give_up(live, exit_status);
    return 0;
}

/* A cycle ended, or the daemon came or went. */
static int on_change(sd_bus_message *message, void *data, sd_bus_error *unused)
{
    Live *live = data;

    (void)message;
    (void)unused;
    if (live->hurried)
        return 0;
    live->hurried = true;
    if (!live->call) /* else its answer wakes */
        live_wake(live);
    return 0;
}

static int live_connect(Live *live, char **reterr_words)
{
    int exit_status = bus_call_open(live->options, &live->bus, reterr_words);

    if (exit_status != 0)
        return exit_status;
    int result = sd_bus_attach_event(live->bus, live->event, SD_EVENT_PRIORITY_NORMAL);
    if (result >= 0 && !live->view->interval_only)
        result =
            sd_bus_match_signal_async(live->bus, &live->cycles, VMTUNED_BUS_NAME, VMTUNED_BUS_PATH,
                                      VMTUNED_BUS_MANAGER, "CycleDone", on_change, NULL, live);
    if (result >= 0)
        result = sd_bus_add_match_async(
            live->bus, &live->owner,
            "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
            "member='NameOwnerChanged',arg0='" VMTUNED_BUS_NAME "'",
            on_change, NULL, live);
    if (result >= 0)
        return 0;
    *reterr_words = g_strdup_printf("cannot use the bus: %s", g_strerror(-result));
    return CTL_UNREACHABLE;
}

static int live_ask(Live *live)
{
    g_autoptr(sd_bus_message) message = NULL;
    g_autofree char *words = NULL;

    if (live->bus && sd_bus_is_open(live->bus) <= 0)
        live_disconnect(live);
    int exit_status = live->bus ? 0 : live_connect(live, &words);
    if (exit_status != 0) {
        live_disconnect(live);
        live_fail(live, words);
        return exit_status;
    }
    int result = bus_call_make(live->bus, live->view->request, &message);
    if (result >= 0)
        result = sd_bus_call_async(live->bus, &live->call, message, on_answer, live,
                                   bus_call_timeout_usec(live->view->request));
    if (result < 0)
        live_fail(live, g_strerror(-result));
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *data)
{
    Live *live = data;

    (void)source;
    (void)usec;
    live->hurried = false;
    live_give_up(live, live->call ? CTL_OK : live_ask(live));
    return 0;
}

static int on_key(sd_event_source *source, int fd, uint32_t events, void *data)
{
    Live *live = data;
    char keys[64];
    ssize_t n = read(fd, keys, sizeof(keys));

    (void)source;
    (void)events;
    if (n <= 0) /* the terminal is gone */
        return sd_event_exit(live->event, CTL_OK);
    for (ssize_t i = 0; i < n; i++) {
        if (keys[i] == 'q')
            return sd_event_exit(live->event, CTL_OK);
        if (live->view->key && live->view->key(live->view->data, keys[i]))
            live_draw(live);
    }
    return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
    Live *live = data;

    (void)source;
    if (info->ssi_signo != SIGWINCH)
        return sd_event_exit(live->event, CTL_OK);
    live_draw(live);
    return 0;
}

/* A signal has to find the terminal's settings back. */
static int live_open_screen(Live *live)
{
    static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGWINCH};
    int result = 0;

    const LiveView *view = live->view;
    bool prints = live->options->given[OPT_JSON] || view->n_rounds > 0 || view->continues;

    live->screen = prints ? NULL : screen_open();
    if (!live->screen)
        return 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(signals) && result >= 0; i++)
        result = sd_event_add_signal(live->event, NULL, signals[i] | SD_EVENT_SIGNAL_PROCMASK,
                                     on_signal, live);
    if (result >= 0 && screen_has_keys(live->screen))
        result = sd_event_add_io(live->event, NULL, STDIN_FILENO, EPOLLIN, on_key, live);
    return result;
}

static int live_loop(Live *live)
{
    int result = sd_event_new(&live->event);

    if (result >= 0)
        result = sd_event_add_time_relative(live->event, &live->timer, CLOCK_MONOTONIC, 0, 0,
                                            on_timer, live);
    if (result >= 0)
        result = live_open_screen(live);
    if (result >= 0)
        result = sd_event_loop(live->event);
    return result;
}

/* 0, or CTL_USAGE after words on stderr. */
static int read_interval(const Options *options, uint64_t *ret_usec)
{
    const char *text = options_value(options, OPT_WATCH);
    uint64_t seconds = DEFAULT_INTERVAL_SEC;

    if (text && (parse_u64(text, MAX_INTERVAL_SEC, &seconds) < 0 || seconds == 0)) {
        show_error("--watch: expected a number of seconds from 1 to %u, not '%s'", MAX_INTERVAL_SEC,
                   text);
        return CTL_USAGE;
    }
    *ret_usec = seconds * G_USEC_PER_SEC;
    return 0;
}

int live_run(const Options *options, const LiveView *view)
{
    Live live = {.options = options, .view = view, .interval_usec = view->interval_usec};

    if (live.interval_usec == 0 && read_interval(options, &live.interval_usec) != 0)
        return CTL_USAGE;
    int result = live_loop(&live);
    live_disconnect(&live);
    screen_close(live.screen);
    sd_event_source_unref(live.timer);
    sd_event_unref(live.event);
    if (result < 0)
        show_error("%s", g_strerror(-result));
    else if (live.trouble && result != CTL_OK && live.screen)
        show_error("%s", live.trouble);
    json_object_put(live.document);
    g_free(live.trouble);
    return result < 0 ? CTL_MISMATCH : result;
}
