/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log lines as structured journal entries. */
#include "daemon/manager.h"

#include "base/text.h"
#include "plan/pending.h"
#include "vmtuned/message-ids.h"

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#define MAX_FIELDS 16u

void journal_sink(LogLevel level, const char *message_id, const LogField *fields,
                  const char *message)
{
    struct iovec parts[MAX_FIELDS];
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(texts, g_strdup_printf("PRIORITY=%d", (int)level));
    g_ptr_array_add(texts, g_strdup_printf("MESSAGE=%s", message));
    if (message_id)
        g_ptr_array_add(texts, g_strdup_printf("MESSAGE_ID=%s", message_id));
    for (; fields && fields->name && texts->len < MAX_FIELDS; fields++)
        if (fields->value)
            g_ptr_array_add(texts, g_strdup_printf("%s=%s", fields->name, fields->value));
    for (guint i = 0; i < texts->len; i++) {
        char *text = g_ptr_array_index(texts, i);
        parts[i] = (struct iovec){.iov_base = text, .iov_len = strlen(text)};
    }
    sd_journal_sendv(parts, (int)texts->len);
}

/* uuid NULL: of the host */
static void log_change(const char *name, const char *uuid, const Change *change,
                       const ChangeResult *result)
{
    g_autofree char *key = setting_key_format(&change->key);
    g_autofree char *instance = setting_key_instance(&change->key);
    const char *from = change->from ? change->from : "not set";
    const char *to = change->to ? change->to : "not set";
    bool done = result && result->kind == OUTCOME_DONE;
    const char *word = !result ? "left as it is" : outcome_kind_name(result->kind);
    const LogField fields[] = {
        {"VMTUNED_GUEST", uuid ? name : NULL},
        {"VMTUNED_UUID", uuid},
        {"VMTUNED_KNOB", knob_info(change->key.knob)->name},
        {"VMTUNED_INSTANCE", instance},
        {"VMTUNED_PLANE", plane_name(change->key.plane)},
        {"VMTUNED_FROM", from},
        {"VMTUNED_TO", to},
        {"VMTUNED_RESULT", word},
        {"VMTUNED_DRIFT", change->drift ? "1" : "0"},
        {NULL, NULL},
    };

    if (change->drift)
        log_full(LOG_LEVEL_NOTICE, VMTUNED_MESSAGE_DRIFT, fields,
                 "%s: drift: %s (%s) was changed to %s; wanted %s: %s%s%s", name, key,
                 plane_name(change->key.plane), from, to, done ? "repaired" : word,
                 result && result->error ? ": " : "", result && result->error ? result->error : "");
    else if (done && g_str_equal(from, to))
        log_debug("%s: %s (%s): %s again", name, key, plane_name(change->key.plane), to);
    else if (done)
        log_full(LOG_LEVEL_INFO, VMTUNED_MESSAGE_CHANGED, fields, "%s: %s (%s): %s -> %s", name,
                 key, plane_name(change->key.plane), from, to);
    else
        log_full(LOG_LEVEL_WARNING, VMTUNED_MESSAGE_CHANGE_FAILED, fields,
                 "%s: %s (%s): %s -> %s: %s: %s", name, key, plane_name(change->key.plane), from,
                 to, word, result && result->error ? result->error : "");
}

void journal_log_change(const Managed *managed, const Change *change, const ChangeResult *result)
{
    log_change(managed->name, managed->uuid, change, result);
}

void journal_log_host_change(const Change *change, const ChangeResult *result)
{
    log_change("host", NULL, change, result);
}

void journal_log_contested(const Managed *managed)
{
    g_autofree char *text = contest_format(managed->contest);
    g_autoptr(GString) settings = g_string_new(NULL);

    for (unsigned i = 0; i < contest_size(managed->contest); i++) {
        g_autofree char *key = setting_key_format(&contest_get(managed->contest, i)->key);
        g_string_append_printf(settings, "%s%s", i > 0 ? ", " : "", key);
    }
    const LogField fields[] = {
        {"VMTUNED_GUEST", managed->name},
        {"VMTUNED_UUID", managed->uuid},
        {"VMTUNED_SETTINGS", settings->str},
        {"VMTUNED_RIVAL", contest_get(managed->contest, 0)->rival},
        {NULL, NULL},
    };

    log_full(LOG_LEVEL_WARNING, VMTUNED_MESSAGE_CONTESTED, fields,
             "%s: %s; left as it is until \"vmtuned-ctl resume %s\"", managed->name, text,
             text_is_plain_name(managed->name) ? managed->name : managed->uuid);
}

