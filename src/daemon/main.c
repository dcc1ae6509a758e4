/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/backend-real.h"
#include "daemon/manager.h"
#include "daemon/restore-all.h"
#include "policy/policy-load.h"
#include "vmtuned/version.h"

#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define DEFAULT_URI "qemu:///system"
#define DEFAULT_STATE_DIR "/var/lib/vmtuned"

static void print_usage(FILE *stream)
{
    fputs("Usage: vmtuned [OPTION...]\n"
          "Tunes the guests of this KVM host as the policy says, and keeps them so.\n\n"
          "  --connect URI        hypervisor (" DEFAULT_URI ")\n"
          "  --policy FILE        policy file, with policy.d/ beside it\n"
          "                       (/etc/vmtuned/policy.yaml and the policy.d directories)\n"
          "  --state-dir DIR      where the record is (" DEFAULT_STATE_DIR ")\n"
          "  --bus ADDRESS        D-Bus address, or \"none\" (the system bus)\n"
          "  --once               one cycle, then exit: 0 all well, 1 refused or mismatch,\n"
          "                       3 only cold starts pending\n"
          "  --dry-run            change nothing\n"
          "  --restore [--force]  put every recorded original back, without a daemon\n"
          "  --log-level LEVEL    error, warning, notice, info, debug (info)\n"
          "  --version, --help\n",
          stream);
}

enum {
    OPT_CONNECT = 256,
    OPT_POLICY,
    OPT_STATE_DIR,
    OPT_BUS,
    OPT_LOG_LEVEL,
    OPT_VERSION,
    OPT_HELP
};

typedef struct Arguments {
    ManagerOptions options;
    int once, dry_run, restore, force;
    int exit_code; /* -1: go on */
} Arguments;

static int parse_log_level(const char *text)
{
    static const char *const names[] = {"error", "warning", "notice", "info", "debug"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(text, names[i]) == 0) {
            log_set_level(LOG_LEVEL_ERROR + i);
            return 0;
        }
    fprintf(stderr, "vmtuned: --log-level: '%s' is none of error, warning, notice, info, debug\n",
            text);
    return EX_USAGE;
}

static void take_option(Arguments *arguments, int option)
{
    switch (option) {
    case OPT_CONNECT:
        arguments->options.uri = optarg;
        break;
    case OPT_POLICY:
        arguments->options.policy_file = optarg;
        break;
    case OPT_STATE_DIR:
        arguments->options.state_dir = optarg;
        break;
    case OPT_BUS:
        arguments->options.bus = optarg;
        break;
    case OPT_LOG_LEVEL:
        if (parse_log_level(optarg) != 0)
            arguments->exit_code = 2;
        break;
    case OPT_VERSION:
        puts("vmtuned " VMTUNED_VERSION);
        arguments->exit_code = 0;
        break;
    case OPT_HELP:
        print_usage(stdout);
        arguments->exit_code = 0;
        break;
    case 0:
        break;
    default: /* getopt has said what is wrong */
        print_usage(stderr);
        arguments->exit_code = 2;
    }
}

static Arguments parse_arguments(int argc, char **argv)
{
    Arguments arguments = {
        .options = {.uri = DEFAULT_URI, .state_dir = DEFAULT_STATE_DIR},
        .exit_code = -1,
    };
    const struct option options[] = {
        {"connect", required_argument, NULL, OPT_CONNECT},
        {"policy", required_argument, NULL, OPT_POLICY},
        {"state-dir", required_argument, NULL, OPT_STATE_DIR},
        {"bus", required_argument, NULL, OPT_BUS},
        {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
        {"version", no_argument, NULL, OPT_VERSION},
        {"help", no_argument, NULL, OPT_HELP},
        {"once", no_argument, &arguments.once, 1},
        {"dry-run", no_argument, &arguments.dry_run, 1},
        {"restore", no_argument, &arguments.restore, 1},
        {"force", no_argument, &arguments.force, 1},
        {NULL, 0, NULL, 0},
    };

    for (int option;
         arguments.exit_code < 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        take_option(&arguments, option);
    if (arguments.exit_code < 0 && optind < argc) {
        fprintf(stderr, "vmtuned: unexpected argument '%s'\n", argv[optind]);
        arguments.exit_code = 2;
    }
    if (arguments.exit_code < 0 && arguments.force && !arguments.restore) {
        fputs("vmtuned: --force goes with --restore\n", stderr);
        arguments.exit_code = 2;
    }
    arguments.options.once = arguments.once;
    arguments.options.dry_run = arguments.dry_run;
    return arguments;
}

static void print_diags(const DiagList *diags)
{
    for (unsigned i = 0; diag_list_get(diags, i); i++) {
        g_autofree char *text = diag_format(diag_list_get(diags, i));
        fputs(text, stderr);
    }
}

/* One vmtuned at a time for a state directory: two would undo each other's work. The lock goes with
 * the process. A directory that cannot be used is the record's to tell. */
static bool lock_state(const char *directory)
{
    mkdir(directory, 0700);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    fprintf(stderr,
            "vmtuned: another vmtuned is running with %s; ask it with vmtuned-ctl, or stop it\n",
            directory);
    close(fd);
    return false;
}

static int run_daemon(const ManagerOptions *options)
{
    g_autoptr(DiagList) diags = diag_list_new();
    g_autoptr(Policy) policy = NULL;
    g_autoptr(Manager) manager = NULL;

    int r = policy_load(options->policy_file, &policy, diags);
    print_diags(diags);
    if (r < 0)
        return EX_CONFIG;
    r = manager_new(options, policy, g_steal_pointer(&diags), &manager);
    if (r >= 0)
        r = manager_run(manager);
    if (r < 0)
        log_error("%s", g_strerror(-r));
    return r < 0 ? EXIT_FAILURE : r;
}

/* systemd connects stderr to the journal and says so; else people read stderr. */
static void choose_log_sink(void)
{
    if (getenv("JOURNAL_STREAM"))
        log_set_sink(journal_sink);
}

int main(int argc, char **argv)
{
    Arguments arguments = parse_arguments(argc, argv);

    if (arguments.exit_code >= 0)
        return arguments.exit_code;
    /* one heap for all threads: one each would keep what a burst of looks took */
    mallopt(M_ARENA_MAX, 1);
    choose_log_sink();
    if (!arguments.dry_run && !lock_state(arguments.options.state_dir))
        return EX_UNAVAILABLE;
    if (arguments.restore)
        return restore_all(&arguments.options, arguments.force);
    return run_daemon(&arguments.options);
}
