/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/table.h"

Table *table_new(const char *const *headings)
{
    Table *table = g_new0(Table, 1);

    table->cells = g_ptr_array_new_with_free_func(g_free);
    while (headings[table->n_columns])
        table->n_columns++;
    table_add(table, headings);
    return table;
}

void table_free(Table *table)
{
    if (!table)
        return;
    g_ptr_array_unref(table->cells);
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

static glong column_width(const Table *table, unsigned column)
{
    glong width = 0;

    for (guint i = column; i < table->cells->len; i += table->n_columns)
        width = MAX(width, g_utf8_strlen(g_ptr_array_index(table->cells, i), -1));
    return width;
}

void table_print(const Table *table, GString *out)
{
    g_autofree glong *widths = g_new0(glong, table->n_columns);

    if (table_rows(table) == 0)
        return;
    for (unsigned column = 0; column + 1 < table->n_columns; column++)
        widths[column] = column_width(table, column);
    for (guint i = 0; i < table->cells->len; i++) {
        const char *cell = g_ptr_array_index(table->cells, i);
        unsigned column = i % table->n_columns;
        g_string_append(out, cell);
        if (column + 1 == table->n_columns) {
            g_string_append_c(out, '\n');
            continue;
        }
        for (glong pad = widths[column] + 2 - g_utf8_strlen(cell, -1); pad > 0; pad--)
            g_string_append_c(out, ' ');
    }
}
