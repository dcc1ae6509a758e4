/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/hypervisor-xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#define DOCUMENT(TEXT) "<domainCapabilities>" TEXT "</domainCapabilities>"

static Hypervisor *parse(const char *xml)
{
    g_autoptr(DiagList) diags = diag_list_new();
    Hypervisor *hypervisor = NULL;

    assert_int_equal(hypervisor_parse(xml, strlen(xml), &hypervisor, diags), 0);
    return hypervisor;
}

static void assert_names(char **names, const char *expected)
{
    assert_non_null(names);
    g_autofree char *text = g_strjoinv(" ", names);
    assert_string_equal(text, expected);
}

static void test_told(void **state)
{
    (void)state;
    g_autoptr(Hypervisor) hypervisor = parse(DOCUMENT(
        "<path>/usr/bin/qemu</path><iothreads supported='yes'/><os supported='yes'/>"
        "<cpu><mode name='maximum' supported='yes'/></cpu>"
        "<devices><disk supported='yes'/></devices>"
        "<features><gic supported='no'/><genid supported='yes'/><!-- c --><hyperv supported='yes'>"
        "<enum name='other'><value>odd</value></enum><enum name='features'><value>vapic</value>"
        "<value> </value><value>relaxed</value></enum></hyperv></features>"));

    assert_names(hypervisor->enlightenments, "relaxed vapic");
    assert_names(hypervisor->features, "genid hyperv iothreads os");
    assert_true(hypervisor_has_enlightenment(hypervisor, "vapic"));
    assert_false(hypervisor_has_enlightenment(hypervisor, "odd"));
}

static void test_not_told(void **state)
{
    (void)state;
    g_autoptr(Hypervisor) old = parse(DOCUMENT("<features><sev supported='no'/></features>"));
    g_autoptr(Hypervisor) empty = parse("<domainCapabilities/>");
    g_autoptr(Hypervisor) none = parse(DOCUMENT("<features><hyperv supported='no'/></features>"));

    assert_null(old->enlightenments);
    assert_true(hypervisor_has_enlightenment(old, "vapic"));
    assert_null(empty->enlightenments);
    assert_names(none->enlightenments, "");
    assert_false(hypervisor_has_enlightenment(none, "vapic"));
}

static void test_bad(void **state)
{
    static const char *const bad[] = {"", "<domain/>", "<domainCapabilities>", "x",
                                      "<!DOCTYPE a><domainCapabilities/>"};
    (void)state;

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(DiagList) diags = diag_list_new();
        Hypervisor *hypervisor = NULL;
        assert_int_equal(hypervisor_parse(bad[i], strlen(bad[i]), &hypervisor, diags), -EINVAL);
        assert_null(hypervisor);
        assert_true(diag_list_count(diags, DIAG_ERROR) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_not_told),
        cmocka_unit_test(test_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
