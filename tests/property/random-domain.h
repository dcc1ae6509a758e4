/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random domain documents: of libvirt's own grammar, and with all between the elements that XML
 * allows there. */
#pragma once

#include "guest/xml-tree.h"
#include "property/random-text.h"

/* A RELAX NG grammar, with all that it includes. */
typedef struct Grammar Grammar;
/* NULL: no such file, or one of those it includes is not there. */
Grammar *grammar_load(const char *path);
void grammar_free(Grammar *grammar);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Grammar, grammar_free)

/* A document of that grammar: every choice in it is made at random, what repeats does so a few
 * times, and what contains itself ends soon. */
XmlDoc *random_domain(Random *random, const Grammar *grammar);

/* Comments, processing instructions, CDATA, elements of other namespaces, odd white space: at
 * random places of the document. */
void random_decorate(Random *random, XmlDoc *doc);
