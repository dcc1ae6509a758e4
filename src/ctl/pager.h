/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Long output a screen at a time, as systemctl shows it. */
#pragma once

#include <stdbool.h>

/* Shows the text in $SYSTEMD_PAGER, $PAGER or less. False: nothing is shown, for stdout is no
 * terminal, the text fits on it, or there is no pager. */
bool pager_show(const char *text);
