/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exporter/exporter.h"

#include "base/util.h"
#include "vmtuned/version.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#define EXIT_USAGE 2 /* as the other programs */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_event, sd_event_unref)

static void print_usage(FILE *stream)
{
    fputs("Usage: vmtuned-exporter [OPTION...]\n"
          "Serves the metrics of vmtuned over HTTP, on the socket it was started with.\n\n"
          "  --exit-idle-time TIME  end once nobody was connected for so long, as \"60s\" (never)\n"
          "  --bus ADDRESS          where the daemon is (the system bus)\n"
          "  --version, --help\n",
          stream);
}

enum { OPT_IDLE = 256, OPT_BUS, OPT_VERSION, OPT_HELP };

/* -1, or the exit status that is due. */
static int take_option(ExporterOptions *options, int option)
{
    switch (option) {
    case OPT_IDLE:
        if (parse_duration(optarg, &options->idle_usec) == 0)
            return -1;
        fprintf(stderr, "vmtuned-exporter: --exit-idle-time: '%s' is no time, as \"60s\"\n",
                optarg);
        return EXIT_USAGE;
    case OPT_BUS:
        options->bus = optarg;
        return -1;
    case OPT_VERSION:
        puts("vmtuned-exporter " VMTUNED_VERSION);
        return 0;
    case OPT_HELP:
        print_usage(stdout);
        return 0;
    default: /* getopt has said what is wrong */
        print_usage(stderr);
        return EXIT_USAGE;
    }
}

static int parse_arguments(int argc, char **argv, ExporterOptions *options)
{
    static const struct option names[] = {
        {"exit-idle-time", required_argument, NULL, OPT_IDLE},
        {"bus", required_argument, NULL, OPT_BUS},
        {"version", no_argument, NULL, OPT_VERSION},
        {"help", no_argument, NULL, OPT_HELP},
        {NULL, 0, NULL, 0},
    };
    int status = -1;

    for (int option; status < 0 && (option = getopt_long(argc, argv, "", names, NULL)) != -1;)
        status = take_option(options, option);
    if (status < 0 && optind < argc) {
        fprintf(stderr, "vmtuned-exporter: unexpected argument '%s'\n", argv[optind]);
        return EXIT_USAGE;
    }
    return status;
}

/* The one socket of the unit. It is the same open file for whoever else has it, and libmicrohttpd
 * may not wait at it. Negative: there is none. */
static int take_socket(void)
{
    int fd = SD_LISTEN_FDS_START;

    if (sd_listen_fds(true) != 1 || sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
        return -EBADF;
    return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? -errno : fd;
}

static int run(const ExporterOptions *options)
{
    g_autoptr(sd_event) event = NULL;
    g_autoptr(Exporter) exporter = NULL;
    sigset_t set;
    int r;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if ((r = sd_event_default(&event)) < 0 ||
        (r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL)) < 0 ||
        (r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL)) < 0 ||
        (r = exporter_new(options, event, &exporter)) < 0)
        return r;
    sd_notify(0, "READY=1");
    return sd_event_loop(event);
}

int main(int argc, char **argv)
{
    ExporterOptions options = {0};
    int status = parse_arguments(argc, argv, &options);

    if (status >= 0)
        return status;
    options.fd = take_socket();
    if (options.fd < 0) {
        fputs("vmtuned-exporter: it has no socket to listen on; systemd starts it: "
              "'systemctl enable --now vmtuned-exporter.socket'\n",
              stderr);
        return EXIT_USAGE;
    }
    int r = run(&options);
    if (r < 0)
        fprintf(stderr, "vmtuned-exporter: %s\n", g_strerror(-r));
    return r < 0 ? EXIT_FAILURE : r;
}
