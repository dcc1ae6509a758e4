/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show.h"

#include "base/text.h"
#include "base/util.h"
#include "ctl/pager.h"
#include "ctl/terminal.h"
#include "ctl/verbs.h"
#include "model/host.h"
#include "report/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Names and words may come from guests' definitions. */
static void print_words(const char *text)
{
    g_autofree char *safe = text_show(text);

    fputs(safe, stderr);
}

void show_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *line = g_strdup_printf("vmtuned-ctl: %s\n", text);
    print_words(line);
}

void show_diags(const DiagList *diags)
{
    const Diag *diag;

    for (unsigned i = 0; (diag = diag_list_get(diags, i)); i++) {
        g_autofree char *text = diag_format(diag);
        print_words(text);
    }
}

char *show_json(Doc *document, bool pretty)
{
    return text_show_json(json_object_to_json_string_ext(
        document, (pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : 0) |
                      JSON_C_TO_STRING_NOSLASHESCAPE));
}

static StyleMode mode_of(const Options *options)
{
    return (StyleMode){
        .colour = terminal_has_colour(),
        .legend = !options->given[OPT_NO_LEGEND],
        .columns = options->given[OPT_FULL] ? 0 : terminal_columns(),
        .ellipsis = terminal_glyph(GLYPH_ELLIPSIS),
    };
}

char *show_screen_text(const Options *options, const char *marked)
{
    StyleMode mode = mode_of(options);

    mode.columns = terminal_columns();
    mode.cut_all = true;
    return style_show(marked, &mode, NULL);
}

char *show_marked(const Options *options, const char *marked)
{
    static const char hint[] = "Some lines were cut; --full shows them whole.";
    StyleMode mode = mode_of(options);
    bool cut;
    g_autofree char *text = style_show(marked, &mode, &cut);

    if (!cut || !mode.legend)
        return g_steal_pointer(&text);
    g_autoptr(GString) out = g_string_new(NULL);
    style_append(out, STYLE_GREY, hint);
    g_autofree char *styled = style_show(out->str, &mode, NULL);
    return g_strdup_printf("%s\n%s\n", text, styled);
}

static void print_paged(const Options *options, const char *text)
{
    if (options->given[OPT_NO_PAGER] || !pager_show(text))
        fputs(text, stdout);
}

static void print_json(const Options *options, Doc *document)
{
    g_autofree char *json = show_json(document, true), *text = g_strconcat(json, "\n", NULL);

    print_paged(options, text);
}

int show_document(const Options *options, Doc *document, ShowRender render)
{
    DOC_FOREACH(guest, document, "guests")
    if (doc_text(guest, "error"))
        show_error("%s: %s", doc_word(guest, "name"), doc_word(guest, "error"));
    if (options->given[OPT_JSON]) {
        print_json(options, document);
    } else {
        g_autoptr(GString) out = g_string_new(NULL);
        render(document, out);
        g_autofree char *text = show_marked(options, out->str);
        print_paged(options, text);
    }
    return (int)report_get_exit(document);
}

/* A device or pipe: what is no file cannot be replaced by one. */
static bool write_through(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    bool written = file && fputs(text, file) >= 0;

    return file && fclose(file) == 0 && written;
}

/* False: errno, or words in *reterror. */
static bool file_write(const char *path, const char *text, bool fresh, GError **reterror)
{
    g_autofree char *target = realpath(path, NULL); /* of a link, what it leads to */
    struct stat status;

    if (fresh && lstat(path, &status) == 0) {
        errno = EEXIST;
        return false;
    }
    if (target && stat(target, &status) == 0 && !S_ISREG(status.st_mode))
        return write_through(target, text);
    return g_file_set_contents_full(target ? target : path, text, -1,
                                    G_FILE_SET_CONTENTS_CONSISTENT, 0644, reterror);
}

int show_file(const char *path, const char *text, bool fresh)
{
    g_autoptr(GError) error = NULL;

    if (g_str_equal(path, "-")) {
        fputs(text, stdout); /* main() sees whether it could be written */
        return CTL_OK;
    }
    if (file_write(path, text, fresh, &error))
        return CTL_OK;
    show_error("cannot write '%s': %s", path, error ? error->message : g_strerror(errno));
    return CTL_MISMATCH;
}

int show_bad_input(const Options *options, const DiagList *diags)
{
    show_diags(diags);
    if (options->given[OPT_JSON]) {
        g_autoptr(Doc) document = report_diags(diags);
        print_json(options, document);
    }
    return CTL_USAGE;
}

void show_field(GString *out, const char *label, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    if (text[0])
        g_string_append_printf(out, "%12s: %s\n", label, g_strdelimit(text, "\n", ' '));
}

void show_guest_head(Doc *guest, GString *out)
{
    const char *state = doc_word(guest, "state");
    g_autofree char *since = doc_time(guest, "since");
    g_autoptr(GString) word = g_string_new(NULL);

    style_append(out, style_of_word(state), terminal_glyph(GLYPH_BULLET));
    g_string_append_printf(out, " %s (%s)\n", doc_word(guest, "name"), doc_word(guest, "uuid"));
    style_append_word(word, state);
    show_field(out, "State", "%s%s%s", word->str, since ? " since " : "", since ? since : "");
    show_field(out, "Note", "%s", doc_word(guest, "text"));
}

