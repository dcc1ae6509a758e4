/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/record-dir.h"

#include <signal.h>
#include <unistd.h>

#define N_COPIED 2 /* SQLite makes the last one anew */

static const char *const names[] = {"record.db", "record.db-wal", "record.db-shm"};

char *record_dir_new(void)
{
    char *directory = g_strdup("/dev/shm/vmtuned-record-XXXXXX");

    if (g_mkdtemp(directory))
        return directory;
    g_free(directory);
    directory = g_dir_make_tmp("vmtuned-record-XXXXXX", NULL);
    if (!directory)
        g_error("no directory for the record");
    return directory;
}

void record_dir_clear(const char *directory)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(directory, names[i], NULL);
        unlink(path);
    }
}

GPtrArray *record_dir_copy(const char *directory)
{
    GPtrArray *copy = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    for (unsigned i = 0; i < N_COPIED; i++) {
        g_autofree char *path = g_build_filename(directory, names[i], NULL);
        char *bytes = NULL;
        gsize size;
        g_file_get_contents(path, &bytes, &size, NULL);
        g_ptr_array_add(copy, bytes ? g_bytes_new_take(bytes, size) : NULL);
    }
    return copy;
}

void record_dir_put(const char *directory, const GPtrArray *copy)
{
    record_dir_clear(directory);
    for (unsigned i = 0; i < copy->len; i++) {
        g_autofree char *path = g_build_filename(directory, names[i], NULL);
        g_autoptr(GError) error = NULL;
        GBytes *bytes = g_ptr_array_index(copy, i);
        gsize size;
        if (!bytes)
            continue;
        const char *data = g_bytes_get_data(bytes, &size);
        if (!g_file_set_contents_full(path, size > 0 ? data : "", (gssize)size,
                                      G_FILE_SET_CONTENTS_NONE, 0600, &error))
            g_error("%s", error->message);
    }
}

void disk_limit(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
        g_error("getrlimit: %m");
    limit.rlim_cur = MIN(bytes, limit.rlim_max);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        g_error("setrlimit: %m");
}
