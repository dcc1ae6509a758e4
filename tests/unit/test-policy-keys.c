/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every key and field of the schema takes a value of its type and refuses another; the document
 * names them all. Values are made from the table, so that a new row is tested without a word here.
 */
#include "model/policy-key.h"
#include "policy/policy-load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* A value for field; where stands in for the field target, wherever it is below. */
static char *sample(const PolicyField *field, const PolicyField *target, const char *stand_in);

static char *sample_fields(const PolicyField *fields, const PolicyField *target,
                           const char *stand_in)
{
    GString *out = g_string_new("{");

    for (const PolicyField *field = fields; field->name; field++) {
        g_autofree char *value = sample(field, target, stand_in);
        g_string_append_printf(out, "%s%s: %s", field == fields ? "" : ", ", field->name, value);
    }
    g_string_append_c(out, '}');
    return g_string_free(out, FALSE);
}

/* A number as the type is written. */
static char *number(PolicyType type, uint64_t n)
{
    const char *unit = type == TYPE_DURATION  ? "us"
                       : type == TYPE_PERCENT ? "%"
                       : type == TYPE_RATE    ? "/s"
                                              : "";

    return g_strdup_printf("%" G_GUINT64_FORMAT "%s", n, unit);
}

static char *sample(const PolicyField *field, const PolicyField *target, const char *stand_in)
{
    g_autofree char *inner = NULL;

    if (field == target)
        return g_strdup(stand_in);
    switch (field->type) {
    case TYPE_BOOL:
        return g_strdup("yes");
    case TYPE_UINT:
    case TYPE_RATIO:
    case TYPE_PERCENT:
    case TYPE_DURATION:
    case TYPE_SIZE:
    case TYPE_RATE:
        return number(field->type, field->min);
    case TYPE_WORD:
        return g_strdup(field->words[0]);
    case TYPE_STRING:
        return g_strdup("text");
    case TYPE_CPU_LIST:
        return g_strdup("\"0-3,^2,all,node:1,llc:0,core:4\"");
    case TYPE_NODE_LIST:
    case TYPE_VCPU_LIST:
        return g_strdup("\"0-3,^2\"");
    case TYPE_STRING_LIST:
        return g_strdup("[one, two]");
    case TYPE_MAP:
        return sample_fields(field->fields, target, stand_in);
    case TYPE_TABLE:
        inner = sample(field->fields, target, stand_in);
        return g_strdup_printf("{%s: %s}", field->key_type == TYPE_UINT ? "0" : "vda", inner);
    case TYPE_RECORDS:
        inner = sample_fields(field->fields, target, stand_in);
        return g_strdup_printf("[%s, %s]", inner, inner);
    }
    return NULL;
}

/* A policy file with that one key. */
static char *document(const PolicyKeyInfo *info, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(info->path, ".", -1);
    g_autofree char *key = parts[1] ? g_strdup_printf("%s: {%s: %s}", parts[0], parts[1], value)
                                    : g_strdup_printf("%s: %s", parts[0], value);

    if (info->scope == SCOPE_HOST)
        return g_strdup_printf("version: 1\n%s\n", key);
    return g_strdup_printf("version: 1\ndefaults: {%s}\nguests: [{match: {name: a}, %s}]\n", key,
                           key);
}

/* The errors; *ret_warnings how many warnings. */
static unsigned parse(const char *text, Policy *policy, unsigned *ret_warnings)
{
    g_autoptr(DiagList) diags = diag_list_new();
    int r = policy_parse(text, strlen(text), "a.yaml", policy, diags);
    unsigned errors = diag_list_count(diags, DIAG_ERROR);

    assert_int_equal(r<0, errors> 0);
    *ret_warnings = diag_list_count(diags, DIAG_WARNING);
    return errors;
}

static void assert_accepted(const PolicyKeyInfo *info, const char *value)
{
    g_autoptr(Policy) policy = policy_new();
    g_autofree char *text = document(info, value);
    bool host = info->scope == SCOPE_HOST;
    unsigned warnings = 0;

    if (parse(text, policy, &warnings) > 0)
        fail_msg("refused: %s", text);
    if (warnings != 0)
        fail_msg("%u warnings: %s", warnings, text);

    const PolicyValue *read = host ? policy->values[info->key] : policy->defaults[info->key];
    assert_non_null(read);

    /* What is printed reads back as the same. */
    g_autofree char *printed = policy_value_format(read);
    g_autofree char *again = document(info, printed);
    g_autoptr(Policy) other = policy_new();
    if (parse(again, other, &warnings) > 0)
        fail_msg("refused: %s", again);
    const PolicyValue *reread = host ? other->values[info->key] : other->defaults[info->key];
    if (!policy_value_equal(read, reread))
        fail_msg("not the same: %s", again);
}

static void assert_refused(const PolicyKeyInfo *info, const char *value)
{
    g_autoptr(Policy) policy = policy_new();
    g_autofree char *text = document(info, value);
    unsigned warnings;

    if (parse(text, policy, &warnings) == 0)
        fail_msg("accepted: %s", text);
}

