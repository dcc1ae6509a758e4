/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy files: the bytes are read twice, the second merged over the first, as two files are. */
#include "policy/check.h"
#include "policy/parse.h"
#include "policy/policy-load.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void words_touch(const DiagList *diags)
{
    for (unsigned i = 0; diag_list_get(diags, i); i++)
        g_free(diag_format(diag_list_get(diags, i)));
}

static void guest_touch(const Policy *policy)
{
    const PolicySubject subject = {.name = "db-1", .uuid = "00", .title = "t", .label = "l"};
    g_autoptr(GuestPolicy) guest = policy_select(policy, &subject);

    for (unsigned i = 0; i < N_POLICY_KEYS; i++) {
        if (guest->values[i])
            g_free(policy_value_format(guest->values[i]));
    }
}

static void source_destroy(gpointer data)
{
    source_free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"a.yaml", "b.yaml"};
    g_autoptr(Policy) policy = policy_new();
    g_autoptr(DiagList) diags = diag_list_new();
    g_autoptr(GPtrArray) sources = g_ptr_array_new_with_free_func(source_destroy);
    bool whole[2];
    int r[2];

    for (unsigned i = 0; i < 2; i++) {
        Source *source = source_new((const char *)data, size, names[i]);
        g_ptr_array_add(sources, source);
        r[i] = source_parse(source, policy, &whole[i], diags);
    }
    if (r[0] != r[1] || whole[0] != whole[1])
        abort();
    policy_check(policy, sources, whole[0], diags);
    words_touch(diags);
    if (r[0] == 0)
        guest_touch(policy);

    g_autoptr(Policy) again = policy_new();
    if (policy_parse((const char *)data, size, "a.yaml", again, NULL) != r[0])
        abort();
    return 0;
}
