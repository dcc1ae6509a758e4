/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * YAML files → Policy. All errors of all files are found in one run. One bad file rejects the
 * whole policy.
 */
#pragma once

#include "base/diag.h"
#include "model/policy.h"

/* Limits against hostile files. 1 MiB holds some 10,000 rules. */
#define POLICY_FILE_MAX_BYTES (1024u * 1024u)
#define POLICY_MAX_DEPTH 32u
#define POLICY_MAX_ALIASES 100u

/* One file's bytes, merged over what policy already holds. 0, or -EINVAL with errors in diags
 * (which may be NULL): after that policy is good for nothing but policy_unref(). Keys that need one
 * another, also across files, are checked by policy_load_files(). */
int policy_parse(const char *bytes, size_t length, const char *file, Policy *policy,
                 DiagList *diags);

/* The files in order, whoever may write them; one that can't be read or parsed is an error in
 * diags. 0 with *ret (perhaps warnings), or -EINVAL. */
int policy_load_files(const char *const *files, Policy **ret, DiagList *diags);

/* Which files make up the policy, in the order they are read: main_file (which must exist), then
 * all *.yaml of the directories in name order across directories. The same name in a later
 * directory masks; a link to /dev/null or an empty file disables that name. Directories need not
 * exist. *ret: array of char *. 0, or -EINVAL / -ENOENT with errors in diags. */
int policy_files_find(const char *main_file, const char *const *drop_in_dirs, GPtrArray **ret,
                      DiagList *diags);

/* The policy that is to rule this host: files and directories that others than root and this
 * process's user can write are errors too. file NULL: the system paths; else file and policy.d/
 * beside it alone. 0 with *ret, or -EINVAL / -ENOENT with errors in diags. */
int policy_load(const char *file, Policy **ret, DiagList *diags);
