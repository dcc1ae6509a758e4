/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain XML: what parses has what its consumers rely on. */
#include "guest/domain-xml.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static GuestDef *parse(const char *xml, size_t length)
{
    g_autoptr(DiagList) diags = diag_list_new();
    GuestDef *def = NULL;
    int r = guest_def_parse(xml, length, "fuzz.xml", &def, diags);

    for (unsigned i = 0; diag_list_get(diags, i); i++)
        g_free(diag_format(diag_list_get(diags, i)));
    check((r == 0) == (def != NULL));
    check((r == 0) == (diag_list_count(diags, DIAG_ERROR) == 0));
    return def;
}

static void check_def(const GuestDef *def)
{
    check(def->name && g_uuid_string_is_valid(def->uuid) && def->type);
    check(def->max_vcpus > 0 && !cpuset_is_empty(def->vcpus));
    check((unsigned)hwloc_bitmap_last(def->vcpus) < def->max_vcpus);
    check(def->memory_kib > 0 && def->current_memory_kib <= def->memory_kib);
    check(def->has_hugepages == (def->n_hugepages > 0));
    for (unsigned i = 0; i < def->n_vcpu_pins; i++)
        check(!cpuset_is_empty(def->vcpu_pins[i].cpus) &&
              (i == 0 || def->vcpu_pins[i - 1].id < def->vcpu_pins[i].id));
    for (unsigned i = 0; i < def->n_iothread_pins; i++)
        check(cpuset_has(def->iothreads, def->iothread_pins[i].id));
    for (unsigned i = 0; i < def->n_cells; i++)
        check(def->cells[i].id == i);
    for (unsigned i = 0; i < def->n_disks; i++)
        check(def->disks[i].target && def->disks[i].bus && def->disks[i].type &&
              def->disks[i].device);
    for (unsigned i = 0; i < def->n_nics; i++)
        check(def->nics[i].mac && def->nics[i].type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* data may be NULL if size is 0. */
    g_autofree char *text = size > 0 ? g_strndup((const char *)data, size) : g_strdup("");
    g_autoptr(GuestDef) whole = parse((const char *)data, size);

    if (whole)
        check_def(whole);
    guest_def_unref(parse(text, strlen(text))); /* as libvirt hands it over: no byte after a NUL */
    return 0;
}
