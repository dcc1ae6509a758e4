/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/topology.h"

#include "topo/topo-load.h"

#include <errno.h>

/* The options that hold what hwloc XML cannot, in the order of TopoExtra. */
static const OptionId extra_options[] = {OPT_ISOLATED, OPT_NOHZ_FULL, OPT_ALLOWED_CPUS,
                                         OPT_ALLOWED_MEMS};
enum { N_EXTRA = G_N_ELEMENTS(extra_options) };

static int list_parse(const Options *options, OptionId id, CpuSet **ret, DiagList *diags)
{
    const char *text = options_value(options, id);
    g_autofree char *key = g_strconcat("--", option_info(id)->name, NULL);

    if (!text)
        return 0;
    if (!options_value(options, OPT_TOPOLOGY)) {
        diag_add(diags, DIAG_ERROR, NULL, key, "goes with --topology only");
        return -EINVAL;
    }
    int result = cpuset_parse(text, ret);
    if (result < 0)
        diag_add(diags, DIAG_ERROR, NULL, key, "expected a list like 0-3,8, found '%s'", text);
    return result < 0 ? -EINVAL : 0;
}

int topology_open(const Options *options, Topo **ret, DiagList *diags)
{
    CpuSet *extra[N_EXTRA] = {NULL};
    const char *text = options_value(options, OPT_TOPOLOGY);
    g_autofree char *words = NULL;
    int result = 0;

    for (unsigned i = 0; i < N_EXTRA; i++)
        if (list_parse(options, extra_options[i], &extra[i], diags) < 0)
            result = -EINVAL;
    TopoExtra given = {
        .isolated = extra[0], .nohz_full = extra[1], .allowed = extra[2], .allowed_mems = extra[3]};
    if (result == 0) {
        result = text ? topo_load(text, &given, ret, &words) : topo_acquire("", ret, &words);
        if (result < 0)
            diag_add(diags, DIAG_ERROR, NULL, text ? "--topology" : "this host", "%s",
                     words ? words : g_strerror(-result));
    }
    for (unsigned i = 0; i < N_EXTRA; i++)
        hwloc_bitmap_free(extra[i]);
    return result < 0 ? -EINVAL : 0;
}
