/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/show-top.h"

#include "base/util.h"
#include "ctl/style.h"
#include "ctl/table.h"

/* A vCPU that waits for a CPU so much is felt in its guest. */
#define DELAY_WARNING_PCT 5.0
#define DELAY_BAD_PCT 10.0

const char *top_order_name(TopOrder order)
{
    switch (order) {
    case TOP_BY_CPU:
        return "cpu";
    case TOP_BY_DELAY:
        return "delay";
    case TOP_BY_LOCALITY:
        return "locality";
    case TOP_BY_NAME:
    case N_TOP_ORDERS:
        break;
    }
    return "name";
}

/* --- order --- */

/* What is not known comes last. */
static double rank_of(Doc *guest, TopOrder order)
{
    switch (order) {
    case TOP_BY_CPU:
        return doc_get(guest, "cpu_pct") ? -doc_real(guest, "cpu_pct") : 1;
    case TOP_BY_DELAY:
        return doc_get(guest, "delay_pct") ? -doc_real(guest, "delay_pct") : 1;
    case TOP_BY_LOCALITY:
        return doc_get(guest, "locality_pct") ? (double)doc_number(guest, "locality_pct") : 101;
    case TOP_BY_NAME:
    case N_TOP_ORDERS:
        break;
    }
    return 0;
}

static gint guest_compare(gconstpointer a, gconstpointer b, gpointer data)
{
    Doc *one = *(Doc *const *)a, *two = *(Doc *const *)b;
    TopOrder order = *(const TopOrder *)data;
    double rank_one = rank_of(one, order), rank_two = rank_of(two, order);

    if (rank_one < rank_two || rank_one > rank_two)
        return CMP(rank_one, rank_two);
    return g_strcmp0(doc_word(one, "name"), doc_word(two, "name"));
}

/* Those that run. */
static GPtrArray *sorted_guests(const TopView *view, Doc *document)
{
    GPtrArray *guests = g_ptr_array_new();
    TopOrder order = view->order;

    DOC_FOREACH(guest, document, "guests")
    if (doc_bool(guest, "running"))
        g_ptr_array_add(guests, guest);
    g_ptr_array_sort_with_data(guests, guest_compare, &order);
    return guests;
}

/* --- cells --- */

static char *rate_cell(Doc *object, const char *key)
{
    return doc_get(object, key) ? g_strdup_printf("%6.1f", doc_real(object, key)) : NULL;
}

static char *delay_cell(Doc *object)
{
    g_autofree char *text = rate_cell(object, "delay_pct");
    double pct = doc_real(object, "delay_pct");
    GString *cell = g_string_new(NULL);

    if (text)
        style_append(cell,
                     pct >= DELAY_BAD_PCT       ? STYLE_BAD
                     : pct >= DELAY_WARNING_PCT ? STYLE_WARNING
                                                : STYLE_PLAIN,
                     text);
    return g_string_free(cell, FALSE);
}

static char *number_cell(Doc *object, const char *key, const char *unit)
{
    return doc_get(object, key)
               ? g_strdup_printf("%" G_GINT64_FORMAT "%s", doc_number(object, key), unit)
               : NULL;
}

static bool is_vcpu(Doc *thread)
{
    return g_str_equal(doc_word(thread, "class"), "vcpu");
}

/* Where its vCPUs, or its other threads, run or ran last. */
static char *cpus_cell(Doc *guest, bool vcpus)
{
    g_autoptr(CpuSet) cpus = cpuset_new();

    DOC_FOREACH(thread, guest, "threads")
    if (is_vcpu(thread) == vcpus && doc_get(thread, "last_cpu"))
        doc_add_number(thread, "last_cpu", cpus);
    return cpuset_format(cpus);
}

static unsigned count_astray(Doc *guest)
{
    unsigned n = 0;

    DOC_FOREACH(thread, guest, "threads")
    n += doc_bool(thread, "astray");
    return n;
}

static char *astray_cell(Doc *guest)
{
    GString *cell = g_string_new(NULL);
    unsigned n = count_astray(guest);
    g_autofree char *text = g_strdup_printf("%u", n);

    style_append(cell, n > 0 ? STYLE_BAD : STYLE_PLAIN, text);
    return g_string_free(cell, FALSE);
}

static void add_guest(Table *table, Doc *guest)
{
    g_autofree char *vcpus = number_cell(guest, "vcpus", "");
    g_autofree char *cpu = rate_cell(guest, "cpu_pct"), *delay = delay_cell(guest);
    g_autofree char *local = number_cell(guest, "locality_pct", "%");
    g_autofree char *drift = number_cell(guest, "drift", "");
    g_autofree char *repaired = number_cell(guest, "repaired", "");
    g_autofree char *both =
        g_strdup_printf("%s/%s", drift ? drift : "-", repaired ? repaired : "-");
    g_autofree char *on = cpus_cell(guest, true), *others = cpus_cell(guest, false);
    g_autofree char *astray = astray_cell(guest);

    table_add(table, (const char *const[]){doc_text(guest, "name"), doc_text(guest, "state"), vcpus,
                                           cpu, delay, local, both, astray, on, others, " "});
}

