/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nested boxes, laid out for a medium: characters of a terminal or units of a picture. Children
 * stand in rows as wide as there is room for; a box is as large as what is in it. Pure.
 */
#pragma once

#include "model/cpuset.h"

typedef enum BoxKind { BOX_MACHINE, BOX_PACKAGE, BOX_NODE, BOX_LLC, BOX_CORE } BoxKind;

typedef struct Box {
    BoxKind kind;
    unsigned index;      /* of the package, node, LLC or core */
    CpuSet *cpus;        /* empty: a node of memory alone */
    GPtrArray *children; /* of Box */

    int x, y, width, height; /* where box_layout() put it; x and y of the whole picture */
    int foot_y;              /* where what stands below its children begins */
    unsigned columns;        /* children in a row */
} Box;

Box *box_new(BoxKind kind, unsigned index);
void box_free(Box *box);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Box, box_free)
Box *box_child(const Box *box, unsigned i); /* borrowed; NULL past the end */
/* The child of that kind and index, added if there is none. Borrowed. */
Box *box_get(Box *box, BoxKind kind, unsigned index);

/* What a medium needs around and between. */
typedef struct BoxFrame {
    int side, top, bottom; /* from its edges to its children */
    int gap_x, gap_y;      /* between children, and between rows of them; -1: they share an edge */
    int min_width, min_height;
} BoxFrame;

typedef struct BoxMedium {
    BoxFrame (*frame)(const Box *box, const void *context);
    /* The height of what stands below its children, in a box of that width. */
    int (*foot)(const Box *box, int width, const void *context);
    const void *context;
} BoxMedium;

/* Places the box with all in it from 0, 0. It gets wider than width only where a single child
 * is. */
void box_layout(Box *box, const BoxMedium *medium, int width);
