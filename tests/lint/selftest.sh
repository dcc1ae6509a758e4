#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# selftest.sh CHECK : makes a source tree with one fault of each kind the check is for, and expects
# the check to fail and to name each.

check=$1
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
cd "$tree" || exit 1
mkdir -p src/base src/model src/plan src/daemon src/ctl include/vmtuned docs systemd out/src/plan
license='/* SPDX-License-Identifier: LGPL-2.1-or-later */'

expected() { # each line a text the check has to print
    case $check in
    includes.py)
        cat >src/plan/a.c <<'EOF'
#include "policy/policy-load.h"
#include <libvirt/libvirt.h>
#include <hwloc.h>
#include "a.h"
#include <glib.h>
EOF
        mkdir -p src/unknown src/virt
        echo '#include "apply/apply.h"' >src/virt/b.c
        : >src/unknown/c.c
        echo 'src/plan/a.c:1: src/plan/ may not include "policy/policy-load.h"'
        echo 'src/plan/a.c:2: src/plan/ may not include <libvirt/libvirt.h>'
        echo 'src/plan/a.c:3: src/plan/ may not include <hwloc.h>'
        echo 'src/plan/a.c:4: write "plan/a.h"'
        echo 'src/virt/b.c:1: src/virt/ may not include "apply/apply.h"'
        echo 'src/unknown/c.c:1: folder'
        ;;
    purity.py)
        cat >src/plan/a.c <<'EOF'
