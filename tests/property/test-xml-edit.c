/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Properties of edits of a definition, over documents to be found and random ones of libvirt's own
 * grammar: what is read afterwards is what was written; what does not belong to the knobs stays as
 * it was; the same edit again changes nothing; an edit back gives every knob its first value; and
 * what libvirt's grammar allowed it still allows.
 *
 * VMTUNED_SEED and VMTUNED_COUNT choose the random ones; VMTUNED_XML names a folder with more
 * documents. A case that fails is printed with its document.
 */
#include "guest/domain-parts.h"
#include "guest/domain-xml.h"
#include "guest/knob-xml.h"
#include "property/random-domain.h"
#include "property/xml-corpus.h"
#include "property/xml-owned.h"

#include <errno.h>
#include <inttypes.h>
#include <libxml/relaxng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SEED 20261
#define DEFAULT_COUNT 1000
#define SCHEMA "/usr/share/libvirt/schemas/domain.rng"
#define MAX_EDITS 12

typedef struct Case {
    Random random;
    const char *name;
    const char *xml;
    bool plain_words; /* every value is one that libvirt has for the knob */
    xmlRelaxNGValidCtxt *schema;
    SettingList *before;
    DomainEdit edits[MAX_EDITS];
    char *values[MAX_EDITS];
    unsigned n;
    char *fault;
} Case;

/* Values to write are the caller's, results and outcome the case's. */
static void fail(Case *test, const char *what, const char *detail)
{
    if (!test->fault)
        test->fault = g_strdup_printf("%s: %s", what, detail ? detail : "");
}

static XmlDoc *parse(const char *xml)
{
    XmlReader reader = {0};

    return xml_document_parse(&reader, xml, strlen(xml), "domain");
}

static SettingList *knobs_of(const char *xml)
{
    g_autoptr(XmlDoc) doc = parse(xml);
    g_autoptr(GuestDef) def = guest_def_new();
    XmlReader reader = {0};

    if (!doc)
        return NULL;
    def->max_vcpus = MAX_VCPUS;
    domain_read_memory(&reader, xmlDocGetRootElement(doc), def);
    knob_xml_read(xmlDocGetRootElement(doc), def);
    SettingList *knobs = def->knobs;
    def->knobs = setting_list_new();
    return knobs;
}

/* --- random values --- */

static const struct {
    Knob knob;
    const char *words; /* of the grammar; "name=word word;name=word" for fields */
} vocabulary[] = {
    {KNOB_NUMA_MEMNODE, "mode=strict preferred interleave;nodeset=0 0-1 2,4"},
    {KNOB_MEMORY_PAGE_SIZE, "2048 1048576 default 2048:0;1048576:1"},
    {KNOB_MEMORY_LOCKED, "on"},
    {KNOB_MEMORY_NOSHAREPAGES, "on"},
    {KNOB_MEMORY_ALLOCATION_THREADS, "1 8"},
    {KNOB_CPU_TOPOLOGY, "sockets=1 2;dies=2;cores=1 8;threads=1 2"},
    {KNOB_CPU_CACHE, "mode=passthrough emulate disable;level=3"},
    {KNOB_CPU_HINT_DEDICATED, "on off"},
    {KNOB_CPU_POLL_CONTROL, "on off"},
    {KNOB_CPU_HYPERV, "state=on off"},
    {KNOB_CLOCK_TIMER, "yes no"},
    {KNOB_CLOCK_TICKPOLICY, "delay catchup merge discard"},
    {KNOB_NET_DRIVER, "vhost qemu"},
    {KNOB_NET_QUEUES, "2 4 16"},
    {KNOB_NET_RX_QUEUE_SIZE, "256 512 1024"},
    {KNOB_NET_TX_QUEUE_SIZE, "256 512 1024"},
    {KNOB_NET_PACKED, "on off"},
    {KNOB_NET_EVENT_IDX, "on off"},
    {KNOB_NET_MTU, "1500 9000"},
    {KNOB_NET_INBOUND, "average=128 1000;peak=2000;burst=512 1024"},
    {KNOB_NET_OUTBOUND, "average=128 1000;peak=2000;burst=512 1024"},
    {KNOB_DISK_CACHE, "none writeback writethrough unsafe directsync default"},
    {KNOB_DISK_IO, "native threads io_uring"},
    {KNOB_DISK_DISCARD, "unmap ignore"},
    {KNOB_DISK_DETECT_ZEROES, "off on unmap"},
    {KNOB_DISK_QUEUES, "1 4"},
    {KNOB_DISK_QUEUE_SIZE, "128 1024"},
    {KNOB_DISK_IOTHREAD, "1 2"},
    {KNOB_DISK_IOTUNE, "total_bytes_sec=1000;total_iops_sec=50 500;size_iops_sec=4096;"
                       "group_name=shared;total_iops_sec_max_length=5"},
    {KNOB_SCSI_QUEUES, "1 8"},
    {KNOB_SCSI_IOTHREAD, "1 2"},
};

