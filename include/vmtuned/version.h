/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#define VMTUNED_VERSION "0.1.0"
