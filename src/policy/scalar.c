/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy/scalar.h"

#include "base/util.h"

#include <errno.h>
#include <string.h>

typedef struct ScalarType {
    PolicyValueKind kind;
    /* Fills value, bounds aside. 0 or negative errno. */
    int (*parse)(const char *text, PolicyValue *value, ScalarFault *reterr);
} ScalarType;

#define ANY_CASE_EQUAL(a, b) (g_ascii_strcasecmp(a, b) == 0)

static int bool_parse(const char *text, PolicyValue *value, ScalarFault *reterr)
{
    static const char *const names[][3] = {{"off", "no", "false"}, {"on", "yes", "true"}};

    (void)reterr;
    for (unsigned u = 0; u < 2; u++) {
        for (unsigned i = 0; i < 3; i++) {
            if (ANY_CASE_EQUAL(text, names[u][i])) {
                value->u = u;
                return 0;
            }
        }
    }
    return -EINVAL;
}

static int uint_parse(const char *text, PolicyValue *value, ScalarFault *reterr)
{
    (void)reterr;
    return parse_u64(text, UINT64_MAX, &value->u);
}

static int ratio_parse(const char *text, PolicyValue *value, ScalarFault *reterr)
{
    char *end;

    (void)reterr;
    if (!g_ascii_isdigit(text[0]) || text[strspn(text, "0123456789.")])
        return -EINVAL;
    value->real = g_ascii_strtod(text, &end);
    return *end || value->real > UINT32_MAX ? -EINVAL : 0;
}

/* The number in front of suffix, which may be missing, by parse. */
static int suffixed_parse(const char *text, const char *suffix,
                          int (*parse)(const char *text, uint64_t *ret), uint64_t *ret)
{
    g_autofree char *number = g_strdup(text);

    if (g_str_has_suffix(number, suffix))
        number[strlen(number) - strlen(suffix)] = '\0';
    return parse(number, ret);
}

static int number_parse(const char *text, uint64_t *ret)
{
    return parse_u64(text, UINT64_MAX, ret);
}

static int percent_parse(const char *text, PolicyValue *value, ScalarFault *reterr)
{
    (void)reterr;
    return suffixed_parse(text, "%", number_parse, &value->u);
}

static int rate_parse(const char *text, PolicyValue *value, ScalarFault *reterr)
{
    (void)reterr;
    return suffixed_parse(text, "/s", parse_size, &value->u);
}

static int size_parse(const char *text, PolicyValue *value, ScalarFault *reterr)
{
    (void)reterr;
    return parse_size(text, &value->u);
}

static int duration_parse(const char *text, PolicyValue *value, ScalarFault *reterr)
{
    (void)reterr;
    return parse_duration(text, &value->u);
}

static int string_parse(const char *text, PolicyValue *value, ScalarFault *reterr)
{
    (void)value;
    (void)reterr;
    return text[0] ? 0 : -EINVAL;
}

static int cpus_parse(const char *text, PolicyValue *value, ScalarFault *reterr)
{
    return cpu_expr_parse(text, &value->cpus, &reterr->offset, &reterr->text);
}

static int set_parse(const char *text, PolicyValue *value, ScalarFault *reterr)
{
    (void)reterr;
    return cpuset_parse(text, &value->set);
}

/* A type without parse holds its words alone, or is no scalar. */
static const ScalarType types[] = {
    [TYPE_BOOL] = {VALUE_BOOL, bool_parse},
    [TYPE_UINT] = {VALUE_UINT, uint_parse},
    [TYPE_RATIO] = {VALUE_REAL, ratio_parse},
    [TYPE_PERCENT] = {VALUE_UINT, percent_parse},
    [TYPE_DURATION] = {VALUE_UINT, duration_parse},
    [TYPE_SIZE] = {VALUE_UINT, size_parse},
    [TYPE_RATE] = {VALUE_UINT, rate_parse},
    [TYPE_WORD] = {VALUE_WORD, NULL},
    [TYPE_STRING] = {VALUE_STRING, string_parse},
    [TYPE_CPU_LIST] = {VALUE_CPUS, cpus_parse},
    [TYPE_NODE_LIST] = {VALUE_SET, set_parse},
    [TYPE_VCPU_LIST] = {VALUE_SET, set_parse},
    [TYPE_STRING_LIST] = {VALUE_LIST, NULL},
    [TYPE_MAP] = {VALUE_MAP, NULL},
    [TYPE_TABLE] = {VALUE_MAP, NULL},
    [TYPE_RECORDS] = {VALUE_LIST, NULL},
};

bool scalar_is(PolicyType type)
{
    return types[type].kind != VALUE_LIST && types[type].kind != VALUE_MAP;
}

static bool within_bounds(const PolicyField *field, const PolicyValue *value)
{
    if (value->kind == VALUE_REAL)
        return value->real >= (double)field->min;
    if (value->kind == VALUE_UINT)
        return value->u >= field->min && (field->max == 0 || value->u <= field->max);
    if (value->kind == VALUE_CPUS)
        return value->cpus->n_terms >= field->min;
    if (value->kind == VALUE_SET)
        return cpuset_weight(value->set) >= field->min;
    return true;
}

/* What a YAML 1.1 writer makes of the words on and off comes back as them. */
static bool word_is(const char *word, const char *text)
{
    if (strcmp(word, text) == 0)
        return true;
    if (strcmp(word, "off") == 0)
        return ANY_CASE_EQUAL(text, "false") || ANY_CASE_EQUAL(text, "no");
    return strcmp(word, "on") == 0 && (ANY_CASE_EQUAL(text, "true") || ANY_CASE_EQUAL(text, "yes"));
}

static PolicyValue *word_parse(const PolicyField *field, const char *text, const Origin *origin)
{
    for (unsigned i = 0; field->words && field->words[i]; i++) {
        if (!word_is(field->words[i], text))
            continue;
        PolicyValue *value = policy_value_new(VALUE_WORD, origin);
        value->u = i;
        value->text = g_strdup(field->words[i]);
        return value;
    }
    return NULL;
}

PolicyValue *scalar_parse(const PolicyField *field, const char *text, const Origin *origin,
                          ScalarFault *reterr)
{
    const ScalarType *type = &types[field->type];
    PolicyValue *word = word_parse(field, text, origin);

    *reterr = (ScalarFault){0};
    if (word || !type->parse)
        return word;

    g_autoptr(PolicyValue) value = policy_value_new(type->kind, origin);
    value->text = g_strdup(text);
    if (type->parse(text, value, reterr) < 0 || !within_bounds(field, value))
        return NULL;
    return g_steal_pointer(&value);
}
