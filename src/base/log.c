/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include "base/text.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

static const char *level_name(LogLevel level)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        return "error";
    case LOG_LEVEL_WARNING:
        return "warning";
    case LOG_LEVEL_NOTICE:
        return "notice";
    case LOG_LEVEL_INFO:
        return "info";
    case LOG_LEVEL_DEBUG:
        return "debug";
    }
    return "unknown";
}

/* One call of stdio a message, whose lock keeps those of two threads apart. Further lines are
 * indented: none can pass for a message of its own. */
static void stderr_sink(LogLevel level, const char *message_id, const LogField *fields,
                        const char *message)
{
    g_auto(GStrv) lines = g_strsplit(message, "\n", -1);
    g_autofree char *text = g_strjoinv("\n  ", lines);

    (void)message_id;
    (void)fields;
    fprintf(stderr, "%s: %s\n", level_name(level), text);
}

static _Atomic(LogSink) log_sink = stderr_sink;
static _Atomic(LogLevel) log_level = LOG_LEVEL_INFO;

void log_set_sink(LogSink sink)
{
    atomic_store(&log_sink, sink ? sink : stderr_sink);
}

void log_set_level(LogLevel max)
{
    atomic_store(&log_level, max);
}

LogLevel log_get_level(void)
{
    return atomic_load(&log_level);
}

static void fields_free(LogField *fields)
{
    for (LogField *field = fields; field && field->name; field++)
        g_free((char *)field->value);
    g_free(fields);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LogField, fields_free)

/* Safe copies. NULL for NULL. */
static LogField *fields_show(const LogField *fields)
{
    size_t n = 0;

    while (fields && fields[n].name)
        n++;
    LogField *safe = fields ? g_new0(LogField, n + 1) : NULL;
    for (size_t i = 0; i < n; i++) {
        char *value = fields[i].value ? text_show(fields[i].value) : NULL;
        safe[i] = (LogField){fields[i].name, value ? g_strdelimit(value, "\n", '?') : NULL};
    }
    return safe;
}

void log_full(LogLevel level, const char *message_id, const LogField *fields, const char *format,
              ...)
{
    if (level > log_get_level())
        return;

    int saved_errno = errno;
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *safe = text_show(message);
    g_autoptr(LogField) safe_fields = fields_show(fields);

    LogSink sink = atomic_load(&log_sink);
    sink(level, message_id, safe_fields, safe);
    errno = saved_errno;
}
