"""Runs the system tests inside the namespaces that run.sh made; last line 'N passed, N failed'."""

import sys
import unittest

import harness
import test_ability
import test_advise
import test_bus
import test_churn
import test_cli
import test_clocks
import test_completion
import test_contest
import test_crash
import test_daemon
import test_devices
import test_disks
import test_doctor
import test_drift
import test_evil
import test_hung
import test_libvirtd
import test_log
import test_memory
import test_messages
import test_metrics
import test_objects
import test_off
import test_pending
import test_placement
import test_policy
import test_record
import test_report
import test_restore
import test_terminal
import test_usage

MODULES = (test_placement, test_drift, test_contest, test_restore, test_daemon, test_hung, test_libvirtd, test_cli,
           test_off, test_advise, test_devices, test_disks, test_doctor, test_pending, test_memory, test_clocks, test_bus,
           test_objects, test_ability, test_evil, test_policy, test_completion,
           test_terminal, test_log, test_usage, test_metrics, test_report)
RESILIENCE = (test_crash, test_record, test_messages, test_churn)  # by "make check-resilience"


def chosen(argv):
    """Words name tests; "resilience" all of those modules."""
    loader = unittest.TestLoader()
    suite = unittest.TestSuite()
    modules = RESILIENCE if argv == ["resilience"] else MODULES + RESILIENCE if argv else MODULES
    words = [word for word in argv if word != "resilience"]
    for module in modules:
        for case in (test for group in loader.loadTestsFromModule(module) for test in group):
            if not words or any(word in case.id() for word in words):
                suite.addTest(case)
    return suite


def main():
    suite = chosen(sys.argv[1:])
    host = harness.Host()
    host.start()
    harness.HOST = host
    try:
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    finally:
        host.stop()
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 0 if failed == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