void show_diag_rows(Doc *document, GString *out)
{
    DOC_FOREACH(diag, document, "diagnostics")
    {
        style_append_word(out, doc_word(diag, "severity"));
        g_string_append(out, ": ");
        if (doc_text(diag, "file"))
            g_string_append_printf(out, "%s:", doc_text(diag, "file"));
        if (doc_number(diag, "line") > 0)
            g_string_append_printf(out, "%" G_GINT64_FORMAT ":", doc_number(diag, "line"));
        if (doc_number(diag, "column") > 0)
            g_string_append_printf(out, "%" G_GINT64_FORMAT ":", doc_number(diag, "column"));
        if (doc_text(diag, "file"))
            g_string_append_c(out, ' ');
        if (doc_text(diag, "key"))
            g_string_append_printf(out, "%s: ", doc_text(diag, "key"));
        g_string_append_printf(out, "%s\n", doc_word(diag, "text"));
    }
}

char *show_setting_name(Doc *row)
{
    return g_strstrip(g_strjoin(" ", doc_word(row, "knob"), doc_word(row, "instance"), NULL));
}

void show_contested(Doc *object, GString *out)
{
    DOC_FOREACH(row, object, "contested")
    {
        g_autofree char *setting = show_setting_name(row);
        g_autofree char *since = doc_time(row, "since");
        show_field(out, "Contested", "%s%s%s: %s", setting, since ? " since " : "",
                   since ? since : "",
                   doc_text(row, "rival") ? doc_text(row, "rival") : "nobody knows by whom");
    }
}

char *show_placement(Doc *guest, const char *key)
{
    g_autoptr(CpuSet) ids = cpuset_new();
    GString *text = g_string_new(NULL);

    for (unsigned i = 0, n = doc_length(guest, key); i < n; i++) {
        Doc *entry = doc_at(guest, key, i);
        Doc *next = doc_at(guest, key, i + 1);
        doc_add_number(entry, "id", ids);
        if (next && g_str_equal(doc_word(next, "cpus"), doc_word(entry, "cpus")))
            continue;
        g_autofree char *list = cpuset_format(ids);
        g_string_append_printf(text, "%s%s on %s", text->len > 0 ? ", " : "", list,
                               doc_word(entry, "cpus"));
        hwloc_bitmap_zero(ids);
    }
    return g_string_free(text, FALSE);
}

char *show_shortage(Doc *row)
{
    const MemoryShortage shortage = {.node =
                                         doc_get(row, "node") ? (int)doc_number(row, "node") : -1,
                                     .size_kib = (unsigned)doc_number(row, "page_kib"),
                                     .pages = (uint64_t)doc_number(row, "pages")};
    g_autofree char *text = memory_shortage_format(&shortage);

    return g_strconcat(doc_word(row, "name"), " ", text, NULL);
}

void show_step(Doc *document, GString *out)
{
    g_string_append_printf(out, "%s: %s; %s\n", doc_word(document, "name"),
                           doc_word(document, "result"), doc_word(document, "text"));
}

/* Of one node: "node 0 1536MiB (2MiB pages 1GiB, transparent 2MiB pages 256MiB)". */
static void append_node(GString *text, Doc *guest, int64_t node)
{
    g_autoptr(GString) huge = g_string_new(NULL);
    int64_t kib = 0;

    DOC_FOREACH(row, guest, "memory")
    {
        g_autofree char *page = format_size_kib((uint64_t)doc_number(row, "page_kib"));
        g_autofree char *size = format_size_kib((uint64_t)doc_number(row, "kib") / 1024 * 1024);
        if (doc_number(row, "node") != node)
            continue;
        kib += doc_number(row, "kib");
        g_string_append_printf(huge, "%s%s%s pages %s", huge->len > 0 ? ", " : "",
                               doc_bool(row, "transparent") ? "transparent " : "", page, size);
    }
    g_autofree char *size = format_size_kib((uint64_t)kib / 1024 * 1024);
    g_string_append_printf(text, "%snode %" G_GINT64_FORMAT " %s (%s)", text->len > 0 ? "; " : "",
                           node, size, huge->str);
}

void show_residency(Doc *guest, GString *out)
{
    g_autoptr(GString) text = g_string_new(NULL);
    int64_t last = -1;

    DOC_FOREACH(row, guest, "memory")
    {
        if (doc_number(row, "node") != last)
            append_node(text, guest, doc_number(row, "node"));
        last = doc_number(row, "node");
    }
    if (doc_get(guest, "locality_pct"))
        g_string_append_printf(text, "; %" G_GINT64_FORMAT "%% where its vCPUs are",
                               doc_number(guest, "locality_pct"));
    show_field(out, "Memory", "%s", text->str);
    show_field(out, "Move", "%s", doc_word(guest, "memory_move"));
}
