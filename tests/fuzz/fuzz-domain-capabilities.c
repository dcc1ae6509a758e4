/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain capabilities: names come sorted and never empty. */
#include "guest/hypervisor-xml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void check_names(char **names)
{
    for (unsigned i = 0; names && names[i]; i++)
        check(*names[i] && (i == 0 || strcmp(names[i - 1], names[i]) <= 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(DiagList) diags = diag_list_new();
    g_autoptr(Hypervisor) hypervisor = NULL;

    int r = hypervisor_parse((const char *)data, size, &hypervisor, diags);
    check((r == 0) == (hypervisor != NULL));
    check((r == 0) == (diag_list_count(diags, DIAG_ERROR) == 0));
    if (r == 0) {
        check(hypervisor->features != NULL);
        check_names(hypervisor->enlightenments);
        check_names(hypervisor->features);
    }
    return 0;
}
