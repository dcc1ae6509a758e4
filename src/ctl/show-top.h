/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl/doc.h"

typedef enum TopOrder {
    TOP_BY_CPU,
    TOP_BY_DELAY,
    TOP_BY_LOCALITY, /* the least first */
    TOP_BY_NAME,
    N_TOP_ORDERS,
} TopOrder;

/* As an option has it, and as a key; their first letters. */
const char *top_order_name(TopOrder order);

typedef struct TopView {
    TopOrder order;
    bool threads; /* a row for each thread */
} TopView;

/* Appends the document "top". */
void show_top(const TopView *view, Doc *document, GString *out);
