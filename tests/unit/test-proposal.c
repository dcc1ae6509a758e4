/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Proposed policies: of every guest of the scenarios they load, as they are and with all proposals
 * in force, and can be planned; what is in force keeps what the guest has; names steer nothing.
 */
#include "plan/proposal.h"

#include "common/world.h"
#include "guest/domain-xml.h"
#include "plan/plan-make.h"
#include "policy/policy-load.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define OFFER "      # "

static char *propose(const Topo *topo, const Guest *guest)
{
    g_autoptr(Policy) none = policy_new();
    g_autoptr(GuestPolicy) policy = policy_select(none, &(PolicySubject){.name = guest->name});

    return proposal_make(topo, guest, policy);
}

/* The file with the "#" of every proposal taken away. */
static char *accept_all(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        char *mark = strstr(*line, "# ");
        bool is_offer = mark && mark > *line && strspn(*line, " ") == (size_t)(mark - *line);
        if (is_offer) /* the blanks stay: "      # key" is as deep as "      key" */
            memmove(mark, mark + 2, strlen(mark + 2) + 1);
    }
    return g_strjoinv("\n", lines);
}

static Policy *load(const char *text)
{
    Policy *policy = policy_new();
    g_autoptr(DiagList) diags = diag_list_new();

    int r = policy_parse(text, strlen(text), "proposal.yaml", policy, diags);
    const Diag *diag = diag_list_get(diags, 0);
    if (r < 0 || diag)
        fail_msg("%s\n%s", diag ? diag->text : "refused", text);
    assert_int_equal(policy->rules->len, 1);
    return policy;
}

static GuestPolicy *select_for(const Policy *policy, const Guest *guest)
{
    GuestPolicy *selected =
        policy_select(policy, &(PolicySubject){.name = guest->name, .uuid = guest->uuid});

    assert_true(selected->named);
    return selected;
}

static void assert_plans(const Topo *topo, const Policy *policy, const Guest *guest)
{
    g_autoptr(GuestPolicy) selected = select_for(policy, guest);
    PlanGuest one = {.guest = guest, .policy = selected};
    PlanInput input = {.topo = topo, .policy = policy, .guests = &one, .n_guests = 1};
    g_autoptr(Plan) plan = plan_make(&input);

    assert_int_equal(plan->n_guests, 1);
}

static void assert_usable(const Topo *topo, const Guest *guest)
{
    g_autofree char *text = propose(topo, guest);
    g_autofree char *bold = accept_all(text);
    g_autoptr(Policy) policy = load(text);
    g_autoptr(Policy) all = load(bold);

    assert_plans(topo, policy, guest);
    assert_plans(topo, all, guest);
}

static void test_every_guest_there_is(void **state)
{
    (void)state;
    static const char *const patterns[] = {"tests/scenario/*/guests/*.xml", "tests/data/*.xml",
                                           "tests/fuzz/corpus/domain-xml/*.xml", NULL};
    g_autoptr(Topo) topo = world_topo(2, 2, 2, 4, 2);
    unsigned n = 0;
    glob_t found = {0};

    world_add_pool(topo, 0, 2048, 512);
    for (const char *const *pattern = patterns; *pattern; pattern++)
        glob(*pattern, pattern == patterns ? 0 : GLOB_APPEND, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        g_autofree char *xml = NULL;
        g_autoptr(GuestDef) def = NULL;
        gsize length;
        assert_true(g_file_get_contents(found.gl_pathv[i], &xml, &length, NULL));
        if (guest_def_parse(xml, length, found.gl_pathv[i], &def, NULL) < 0 || !def->name ||
            !def->uuid)
            continue;
        g_autoptr(Guest) guest = guest_new(def->uuid, def->name);
        guest->persistent = true;
        guest->config = guest_def_ref(def);
        assert_usable(topo, guest);
        n++;
    }
    globfree(&found);
    assert_true(n > 500);
}

/* Whether a line begins with these words. */
static bool has_line(const char *text, const char *words)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    bool found = false;

    for (char **line = lines; *line; line++)
        found |= g_str_has_prefix(*line, words);
    return found;
}

static void assert_line(const char *text, const char *words)
{
    if (!has_line(text, words))
        fail_msg("no line '%s' in:\n%s", words, text);
}