/* Words, bounds and wrong values of one field, which is info's own or one below it. */
static void field_test(const PolicyKeyInfo *info, const PolicyField *field)
{
    g_autofree char *bad =
        sample(&info->field, field, field->type == TYPE_STRING ? "\"\"" : "\"?!\"");
    assert_refused(info, bad);
    for (unsigned i = 0; field->words && field->words[i]; i++) {
        g_autofree char *word = sample(&info->field, field, field->words[i]);
        assert_accepted(info, word);
    }
    if (field->type != TYPE_CPU_LIST && field->type != TYPE_NODE_LIST &&
        field->type != TYPE_VCPU_LIST && field->min > 0) {
        g_autofree char *low = number(field->type, field->min - 1);
        g_autofree char *value = sample(&info->field, field, low);
        assert_refused(info, value);
    }
    if (field->max > 0) {
        g_autofree char *high = number(field->type, field->max);
        g_autofree char *value = sample(&info->field, field, high);
        assert_accepted(info, value);
        g_autofree char *higher = number(field->type, field->max + 1);
        g_autofree char *wrong = sample(&info->field, field, higher);
        assert_refused(info, wrong);
    }
    if (field->type == TYPE_TABLE) {
        field_test(info, field->fields);
    } else if (field->fields) {
        for (const PolicyField *below = field->fields; below->name; below++)
            field_test(info, below);
    }
}

static void test_values(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_POLICY_KEYS; i++) {
        const PolicyKeyInfo *info = policy_key_info(i);
        g_autofree char *value = sample(&info->field, NULL, NULL);
        assert_accepted(info, value);
        field_test(info, &info->field);
    }
}

static void test_empty_lists(void **state)
{
    (void)state;
    assert_accepted(policy_key_info(KEY_HOST_HOUSEKEEPING_CPUS), "\"\"");
    assert_refused(policy_key_info(KEY_HOST_HOUSEKEEPING_CPUS), "");
    assert_refused(policy_key_info(KEY_CPU_EMULATOR), "\"\"");
    assert_refused(policy_key_info(KEY_CPU_DEDICATED_VCPUS), "\"\"");
    assert_refused(policy_key_info(KEY_NUMA_NODES), "\"\"");
    assert_accepted(policy_key_info(KEY_ADVICE_IGNORE), "[]");
    assert_accepted(policy_key_info(KEY_CPU_PINS), "{}");
}

static void test_table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_POLICY_KEYS; i++) {
        const PolicyKeyInfo *info = policy_key_info(i);
        const char *dot = strrchr(info->path, '.');
        assert_int_equal(info->key, i);
        assert_ptr_equal(policy_key_by_path(info->path), info);
        assert_string_equal(info->field.name, dot ? dot + 1 : info->path);
        assert_non_null(info->field.doc);
    }
    assert_null(policy_key_by_path("cpu"));
    assert_null(policy_key_by_path("guests"));
}

static void test_documented(void **state)
{
    (void)state;
    g_autofree char *text = NULL;

    assert_true(g_file_get_contents("docs/POLICY.md", &text, NULL, NULL));
    for (unsigned i = 0; i < N_POLICY_KEYS; i++) {
        const PolicyKeyInfo *info = policy_key_info(i);
        g_autofree char *cell = g_strdup_printf("| `%s` |", info->path);
        const char *row = strstr(text, cell);
        if (!row)
            fail_msg("no row for %s", info->path);
        g_autofree char *line = g_strndup(row, strcspn(row, "\n"));
        if (info->default_text && !strstr(line, info->default_text))
            fail_msg("another default: %s", line);
        for (unsigned w = 0; info->field.words && info->field.words[w]; w++) {
            if (!strstr(line, info->field.words[w]))
                fail_msg("no word %s: %s", info->field.words[w], line);
        }
    }
}

static void test_shipped(void **state)
{
    (void)state;
    static const char *const files[] = {"conf/policy.yaml", NULL};
    g_autoptr(Policy) policy = NULL;
    g_autoptr(DiagList) diags = diag_list_new();

    assert_int_equal(policy_load_files(files, &policy, diags), 0);
    assert_int_equal(diags->items->len, 0);
    assert_int_equal(policy_get_mode(policy), MODE_OBSERVE);
    assert_int_equal(policy->rules->len, 0);
    g_autoptr(GuestPolicy) guest = policy_select(policy, &(PolicySubject){.name = "any"});
    assert_int_equal(guest_policy_get_cpu_policy(guest), CPU_SHARED);
}

static void test_examples(void **state)
{
    (void)state;
    g_autoptr(GDir) dir = g_dir_open("conf/examples", 0, NULL);
    const char *name;
    unsigned n = 0;

    assert_non_null(dir);
    while ((name = g_dir_read_name(dir))) {
        if (!g_str_has_suffix(name, ".yaml"))
            continue;
        n++;
        g_autofree char *path = g_build_filename("conf/examples", name, NULL);
        const char *const files[] = {path, NULL};
        g_autoptr(Policy) policy = NULL;
        g_autoptr(DiagList) diags = diag_list_new();
        assert_int_equal(policy_load_files(files, &policy, diags), 0);
        assert_int_equal(diags->items->len, 0);
        assert_int_equal(policy_get_mode(policy), MODE_OBSERVE);
        assert_true(policy->rules->len > 0);
    }
    assert_true(n >= 7);
}

/* The example of each key is a value of it. */
static void test_examples_of_keys(void **state)
{
    (void)state;
    for (unsigned i = 0; i < N_POLICY_KEYS; i++) {
        const PolicyKeyInfo *info = policy_key_info(i);
        g_autofree char *line = policy_key_write(info, info->example);
        assert_accepted(info, info->example);
        if (!strstr(line, info->example))
            fail_msg("%s: %s", info->path, line);
    }
}

/* Every knob is some key's. */
static void test_knobs_of_keys(void **state)
{
    (void)state;
    uint64_t all = 0;

    for (unsigned i = 0; i < N_POLICY_KEYS; i++)
        all |= policy_key_info(i)->knobs;
    for (unsigned knob = 0; knob < N_KNOBS; knob++)
        if (!(all & KNOB_BIT(knob)))
            fail_msg("no key for %s", knob_info((Knob)knob)->name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_empty_lists),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_documented),
        cmocka_unit_test(test_shipped),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_examples_of_keys),
        cmocka_unit_test(test_knobs_of_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
