/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents that come over the bus, as vmtuned-ctl shows them: whatever the daemon sends, there is
 * text to print. */
#include "ctl/show.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ShowRender renders[] = {show_plan,         show_verify,           show_map,
                                         show_pending_rows, show_unsupported_rows, show_residency,
                                         show_diag_rows};
    g_autofree char *text = size > 0 ? g_strndup((const char *)data, size) : g_strdup("");
    g_autoptr(Doc) document = json_tokener_parse(text);
    g_autoptr(GString) out = g_string_new(NULL);

    if (!document)
        return 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(renders); i++)
        renders[i](document, out);
    show_guest_plan(document, out);
    if (strlen(out->str) != out->len)
        abort();
    return 0;
}
