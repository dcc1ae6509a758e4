/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/diag.h"

#include "base/text.h"

#include <string.h>

/* A longer line is not shown: nobody finds the caret under it. In bytes. */
#define MAX_SOURCE_LINE 400

static void diag_free(gpointer data)
{
    Diag *diag = data;

    g_free(diag->file);
    g_free(diag->key);
    g_free(diag->text);
    g_free(diag->source_line);
    g_free(diag);
}

DiagList *diag_list_new(void)
{
    DiagList *list = g_new0(DiagList, 1);

    list->items = g_ptr_array_new_with_free_func(diag_free);
    return list;
}

void diag_list_free(DiagList *list)
{
    if (!list)
        return;
    g_ptr_array_unref(list->items);
    g_free(list);
}

/* Words may quote a file or a guest's name. One line each; takes text; NULL stays NULL. */
static char *make_printable(char *text)
{
    if (!text)
        return NULL;

    char *safe = text_show(text);
    g_free(text);
    return g_strdelimit(safe, "\n", '?');
}

void diag_add(DiagList *list, DiagSeverity severity, const DiagPlace *place, const char *key,
              const char *format, ...)
{
    if (!list)
        return;

    Diag *diag = g_new0(Diag, 1);
    diag->severity = severity;
    if (place) {
        diag->file = make_printable(g_strdup(place->file));
        diag->line = place->line;
        diag->column = place->column;
        diag->source_line = make_printable(g_strdup(place->source_line));
    }
    diag->key = make_printable(g_strdup(key));

    va_list args;
    va_start(args, format);
    diag->text = make_printable(g_strdup_vprintf(format, args));
    va_end(args);
    g_ptr_array_add(list->items, diag);
}

DiagList *diag_list_copy(const DiagList *list)
{
    DiagList *copy = diag_list_new();

    for (guint i = 0; i < list->items->len; i++) {
        const Diag *diag = g_ptr_array_index(list->items, i);
        DiagPlace place = {diag->file, diag->line, diag->column, diag->source_line};
        diag_add(copy, diag->severity, &place, diag->key, "%s", diag->text);
    }
    return copy;
}

void diag_list_take_all(DiagList *list, DiagList *source)
{
    g_ptr_array_extend_and_steal(list->items, source->items);
    source->items = g_ptr_array_new_with_free_func(diag_free);
}

unsigned diag_list_count(const DiagList *list, DiagSeverity severity)
{
    unsigned count = 0;

    for (guint i = 0; i < list->items->len; i++) {
        const Diag *diag = g_ptr_array_index(list->items, i);
        count += diag->severity == severity;
    }
    return count;
}

const Diag *diag_list_get(const DiagList *list, unsigned i)
{
    return i < list->items->len ? g_ptr_array_index(list->items, i) : NULL;
}

const char *diag_severity_name(DiagSeverity severity)
{
    switch (severity) {
    case DIAG_ERROR:
        return "error";
    case DIAG_WARNING:
        return "warning";
    case DIAG_INFO:
        return "info";
    }
    return "unknown";
}

/* The caret below column; tabs are kept so that it stands right however wide they are. */
static void append_caret(GString *out, const char *source_line, unsigned column)
{
    const char *p = source_line;

    for (unsigned i = 1; i < column && *p; i++, p = g_utf8_next_char(p))
        g_string_append_c(out, *p == '\t' ? '\t' : ' ');
    g_string_append(out, "^\n");
}

char *diag_format(const Diag *diag)
{
    GString *out = g_string_new(NULL);

    if (diag->file) {
        g_string_append_printf(out, "%s:", diag->file);
        if (diag->line)
            g_string_append_printf(out, "%u:", diag->line);
        if (diag->line && diag->column)
            g_string_append_printf(out, "%u:", diag->column);
        g_string_append_c(out, ' ');
    }
    g_string_append_printf(out, "%s: ", diag_severity_name(diag->severity));
    if (diag->key)
        g_string_append_printf(out, "%s: ", diag->key);
    g_string_append_printf(out, "%s\n", diag->text);

    if (diag->source_line && strlen(diag->source_line) <= MAX_SOURCE_LINE) {
        g_string_append_printf(out, "%s\n", diag->source_line);
        if (diag->column)
            append_caret(out, diag->source_line, diag->column);
    }
    return g_string_free(out, FALSE);
}
