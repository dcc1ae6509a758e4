/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/page.h"

#include "ctl/style.h"

static const char sheet[] =
    ":root{color-scheme:light dark;--ink:#1c2330;--soft:#4d5765;--paper:#fff;--card:#f4f6f9;"
    "--line:#d5dbe3;--link:#1a5fb4;--good:#1b6e3c;--warning:#8a5300;--bad:#b3141f;--grey:#59626f}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--soft:#aab3c0;--paper:#15191f;"
    "--card:#1f252d;--line:#38414d;--link:#8ab8f5;--good:#6fd394;--warning:#f0b45c;--bad:#ff8f8f;"
    "--grey:#a3acb8}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--paper);color:var(--ink);"
    "font:15px/1.5 'Segoe UI',Roboto,'Helvetica Neue','DejaVu Sans',Arial,sans-serif}"
    "header,main,footer{max-width:84rem;margin:0 auto;padding:0 1.25rem}"
    "header{padding-top:1.75rem}"
    "h1{margin:0;font-size:1.7rem;line-height:1.25;overflow-wrap:anywhere}"
    "h2{margin:2.25rem 0 .75rem;font-size:1.2rem;border-bottom:2px solid var(--line);"
    "padding-bottom:.3rem}"
    "p{margin:.4rem 0}.soft{color:var(--soft)}a{color:var(--link)}"
    "nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;padding:0;"
    "margin:1rem 0 0}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;"
    "margin:1.25rem 0 0}"
    ".tiles div{background:var(--card);border:1px solid var(--line);border-radius:.5rem;"
    "padding:.6rem .9rem;display:flex;flex-direction:column-reverse;justify-content:flex-end}"
    ".tiles dt{color:var(--soft);font-size:.85rem}"
    ".tiles dd{margin:0;font-size:1.55rem;font-weight:600;line-height:1.25}"
    ".facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.2rem "
    "1.25rem;margin:0}"
    ".facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}"
    ".scroll{overflow-x:auto;border:1px solid var(--line);border-radius:.5rem;margin:.75rem 0}"
    "figure.scroll{background:#fff;padding:.25rem}"
    "figure svg{display:block;margin:0 auto;max-width:none;height:auto}"
    "@media(min-width:60rem){figure svg{max-width:100%}}"
    "table{border-collapse:collapse;width:100%;font-size:.9rem}"
    "caption{text-align:left;color:var(--soft);padding:.55rem .75rem;font-size:.9rem}"
    "th,td{text-align:left;vertical-align:top;padding:.4rem .75rem;"
    "border-top:1px solid var(--line)}"
    "thead th{background:var(--card);font-size:.8rem;white-space:nowrap}"
    "tbody th{font-weight:600}tbody th,tbody td{min-width:3rem;max-width:28rem;"
    "overflow-wrap:break-word}"
    "tbody td:last-child{min-width:14rem}time{white-space:nowrap}"
    "tbody tr:nth-child(even){background:var(--card)}"
    "pre,code{font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:.85em}"
    "pre{margin:.15rem 0;white-space:pre-wrap}pre code{font-size:inherit}"
    ".word{font-weight:600;white-space:nowrap}.good{color:var(--good)}.warning{color:var(--warning)"
    "}"
    ".bad{color:var(--bad)}.grey{color:var(--grey)}"
    "footer{color:var(--soft);padding-top:1.5rem;padding-bottom:2rem;font-size:.85rem}"
    "@media print{:root{color-scheme:light;--ink:#000;--soft:#333;--paper:#fff;--card:#fff;"
    "--line:#999;--good:#000;--warning:#000;--bad:#000;--grey:#333}body{font-size:10pt}"
    "nav{display:none}.scroll{overflow:visible;border:0}figure svg{max-width:100%}"
    "tr,figure{break-inside:avoid}h2,caption{break-after:avoid}thead{display:table-header-group}"
    "header,main,footer{max-width:none;padding:0}}";

static void write_meta(Markup *markup, const char *key, const char *name, const char *content)
{
    markup_open(markup, "meta");
    markup_attribute(markup, key, name);
    markup_attribute(markup, "content", content);
    markup_close_void(markup);
}

