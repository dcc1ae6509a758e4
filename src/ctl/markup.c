/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/markup.h"

#include "base/text.h"

#include <libxml/xmlwriter.h>
#include <stdarg.h>

struct Markup {
    xmlBuffer *buffer;
    xmlTextWriter *writer;
};

Markup *markup_new(void)
{
    Markup *markup = g_new0(Markup, 1);

    markup->buffer = xmlBufferCreate();
    markup->writer = markup->buffer ? xmlNewTextWriterMemory(markup->buffer, 0) : NULL;
    if (!markup->writer)
        g_error("out of memory"); /* as GLib does */
    return markup;
}

char *markup_finish(Markup *markup)
{
    xmlTextWriterEndDocument(markup->writer);
    xmlFreeTextWriter(markup->writer);
    char *text = g_strdup((const char *)xmlBufferContent(markup->buffer));
    xmlBufferFree(markup->buffer);
    g_free(markup);
    return text;
}

/* Without what XML cannot hold, too. */
static char *text_safe(const char *text)
{
    g_autofree char *shown = text_show(text);
    GString *safe = g_string_new(NULL);

    for (const char *p = shown; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        g_string_append_unichar(safe, c == 0xfffe || c == 0xffff ? 0xfffd : c);
    }
    return g_string_free(safe, FALSE);
}

void markup_open(Markup *markup, const char *name)
{
    xmlTextWriterStartElement(markup->writer, BAD_CAST name);
}

void markup_attribute(Markup *markup, const char *name, const char *text)
{
    g_autofree char *safe = text_safe(text);

    xmlTextWriterWriteAttribute(markup->writer, BAD_CAST name, BAD_CAST safe);
}

void markup_number(Markup *markup, const char *name, int number)
{
    xmlTextWriterWriteFormatAttribute(markup->writer, BAD_CAST name, "%d", number);
}

void markup_text(Markup *markup, const char *text)
{
    g_autofree char *safe = text_safe(text);

    xmlTextWriterWriteString(markup->writer, BAD_CAST safe);
}

void markup_textf(Markup *markup, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    markup_text(markup, text);
}

void markup_raw(Markup *markup, const char *text)
{
    xmlTextWriterWriteRaw(markup->writer, BAD_CAST text);
}

void markup_close(Markup *markup)
{
    xmlTextWriterFullEndElement(markup->writer); /* HTML has no <p/> */
}

void markup_close_void(Markup *markup)
{
    xmlTextWriterEndElement(markup->writer);
}

void markup_element(Markup *markup, const char *name, const char *class, const char *text)
{
    markup_open(markup, name);
    if (class)
        markup_attribute(markup, "class", class);
    if (text)
        markup_text(markup, text);
    markup_close(markup);
}
