/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vmtuned-ctl in a process of its own: a view that stays, and completion. The test is the daemon,
 * on a bus of its own. */
#include "ctl/live.h"
#include "ctl/verbs.h"
#include "vmtuned/bus.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGV(...) ((char **)(const char *[]){__VA_ARGS__, NULL})
#define PATIENCE_USEC (20 * G_USEC_PER_SEC)

typedef struct Stage {
    pid_t bus_pid;
    char *address;
    sd_bus *bus; /* has the daemon's name */
} Stage;

static int open_bus(Stage *stage)
{
    assert_true(sd_bus_new(&stage->bus) >= 0);
    assert_true(sd_bus_set_address(stage->bus, stage->address) >= 0);
    assert_true(sd_bus_set_bus_client(stage->bus, true) >= 0);
    assert_true(sd_bus_start(stage->bus) >= 0);
    assert_true(sd_bus_request_name(stage->bus, VMTUNED_BUS_NAME, 0) >= 0);
    return 0;
}

static int setup(void **state)
{
    static Stage stage;
    char line[512] = "";
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    stage.bus_pid = fork();
    if (stage.bus_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        execlp("dbus-daemon", "dbus-daemon", "--session", "--nofork", "--print-address", NULL);
        _exit(127);
    }
    close(ends[1]);
    assert_true(read(ends[0], line, sizeof(line) - 1) > 0);
    close(ends[0]);
    stage.address = g_strdup(g_strchomp(line));
    *state = &stage;
    return open_bus(&stage);
}

static int teardown(void **state)
{
    Stage *stage = *state;

    sd_bus_flush_close_unref(stage->bus);
    kill(stage->bus_pid, SIGTERM);
    waitpid(stage->bus_pid, NULL, 0);
    g_free(stage->address);
    return 0;
}

/* With its output in that file. */
static pid_t run(char **argv, const char *output)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(output, O_WRONLY);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
        _exit(127);
    int exit_status = verbs_run(argv);
    fflush(stdout);
    _exit(exit_status);
}

static pid_t watch(const Stage *stage, const char *output)
{
    return run(ARGV("vmtuned-ctl", "--bus", stage->address, "status", "--watch=3600", "--json"),
               output);
}

/* The next question; it has to come. */
static sd_bus_message *wait_question(Stage *stage, const char *method)
{
    int64_t end = g_get_monotonic_time() + PATIENCE_USEC;

    while (g_get_monotonic_time() < end) {
        sd_bus_message *message = NULL;
        int result = sd_bus_process(stage->bus, &message);
        assert_true(result >= 0);
        if (message && sd_bus_message_is_method_call(message, VMTUNED_BUS_MANAGER, method))
            return message;
        sd_bus_message_unref(message);
        if (result == 0)
            sd_bus_wait(stage->bus, G_USEC_PER_SEC);
    }
    fail_msg("it does not ask");
    return NULL;
}

static void answer(sd_bus_message *question)
{
    assert_true(sd_bus_reply_method_return(question, "s", "{\"exit\": 0}") >= 0);
    sd_bus_message_unref(question);
}

static void tell_change(Stage *stage)
{
    assert_true(sd_bus_emit_signal(stage->bus, VMTUNED_BUS_PATH, VMTUNED_BUS_MANAGER, "CycleDone",
                                   "") >= 0);
}

static void test_a_change_during_a_look_and_one_after(void **state)
{
    Stage *stage = *state;
    pid_t pid = watch(stage, "/dev/null");
    sd_bus_message *question = wait_question(stage, "Status");

    tell_change(stage); /* the answer is older than this */
    answer(question);
    answer(wait_question(stage, "Status"));
    tell_change(stage);
    answer(wait_question(stage, "Status"));
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

static void test_nobody_can_be_told(void **state)
{
    int status;
    pid_t pid = watch(*state, "/dev/full");

    answer(wait_question(*state, "Status"));
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), CTL_MISMATCH);
}

/* Also where an option has its value behind "=". */
static void test_completion_asks_the_bus_that_is_named(void **state)
{
    Stage *stage = *state;
    g_autofree char *bus = g_strconcat("--bus=", stage->address, NULL);
    pid_t pid = run(ARGV("vmtuned-ctl", "complete", "--", bus, "status", ""), "/dev/null");
    sd_bus_message *question = wait_question(stage, "Guests");
    int status;

    assert_true(sd_bus_reply_method_return(question, "a(sss)", 0) >= 0);
    sd_bus_message_unref(question);
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), CTL_OK);
}

/* A path of a guest's disk may have a newline in it. */
static void test_a_finding_forges_no_line(void **state)
{
    static const char document[] = "{\"exit\": 1, \"findings\": [{\"severity\": \"low\", "
                                   "\"class\": \"storage\", \"id\": \"x\","
                                   "\"what\": \"w\", \"command\": \"convert 'a\\n  forged'\"}]}";
    Stage *stage = *state;
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "vmtuned-test-XXXXXX", NULL);
    g_autofree char *shown = NULL;

    close(g_mkstemp(path));
    pid_t pid = run(ARGV("vmtuned-ctl", "--bus", stage->address, "doctor"), path);
    sd_bus_message *question = wait_question(stage, "Doctor");
    assert_true(sd_bus_reply_method_return(question, "s", document) >= 0);
    sd_bus_message_unref(question);
    waitpid(pid, NULL, 0);
    assert_true(g_file_get_contents(path, &shown, NULL, NULL));
    assert_non_null(strstr(shown, "to do: convert 'a   forged'\n"));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_change_during_a_look_and_one_after),
        cmocka_unit_test(test_nobody_can_be_told),
        cmocka_unit_test(test_completion_asks_the_bus_that_is_named),
        cmocka_unit_test(test_a_finding_forges_no_line),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
