/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * YAML bytes as a small tree with marks.
 *
 * The tree is built from libyaml's events, so that limits hold while reading. An alias shares the
 * node it names: nothing is copied, but whoever walks the tree meets the node again. So size and
 * depth of a node are counted with its aliases resolved, and both are bounded.
 */
#pragma once

#include "policy/source.h"

/* Nodes that aliases may add to a walk, all together. */
#define YAML_TREE_MAX_ALIASED_NODES 10000u

typedef enum YamlKind { YAML_SCALAR, YAML_LIST, YAML_MAP } YamlKind;

typedef struct YamlNode YamlNode;
typedef struct YamlPair {
    const YamlNode *key; /* a scalar; NULL in a list */
    const YamlNode *value;
} YamlPair;
struct YamlNode {
    YamlKind kind;
    Mark mark;
    char *text;     /* scalar, never NULL */
    bool quoted;    /* scalar: in quotes or a block, so that "" is not nothing */
    GArray *pairs;  /* list and map, of YamlPair */
    bool cut;       /* not all of it: a part was faulty, or a syntax error ended it */
    bool open;      /* still being read: an alias to it would be a ring */
    unsigned depth; /* levels below and including it */
    unsigned size;  /* nodes of it, aliases resolved */
};

typedef struct YamlTree {
    YamlNode *root; /* NULL: no document */
    bool cut;       /* a syntax error or limit ended the reading */
    GPtrArray *nodes;
    GHashTable *anchors;
} YamlTree;

/* Reads as far as it gets; errors go to diags. Never NULL. quiet: do not tell a syntax error, its
 * cause has been told already. */
YamlTree *yaml_tree_read(Source *source, bool quiet, DiagList *diags);
void yaml_tree_free(YamlTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(YamlTree, yaml_tree_free)

/* Nothing was written: "key:" with no value, ~ or null. */
bool yaml_node_is_null(const YamlNode *node);
/* The i-th pair; NULL past the end. */
const YamlPair *yaml_node_pair(const YamlNode *node, unsigned i);
/* The value under that key; NULL: none. */
const YamlNode *yaml_node_find(const YamlNode *map, const char *key);
/* "a list", "a map", "nothing", or the scalar in quotes. */
char *yaml_node_describe(const YamlNode *node);
