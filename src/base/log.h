/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Log front end. The sink is chosen once by main(): the journal (daemon/) or stderr (the default).
 * Only the edges log (virt/, host/, record/, daemon/, ctl/); the stages in between return Diags and
 * Outcomes. Thread-safe.
 */
#pragma once

#include <glib.h>

/* syslog(3) priorities */
typedef enum LogLevel {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
} LogLevel;

/* A structured field; name in journal style ("VMTUNED_GUEST"). */
typedef struct LogField {
    const char *name;
    const char *value;
} LogField;

/* fields ends with {NULL, NULL}; may be NULL. All is safe to show (text.h); a value is one line,
 * and message has no newline but between a diagnostic's lines. */
typedef void (*LogSink)(LogLevel level, const char *message_id, const LogField *fields,
                        const char *message);

void log_set_sink(LogSink sink); /* NULL: stderr again */
void log_set_level(LogLevel max);
LogLevel log_get_level(void);

/* message_id: one of include/vmtuned/message-ids.h, or NULL */
void log_full(LogLevel level, const char *message_id, const LogField *fields, const char *format,
              ...) G_GNUC_PRINTF(4, 5);

#define log_error(...) log_full(LOG_LEVEL_ERROR, NULL, NULL, __VA_ARGS__)
#define log_warning(...) log_full(LOG_LEVEL_WARNING, NULL, NULL, __VA_ARGS__)
#define log_notice(...) log_full(LOG_LEVEL_NOTICE, NULL, NULL, __VA_ARGS__)
#define log_info(...) log_full(LOG_LEVEL_INFO, NULL, NULL, __VA_ARGS__)
#define log_debug(...) log_full(LOG_LEVEL_DEBUG, NULL, NULL, __VA_ARGS__)
