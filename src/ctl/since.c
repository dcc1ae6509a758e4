/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl/since.h"

#include "base/util.h"

#include <errno.h>
#include <string.h>

/* What a time may leave out: its date is that of now, its clock midnight. */
static char *complete(const char *text, GDateTime *now)
{
    g_autofree char *today = g_date_time_format(now, "%Y-%m-%d");
    g_auto(GStrv) parts = g_strsplit_set(text, " T", 2);
    const char *date = strchr(parts[0], '-') ? parts[0] : today;
    const char *clock = parts[1] ? parts[1] : date == parts[0] ? "00:00" : parts[0];
    bool seconds = strlen(clock) > strlen("hh:mm");

    return g_strdup_printf("%sT%s%s", date, clock, seconds ? "" : ":00");
}

int since_parse(const char *text, int64_t now_usec, int64_t *ret_usec)
{
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(now_usec / G_USEC_PER_SEC);
    g_autoptr(GDateTime) now = g_date_time_to_local(utc);
    uint64_t ago_usec;

    if (!strpbrk(text, "-:")) {
        if (parse_duration(text, &ago_usec) < 0 || ago_usec > (uint64_t)now_usec)
            return -EINVAL;
        *ret_usec = now_usec - (int64_t)ago_usec;
        return 0;
    }
    g_autoptr(GTimeZone) zone = g_time_zone_new_local();
    g_autofree char *whole = complete(text, now);
    g_autoptr(GDateTime) then = g_date_time_new_from_iso8601(whole, zone);
    if (!then || g_date_time_to_unix(then) > now_usec / G_USEC_PER_SEC)
        return -EINVAL;
    *ret_usec = g_date_time_to_unix(then) * G_USEC_PER_SEC;
    return 0;
}
