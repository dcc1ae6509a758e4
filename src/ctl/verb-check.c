/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show.h"
#include "ctl/verbs.h"

#include "policy/policy-load.h"
#include "report/report.h"

static Doc *check_document(const Options *options, const Policy *policy, const DiagList *diags)
{
    Doc *document = report_diags(diags), *files = json_object_new_array();
    const char *const *words = options_words(options);

    for (; *words; words++)
        json_object_array_add(files, json_object_new_string(*words));
    for (unsigned i = 0; policy && options_n_words(options) == 0 && i < policy->files->len; i++)
        json_object_array_add(files, json_object_new_string(g_ptr_array_index(policy->files, i)));
    json_object_object_add(document, "files", files);
    return document;
}

static unsigned count_severity(Doc *document, const char *severity)
{
    unsigned count = 0;

    DOC_FOREACH(diag, document, "diagnostics")
    count += g_str_equal(doc_word(diag, "severity"), severity);
    return count;
}

static void render(Doc *document, GString *out)
{
    unsigned errors = count_severity(document, "error");
    unsigned warnings = count_severity(document, "warning");
    g_autofree char *files = doc_join(document, "files");

    g_string_append_printf(out, "%s: %u error%s, %u warning%s\n", files[0] ? files : "policy",
                           errors, errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}

int verb_check_run(const Options *options)
{
    g_autoptr(DiagList) diags = diag_list_new();
    g_autoptr(Policy) policy = NULL;
    int result = options_n_words(options) > 0
                     ? policy_load_files(options_words(options), &policy, diags)
                     : policy_load(NULL, &policy, diags);

    if (result < 0 && diag_list_count(diags, DIAG_ERROR) == 0)
        diag_add(diags, DIAG_ERROR, NULL, NULL, "%s", g_strerror(-result));
    if (!options->given[OPT_JSON])
        show_diags(diags);
    g_autoptr(Doc) document = check_document(options, policy, diags);
    return show_document(options, document, render);
}