static const char *words_of(Knob knob)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(vocabulary); i++)
        if (vocabulary[i].knob == knob)
            return vocabulary[i].words;
    g_error("%s has no words", knob_info(knob)->name);
}

/* What is no text of an attribute has values of its own. */
static bool has_fixed_values(Knob knob)
{
    return knob == KNOB_MEMORY_PAGE_SIZE || knob == KNOB_MEMORY_LOCKED ||
           knob == KNOB_MEMORY_NOSHAREPAGES;
}

static char *random_of(Case *test, const char *words, bool fixed)
{
    g_auto(GStrv) list = g_strsplit(words, " ", -1);

    if (!fixed && !test->plain_words && random_chance(&test->random, 30))
        return g_strdup(random_odd_text(&test->random));
    return g_strdup(random_word(&test->random, (const char *const *)list));
}

/* All fields there are words for, or some. */
static char *random_fields(Case *test, const KnobInfo *info)
{
    g_auto(GStrv) parts = g_strsplit(words_of(info->knob), ";", -1);
    g_autofree const char **ordered = g_new0(const char *, knob_fields_count(info) + 1);

    for (char **part = parts; *part; part++) {
        char *equals = strchr(*part, '=');
        g_autofree char *name = g_strndup(*part, (gsize)(equals - *part));
        unsigned i = 0;
        while (!g_str_equal(info->fields[i].name, name))
            i++;
        if (!test->plain_words && random_chance(&test->random, 30))
            continue;
        g_autofree char *value = random_of(test, equals + 1, false);
        ordered[i] = g_intern_string(value);
    }
    return knob_fields_format(info, ordered);
}

static char *random_cells(Random *random)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0, n = 1 + random_below(random, 4); i < n; i++)
        g_string_append_printf(text, "%s%u-%u:%u", i > 0 ? ";" : "", 4 * i,
                               4 * i + 1 + random_below(random, 3),
                               1024 * (1 + random_below(random, 64)));
    return g_string_free(text, FALSE);
}

static char *random_iothreads(Random *random)
{
    g_autoptr(CpuSet) ids = cpuset_new();

    for (unsigned i = 1 + random_below(random, 4); i > 0; i--)
        hwloc_bitmap_set(ids, 1 + random_below(random, 6));
    return cpuset_format(ids);
}

static char *random_value(Case *test, const SettingKey *key)
{
    const KnobInfo *info = knob_info(key->knob);

    if (random_chance(&test->random, 25))
        return NULL;
    if (key->knob == KNOB_NUMA_CELLS)
        return random_cells(&test->random);
    if (key->knob == KNOB_IOTHREAD_IDS)
        return random_iothreads(&test->random);
    return info->type == KNOB_TYPE_FIELDS
               ? random_fields(test, info)
               : random_of(test, words_of(key->knob), has_fixed_values(key->knob));
}

/* --- random edits --- */

static void add_edit(Case *test, const SettingKey *key, char *value)
{
    test->values[test->n] = value;
    test->edits[test->n++] = (DomainEdit){.key = *key, .value = value};
}

static bool has_edit(const Case *test, const SettingKey *key)
{
    for (unsigned i = 0; i < test->n; i++)
        if (setting_key_compare(&test->edits[i].key, key) == 0)
            return true;
    return false;
}

static const Setting *random_knob(Case *test)
{
    return setting_list_get(test->before,
                            random_below(&test->random, setting_list_size(test->before)));
}