static char *propose_xml(const Topo *topo, const char *inside)
{
    g_autofree char *xml = g_strdup_printf(
        "<domain type='kvm'><name>a</name><uuid>6a0f7d5c-1b1e-4f0e-9d0c-2b8f6f1c0001</uuid>"
        "<memory unit='GiB'>2</memory><vcpu>4</vcpu><os><type arch='x86_64'>hvm</type></os>%s"
        "</domain>",
        inside);
    g_autoptr(GuestDef) def = NULL;

    assert_int_equal(guest_def_parse(xml, strlen(xml), "a.xml", &def, NULL), 0);
    g_autoptr(Guest) guest = guest_new(def->uuid, def->name);
    guest->persistent = true;
    guest->config = guest_def_ref(def);
    assert_usable(topo, guest);
    return propose(topo, guest);
}

static void test_what_it_has_stays(void **state)
{
    (void)state;
    g_autoptr(Topo) topo = world_topo(2, 1, 1, 4, 2);
    g_autofree char *text = propose_xml(
        topo, "<cputune><vcpupin vcpu='0' cpuset='2'/><vcpupin vcpu='1' cpuset='3-4'/></cputune>"
              "<numatune><memory mode='strict' nodeset='0'/></numatune>"
              "<memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>");

    assert_line(text, "      policy: manual ");
    assert_line(text, OFFER "pins: {0: \"2\", 1: \"3-4\"} ");
    assert_line(text, "      mode: strict ");
    assert_line(text, "      page_size: 2MiB ");
}

static void test_by_system_and_devices(void **state)
{
    (void)state;
    g_autoptr(Topo) topo = world_topo(2, 1, 1, 4, 2);
    g_autofree char *windows = propose_xml(
        topo, "<metadata><l:libosinfo xmlns:l='http://libosinfo.org/xmlns/libvirt/domain/1.0'>"
              "<l:os id='http://microsoft.com/win/2k22'/></l:libosinfo></metadata>"
              "<devices><interface type='network'><mac address='52:54:00:00:00:01'/>"
              "<model type='virtio'/></interface></devices>");
    g_autofree char *plain = propose_xml(topo, "");

    assert_line(windows, "      policy: shared ");
    assert_line(windows, "      profile: auto ");
    assert_non_null(strstr(windows, "timers for windows"));
    assert_line(windows, OFFER "queues: auto ");
    assert_line(plain, OFFER "profile: linux ");
    assert_false(has_line(plain, "    network:"));
    assert_false(has_line(plain, "    disk:"));
    assert_line(plain, OFFER "mode: strict ");
}

static void test_names_steer_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"a\nmode: enforce",
                                        "a\"}\nx: y",
                                        "a*",
                                        "17",
                                        "-a",
                                        "a # b",
                                        "a\rmode: enforce",
                                        "a\xc2\x85mode: enforce",
                                        "a\xe2\x80\xa8mode: enforce",
                                        NULL};
    g_autoptr(Topo) topo = world_topo(1, 1, 1, 4, 1);

    for (const char *const *name = names; *name; name++) {
        g_autoptr(Guest) guest = world_guest(*name, 1, 2, WORLD_GIB_KIB, false);
        guest->config->os = g_strdup(*name);
        assert_usable(topo, guest);
        g_autofree char *text = propose(topo, guest);
        g_autoptr(Policy) policy = load(text);
        assert_null(policy->values[KEY_MODE]);
        assert_non_null(((PolicyRule *)g_ptr_array_index(policy->rules, 0))->match.uuid);
    }
}

static void test_a_rule_that_names_it_is_told(void **state)
{
    (void)state;
    static const char rules[] = "version: 1\nguests:\n  - match: {name: a}\n";
    g_autoptr(Topo) topo = world_topo(1, 1, 1, 4, 1);
    g_autoptr(Guest) guest = world_guest("a", 1, 2, WORLD_GIB_KIB, false);
    g_autoptr(Policy) policy = policy_new();

    assert_int_equal(policy_parse(rules, strlen(rules), "old.yaml", policy, NULL), 0);
    g_autoptr(GuestPolicy) selected = select_for(policy, guest);
    g_autofree char *text = proposal_make(topo, guest, selected);
    assert_line(text, "# The rule at old.yaml:3 names it already");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_guest_there_is),
        cmocka_unit_test(test_what_it_has_stays),
        cmocka_unit_test(test_by_system_and_devices),
        cmocka_unit_test(test_names_steer_nothing),
        cmocka_unit_test(test_a_rule_that_names_it_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
