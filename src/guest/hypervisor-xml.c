/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/hypervisor-xml.h"

#include "guest/xml-tree.h"

#include <errno.h>

static int compare_names(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, NULL-ended, owned by the caller. */
static char **names_finish(GPtrArray *names)
{
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

/* <hyperv> without support is told, and has none; without such an element nothing is told. */
static char **enlightenments_read(const xmlNode *features)
{
    const xmlNode *hyperv = xml_child(features, "hyperv");
    const xmlNode *list = xml_child(hyperv, "enum");

    if (!hyperv)
        return NULL;
    while (list && !xml_value_is(list, "name", "features"))
        list = xml_next(list);
    GPtrArray *names = g_ptr_array_new();
    for (const xmlNode *value = xml_child(list, "value"); value; value = xml_next(value)) {
        char *name = xml_value(value, NULL);
        if (name)
            g_ptr_array_add(names, name);
    }
    return names_finish(names);
}

static void supported_add(const xmlNode *parent, GPtrArray *names)
{
    for (const xmlNode *node = parent ? parent->children : NULL; node; node = node->next)
        if (node->type == XML_ELEMENT_NODE && !node->ns && xml_value_is(node, "supported", "yes"))
            g_ptr_array_add(names, g_strdup((const char *)node->name));
}

int hypervisor_parse(const char *xml, size_t length, Hypervisor **ret, DiagList *diags)
{
    XmlReader reader = {.file = "domain capabilities", .diags = diags};
    g_autoptr(XmlDoc) doc = xml_document_parse(&reader, xml, length, "domainCapabilities");

    if (!doc)
        return -EINVAL;
    const xmlNode *root = xmlDocGetRootElement(doc);
    const xmlNode *features = xml_child(root, "features");
    GPtrArray *names = g_ptr_array_new();
    supported_add(root, names);
    supported_add(features, names);

    Hypervisor *hypervisor = hypervisor_new();
    hypervisor->enlightenments = enlightenments_read(features);
    hypervisor->features = names_finish(names);
    *ret = hypervisor;
    return 0;
}
