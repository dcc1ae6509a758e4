/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading JSON documents. What is missing or of another type reads as nothing, so that a newer or
 * older daemon's document still shows. Texts are borrowed from the document. */
#pragma once

#include "model/cpuset.h"

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

typedef struct json_object Doc;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Doc, json_object_put)

Doc *doc_get(Doc *object, const char *key);         /* borrowed; NULL: none or null */
const char *doc_text(Doc *object, const char *key); /* NULL: none, null or no string */
const char *doc_word(Doc *object, const char *key); /* the same, "" for NULL */
int64_t doc_number(Doc *object, const char *key);   /* 0: none */
double doc_real(Doc *object, const char *key);      /* 0: none */
CpuSet *doc_cpus(Doc *object, const char *key);     /* a new set; empty: none, or no list */
/* Into the set, unless it is none that a CPU, core or vCPU can have. */
void doc_add_number(Doc *object, const char *key, CpuSet *set);
bool doc_bool(Doc *object, const char *key);       /* false: none */
unsigned doc_length(Doc *object, const char *key); /* of an array; 0: none */
/* An element of an array; NULL: there is none. Borrowed. */
Doc *doc_at(Doc *object, const char *key, unsigned i);
/* The array's texts, joined by ", ". Owned by the caller. */
char *doc_join(Doc *object, const char *key);
/* A time of a document as local time, "2025-11-21 10:08:00". Owned by the caller; NULL: none. */
char *doc_time(Doc *object, const char *key);

/* row: each element of the array object[key] */
#define DOC_FOREACH(row, object, key)                                                              \
    for (unsigned row##_i = 0, row##_n = doc_length(object, key); row##_i < row##_n; row##_i++)    \
        for (Doc *row = doc_at(object, key, row##_i), *row##_once = row; row##_once;               \
             row##_once = NULL)
