/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy/files.h"

#include "policy/policy-load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void unreadable_tell(DiagList *diags, const char *path, int error)
{
    DiagPlace place = {.file = path};

    if (error == EFBIG)
        diag_add(diags, DIAG_ERROR, &place, NULL, "larger than %u bytes, the most a policy may be",
                 POLICY_FILE_MAX_BYTES);
    else
        diag_add(diags, DIAG_ERROR, &place, NULL, "cannot be read: %s", g_strerror(error));
}

/* Whoever can write a policy rules the host's guests. In a directory with the sticky bit others can
 * add files, but none that would be read: each is judged by itself. Devices are the system's. */
static int trust_check(const struct stat *st, const char *path, DiagList *diags)
{
    DiagPlace place = {.file = path};
    bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);

    if (S_ISCHR(st->st_mode))
        return 0;
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        diag_add(diags, DIAG_ERROR, &place, NULL,
                 "belongs to user %u, who could change the policy: chown root %s",
                 (unsigned)st->st_uid, path);
        return -EINVAL;
    }
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) && !sticky) {
        diag_add(diags, DIAG_ERROR, &place, NULL,
                 "others could change the policy (mode %04o): chmod go-w %s",
                 (unsigned)(st->st_mode & 07777), path);
        return -EINVAL;
    }
    return 0;
}

static int trust_check_dir(const char *path, DiagList *diags)
{
    struct stat st;

    if (stat(path, &st) == 0)
        return trust_check(&st, path, diags);
    if (errno == ENOENT)
        return 0;
    unreadable_tell(diags, path, errno);
    return -EINVAL;
}

/* One byte more than may be there tells a file that is too large. */
static int read_whole(int fd, char **ret_bytes, size_t *ret_length)
{
    g_autofree char *bytes = g_malloc(POLICY_FILE_MAX_BYTES + 1);
    size_t length = 0;
    ssize_t n = 1;

    while (n != 0 && length <= POLICY_FILE_MAX_BYTES) {
        n = read(fd, bytes + length, POLICY_FILE_MAX_BYTES + 1 - length);
        if (n < 0 && errno != EINTR)
            return -errno;
        length += n > 0 ? (size_t)n : 0;
    }
    if (length > POLICY_FILE_MAX_BYTES)
        return -EFBIG;
    *ret_bytes = g_steal_pointer(&bytes);
    *ret_length = length;
    return 0;
}

int policy_file_read(const char *file, bool in_force, char **ret_bytes, size_t *ret_length,
                     DiagList *diags)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

    if (r == 0 && in_force && trust_check(&st, file, diags) < 0) {
        close(fd);
        return -EINVAL;
    }
    if (r == 0)
        r = read_whole(fd, ret_bytes, ret_length);
    if (fd >= 0)
        close(fd);
    if (r == 0)
        return 0;
    unreadable_tell(diags, file, -r);
    return -EINVAL;
}

/* A policy file, or what disables that name: /dev/null or an empty file. Anything else (a
 * directory, a socket) is not meant as either. */
static int drop_in_add(const char *dir, const char *name, GTree *names, DiagList *diags)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    struct stat st;

    if (stat(path, &st) < 0) {
        unreadable_tell(diags, path, errno);
        return -EINVAL;
    }
    bool disables = S_ISCHR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size == 0);
    if (disables && trust_check(&st, path, diags) < 0)
        return -EINVAL;
    if (disables)
        g_tree_replace(names, g_strdup(name), NULL);
    else if (S_ISREG(st.st_mode))
        g_tree_replace(names, g_strdup(name), g_steal_pointer(&path));
    return 0;
}

static int is_policy_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && g_str_has_suffix(entry->d_name, ".yaml");
}

/* Adds the policy files of dir to names (name → path; NULL: disabled). */
static int dir_scan(const char *dir, GTree *names, DiagList *diags)
{
    struct dirent **entries = NULL;
    int r = trust_check_dir(dir, diags);

    if (r < 0)
        return r;
    int n = scandir(dir, &entries, is_policy_name, alphasort);
    if (n < 0 && errno == ENOENT)
        return 0;
    if (n < 0) {
        unreadable_tell(diags, dir, errno);
        return -EINVAL;
    }
    for (int i = 0; i < n; i++) {
        int r_one = drop_in_add(dir, entries[i]->d_name, names, diags);
        r = r_one < 0 ? r_one : r;
        free(entries[i]); /* scandir(3)'s */
    }
    free(entries);
    return r;
}

static int name_compare(gconstpointer a, gconstpointer b, gpointer data)
{
    (void)data;
    return strcmp(a, b);
}

static gboolean path_collect(gpointer name, gpointer path, gpointer data)
{
    (void)name;
    if (path)
        g_ptr_array_add(data, g_strdup(path));
    return FALSE;
}

int policy_files_find(const char *main_file, const char *const *drop_in_dirs, GPtrArray **ret,
                      DiagList *diags)
{
    g_autoptr(GTree) names = g_tree_new_full(name_compare, NULL, g_free, g_free);
    int r = 0;

    if (access(main_file, F_OK) < 0) {
        r = -errno;
        unreadable_tell(diags, main_file, -r);
        return r == -ENOENT ? -ENOENT : -EINVAL;
    }
    g_autofree char *parent = g_path_get_dirname(main_file);
    r = trust_check_dir(parent, diags);
    for (; *drop_in_dirs; drop_in_dirs++) {
        int r_dir = dir_scan(*drop_in_dirs, names, diags);
        r = r_dir < 0 ? r_dir : r;
    }
    *ret = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(*ret, g_strdup(main_file));
    g_tree_foreach(names, path_collect, *ret);
    return r;
}
