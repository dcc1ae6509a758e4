/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy/policy-load.h"

#include "policy/check.h"
#include "policy/files.h"
#include "policy/parse.h"

#include <errno.h>

static const char *const system_dirs[] = {
    VENDORDIR "/policy.d",
    "/run/vmtuned/policy.d",
    SYSCONFDIR "/vmtuned/policy.d",
    NULL,
};

static void source_destroy(gpointer data)
{
    source_free(data);
}

/* Reads one file into policy; sources keeps it. False: not to its end. */
static bool file_load(const char *file, bool in_force, Policy *policy, GPtrArray *sources,
                      DiagList *diags)
{
    g_autofree char *bytes = NULL;
    size_t length = 0;
    bool whole = false;

    if (policy_file_read(file, in_force, &bytes, &length, diags) < 0)
        return false;
    Source *source = source_new(bytes, length, file);
    g_ptr_array_add(sources, source);
    source_parse(source, policy, &whole, diags);
    return whole;
}

static int files_load(const char *const *files, bool in_force, Policy **ret, DiagList *diags)
{
    g_autoptr(Policy) policy = policy_new();
    g_autoptr(GPtrArray) sources = g_ptr_array_new_with_free_func(source_destroy);
    g_autoptr(DiagList) found = diag_list_new();
    bool whole = true;

    for (; *files; files++) {
        if (!file_load(*files, in_force, policy, sources, found))
            whole = false;
    }
    policy_check(policy, sources, whole, found);

    bool good = diag_list_count(found, DIAG_ERROR) == 0;
    if (diags)
        diag_list_take_all(diags, found);
    if (!good)
        return -EINVAL;
    *ret = g_steal_pointer(&policy);
    return 0;
}

int policy_load_files(const char *const *files, Policy **ret, DiagList *diags)
{
    return files_load(files, false, ret, diags);
}

/* Finds and loads; the files found are read even if a directory could not be. */
static int found_load(const char *main_file, const char *const *dirs, Policy **ret, DiagList *diags)
{
    g_autoptr(GPtrArray) files = NULL;
    g_autoptr(Policy) policy = NULL;

    int r_find = policy_files_find(main_file, dirs, &files, diags);
    if (!files)
        return r_find;
    g_ptr_array_add(files, NULL);
    int r = files_load((const char *const *)files->pdata, true, &policy, diags);
    if (r < 0 || r_find < 0)
        return -EINVAL;
    *ret = g_steal_pointer(&policy);
    return 0;
}

int policy_load(const char *file, Policy **ret, DiagList *diags)
{
    if (!file)
        return found_load(SYSCONFDIR "/vmtuned/policy.yaml", system_dirs, ret, diags);

    g_autofree char *parent = g_path_get_dirname(file);
    g_autofree char *drop_ins = g_build_filename(parent, "policy.d", NULL);
    const char *const dirs[] = {drop_ins, NULL};
    return found_load(file, dirs, ret, diags);
}