/* "vCPU 3", "IOThread 1"; of other classes with the name it has. */
static char *thread_title(Doc *thread)
{
    const char *class_name = doc_word(thread, "class");

    if (is_vcpu(thread))
        return g_strdup_printf("  vCPU %" G_GINT64_FORMAT, doc_number(thread, "id"));
    if (g_str_equal(class_name, "iothread"))
        return g_strdup_printf("  IOThread %" G_GINT64_FORMAT, doc_number(thread, "id"));
    return g_strdup_printf("  %s %s", class_name, doc_word(thread, "name"));
}

/* "2-3", "0-3, belongs on 2-3" */
static char *allowed_cell(Doc *thread)
{
    GString *cell = g_string_new(NULL);

    if (!doc_bool(thread, "astray"))
        return g_string_free(g_string_append(cell, doc_word(thread, "cpus")), FALSE);
    g_autofree char *words =
        g_strdup_printf("%s, belongs on %s", doc_word(thread, "cpus"), doc_word(thread, "planned"));
    style_append(cell, STYLE_BAD, words);
    return g_string_free(cell, FALSE);
}

static void add_thread(Table *table, Doc *thread)
{
    g_autofree char *title = thread_title(thread), *cpu = rate_cell(thread, "cpu_pct");
    g_autofree char *delay = delay_cell(thread), *on = number_cell(thread, "last_cpu", "");
    g_autofree char *tid = number_cell(thread, "tid", ""), *allowed = allowed_cell(thread);
    const char *vcpu_on = is_vcpu(thread) ? on : " ", *other_on = is_vcpu(thread) ? " " : on;

    table_add(table, (const char *const[]){title, tid, " ", cpu, delay, " ", " ", " ", vcpu_on,
                                           other_on, allowed});
}

static unsigned class_rank(Doc *thread)
{
    static const char *const classes[] = {"vcpu", "iothread", "vhost", "emulator"};
    unsigned rank = 0;

    while (rank < G_N_ELEMENTS(classes) && !g_str_equal(doc_word(thread, "class"), classes[rank]))
        rank++;
    return rank;
}

static gint thread_compare(gconstpointer a, gconstpointer b)
{
    Doc *one = *(Doc *const *)a, *two = *(Doc *const *)b;

    if (class_rank(one) != class_rank(two))
        return CMP(class_rank(one), class_rank(two));
    if (doc_number(one, "id") != doc_number(two, "id"))
        return CMP(doc_number(one, "id"), doc_number(two, "id"));
    return CMP(doc_number(one, "tid"), doc_number(two, "tid"));
}

static void add_threads(Table *table, Doc *guest)
{
    g_autoptr(GPtrArray) threads = g_ptr_array_new();

    DOC_FOREACH(thread, guest, "threads")
    g_ptr_array_add(threads, thread);
    g_ptr_array_sort(threads, thread_compare);
    for (guint i = 0; i < threads->len; i++)
        add_thread(table, g_ptr_array_index(threads, i));
}

/* --- all of it --- */

static void append_summary(const GPtrArray *running, Doc *document, GString *out)
{
    double cpu_pct = 0;
    int64_t vcpus = 0;

    for (guint i = 0; i < running->len; i++) {
        cpu_pct += doc_real(g_ptr_array_index(running, i), "cpu_pct");
        vcpus += doc_number(g_ptr_array_index(running, i), "vcpus");
    }
    style_mark_legend(out);
    g_string_append_printf(
        out, "%u guests, %u running with %" G_GINT64_FORMAT " vCPUs; together %.1f%% of a CPU\n",
        doc_length(document, "guests"), running->len, vcpus, cpu_pct);
}

void show_top(const TopView *view, Doc *document, GString *out)
{
    g_autoptr(GPtrArray) running = sorted_guests(view, document);
    g_autoptr(Table) table = table_new((const char *const[]){
        "GUEST", "STATE", "VCPUS", "  CPU%", "DELAY%", "LOCAL", "DRIFT", "ASTRAY", "VCPUS ON",
        "OTHERS ON", view->threads ? "ALLOWED" : NULL, NULL});

    append_summary(running, document, out);
    for (guint i = 0; i < running->len; i++) {
        Doc *guest = g_ptr_array_index(running, i);
        add_guest(table, guest);
        if (view->threads)
            add_threads(table, guest);
    }
    table_print(table, out);
}