/* Knobs of the document, those of devices first of all; now and then what is only taken out. */
static void choose_edits(Case *test)
{
    static const Knob whole[] = {KNOB_VCPU_PIN,   KNOB_EMULATOR_PIN, KNOB_IOTHREAD_PIN,
                                 KNOB_CPU_WEIGHT, KNOB_CPU_QUOTA,    KNOB_NUMA_NODESET};

    for (unsigned left = 1 + random_below(&test->random, MAX_EDITS); left > 0; left--) {
        const Setting *one = random_knob(test);
        SettingKey key = one->key;
        if (key.device[0] == '\0' || random_chance(&test->random, 30))
            key = random_knob(test)->key;
        if (random_chance(&test->random, 15))
            key = (SettingKey){.knob = whole[random_below(&test->random, G_N_ELEMENTS(whole))],
                               .instance = random_below(&test->random, 3)};
        if (knob_info(key.knob)->instance == INSTANCE_GUEST)
            key.instance = 0;
        if (has_edit(test, &key))
            continue;
        bool is_whole = key.knob <= KNOB_NUMA_NODESET;
        add_edit(test, &key, is_whole ? NULL : random_value(test, &key));
    }
}

/* --- what must hold --- */

static const char *value_in(const SettingList *knobs, const SettingKey *key)
{
    const Setting *setting = setting_list_find(knobs, key);

    return setting ? setting->value : NULL;
}

/* Memory nodes of cells that are no more are not listed any more. */
static bool is_listed(const SettingList *knobs, const SettingKey *key)
{
    return knob_info(key->knob)->instance != INSTANCE_CELL || setting_list_find(knobs, key);
}

static const DomainEdit *edit_find(const Case *test, const SettingKey *key)
{
    for (unsigned i = 0; i < test->n; i++)
        if (setting_key_compare(&test->edits[i].key, key) == 0)
            return &test->edits[i];
    return NULL;
}

/* Edited knobs have the value written, all others the one from before. */
static void check_values(Case *test, const SettingList *after)
{
    for (unsigned i = 0; i < setting_list_size(test->before); i++) {
        const Setting *setting = setting_list_get(test->before, i);
        const DomainEdit *edit = edit_find(test, &setting->key);
        const char *expected = edit && edit->result == 0 ? edit->value : setting->value;
        const char *value = value_in(after, &setting->key);
        if (!is_listed(after, &setting->key) || g_strcmp0(expected, value) == 0)
            continue;
        g_autofree char *key = setting_key_format(&setting->key);
        g_autofree char *text =
            g_strdup_printf("%s is \"%s\", not \"%s\"", key, value ? value : "(none)",
                            expected ? expected : "(none)");
        fail(test, edit ? "not as written" : "another knob", text);
    }
}

static unsigned n_cells_of(const char *value)
{
    unsigned n = value ? 1 : 0;

    for (const char *p = value; p && *p; p++)
        n += *p == ';';
    return n;
}

static CpuSet *ids_of(const char *value)
{
    CpuSet *ids = NULL;

    if (cpuset_parse(value ? value : "", &ids) < 0)
        abort();
    return ids;
}

/* The document without what belongs to the edited knobs. */
static char *rest_of(const Case *test, const char *xml, const SettingList *after)
{
    static const SettingKey cells = {.knob = KNOB_NUMA_CELLS},
                            threads = {.knob = KNOB_IOTHREAD_IDS};
    g_autoptr(XmlDoc) doc = parse(xml);
    unsigned n_before = n_cells_of(value_in(test->before, &cells));
    unsigned n_after = n_cells_of(value_in(after, &cells));
    g_autoptr(CpuSet) ids_before = ids_of(value_in(test->before, &threads));
    g_autoptr(CpuSet) ids_after = ids_of(value_in(after, &threads));
    g_autoptr(CpuSet) kept = cpuset_and(ids_before, ids_after);

    for (unsigned i = 0; i < test->n; i++)
        if (test->edits[i].result == 0)
            owned_cut(xmlDocGetRootElement(doc), &test->edits[i].key, MIN(n_before, n_after), kept);
    return document_text(doc);
}

static void check_rest(Case *test, const char *edited, const SettingList *after)
{
    g_autofree char *before = rest_of(test, test->xml, after);
    g_autofree char *now = rest_of(test, edited, after);
    gsize i = 0;

    while (before[i] && before[i] == now[i])
        i++;
    if (!before[i] && !now[i])
        return;
    i -= MIN(i, 80);
    g_autofree char *text = g_strdup_printf("\"%.240s\" became \"%.240s\"", before + i, now + i);
    fail(test, "not its own", text);
}

