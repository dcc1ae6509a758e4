"""Runs the system tests inside the namespaces that run.sh made; last line 'N passed, N failed'."""

import sys
import unittest

import harness
import test_ability
import test_advise
import test_bus
import test_cli
import test_daemon
import test_devices
import test_disks
import test_drift
import test_evil
import test_memory
import test_off
import test_pending
import test_placement
import test_restore

MODULES = (test_placement, test_drift, test_restore, test_daemon, test_cli, test_off, test_advise, test_devices,
           test_disks, test_pending, test_memory, test_bus, test_ability, test_evil)


def chosen(argv):
    loader = unittest.TestLoader()
    suite = unittest.TestSuite()
    for module in MODULES:
        for case in (test for group in loader.loadTestsFromModule(module) for test in group):
            if not argv or any(word in case.id() for word in argv):
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
