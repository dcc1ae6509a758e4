/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text that others wrote (names and titles of guests, words of libvirt, files) made safe to show:
 * nothing in it may steer a terminal, forge a line or reorder what is read. Everything for people
 * goes through here right before a terminal or a log. Pure.
 *
 * Unsafe are the control characters (C0 but newline and tab, DEL, C1), the marks that change the
 * direction of writing, the line and paragraph separators, and bytes that are no UTF-8.
 */
#pragma once

#include <stdbool.h>

/* A copy with "?" for each unsafe character and U+FFFD for each bad byte. Never NULL. */
char *text_show(const char *text);

/* The same of a JSON document, without loss: "\u009b" for each unsafe character, which JSON has in
 * strings alone. */
char *text_show_json(const char *json);

/* True if a shell, virsh (to which a number is an id) and a pattern of the policy take the name for
 * what it is: letters, digits, ".", "_" and "-", and neither a number nor an option. In commands
 * for people other guests are called by their uuid. */
bool text_is_plain_name(const char *name);
