/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy/source.h"

#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
/* A quoted word longer than this is cut: the line itself is shown below the message. */
#define MAX_QUOTED_CHARS 60
/* A line longer than this many bytes is not kept in a diagnostic. */
#define MAX_LINE_BYTES 1024

/* The length of the line break at p, 0 if there is none. As YAML 1.1, and so libyaml, has them. */
static size_t break_length(const char *p)
{
    if (p[0] == '\r' && p[1] == '\n')
        return 2;
    if (p[0] == '\r' || p[0] == '\n')
        return 1;
    if (p[0] == '\xc2' && p[1] == '\x85')
        return 2;
    if (p[0] == '\xe2' && p[1] == '\x80' && (p[2] == '\xa8' || p[2] == '\xa9'))
        return 3;
    return 0;
}

static void find_lines(Source *source)
{
    size_t start = 0;

    source->lines = g_array_new(FALSE, FALSE, sizeof(size_t));
    g_array_append_val(source->lines, start);
    for (size_t i = 0; i < source->length;) {
        size_t n = break_length(source->bytes + i);
        i += n ? n : 1;
        if (n)
            g_array_append_val(source->lines, i);
    }
}

Source *source_new(const char *bytes, size_t length, const char *file)
{
    Source *source = g_new0(Source, 1);

    if (length >= 3 && memcmp(bytes, BYTE_ORDER_MARK, 3) == 0) {
        bytes += 3;
        length -= 3;
    }
    source->file = g_ref_string_new(file);
    source->bytes = g_malloc(length + 1);
    if (length > 0)
        memcpy(source->bytes, bytes, length);
    source->bytes[length] = '\0';
    source->length = length;
    find_lines(source);
    return source;
}

void source_free(Source *source)
{
    if (!source)
        return;
    g_ref_string_release(source->file);
    g_free(source->bytes);
    g_array_unref(source->lines);
    g_free(source);
}

static size_t line_start(const Source *source, guint line)
{
    return g_array_index(source->lines, size_t, line - 1);
}

Mark source_mark(const Source *source, size_t offset)
{
    guint low = 1;
    guint high = source->lines->len;

    if (offset > source->length)
        offset = source->length;
    while (low < high) {
        guint middle = (low + high + 1) / 2;
        if (line_start(source, middle) <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    const char *start = source->bytes + line_start(source, low);
    const char *here = source->bytes + offset;
    unsigned column = 1;
    for (const char *p = start; p < here; p++)
        column += ((unsigned char)p[0] & 0xc0) != 0x80;
    return (Mark){.line = low, .column = column};
}

Origin source_origin(const Source *source, Mark mark)
{
    return (Origin){.file = source->file, .line = mark.line, .column = mark.column};
}

static char *source_line(const Source *source, unsigned line)
{
    if (line == 0 || line > source->lines->len)
        return NULL;

    const char *start = source->bytes + line_start(source, line);
    size_t length = 0;
    while (start[length] && !break_length(start + length) && length <= MAX_LINE_BYTES)
        length++;
    return length <= MAX_LINE_BYTES ? g_strndup(start, length) : NULL;
}

void source_error(Source *source, DiagList *diags, Mark mark, const char *key, const char *format,
                  ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);

    unsigned before = source->n_told++;
    if (before > SOURCE_MAX_DIAGS)
        return;
    g_autofree char *line = source_line(source, mark.line);
    DiagPlace place = {source->file, mark.line, mark.column, line};
    if (before < SOURCE_MAX_DIAGS)
        diag_add(diags, DIAG_ERROR, &place, key, "%s", text);
    else
        diag_add(diags, DIAG_ERROR, &place, NULL, "more than %u of these; the rest is not reported",
                 SOURCE_MAX_DIAGS);
}

bool source_check_utf8(Source *source, DiagList *diags)
{
    const char *end;

    if (g_utf8_validate_len(source->bytes, source->length, &end))
        return true;
    size_t offset = (size_t)(end - source->bytes);
    source_error(source, diags, source_mark(source, offset), NULL,
                 "byte 0x%02x is not valid UTF-8 text", (unsigned char)*end);
    return false;
}

/* Offset into the line of its first tab outside a comment; -1: none. A tab between words is legal
 * YAML, but looks like what it is not: a policy has none. */
static gssize find_tab(const char *line)
{
    for (gssize i = 0; line[i] != '\0' && line[i] != '\n'; i++) {
        if (line[i] == '\t')
            return i;
        if (line[i] == '#' && (i == 0 || line[i - 1] == ' '))
            return -1;
    }
    return -1;
}

unsigned source_check_tabs(Source *source, DiagList *diags)
{
    unsigned count = 0;

    for (guint line = 1; line <= source->lines->len; line++) {
        size_t start = line_start(source, line);
        gssize tab = find_tab(source->bytes + start);
        if (tab < 0)
            continue;
        bool indents = strspn(source->bytes + start, " ") == (size_t)tab;
        source_error(source, diags, source_mark(source, start + (size_t)tab), NULL,
                     indents ? "a tab in the indentation; YAML takes spaces only"
                             : "a tab; use spaces");
        count++;
    }
    return count;
}

char *source_cut(const char *text)
{
    if (g_utf8_strlen(text, -1) <= MAX_QUOTED_CHARS)
        return g_strdup(text);

    g_autofree char *cut = g_utf8_substring(text, 0, MAX_QUOTED_CHARS);
    return g_strconcat(cut, "…", NULL);
}

char *source_quote(const char *text)
{
    g_autofree char *cut = source_cut(text);

    return g_strdup_printf("'%s'", cut);
}