#include <time.h>
long a(void *table);
void g_hash_table_foreach(void *, void *, void *);
long a(void *table) { g_hash_table_foreach(table, 0, 0); return time(NULL); }
EOF
        mkdir -p out/src/model out/src/base
        gcc -c -o out/src/plan/a.o src/plan/a.c
        echo 'int m; ' | gcc -xc -c -o out/src/model/m.o -
        echo 'int b; ' | gcc -xc -c -o out/src/base/b.o -
        echo 'src/plan/a.c:4: walks a hash table'
        echo 'src/plan/a.c:0: calls time,'
        ;;
    format.sh)
        echo 'int  a ;' >src/plan/a.c
        echo 'src/plan/a.c:1:'
        ;;
    cppcheck.sh)
        echo 'int a(int i); int a(int i) { int v[2] = {i, i}; return v[2]; }' >src/plan/a.c
        echo 'src/plan/a.c:1: error:'
        ;;
    documented.py)
        echo '{.name = "vcpu.pin"}, {.name = "vcpu.weight"}' >src/model/knob.c
        echo '{.path = "cpu.policy"}' >src/model/policy-key.c
        echo 'SD_BUS_METHOD("Apply", 0), SD_BUS_SIGNAL("Gone", 0)' >src/daemon/bus.c
        echo '"0123456789abcdef0123456789abcdef"' >include/vmtuned/message-ids.h
        echo '-- ffffffffffffffffffffffffffffffff' >systemd/vmtuned.catalog
        echo 'vcpu.pin host.cpu.policy status-line Apply' | tee docs/KNOBS.md docs/POLICY.md >docs/BUS.md
        echo '`lab:gone` [gone](GONE.md)' >docs/RELIABILITY.md
        echo 'knob vcpu.weight is not in'
        echo 'policy key cpu.policy is not in'
        echo 'bus member Gone is not in'
        echo 'there is no test lab:gone'
        echo 'README.md:1: does not name docs/RELIABILITY.md'
        echo 'docs/RELIABILITY.md:1: links to GONE.md'
        echo 'message ID 0123456789abcdef0123456789abcdef is not in'
        echo 'message ID ffffffffffffffffffffffffffffffff is not in'
        ;;
    metrics.py)
        mkdir -p src/report conf/grafana conf/prometheus tests/data
        {
            echo '{.family = {.name = "vmtuned_a", .type = METRIC_COUNTER, .help = "A.", .labels = {"b"}},'
            echo '{.family = {.name = "vmtuned_c_bytes", .type = METRIC_GAUGE, .unit = "bytes", .help = "C."}}'
            echo '{.family = {"vmtuned_d"}}'
        } >src/report/metric-a.c
        printf '%s\n' '| `vmtuned_c_bytes` | gauge |  | C. |' '| `vmtuned_e` | gauge |  | E. |' >docs/METRICS.md
        echo 'groups: [{name: a, rules: [{alert: A, expr: vmtuned_a > 0}]}]' >conf/prometheus/vmtuned.rules.yml
        {
            echo 'rule_files: [../../conf/prometheus/vmtuned.rules.yml]'
            echo 'tests: [{alert_rule_test: [{alertname: A, exp_alerts: [{}]}]}]'
        } >tests/data/vmtuned.rules.test.yml
        echo '{"panels": [{"targets": [{"expr": "sum(vmtuned_c_bytes, vmtuned_f"}]}]}' >conf/grafana/vmtuned.json
        echo 'src/report/metric-a.c:0: a row'
        echo 'docs/METRICS.md:0: lacks the row | `vmtuned_a_total` | counter | `b` | A. |'
        echo 'docs/METRICS.md:0: is of no metric: | `vmtuned_e`'
        echo 'conf/prometheus/vmtuned.rules.yml:0: there is no metric vmtuned_a'
        echo 'conf/grafana/vmtuned.json:0: there is no metric vmtuned_f'
        echo 'conf/grafana/vmtuned.json:0: promtool check rules:'
        echo 'tests/data/vmtuned.rules.test.yml:0: promtool test rules:'
        ;;
    sizes.py)
        {
            echo 'int a(void)'
            echo '{'
            yes '    ;' | head -n 800
            echo '}'
        } >src/plan/a.c
        echo 'src/plan/a.c:1: a: 803 lines'
        echo 'src/plan/a.c:803: 803 lines'
        ;;
    tidy.py)
        printf 'int a; /* %s: later */\n' TO'DO' >src/plan/a.c
        echo "$license" >src/plan/a.h
        echo 'src/plan/a.c:1: TO'
        echo 'src/plan/a.c:1: the first line'
        echo 'src/plan/a.h:1: no #pragma once'
        ;;
    manpages.sh)
        printf '.Dd January 1, 2025\n.Dt A 1\n.Os\n.Sh NAME\n.Nm a\n.Nd b\n.Bx\n.Xx c\n' >docs/a.1
        echo 'a.1:8:'
        ;;
    reference.py)
        printf '#!/bin/sh\necho '"'"'{"keys": [], "knobs": []}'"'"'\n' >out/vmtuned-ctl
        chmod +x out/vmtuned-ctl
        printf '.\\" What follows is written by "make reference".\nold\n.\\" Until here.\n' >docs/vmtuned.policy.5
        : >docs/vmtuned.knobs.7
        echo 'docs/vmtuned.policy.5:1: the keys are others'
        echo 'docs/vmtuned.knobs.7:1: has no place for the list of knobs'
        ;;
    verbs.py)
        mkdir -p conf/completion
        echo '_a() { vmtuned-ctl complete -- "$@"; }' | tee conf/completion/vmtuned-ctl >conf/completion/_vmtuned-ctl
        echo 'no question' >conf/completion/vmtuned-ctl.fish
        cat >out/vmtuned-ctl <<'EOF'
#!/bin/sh
verb='"group": "Observe", "args": "GUEST", "doc": "d", "example": "b x",
    "options": [{"name": "own", "letter": "o"}, {"name": "odd", "letter": null}]'
case $* in
*complete*) echo '{"words": [{"word": "a"}, {"word": "--own"}, {"word": "--all"}]}' ;;
*) echo "{\"verbs\": [{\"name\": \"a\", $verb}, {\"name\": \"b\", $verb}],
    \"options\": [{\"name\": \"all\", \"letter\": null}], \"exit_statuses\": [{\"status\": 0, \"doc\": \"well\"}]}" ;;
