/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a fuzz target over every file of the corpus directories named on the command line, where
 * libFuzzer's own main is not linked. A file that breaks the target ends the program; its name is
 * the last one printed. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <glib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    g_autofree char *bytes = NULL;
    gsize size = 0;
    if (!g_file_get_contents(path, &bytes, &size, NULL)) {
        fprintf(stderr, "%s: unreadable\n", path);
        return -1;
    }

    /* A copy of just this size: a sanitizer then sees a read past the end. */
    g_autofree uint8_t *data = g_memdup2(bytes, size);
    printf("%s\n", path);
    fflush(stdout);
    return LLVMFuzzerTestOneInput(data, size);
}

static void replay_directory(const char *path, int *passed, int *failed)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    if (!dir) {
        fprintf(stderr, "%s: unreadable\n", path);
        (*failed)++;
        return;
    }
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        if (replay_file(file) < 0)
            (*failed)++;
        else
            (*passed)++;
    }
}

int main(int argc, char **argv)
{
    int passed = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++)
        replay_directory(argv[i], &passed, &failed);
    printf("%d passed, %d failed\n", passed, failed);
    return passed > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