static char *edit(Case *test, const char *xml)
{
    char *edited = NULL;

    if (domain_xml_edit(xml, test->edits, test->n, &edited) < 0)
        fail(test, "not edited", xml);
    for (unsigned i = 0; i < test->n; i++)
        if (test->edits[i].result != 0 && test->edits[i].result != -ENOTUNIQ)
            fail(test, "refused", knob_info(test->edits[i].key.knob)->name);
    return edited;
}

static void check_again(Case *test, const char *edited)
{
    g_autofree char *again = edit(test, edited);

    if (again && !g_str_equal(again, edited))
        fail(test, "not the same when edited again", again);
}

/* Pins that went are not put back: what libvirt has a call for is not written here. */
static void check_back(Case *test, const char *edited)
{
    for (unsigned i = 0; i < test->n; i++)
        test->edits[i].value = value_in(test->before, &test->edits[i].key);
    g_autofree char *back = edit(test, edited);
    g_autoptr(SettingList) knobs = back ? knobs_of(back) : NULL;

    for (unsigned i = 0; knobs && i < setting_list_size(test->before); i++) {
        const Setting *setting = setting_list_get(test->before, i);
        if (is_listed(knobs, &setting->key) &&
            g_strcmp0(setting->value, value_in(knobs, &setting->key)) != 0)
            fail(test, "not put back", knob_info(setting->key.knob)->name);
    }
    for (unsigned i = 0; i < test->n; i++)
        test->edits[i].value = test->values[i];
}

/* The values there are change nothing, not a byte. */
static void check_unchanged(Case *test)
{
    for (unsigned i = 0; i < test->n; i++)
        test->edits[i].value = value_in(test->before, &test->edits[i].key);
    g_autofree char *same = NULL;
    unsigned n = test->n;

    for (unsigned i = 0; i < test->n; i++)
        if (test->edits[i].key.knob <= KNOB_NUMA_NODESET)
            n = MIN(n, i); /* a pin is not known to be there */
    if (domain_xml_edit(test->xml, test->edits, n, &same) < 0 || !g_str_equal(same, test->xml))
        fail(test, "changed by the values it has", same);
    for (unsigned i = 0; i < test->n; i++)
        test->edits[i].value = test->values[i];
}

static bool is_valid(const Case *test, const char *xml)
{
    g_autoptr(XmlDoc) doc = parse(xml);

    return doc && xmlRelaxNGValidateDoc(test->schema, doc) == 0;
}

/* libvirt writes a <clock> into every definition; its grammar may be older than a word here; the
 * planner leaves enlightenments alone that are passed through; and libvirt has <catchup> under
 * other policies, too, though its grammar has not. */
static bool is_in_grammar(const Case *test, const DomainEdit *edit)
{
    static const char *const newer[] = {"emsr_bitmap", "xmm_input", NULL};
    static const char *const ticking[] = {"platform", "rtc", "tsc", "hpet", "pit", NULL};

    switch (edit->key.knob) {
    case KNOB_CPU_HYPERV:
        return !g_strv_contains(newer, edit->key.device) && !strstr(test->xml, "\"passthrough\"") &&
               !strstr(test->xml, "'passthrough'");
    case KNOB_CLOCK_TICKPOLICY:
        return strstr(test->xml, "<clock ") && !strstr(test->xml, "<catchup") &&
               g_strv_contains(ticking, edit->key.device);
    case KNOB_CLOCK_TIMER:
        return strstr(test->xml, "<clock ") != NULL;
    default:
        return true;
    }
}

/* One edit alone, since that tells which one it is. */
static void check_grammar(Case *test)
{
    DomainEdit *one = &test->edits[random_below(&test->random, test->n)];
    g_autofree char *edited = NULL;

    if (!is_in_grammar(test, one) || !test->schema || !test->plain_words ||
        !is_valid(test, test->xml) || domain_xml_edit(test->xml, one, 1, &edited) < 0 ||
        is_valid(test, edited))
        return;
    g_autofree char *key = setting_key_format(&one->key);
    g_autofree char *text =
        g_strdup_printf("%s = %s:\n%s", key, one->value ? one->value : "(none)", edited);
    fail(test, "not of libvirt's grammar any more", text);
}

static void check_all(Case *test)
{
    check_unchanged(test);
    g_autofree char *edited = edit(test, test->xml);
    g_autoptr(SettingList) after = edited ? knobs_of(edited) : NULL;

    if (!after) {
        fail(test, "does not parse", edited);
        return;
    }
    check_values(test, after);
    check_rest(test, edited, after);
    check_again(test, edited);
    check_back(test, edited);
    check_grammar(test);
}

