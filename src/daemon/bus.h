/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * org.vmtuned1: a Manager (bus.c), an object for each guest (bus-guest.c) and for each long work
 * (bus-job.c), on one connection (bus-link.c). What objects show as properties is what they were
 * last told to show, so that who follows PropertiesChanged never sees anything else.
 */
#pragma once

#include "daemon/jobs.h"
#include "daemon/manager.h"

/* --- bus-link.c --- */

/* Connects, unless there is to be no bus. 0 or negative errno, told. */
int bus_attach(Manager *manager);
/* Answers what comes on manager->bus. 0 or negative errno. */
int bus_serve(Manager *manager);
/* Connects anew, without waiting; calls on the connection before are lost. Ends the loop if that
 * does not work. */
void bus_reattach(Manager *manager);

/* --- bus.c --- */

/* Rows of vtables: a method that answers with a document, as nearly all do, with types and names
 * of its arguments; a property that is what was last shown, and CONST or EMITS_CHANGE. */
#define METHOD(NAME, CALL, ...)                                                                    \
    SD_BUS_METHOD_WITH_ARGS(NAME, SD_BUS_ARGS(__VA_ARGS__), SD_BUS_RESULT("s", document), CALL,    \
                            SD_BUS_VTABLE_UNPRIVILEGED)
#define SHOWN(NAME, TYPE, CHANGE)                                                                  \
    SD_BUS_PROPERTY(NAME, TYPE, bus_property_get, 0, SD_BUS_VTABLE_PROPERTY_##CHANGE)

extern const sd_bus_vtable bus_manager_vtable[];
/* Takes the document over. 1 or negative errno. */
int reply_document(sd_bus_message *message, struct json_object *document);
/* Replies to a request, and ends its job; whole is false if the cycle that was to serve it was
 * given up. */
void bus_answer(Manager *manager, Request *request, bool whole);
void bus_emit_guest_changed(Manager *manager, const Managed *managed);
void bus_emit_drift(Manager *manager, const Managed *managed, const Change *change,
                    const char *result);
void bus_emit_cycle_done(Manager *manager);
void bus_emit_job_new(Manager *manager, const JobStatus *job);
void bus_emit_job_removed(Manager *manager, const JobStatus *job, JobResult result);
/* The daemon stands otherwise now. */
void bus_manager_show(Manager *manager);

/* Methods of the Manager that are a guest's, too: called on its object, they are about it, and
 * their arguments name no guest. data: the Manager. */
int method_status(sd_bus_message *message, void *data, sd_bus_error *reterr);
int method_plan(sd_bus_message *message, void *data, sd_bus_error *reterr);
int method_pending(sd_bus_message *message, void *data, sd_bus_error *reterr);
int method_explain(sd_bus_message *message, void *data, sd_bus_error *reterr);
int method_advise(sd_bus_message *message, void *data, sd_bus_error *reterr);
int method_policy(sd_bus_message *message, void *data, sd_bus_error *reterr);
int method_verify(sd_bus_message *message, void *data, sd_bus_error *reterr);
int method_apply(sd_bus_message *message, void *data, sd_bus_error *reterr);
int method_restore(sd_bus_message *message, void *data, sd_bus_error *reterr);
int method_resume(sd_bus_message *message, void *data, sd_bus_error *reterr);
int method_restart_into(sd_bus_message *message, void *data, sd_bus_error *reterr);
int method_stop_move(sd_bus_message *message, void *data, sd_bus_error *reterr);

/* --- bus-guest.c --- */

/* Vtable, enumerator. 0 or negative errno. */
int bus_guest_serve(Manager *manager);
bool bus_guest_is_path(const char *path);
/* NULL: there is none, or it is not shown yet. */
const Managed *bus_guest_find(const Manager *manager, const char *path);
/* The guest stands otherwise now, or is new. */
void bus_guest_show(Manager *manager, Managed *managed);
/* It is about to go. */
void bus_guest_hide(Manager *manager, Managed *managed);

/* --- bus-job.c --- */

int bus_job_serve(Manager *manager);
/* Owned by the caller. */
char *bus_job_path(uint64_t id);
const Job *bus_job_find(const Manager *manager, const char *path); /* NULL: there is none */
void bus_job_show(Manager *manager, Job *job);
void bus_job_hide(Manager *manager, Job *job, JobResult result);

/* --- bus-properties.c --- */

/* Adds a text to what an object is to show. The bus takes no other than UTF-8, and words of others
 * may be anything; NULL is "". */
void bus_property_text(GVariantDict *dict, const char *name, const char *text);
/* For SHOWN(). data: the Manager, whatever the object. */
int bus_property_get(sd_bus *bus, const char *path, const char *interface, const char *property,
                     sd_bus_message *reply, void *data, sd_bus_error *reterr);
/* All objects below a path; list tells which there are. 0 or negative errno. */
int bus_objects_serve(Manager *manager, const char *path, const char *interface,
                      const sd_bus_vtable *vtable, sd_bus_node_enumerator_t list);
/* Takes now ("a{sv}") over into *shown. If *shown is NULL the object is announced
 * (InterfacesAdded), else what differs (PropertiesChanged). */
void bus_object_show(Manager *manager, const char *path, const char *interface, GVariant **shown,
                     GVariant *now);
/* Announces that it goes, and forgets what it shows; nothing if it is not shown. */
void bus_object_hide(Manager *manager, const char *path, GVariant **shown);
