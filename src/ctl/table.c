/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/table.h"

#include "ctl/style.h"

#define GAP 2 /* between columns */

static const char *const word_columns[] = {"STATE", "RESULT", "IN FORCE", "SEVERITY", NULL};

Table *table_new(const char *const *headings)
{
    Table *table = g_new0(Table, 1);

    table->cells = g_ptr_array_new_with_free_func(g_free);
    while (headings[table->n_columns])
        table->n_columns++;
    while (table->words < table->n_columns &&
           !g_strv_contains(word_columns, headings[table->words]))
        table->words++;
    table->widths = g_new0(unsigned, table->n_columns);
    table_add(table, headings);
    return table;
}

void table_free(Table *table)
{
    if (!table)
        return;
    g_ptr_array_unref(table->cells);
    g_free(table->widths);
    g_free(table);
}

void table_add(Table *table, const char *const *cells)
{
    for (unsigned i = 0; i < table->n_columns; i++)
        g_ptr_array_add(
            table->cells,
            g_strdelimit(g_strdup(cells[i] && cells[i][0] ? cells[i] : "-"), "\n\t", ' '));
}

unsigned table_rows(const Table *table)
{
    return table->cells->len / table->n_columns - 1;
}

static unsigned column_width(const Table *table, unsigned column)
{
    unsigned width = table->widths[column];

    for (guint i = column; i < table->cells->len; i += table->n_columns)
        width = MAX(width, style_width(g_ptr_array_index(table->cells, i)));
    return width;
}

static void begin_row(GString *out, bool heading)
{
    style_mark_cut(out);
    if (!heading)
        return;
    style_mark_legend(out);
    style_mark(out, STYLE_HEADING);
}

void table_print(const Table *table, GString *out)
{
    g_autofree unsigned *widths = g_new0(unsigned, table->n_columns);

    if (table_rows(table) == 0)
        return;
    for (unsigned column = 0; column + 1 < table->n_columns; column++)
        widths[column] = column_width(table, column);
    for (guint i = table->continued ? table->n_columns : 0; i < table->cells->len; i++) {
        const char *cell = g_ptr_array_index(table->cells, i);
        unsigned column = i % table->n_columns;
        bool heading = i < table->n_columns;
        if (column == 0)
            begin_row(out, heading);
        if (column == table->words && !heading)
            style_append_word(out, cell);
        else
            g_string_append(out, cell);
        if (column + 1 < table->n_columns) {
            for (unsigned at = style_width(cell); at < widths[column] + GAP; at++)
                g_string_append_c(out, ' ');
            continue;
        }
        if (heading)
            style_mark(out, STYLE_PLAIN);
        g_string_append_c(out, '\n');
    }
}

void table_print_below(const Table *table, GString *out)
{
    if (table_rows(table) > 0 && out->len > 0)
        g_string_append_c(out, '\n');
    table_print(table, out);
}

void table_continue(Table *table)
{
    for (unsigned column = 0; column < table->n_columns; column++)
        table->widths[column] = column_width(table, column);
    g_ptr_array_set_size(table->cells, (gint)table->n_columns);
    table->continued = true;
}
