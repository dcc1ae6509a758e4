/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Edits of definitions. After the document, behind a line "%%", each line is one edit: the name of
 * a knob, its instance, and the value ("-": to be taken out). Whatever the bytes, an edit that was
 * made can be made again without a change, is read back as it was written, and the document still
 * parses.
 */
#include "guest/domain-xml.h"
#include "guest/knob-xml.h"

#include <stdlib.h>
#include <string.h>

#define SEPARATOR "\n%%\n"
#define MAX_EDITS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static bool parse(const char *xml, GuestDef **ret)
{
    return guest_def_parse(xml, strlen(xml), "fuzz.xml", ret, NULL) == 0;
}

/* "disk.cache vda none". False: no edit. Changes the line, which the edit then points into. */
static bool edit_parse(char *line, DomainEdit *ret)
{
    char *instance = strchr(line, ' ');
    char *value = instance ? strchr(instance + 1, ' ') : NULL;

    if (!value)
        return false;
    *instance++ = '\0';
    *value++ = '\0';
    int knob = knob_by_name(line);
    if (knob < 0)
        return false;
    *ret = (DomainEdit){.key = {.knob = (Knob)knob}, .value = strcmp(value, "-") ? value : NULL};
    if (knob_instance_is_named(knob_info((Knob)knob)->instance))
        setting_key_set_device(&ret->key, instance);
    else
        ret->key.instance = (unsigned)strtoul(instance, NULL, 10);
    return true;
}

/* Two edits of one knob: the last one counts. */
static bool is_last(const DomainEdit *edits, unsigned i, unsigned n)
{
    for (unsigned j = i + 1; j < n; j++)
        if (setting_key_compare(&edits[i].key, &edits[j].key) == 0 && edits[j].result == 0)
            return false;
    return true;
}

/* Any form of a list or of fields is taken; in the canonical form it must come back the same. */
static bool is_canonical(const DomainEdit *edit)
{
    const KnobInfo *info = knob_info(edit->key.knob);
    char **fields = NULL;

    if (!edit->value)
        return true;
    if (edit->key.knob == KNOB_NUMA_CELLS || edit->key.knob == KNOB_IOTHREAD_IDS ||
        edit->key.knob == KNOB_MEMORY_PAGE_SIZE)
        return false;
    if (info->type != KNOB_TYPE_FIELDS)
        return true;
    check(knob_fields_parse(info, edit->value, &fields) == 0);
    g_autofree char *text = knob_fields_format(info, (const char *const *)fields);
    knob_fields_free(info, fields);
    return g_strcmp0(text, edit->value) == 0;
}

static void check_read(const GuestDef *def, const DomainEdit *edits, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const Setting *setting = setting_list_find(def->knobs, &edits[i].key);
        if (edits[i].result == 0 && setting && is_last(edits, i, n) && is_canonical(&edits[i]))
            check(g_strcmp0(setting->value, edits[i].value) == 0);
    }
}

/* A pin is taken out with its element: that cannot make a document worse. All else may. */
static void edit(const char *xml, DomainEdit *edits, unsigned n)
{
    g_autofree char *once = NULL, *twice = NULL;
    g_autoptr(GuestDef) before = NULL, after = NULL;
    bool was_good = parse(xml, &before);

    if (domain_xml_edit(xml, edits, n, &once) < 0) {
        check(!was_good && !once);
        return;
    }
    check(domain_xml_edit(once, edits, n, &twice) == 0);
    check(n > 1 || strcmp(once, twice) == 0);
    if (was_good && parse(once, &after))
        check_read(after, edits, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = size > 0 ? g_strndup((const char *)data, size) : g_strdup("");
    char *edits = strstr(text, SEPARATOR);
    DomainEdit parsed[MAX_EDITS];
    unsigned n = 0;

    if (!edits)
        return 0;
    *edits = '\0';
    g_auto(GStrv) lines = g_strsplit(edits + strlen(SEPARATOR), "\n", -1);
    for (char **line = lines; *line && n < MAX_EDITS; line++)
        n += edit_parse(*line, &parsed[n]);
    edit(text, parsed, n);
    return 0;
}
