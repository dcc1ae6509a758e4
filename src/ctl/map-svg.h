/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The map as a picture, in the manner of lstopo: nested boxes, and the guests as coloured chips on
 * the CPUs where they may run. Without scripts and references; light, so that it prints well.
 */
#pragma once

#include "ctl/map.h"
#include "ctl/markup.h"

/* A whole SVG file; owned by the caller. */
char *map_svg_make(const Map *map);
/* The same as an element of a page. */
void map_svg_write(const Map *map, Markup *markup);