void journal_log_shortage(const MemoryShortage *shortage, bool is_short)
{
    g_autofree char *text = memory_shortage_format(shortage);
    const LogField fields[] = {
        {"VMTUNED_GUEST", shortage->name}, {"VMTUNED_UUID", shortage->uuid}, {NULL, NULL}};

    if (is_short)
        log_full(LOG_LEVEL_WARNING, VMTUNED_MESSAGE_SHORTAGE, fields, "%s %s", shortage->name,
                 text);
    else
        log_full(LOG_LEVEL_NOTICE, VMTUNED_MESSAGE_SHORTAGE_OVER, fields,
                 "%s: the huge pages it needs to start are there", shortage->name);
}

void journal_log_start_failed(const Managed *managed)
{
    const LogField fields[] = {
        {"VMTUNED_GUEST", managed->name}, {"VMTUNED_UUID", managed->uuid}, {NULL, NULL}};

    log_full(LOG_LEVEL_WARNING, VMTUNED_MESSAGE_START_FAILED, fields, "%s: %s", managed->name,
             managed->failure);
}

void journal_log_state(const Managed *managed)
{
    const LogField fields[] = {
        {"VMTUNED_GUEST", managed->name},
        {"VMTUNED_UUID", managed->uuid},
        {"VMTUNED_STATE", guest_state_name(managed->state)},
        {NULL, NULL},
    };
    const char *id = NULL;
    LogLevel level = LOG_LEVEL_INFO;

    if (managed->state == GUEST_REFUSED) {
        id = VMTUNED_MESSAGE_REFUSED;
        level = LOG_LEVEL_WARNING;
    } else if (managed->state == GUEST_NOT_EXCLUSIVE) {
        id = VMTUNED_MESSAGE_NOT_EXCLUSIVE;
        level = LOG_LEVEL_WARNING;
    }
    log_full(level, id, fields, "%s: %s%s%s", managed->name, guest_state_name(managed->state),
             managed->text ? ": " : "", managed->text ? managed->text : "");
}

/* "disk.cache vda none, disk.io vda native" of one fate; *ret_n: how many. */
static char *awaited_names(const Managed *managed, PendingFate fate, unsigned *ret_n)
{
    GString *names = g_string_new(NULL);

    *ret_n = 0;
    for (unsigned i = 0; i < pending_list_size(managed->awaited); i++) {
        const PendingSetting *setting = pending_list_get(managed->awaited, i);
        if (pending_fate(setting, managed->guest) != fate)
            continue;
        g_autofree char *key = setting_key_format(&setting->key);
        const char *value = pending_expected(setting);
        g_string_append_printf(names, "%s%s %s", names->len > 0 ? ", " : "", key,
                               value ? value : "not set");
        ++*ret_n;
    }
    return g_string_free(names, FALSE);
}

void journal_log_awaited(const Managed *managed)
{
    unsigned n_came, n_not;
    g_autofree char *came = awaited_names(managed, PENDING_TOOK_EFFECT, &n_came);
    g_autofree char *did_not = awaited_names(managed, PENDING_DID_NOT, &n_not);
    const LogField fields[] = {
        {"VMTUNED_GUEST", managed->name}, {"VMTUNED_UUID", managed->uuid}, {NULL, NULL}};

    if (n_came > 0)
        log_full(LOG_LEVEL_INFO, VMTUNED_MESSAGE_PENDING_DONE, fields,
                 "%s: its start brought %u pending setting%s: %s", managed->name, n_came,
                 n_came == 1 ? "" : "s", came);
    if (n_not > 0)
        log_full(LOG_LEVEL_WARNING, VMTUNED_MESSAGE_PENDING_NOT_DONE, fields,
                 "%s: its start did not bring %u pending setting%s: %s", managed->name, n_not,
                 n_not == 1 ? "" : "s", did_not);
}

void journal_log_policy(const Manager *manager)
{
    for (unsigned i = 0; diag_list_get(manager->policy_diags, i); i++) {
        const Diag *diag = diag_list_get(manager->policy_diags, i);
        g_autofree char *text = diag_format(diag);
        log_full(diag->severity == DIAG_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, NULL, NULL,
                 "%s", g_strchomp(text));
    }
    if (manager->policy_rejected)
        log_full(LOG_LEVEL_ERROR, VMTUNED_MESSAGE_POLICY_REJECTED, NULL,
                 "the new policy is rejected; the one before stays in force");
    else
        log_full(LOG_LEVEL_INFO, VMTUNED_MESSAGE_POLICY_LOADED, NULL, "policy loaded");
}