void page_begin(Markup *markup, const char *title)
{
    markup_raw(markup, "<!DOCTYPE html>\n");
    markup_open(markup, "html");
    markup_attribute(markup, "lang", "en");
    markup_open(markup, "head");
    markup_open(markup, "meta");
    markup_attribute(markup, "charset", "utf-8");
    markup_close_void(markup);
    write_meta(markup, "http-equiv", "Content-Security-Policy",
               "default-src 'none'; style-src 'unsafe-inline'; img-src data:");
    write_meta(markup, "name", "viewport", "width=device-width, initial-scale=1");
    write_meta(markup, "name", "color-scheme", "light dark");
    markup_open(markup, "link"); /* else a browser asks the server of the page for an icon */
    markup_attribute(markup, "rel", "icon");
    markup_attribute(markup, "href", "data:,");
    markup_close_void(markup);
    markup_element(markup, "title", NULL, title);
    markup_open(markup, "style");
    markup_raw(markup, sheet);
    markup_close(markup);
    markup_close(markup);
    markup_open(markup, "body");
}

void page_end(Markup *markup)
{
    markup_close(markup);
    markup_close(markup);
    markup_raw(markup, "\n");
}

void page_section_begin(Markup *markup, const char *id, const char *heading)
{
    markup_open(markup, "section");
    markup_attribute(markup, "id", id);
    markup_element(markup, "h2", NULL, heading);
}

void page_section_end(Markup *markup)
{
    markup_close(markup);
    markup_raw(markup, "\n");
}

void page_note(Markup *markup, const char *text)
{
    markup_element(markup, "p", "soft", text);
}

void page_word(Markup *markup, const char *word)
{
    static const char *const classes[] = {
        [STYLE_GOOD] = "word good",
        [STYLE_WARNING] = "word warning",
        [STYLE_BAD] = "word bad",
        [STYLE_GREY] = "word grey",
    };
    Style style = style_of_word(word);

    markup_element(markup, "span",
                   style < G_N_ELEMENTS(classes) && classes[style] ? classes[style] : "word", word);
}

static void write_value(Markup *markup, Doc *value)
{
    if (json_object_is_type(value, json_type_string) || json_object_is_type(value, json_type_int))
        markup_text(markup, json_object_get_string(value));
}

static void write_row(Markup *markup, const PageColumn *columns, PageRow row)
{
    markup_open(markup, "tr");
    for (unsigned i = 0; columns[i].heading; i++) {
        markup_open(markup, i == 0 ? "th" : "td");
        if (i == 0)
            markup_attribute(markup, "scope", "row");
        if (columns[i].write)
            columns[i].write(markup, row);
        else
            write_value(markup, doc_get(row.row, columns[i].key));
        markup_close(markup);
    }
    markup_close(markup);
}

static void table_begin(Markup *markup, const PageTable *table)
{
    markup_open(markup, "div");
    markup_attribute(markup, "class", "scroll");
    markup_attribute(markup, "role", "region");
    markup_attribute(markup, "aria-label", table->caption);
    markup_attribute(markup, "tabindex", "0");
    markup_open(markup, "table");
    markup_element(markup, "caption", NULL, table->caption);
    markup_open(markup, "thead");
    markup_open(markup, "tr");
    for (unsigned i = 0; table->columns[i].heading; i++) {
        markup_open(markup, "th");
        markup_attribute(markup, "scope", "col");
        markup_text(markup, table->columns[i].heading);
        markup_close(markup);
    }
    markup_close(markup);
    markup_close(markup);
    markup_open(markup, "tbody");
}

static void table_end(Markup *markup)
{
    for (unsigned i = 0; i < 3; i++) /* tbody, table, div */
        markup_close(markup);
}

/* Begins the table with its first row; *n_rows are written so far. */
static void write_rows(Markup *markup, const PageTable *table, Doc *owner, const char *key,
                       unsigned *n_rows)
{
    DOC_FOREACH(row, owner, key)
    {
        if (table->without && doc_bool(row, table->without))
            continue;
        if ((*n_rows)++ == 0)
            table_begin(markup, table);
        write_row(markup, table->columns, (PageRow){row, owner});
    }
}

static void end_rows(Markup *markup, const PageTable *table, unsigned n_rows)
{
    if (n_rows > 0)
        table_end(markup);
    else
        page_note(markup, table->empty);
}

void page_table(Markup *markup, const PageTable *table, Doc *owner, const char *key)
{
    unsigned n_rows = 0;

    write_rows(markup, table, owner, key, &n_rows);
    end_rows(markup, table, n_rows);
}

void page_table_of_each(Markup *markup, const PageTable *table, Doc *document, const char *owners,
                        const char *key)
{
    unsigned n_rows = 0;

    DOC_FOREACH(owner, document, owners)
    write_rows(markup, table, owner, key, &n_rows);
    end_rows(markup, table, n_rows);
}
