/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Linked into the daemon instead of what it wraps: while the file VMTUNED_TEST_HANG is there, jobs
 * about guests whose name begins with "hang" do not come back, and the pool's patience is a tenth.
 */
#include "daemon/guest-job.h"
#include "daemon/pool.h"

#include <stdlib.h>
#include <unistd.h>

void __real_guest_job_run(GuestJob *job);
void __wrap_guest_job_run(GuestJob *job);
void __real_pool_submit(Pool *pool, PoolJob *job);
void __wrap_pool_submit(Pool *pool, PoolJob *job);

void __wrap_guest_job_run(GuestJob *job)
{
    const char *file = getenv("VMTUNED_TEST_HANG");

    while (file && g_str_has_prefix(job->name, "hang") && access(file, F_OK) == 0)
        g_usleep(50000);
    __real_guest_job_run(job);
}

void __wrap_pool_submit(Pool *pool, PoolJob *job)
{
    job->slow_usec /= 10;
    job->timeout_usec /= 10;
    __real_pool_submit(pool, job);
}