esac
EOF
        chmod +x out/vmtuned-ctl
        printf '## a\n' >docs/JSON.md
        printf '%s\n' '.Ss Verbs' '.Bl' '.It Cm a Oo Fl o Oc Op Fl -gone' 'Words.' '.El' '.Sh EXIT STATUS' '.It 0' 'Ill.' \
            >docs/vmtuned-ctl.1
        echo 'docs/vmtuned-ctl.1:1: option --all is not in the list'
        echo "docs/vmtuned-ctl.1:7: exit status 0 is not 'well'"
        echo 'docs/vmtuned-ctl.1:3: a: option --odd is not in its entry'
        echo 'docs/vmtuned-ctl.1:3: a has no option --gone'
        echo 'docs/vmtuned-ctl.1:3: a: argument guest is not in its entry'
        echo 'docs/vmtuned-ctl.1:1: no entry of b'
        echo 'docs/JSON.md:1: no heading has b'
        echo 'src/ctl/verbs.c:1: a has other words in its own help'
        echo 'src/ctl/verbs.c:1: a: the example is one of another verb'
        echo 'src/ctl/verbs.c:1: b is not completed'
        echo 'src/ctl/verbs.c:1: a: completion and help differ about --odd'
        echo 'conf/completion/vmtuned-ctl.fish:1: does not ask'
        ;;
    install.sh)
        {
            printf 'doc := $(DESTDIR)/usr/share/doc/vmtuned\ninstall:\n\tmkdir -p $(doc)\n'
            printf "\techo '[gone](GONE.md)' >\$(doc)/A.md\n\t: >\$(doc)/b\nuninstall:\n\t@:\n"
        } >Makefile
        echo 'Makefile:0: install put nothing into /usr/share/doc/vmtuned/b'
        echo 'Makefile:0: install did not make /etc/vmtuned/policy.d'
        echo 'Makefile:0: A.md links to GONE.md, which is not installed'
        echo 'Makefile:0: uninstall left'
        ;;
    packages.py)
        mkdir -p conf/packaging/debian
        printf 'PACKAGES := c\ninstall:\n\tmkdir -p $(DESTDIR)/etc/a $(DESTDIR)/usr/bin/b\n' >Makefile
        printf '%%files\n%%{_sysconfdir}/a\n%%files devel\n%%{_sysconfdir}/*\n%%changelog\n' \
            >conf/packaging/vmtuned.spec
        printf 'etc\nusr/bin\nusr/lib\n' >conf/packaging/debian/vmtuned.install
        echo 'enable a.service' >systemd/a.preset
        echo 'conf/packaging/vmtuned.spec:0: Makefile and spec differ about c'
        echo 'systemd/a.preset:0: a.service is not in the same package'
        echo 'conf/packaging/vmtuned.spec:0: etc/a is installed and in 2 packages'
        echo 'conf/packaging/vmtuned.spec:0: usr/bin/b is installed and in 0 packages'
        echo 'conf/packaging/vmtuned.spec:2: an upgrade overwrites it'
        echo 'conf/packaging/debian/vmtuned.install:3: takes nothing: usr/lib'
        ;;
    dist.sh)
        printf '#define VMTUNED_VERSION "1.2"\n' >include/vmtuned/version.h
        {
            printf 'dist:\n\tmkdir -p $(BUILD)/dist vmtuned-1.2/include\n\tcp -r Makefile include vmtuned-1.2\n'
            printf '\tdate +%%N >vmtuned-1.2/now\n\ttar -cJf $(BUILD)/dist/vmtuned-1.2.tar.xz vmtuned-1.2\n'
        } >Makefile
        echo 'Makefile:0: made from itself, the tarball is another'
        ;;
    esac
}

expected >expected.txt
if [ ! -s expected.txt ]; then
    echo "tests/lint/selftest.sh:0: no bad sample for $check"
    exit 1
fi
if "$here/$check" . out >found.txt 2>&1; then
    echo "tests/lint/$check:0: passes on a bad sample"
    exit 1
fi
status=0
while read -r line; do
    if ! grep -qF "$line" found.txt; then
        echo "tests/lint/$check:0: does not say '$line' but:"
        cat found.txt
        status=1
    fi
done <expected.txt
[ $status = 0 ] && echo "$(wc -l <expected.txt) faults"
exit $status
