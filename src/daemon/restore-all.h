/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/manager.h"

/* "vmtuned --restore": puts every original of the record back, one guest after the other, without
 * a daemon. Exit code: 0; 1 if something is left or was kept for somebody else; 69 (EX_UNAVAILABLE)
 * if libvirt or the record cannot be reached. */
int restore_all(const ManagerOptions *options, bool force);