static void print_case(const Case *test)
{
    printf("FAILED %s: %s\n", test->name, test->fault);
    for (unsigned i = 0; i < test->n; i++) {
        g_autofree char *key = setting_key_format(&test->edits[i].key);
        printf("  %s = %s\n", key, test->values[i] ? test->values[i] : "(none)");
    }
    printf("%s\n", test->xml);
}

static bool holds(uint64_t seed, const char *name, const char *xml, xmlRelaxNGValidCtxt *schema)
{
    Case test = {.random = {.state = seed}, .name = name, .xml = xml, .schema = schema};

    test.plain_words = random_chance(&test.random, 50);
    test.before = knobs_of(xml);
    if (test.before) {
        choose_edits(&test);
        check_all(&test);
    } else {
        fail(&test, "does not parse", NULL);
    }
    if (test.fault)
        print_case(&test);
    bool good = !test.fault;
    for (unsigned i = 0; i < test.n; i++)
        g_free(test.values[i]);
    setting_list_free(test.before);
    g_free(test.fault);
    return good;
}

/* --- documents --- */

/* As it would be sent: with and without indentation. */
static char *format(Random *random, XmlDoc *doc)
{
    xmlChar *bytes = NULL;
    int length = 0;

    xmlDocDumpFormatMemoryEnc(doc, &bytes, &length, "UTF-8", random_chance(random, 60));
    char *text = g_strdup((const char *)bytes);
    xmlFree(bytes);
    return text;
}

/* One of the grammar, or one that was found, with more in it. */
static char *random_document(Random *random, const Grammar *grammar, const GPtrArray *files)
{
    g_autoptr(XmlDoc) doc = NULL;

    if (grammar && random_chance(random, 70)) {
        doc = random_domain(random, grammar);
    } else {
        const XmlFile *file = g_ptr_array_index(files, random_below(random, files->len));
        doc = parse(file->xml);
    }
    if (random_chance(random, 60))
        random_decorate(random, doc);
    return format(random, doc);
}

static GPtrArray *files_collect(void)
{
    GPtrArray *files = g_ptr_array_new_with_free_func((GDestroyNotify)xml_file_free);
    const char *more = getenv("VMTUNED_XML");

    xml_corpus_add(files, "tests/data");
    xml_corpus_add(files, "tests/fuzz/corpus/domain-xml");
    xml_corpus_add(files, "/usr/share/doc/libvirt-doc");
    if (more)
        xml_corpus_add(files, more);
    return files;
}

static void ignore_error(void *data G_GNUC_UNUSED, xmlError *error G_GNUC_UNUSED)
{
}

int main(void)
{
    uint64_t seed = environment_number("VMTUNED_SEED", DEFAULT_SEED), passed = 0;
    uint64_t count = environment_number("VMTUNED_COUNT", DEFAULT_COUNT);
    g_autoptr(GPtrArray) files = files_collect();
    g_autoptr(Grammar) grammar = grammar_load(SCHEMA);
    xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewParserCtxt(SCHEMA);
    xmlRelaxNG *schema = grammar ? xmlRelaxNGParse(parser) : NULL;
    xmlRelaxNGValidCtxt *validator = schema ? xmlRelaxNGNewValidCtxt(schema) : NULL;

    xmlSetStructuredErrorFunc(NULL, ignore_error);
    printf("VMTUNED_SEED=%" PRIu64 " VMTUNED_COUNT=%" PRIu64 "; %u documents found%s\n", seed,
           count, files->len, grammar ? "" : "; libvirt's grammar is not there");
    for (guint i = 0; i < files->len; i++) {
        const XmlFile *file = g_ptr_array_index(files, i);
        passed += holds(seed + i, file->name, file->xml, validator);
    }
    for (uint64_t i = 0; i < count; i++) {
        Random random = {.state = seed + i};
        g_autofree char *name = g_strdup_printf("VMTUNED_SEED=%" PRIu64, seed + i);
        g_autofree char *xml = random_document(&random, grammar, files);
        passed += holds(seed + i, name, xml, validator);
    }
    xmlRelaxNGFreeValidCtxt(validator);
    xmlRelaxNGFree(schema);
    xmlRelaxNGFreeParserCtxt(parser);
    count += files->len;
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, count - passed);
    return passed == count && count > 0 ? 0 : 1;
}
