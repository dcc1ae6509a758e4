/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "apply/backend.h"

bool backend_is_given_up(const Backend *backend)
{
    return backend->watch.given_up && g_atomic_int_get(backend->watch.given_up) != 0;
}

int backend_guest_acquire(const Backend *backend, const char *uuid, const Guest *off, Guest **ret)
{
    g_autoptr(Guest) guest = NULL;

    if (backend_is_given_up(backend))
        return BACKEND_GIVEN_UP;
    int r = backend->guest_acquire(backend->ctx, uuid, off, &guest);
    if (backend_is_given_up(backend))
        return BACKEND_GIVEN_UP;
    *ret = g_steal_pointer(&guest);
    return r;
}

int backend_guest_threads_acquire(const Backend *backend, const Guest *known, const char *hung,
                                  Guest **ret)
{
    g_autoptr(Guest) guest = NULL;

    if (backend_is_given_up(backend))
        return BACKEND_GIVEN_UP;
    int r = backend->guest_threads_acquire(backend->ctx, known, hung, &guest);
    if (backend_is_given_up(backend))
        return BACKEND_GIVEN_UP;
    *ret = g_steal_pointer(&guest);
    return r;
}

int backend_guest_ready(const Backend *backend, const Guest *guest)
{
    if (backend_is_given_up(backend))
        return BACKEND_GIVEN_UP;
    return guest->hung ? BACKEND_HUNG : backend->guest_ready(backend->ctx, guest);
}

int backend_host_acquire(const Backend *backend, Host **ret)
{
    g_autoptr(Host) host = NULL;

    if (backend_is_given_up(backend))
        return BACKEND_GIVEN_UP;
    int r = backend->host_acquire(backend->ctx, &host);
    if (backend_is_given_up(backend))
        return BACKEND_GIVEN_UP;
    *ret = g_steal_pointer(&host);
    return r;
}

int backend_setting_apply(const Backend *backend, const Guest *guest, const Change *change,
                          char **ret_in_force, char **reterr_text)
{
    return backend_is_given_up(backend)
               ? BACKEND_GIVEN_UP
               : backend->setting_apply(backend->ctx, guest, change, ret_in_force, reterr_text);
}

int backend_host_apply(const Backend *backend, const Change *change, char **ret_in_force,
                       char **reterr_text)
{
    return backend_is_given_up(backend) ? BACKEND_GIVEN_UP
                                        : backend->host_apply(backend->ctx, change, &backend->watch,
                                                              ret_in_force, reterr_text);
}

int backend_definition_edit(const Backend *backend, const Guest *guest,
                            const Change *const *changes, unsigned n, EditResult *ret,
                            char **reterr_text)
{
    return backend_is_given_up(backend)
               ? BACKEND_GIVEN_UP
               : backend->definition_edit(backend->ctx, guest, changes, n, ret, reterr_text);
}

int backend_guest_shutdown(const Backend *backend, const char *uuid, char **reterr_text)
{
    return backend_is_given_up(backend) ? BACKEND_GIVEN_UP
                                        : backend->guest_shutdown(backend->ctx, uuid, reterr_text);
}

int backend_guest_start(const Backend *backend, const char *uuid, char **reterr_text)
{
    return backend_is_given_up(backend) ? BACKEND_GIVEN_UP
                                        : backend->guest_start(backend->ctx, uuid, reterr_text);
}

int backend_reboot_action_apply(const Backend *backend, const char *uuid, const char *action,
                                char **reterr_text)
{
    return backend_is_given_up(backend)
               ? BACKEND_GIVEN_UP
               : backend->reboot_action_apply(backend->ctx, uuid, action, reterr_text);
}
