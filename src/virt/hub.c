/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two threads. The event thread runs libvirt's event loop, which keepalive, close callbacks and
 * domain events need, and does nothing else. The connector opens the connections and sleeps until
 * one breaks. Opening and closing may block for as long as libvirtd likes, so nobody waits for the
 * connector: a connection that broke is closed by a thread of its own.
 *
 * Events are subscribed to before CONNECTED is posted: what happens in between is told twice rather
 * than never.
 */
#include "virt/link.h"

#include "base/log.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOP_LAST_ROUNDS 20 /* to run what closing left behind */
#define DELAY_MIN_USEC (1 * G_USEC_PER_SEC)
#define DELAY_MAX_USEC (30 * G_USEC_PER_SEC)
#define STOP_WAIT_USEC (5 * G_USEC_PER_SEC)

void virt_event_free(VirtEvent *event)
{
    if (!event)
        return;
    g_free(event->uuid);
    g_free(event->name);
    g_free(event);
}

VirtHub *hub_ref(VirtHub *hub)
{
    return g_atomic_rc_box_acquire(hub);
}

static void event_free(gpointer event)
{
    virt_event_free(event);
}

static void hub_clear(gpointer data)
{
    VirtHub *hub = data;

    g_queue_clear_full(&hub->events, event_free);
    hypervisors_forget(hub);
    if (hub->wake_fd >= 0)
        close(hub->wake_fd);
    g_cond_clear(&hub->changed);
    g_mutex_clear(&hub->lock);
    g_free(hub->uri);
}

void hub_unref(void *hub)
{
    g_atomic_rc_box_release_full(hub, hub_clear);
}

void hub_post(VirtHub *hub, VirtEventKind kind, const char *uuid, const char *name)
{
    VirtEvent *event = g_new0(VirtEvent, 1);

    event->kind = kind;
    event->uuid = g_strdup(uuid);
    event->name = g_strdup(name);
    g_mutex_lock(&hub->lock);
    g_queue_push_tail(&hub->events, event);
    eventfd_write(hub->wake_fd, 1);
    for (GList *item = uuid ? hub->calls.head : NULL; item; item = item->next) {
        VirtCall *call = item->data;
        call->overtaken |= g_str_equal(call->uuid, uuid);
    }
    g_cond_broadcast(&hub->changed);
    g_mutex_unlock(&hub->lock);
}

VirtEvent *virt_hub_next_event(VirtHub *hub)
{
    eventfd_t ignored;

    g_mutex_lock(&hub->lock);
    VirtEvent *event = g_queue_pop_head(&hub->events);
    if (g_queue_is_empty(&hub->events))
        eventfd_read(hub->wake_fd, &ignored);
    g_mutex_unlock(&hub->lock);
    return event;
}

int virt_hub_get_fd(const VirtHub *hub)
{
    return hub->wake_fd;
}

bool virt_hub_is_connected(const VirtHub *hub)
{
    GMutex *lock = (GMutex *)&hub->lock;

    g_mutex_lock(lock);
    bool connected = hub->connected;
    g_mutex_unlock(lock);
    return connected;
}

/* --- connecting --- */

static gpointer link_close_thread(gpointer link)
{
    link_unref(link);
    return NULL;
}

static void link_close_aside(VirtLink *link)
{
    g_thread_unref(g_thread_new("virt-close", link_close_thread, link));
}

/* Takes all links out of the hub. in_background: closing must not hold up the caller. */
static void links_drop(VirtHub *hub, bool in_background)
{
    VirtLink *links[N_LINKS];

    g_mutex_lock(&hub->lock);
    for (unsigned i = 0; i < N_LINKS; i++)
        links[i] = g_steal_pointer(&hub->links[i]);
    hub->connected = false;
    hypervisors_forget(hub);
    g_cond_broadcast(&hub->changed);
    g_mutex_unlock(&hub->lock);
    for (unsigned i = 0; i < N_LINKS; i++) {
        if (links[i] && in_background)
            link_close_aside(links[i]);
        else
            link_unref(links[i]);
    }
}

