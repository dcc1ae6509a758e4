# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host's own settings: set, left to another writer, page merging by memory, all put back."""

from truth import read, write

FLAVOURS = ("amd-4node",)
THP = "/sys/kernel/mm/transparent_hugepage/enabled"
FILES = (THP, "/sys/kernel/mm/transparent_hugepage/defrag", "/proc/sys/kernel/numa_balancing",
         "/proc/sys/vm/zone_reclaim_mode", "/sys/kernel/mm/ksm/run", "/sys/kernel/mm/ksm/pages_to_scan",
         "/sys/kernel/mm/ksm/sleep_millisecs", "/sys/kernel/mm/ksm/merge_across_nodes")
POLICY = """
host:
  thp: {enabled: never, defrag: never}
  numa_balancing: on
  zone_reclaim_mode: 1
  ksm: {mode: %s, pages_to_scan: 200, sleep_millisecs: 30, merge_across_nodes: off}
"""


def now():
    """Of several words the one in brackets."""
    texts = [read(path) for path in FILES]
    return [text[text.index("[") + 1:text.index("]")] if "[" in text else text for text in texts]


def state(host):
    return host.status()["host_settings"]["state"]


def case(host):
    before = now()
    host.start(POLICY % "on")
    host.wait("all as the policy says",
              lambda: now() == ["never", "never", "1", "1", "1", "200", "30", "0"])
    host.wait("the host as planned", lambda: state(host) == "as-planned")

    write(THP, "always")  # another tool
    host.wait("the other writer is noticed", lambda: state(host) == "drifted")
    host.wait_cycle(host.cycles())
    assert now()[0] == "always" and host.ctl("verify", check=False).returncode == 1
    assert host.journal("drift: host.thp (actual) was changed to always; wanted never: left as it is")
    host.ctl("apply", check=False)
    assert now()[0] == "never" and state(host) == "as-planned"

    host.policy(POLICY % "auto, threshold: 1")
    host.ctl("reload")
    host.wait("memory is plentiful: no merging", lambda: read(FILES[4]) == "0")
    host.policy(POLICY % "auto, threshold: 100")
    host.ctl("reload")
    host.wait("memory is short: merging", lambda: read(FILES[4]) == "1")

    host.policy("host: {zone_reclaim_mode: 1}")
    host.ctl("reload")
    host.wait("what the policy no longer names is as before",
              lambda: now()[:3] + now()[4:] == before[:3] + before[4:] and now()[3] == "1")
    host.ctl("restore", "--all", check=False)
    assert now() == before and state(host) == "released"
