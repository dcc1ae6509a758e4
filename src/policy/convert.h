/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * YAML nodes → policy values, as the schema's fields say. A scalar is typed by its key: 101 is a
 * text where a name is wanted, "on" is a boolean where one is wanted, a word where a word is.
 */
#pragma once

#include "model/policy-key.h"
#include "policy/yaml-tree.h"

typedef struct Convert {
    Source *source;
    DiagList *diags;
} Convert;

/* NULL: an error, told with what was expected. path: of the key, for the diagnostic. */
PolicyValue *value_convert(const Convert *convert, const PolicyField *field, const YamlNode *node,
                           const char *path);

/* Tells an unknown key, with the nearest of those that may stand there. path: of the map around;
 * NULL: the top. */
void unknown_key_tell(const Convert *convert, const YamlNode *key, const char *path,
                      const char *const *candidates);

/* Tells that node is not what was expected. */
void expected_tell(const Convert *convert, const YamlNode *node, const char *path,
                   const char *expected);

/* "path.name"; name alone if path is NULL. A long name is cut. */
char *path_join(const char *path, const char *name);