static bool links_open(VirtHub *hub)
{
    for (unsigned i = 0; i < N_LINKS; i++) {
        VirtLink *link = link_open(hub);
        if (!link)
            return false;
        g_mutex_lock(&hub->lock);
        hub->links[i] = link;
        g_mutex_unlock(&hub->lock);
    }
    return link_events_register(hub->links[LINK_EVENTS]);
}

/* The first failure in a row is news, the rest is not. */
static void failure_log(const VirtHub *hub, unsigned n_failures)
{
    const char *text = virGetLastErrorMessage();

    if (n_failures == 1)
        log_warning("no connection to libvirt (%s): %s; trying on", hub->uri, text);
    else
        log_debug("no connection to libvirt (%s), attempt %u: %s", hub->uri, n_failures, text);
}

/* False: the hub is stopping. */
static bool connector_pause(VirtHub *hub, int64_t delay_usec)
{
    double jitter = g_random_double_range(0.75, 1.25);
    int64_t end_usec = g_get_monotonic_time() + (int64_t)((double)delay_usec * jitter);

    g_mutex_lock(&hub->lock);
    while (!hub->stopping && g_cond_wait_until(&hub->changed, &hub->lock, end_usec))
        continue;
    bool stopping = hub->stopping;
    g_mutex_unlock(&hub->lock);
    return !stopping;
}

static bool is_broken(const VirtHub *hub)
{
    for (unsigned i = 0; i < N_LINKS; i++)
        if (!hub->links[i] || hub->links[i]->closed)
            return true;
    return false;
}

/* The link that hangs, or NULL. */
static VirtLink **find_stuck(VirtHub *hub)
{
    for (unsigned i = 0; i < N_LINKS; i++)
        if (hub->links[i] && hub->links[i]->stuck)
            return &hub->links[i];
    return NULL;
}

/* With the lock held, which it leaves meanwhile. False: there is no other connection to be had now.
 */
static bool link_replace(VirtHub *hub, VirtLink **place)
{
    g_mutex_unlock(&hub->lock);
    VirtLink *link = link_open(hub);
    g_mutex_lock(&hub->lock);
    if (!link)
        return false;
    link_close_aside(*place);
    *place = link;
    g_cond_broadcast(&hub->changed);
    return true;
}

/* With the lock held, as above. The others are worth keeping, whatever becomes of it. */
static void link_mend(VirtHub *hub, VirtLink **place)
{
    if (link_replace(hub, place))
        return;
    int64_t end_usec = g_get_monotonic_time() + DELAY_MIN_USEC;
    while (!hub->stopping && !is_broken(hub) &&
           g_cond_wait_until(&hub->changed, &hub->lock, end_usec))
        continue;
}

/* With the lock held. Until it breaks, or the hub is to stop. A link that hangs is replaced, but
 * for that of events: some would be missed. */
static void connector_sleep(VirtHub *hub)
{
    while (!hub->stopping && !is_broken(hub)) {
        VirtLink **stuck = find_stuck(hub);
        if (stuck == &hub->links[LINK_EVENTS])
            return;
        if (stuck)
            link_mend(hub, stuck);
        else
            g_cond_wait(&hub->changed, &hub->lock);
    }
}

/* Announces the connection and sleeps until it breaks. False: the hub is stopping. */
static bool connector_watch(VirtHub *hub)
{
    g_mutex_lock(&hub->lock);
    hub->connected = true;
    g_mutex_unlock(&hub->lock);
    hub_post(hub, VIRT_EVENT_CONNECTED, NULL, NULL);

    g_mutex_lock(&hub->lock);
    connector_sleep(hub);
    bool stopping = hub->stopping;
    g_mutex_unlock(&hub->lock);
    if (stopping)
        return false;
    links_drop(hub, true);
    hub_post(hub, VIRT_EVENT_DISCONNECTED, NULL, NULL);
    return true;
}

/* A connection that lasted starts over with the shortest delay; one that breaks at once does not,
 * so that a daemon in trouble is not beaten. */
