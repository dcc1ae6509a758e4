/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where each knob is in a domain's XML: one table, for reading and for writing. Nothing else knows
 * the place of a knob that is edited.
 */
#pragma once

#include "guest/xml-tree.h"
#include "model/guest.h"

/* Fills def->knobs: every knob of the table that is read from XML, of each device of the document;
 * what is not there is listed as not set. Needs iothreads and cells. */
void knob_xml_read(const xmlNode *domain, GuestDef *def);

/* Makes the document have that value (NULL: take it out). *ret_changed: false if it had. 0;
 * -ENOENT: no such device; -ENOTUNIQ: several of that name; -EINVAL: not a value of that
 * knob, or not a knob that is edited. */
int knob_xml_write(xmlNode *domain, const SettingKey *key, const char *value, bool *ret_changed);
