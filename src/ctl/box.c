/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/box.h"

Box *box_new(BoxKind kind, unsigned index)
{
    Box *box = g_new0(Box, 1);

    box->kind = kind;
    box->index = index;
    box->cpus = cpuset_new();
    box->children = g_ptr_array_new_with_free_func((GDestroyNotify)box_free);
    return box;
}

void box_free(Box *box)
{
    if (!box)
        return;
    hwloc_bitmap_free(box->cpus);
    g_ptr_array_unref(box->children);
    g_free(box);
}

Box *box_child(const Box *box, unsigned i)
{
    return i < box->children->len ? g_ptr_array_index(box->children, i) : NULL;
}

Box *box_get(Box *box, BoxKind kind, unsigned index)
{
    Box *child;

    for (unsigned i = 0; (child = box_child(box, i)); i++)
        if (child->kind == kind && child->index == index)
            return child;
    child = box_new(kind, index);
    g_ptr_array_add(box->children, child);
    return child;
}

/* --- how large each is, the innermost first --- */

static int column_width(const Box *box, unsigned columns, unsigned column)
{
    int width = 0;

    for (unsigned i = column; i < box->children->len; i += columns)
        width = MAX(width, box_child(box, i)->width);
    return width;
}

static int columns_width(const Box *box, unsigned columns, int gap)
{
    int width = 0;

    for (unsigned column = 0; column < columns; column++)
        width += column_width(box, columns, column) + (column > 0 ? gap : 0);
    return width;
}

static int row_height(const Box *box, unsigned row)
{
    int height = 0;

    for (unsigned i = row * box->columns; i < MIN((row + 1) * box->columns, box->children->len);
         i++)
        height = MAX(height, box_child(box, i)->height);
    return height;
}

static unsigned count_rows(const Box *box)
{
    return box->columns > 0 ? (box->children->len + box->columns - 1) / box->columns : 0;
}

/* As many as fit, and then no more than that many rows need. */
static unsigned choose_columns(const Box *box, int width, int gap)
{
    unsigned n = box->children->len, columns = n;

    while (columns > 1 && columns_width(box, columns, gap) > width)
        columns--;
    if (columns == 0)
        return 0;
    unsigned rows = (n + columns - 1) / columns;
    return (n + rows - 1) / rows;
}

static void box_measure(Box *box, const BoxMedium *medium, int width)
{
    const BoxFrame frame = medium->frame(box, medium->context);
    Box *child;

    for (unsigned i = 0; (child = box_child(box, i)); i++)
        box_measure(child, medium, width - 2 * frame.side);
    box->columns = choose_columns(box, width - 2 * frame.side, frame.gap_x);
    box->width =
        MAX(columns_width(box, box->columns, frame.gap_x) + 2 * frame.side, frame.min_width);
    box->height = frame.top + frame.bottom + medium->foot(box, box->width, medium->context);
    for (unsigned row = 0; row < count_rows(box); row++)
        box->height += row_height(box, row) + (row > 0 ? frame.gap_y : 0);
    box->height = MAX(box->height, frame.min_height);
}

/* --- where each is, the outermost first: the last column and row take what room is left --- */

static void box_place(Box *box, const BoxMedium *medium, int x, int y)
{
    const BoxFrame frame = medium->frame(box, medium->context);
    int foot = medium->foot(box, box->width, medium->context), child_y = y + frame.top;
    int right = x + box->width - frame.side, end = y + box->height - frame.bottom - foot;
    unsigned rows = count_rows(box);

    box->x = x;
    box->y = y;
    box->foot_y = end;
    for (unsigned row = 0; row < rows; row++) {
        int child_x = x + frame.side;
        int height = row + 1 < rows ? row_height(box, row) : end - child_y;
        for (unsigned column = 0; column < box->columns; column++) {
            Box *child = box_child(box, row * box->columns + column);
            int width = column + 1 < box->columns ? column_width(box, box->columns, column)
                                                  : right - child_x;
            if (!child)
                break;
            child->width = width;
            child->height = height;
            box_place(child, medium, child_x, child_y);
            child_x += width + frame.gap_x;
        }
        child_y += height + frame.gap_y;
    }
}

void box_layout(Box *box, const BoxMedium *medium, int width)
{
    box_measure(box, medium, width);
    box_place(box, medium, 0, 0);
}