static void connector_run(VirtHub *hub)
{
    int64_t delay_usec = DELAY_MIN_USEC;
    unsigned n_failures = 0;

    do {
        if (links_open(hub)) {
            int64_t start_usec = g_get_monotonic_time();
            n_failures = 0;
            if (!connector_watch(hub))
                return;
            if (g_get_monotonic_time() - start_usec > DELAY_MAX_USEC)
                delay_usec = DELAY_MIN_USEC;
        } else {
            failure_log(hub, ++n_failures);
            links_drop(hub, true);
        }
        if (!connector_pause(hub, delay_usec))
            return;
        delay_usec = MIN(delay_usec * 2, DELAY_MAX_USEC);
    } while (true);
}

static void thread_ended(VirtHub *hub, bool connector)
{
    g_mutex_lock(&hub->lock);
    hub->n_threads--;
    hub->connector_ended |= connector;
    g_cond_broadcast(&hub->changed);
    g_mutex_unlock(&hub->lock);
    if (connector)
        virEventUpdateTimeout(hub->timer, 0);
    hub_unref(hub);
}

static gpointer connector_thread(gpointer data)
{
    VirtHub *hub = data;

    connector_run(hub);
    links_drop(hub, false);
    thread_ended(hub, true);
    return NULL;
}

/* --- libvirt's event loop --- */

/* The timer only stops a loop that sleeps: it never runs down by itself. */
static void on_wake(int timer G_GNUC_UNUSED, void *opaque G_GNUC_UNUSED)
{
}

static bool connector_has_ended(VirtHub *hub)
{
    g_mutex_lock(&hub->lock);
    bool ended = hub->connector_ended;
    g_mutex_unlock(&hub->lock);
    return ended;
}

static gpointer event_thread(gpointer data)
{
    VirtHub *hub = data;

    while (!connector_has_ended(hub))
        virEventRunDefaultImpl();
    virEventUpdateTimeout(hub->timer, 0);
    for (unsigned i = 0; i < LOOP_LAST_ROUNDS; i++)
        virEventRunDefaultImpl();
    virEventRemoveTimeout(hub->timer);
    thread_ended(hub, false);
    return NULL;
}

/* libvirt prints errors to stderr unless told otherwise; ours come back as results. */
static void on_error(void *opaque G_GNUC_UNUSED, virErrorPtr error G_GNUC_UNUSED)
{
}

static bool libvirt_is_set_up(void)
{
    static gsize once = 0;

    if (g_once_init_enter(&once)) {
        virSetErrorFunc(NULL, on_error);
        bool fine = virInitialize() == 0 && virEventRegisterDefaultImpl() == 0;
        g_once_init_leave(&once, fine ? 1 : 2);
    }
    return once == 1;
}

int virt_hub_new(const char *uri, VirtHub **ret)
{
    if (!libvirt_is_set_up())
        return -EIO;

    int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return -errno;
    VirtHub *hub = g_atomic_rc_box_new0(VirtHub);
    g_mutex_init(&hub->lock);
    g_cond_init(&hub->changed);
    g_queue_init(&hub->events);
    hub->uri = g_strdup(uri);
    hub->wake_fd = wake_fd;
    hub->timer = virEventAddTimeout(-1, on_wake, NULL, NULL);
    if (hub->timer < 0) {
        hub_unref(hub);
        return -EIO;
    }
    hub->n_threads = 2;
    g_thread_unref(g_thread_new("virt-events", event_thread, hub_ref(hub)));
    g_thread_unref(g_thread_new("virt-connect", connector_thread, hub_ref(hub)));
    *ret = hub;
    return 0;
}

void virt_hub_free(VirtHub *hub)
{
    int64_t end_usec = g_get_monotonic_time() + STOP_WAIT_USEC;

    if (!hub)
        return;
    g_mutex_lock(&hub->lock);
    hub->stopping = true;
    g_cond_broadcast(&hub->changed);
    while (hub->n_threads > 0 && g_cond_wait_until(&hub->changed, &hub->lock, end_usec))
        continue;
    g_mutex_unlock(&hub->lock);
    hub_unref(hub);
}
