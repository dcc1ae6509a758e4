# SPDX-License-Identifier: LGPL-2.1-or-later
#
# One tree per flavour: build/<flavour>/. A new .c file needs no change here: the folders of src/
# and tests/ are read. FLAVOUR=asan make check-unit runs any target in another flavour.

PREFIX ?= /usr
DESTDIR ?=
sysconfdir ?= /etc
bindir ?= $(PREFIX)/bin
sbindir ?= $(PREFIX)/sbin
includedir ?= $(PREFIX)/include
mandir ?= $(PREFIX)/share/man
docdir ?= $(PREFIX)/share/doc/vmtuned
unitdir ?= $(PREFIX)/lib/systemd/system
presetdir ?= $(PREFIX)/lib/systemd/system-preset
sysusersdir ?= $(PREFIX)/lib/sysusers.d
catalogdir ?= $(PREFIX)/lib/systemd/catalog
dbusdir ?= $(PREFIX)/share/dbus-1/system.d
dbusifacedir ?= $(PREFIX)/share/dbus-1/interfaces
polkitdir ?= $(PREFIX)/share/polkit-1/actions
bashdir ?= $(PREFIX)/share/bash-completion/completions
zshdir ?= $(PREFIX)/share/zsh/site-functions
fishdir ?= $(PREFIX)/share/fish/vendor_completions.d
datadir ?= $(PREFIX)/share/vmtuned
vendordir ?= $(PREFIX)/lib/vmtuned

BUILD ?= build
FLAVOUR ?= plain
FUZZ_SECONDS ?= 600
ASAN_COUNT ?= 100
LONG_COUNT ?= 20000
LONG_CHURN_COUNT ?= 2000
LONG_FUZZ_SECONDS ?= 900
O := $(BUILD)/$(FLAVOUR)
RESULTS := $(BUILD)/results
MAKEFLAGS += --no-print-directory
Q := $(if $(filter 1,$(V)),,@)
say = @printf '  %-5s %s\n' '$(1)' '$(2)'

# ---- flavours
HARDEN := -O2 -g -fPIE -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE \
	-D_FORTIFY_SOURCE=2 $(if $(filter x86_64 i%86,$(shell uname -m)),-fcf-protection)
SANITIZE := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
plain.cc := gcc
plain.flags := $(HARDEN)
plain.link := -pie -Wl,-z,relro,-z,now,-z,noexecstack
clang.cc := clang
clang.flags := $(HARDEN)
clang.link := $(plain.link)
asan.cc := gcc
asan.flags := $(SANITIZE) -fsanitize=address,undefined
fuzz.cc := clang
fuzz.flags := $(SANITIZE) -fsanitize=fuzzer-no-link,address,undefined
fuzz.link := -fsanitize=fuzzer
coverage.cc := gcc
coverage.flags := -O0 -g --coverage
CC := $(or $($(FLAVOUR).cc),$(error unknown FLAVOUR '$(FLAVOUR)'))

# ---- flags (the packages are asked when a recipe first needs them: `make setup all` installs them)
PACKAGES := libvirt libvirt-qemu hwloc numa libsystemd yaml-0.1 libxml-2.0 glib-2.0 json-c sqlite3 libmicrohttpd cmocka
pkg = $(or $(shell pkg-config $(1) $(PACKAGES)),$(error libraries are missing: sudo make setup))
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(call pkg,--cflags))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(call pkg,--libs))$(PKG_LIBS)
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wvla -Wformat=2 -Wundef $(if $(filter 1,$(WERROR)),-Werror)
ALL_CFLAGS = -std=gnu17 $(WARN) $($(FLAVOUR).flags) -D_GNU_SOURCE -DSYSCONFDIR='"$(sysconfdir)"' -DVENDORDIR='"$(vendordir)"' \
	-Isrc -Iinclude -Itests -I. $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = $($(FLAVOUR).flags) $($(FLAVOUR).link) -Wl,--as-needed -pthread $(LDFLAGS)

# ---- what there is
sources = $(wildcard $(addprefix src/,$(addsuffix /*.c,$(1))))
objects = $(patsubst %.c,$O/%.o,$(1))
CORE := $(call objects,$(call sources,base model policy topo guest plan apply record report))
VIRT := $(call objects,$(call sources,virt))
HOST := $(call objects,$(call sources,host))
DAEMON := $(call objects,$(call sources,daemon))
CTL := $(call objects,$(call sources,ctl))
EXPORTER := $(call objects,$(call sources,exporter))
LIB := $O/libvmtuned-core.a
TESTLIB := $O/tests/helpers.a
PROGRAMS := $O/vmtuned $O/vmtuned-ctl $O/vmtuned-exporter
tests = $(patsubst %.c,$O/%,$(wildcard tests/$(1)/$(2)-*.c))
HELPERS := $(call objects,$(filter-out $(wildcard tests/*/test-*.c) %/run.c,$(wildcard $(addprefix tests/,common/*.c unit/*.c \
	property/*.c scenario/*.c))))
UNIT := $(call tests,unit,test)
PROPERTY := $(call tests,property,test)
FUZZ := $(call tests,fuzz,fuzz)
SCENARIO := $O/scenario-run
TOPOLOGIES := $O/topologies-check
KILLED := $O/vmtuned-killed
HANGING := $O/vmtuned-hanging
comma := ,
# where malloc() is another already
OTHERS_MALLOC = $(filter-out %/test-alloc-faults,$(UNIT))
FAULTS := $(addprefix $O/tests/,property/test-faults unit/test-alloc-faults)
TESTS := $(UNIT) $(PROPERTY) $(FUZZ) $(SCENARIO) $(TOPOLOGIES) $(KILLED)
BENCH := $(patsubst %.c,$O/%,$(wildcard tests/bench/*.c))
RUNNERS := lint unit scenario optimal clang asan valgrind resilience system package lab

SCHEMA := $O/policy.schema.json

all: $(PROGRAMS) $(SCHEMA) ## build vmtuned, vmtuned-ctl and vmtuned-exporter in build/plain (V=1: show the commands)

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1\t/p' Makefile | expand -t 20

# ---- rules
$O/.flags: FORCE
	$(shell mkdir -p $(@D))$(file >$@.new,$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(PKG_LIBS))
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$O/%.o: %.c $O/.flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# What the tests share is an archive too: a test links only what it uses.
$(LIB): $(CORE)
$(TESTLIB): $(HELPERS)
$(LIB) $(TESTLIB): $O/.flags
	$(call say,AR,$@)
	@mkdir -p $(@D) && rm -f $@
	$(Q)ar qcs $@ $(filter %.o,$^)

define link
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(PKG_LIBS)
endef

$O/vmtuned: $(DAEMON) $(VIRT) $(HOST) $(LIB)
	$(link)
$O/vmtuned-ctl: $(CTL) $(LIB)
	$(link)
$O/vmtuned-exporter: $(EXPORTER) $(LIB)
	$(link)

$(SCHEMA): $O/vmtuned-ctl
	$(call say,GEN,$@)
	$(Q)$< policy schema >$@
# The daemon that kills itself: tests/system/kill-points.c stands in front of these functions.
KILL_POINTS := backend_real_init virt_setting_apply virt_definition_edit thread_affinity_apply record_begin \
	record_finish record_forget record_set_flags record_settle record_drop_dead record_restart_keep \
	record_restart_forget statement_run_plain
$(KILLED): private ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,$(KILL_POINTS))
$(KILLED): $(DAEMON) $(VIRT) $(HOST) $O/tests/system/kill-points.o $(LIB)
	$(link)
# The daemon with jobs that hang on demand.
$(HANGING): private ALL_LDFLAGS += -Wl$(comma)--wrap=guest_job_run -Wl$(comma)--wrap=pool_submit
$(HANGING): $(DAEMON) $(VIRT) $(HOST) $O/tests/system/hanging.o $(LIB)
	$(link)
$O/tests/unit/test-%: $O/tests/unit/test-%.o $(TESTLIB) $(LIB)
	$(link)
$O/tests/unit/test-host-%: $O/tests/unit/test-host-%.o $(HOST) $(TESTLIB) $(LIB)
	$(link)
$O/tests/unit/test-virt-%: $O/tests/unit/test-virt-%.o $(VIRT) $(HOST) $(TESTLIB) $(LIB)
	$(link)
$O/tests/unit/test-daemon-%: $O/tests/unit/test-daemon-%.o $(filter-out %/main.o,$(DAEMON)) $(VIRT) $(HOST) \
		$(TESTLIB) $(LIB)
	$(link)
$O/tests/unit/test-ctl-%: $O/tests/unit/test-ctl-%.o $(filter-out %/main.o,$(CTL)) $(TESTLIB) $(LIB)
	$(link)
$O/tests/property/test-%: $O/tests/property/test-%.o $(TESTLIB) $(LIB)
	$(link)
$O/tests/property/test-faults: $O/tests/property/test-faults.o $(filter-out %/main.o,$(DAEMON)) $(VIRT) $(HOST) \
		$(TESTLIB) $(LIB)
	$(link)
$O/tests/bench/%: $O/tests/bench/%.o $(HOST) $(TESTLIB) $(LIB)
	$(link)
$O/scenario-run: $O/tests/scenario/run.o $(TESTLIB) $(LIB)
	$(link)
$(TOPOLOGIES): $O/tests/topologies/check.o $(TESTLIB) $(LIB)
	$(link)

# libFuzzer brings its own main; in the other flavours replay.c runs the target over its corpus.
REPLAY := $(if $(filter fuzz,$(FLAVOUR)),,$O/tests/fuzz/replay.o)
$O/tests/fuzz/fuzz-%: $O/tests/fuzz/fuzz-%.o $(REPLAY) $(TESTLIB) $(LIB)
	$(link)
$O/tests/fuzz/fuzz-ctl-%: $O/tests/fuzz/fuzz-ctl-%.o $(REPLAY) $(filter-out %/main.o %/bus-client.o,$(CTL)) \
		$(TESTLIB) $(LIB)
	$(link)
$O/tests/fuzz/fuzz-daemon-%: $O/tests/fuzz/fuzz-daemon-%.o $(REPLAY) $(filter-out %/main.o,$(DAEMON)) $(VIRT) $(HOST) \
		$(TESTLIB) $(LIB)
	$(link)
$O/tests/fuzz/fuzz-host-%: $O/tests/fuzz/fuzz-host-%.o $(REPLAY) $(HOST) $(TESTLIB) $(LIB)
	$(link)

-include $(shell find $O -name '*.d' 2>/dev/null)
.SECONDARY:
.DELETE_ON_ERROR:

# ---- tests: every runner leaves 'N passed, N failed' in build/results/<runner>
replays = $(foreach f,$(FUZZ),'$f tests/fuzz/corpus/$(patsubst fuzz-%,%,$(notdir $f))')
# one command for the scenarios of each kind of host: their names begin with it
hosts = $(sort $(foreach d,$(notdir $(patsubst %/,%,$(wildcard tests/scenario/*/))),$(firstword $(subst -, ,$d))))
scenarios = $(foreach h,$(hosts),'$(SCENARIO) $(sort $(wildcard tests/scenario/$h-*/))')
run = $(Q)tests/run-tests.sh $(RESULTS)/$(1)

check: ## every runner below; ends with 'N passed, N failed' over all of them (root)
	@rm -rf $(RESULTS)
	@mkdir -p $(RESULTS)
	+@for runner in $(RUNNERS); do \
		printf '== %s\n' $$runner; \
		$(MAKE) $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc)) WERROR=1 check-$$runner || :; \
	done
	@tests/run-summary.sh $(RESULTS) $(RUNNERS)

check-unit: $(UNIT) $(FUZZ) ## unit tests, fuzz corpora replayed
	$(call run,unit) $(filter-out $(FAULTS),$(UNIT)) $(replays)

check-scenario: $(PROGRAMS) $(PROPERTY) $(SCENARIO) $(TOPOLOGIES) ## scenarios, property tests, odd hosts, the policy's schema
	$(call run,scenario) $(filter-out $(FAULTS),$(PROPERTY)) $(scenarios) $(TOPOLOGIES) \
		'env BUILD_DIR=$(abspath $O) tests/policy/schema.py'

check-topologies: $(TOPOLOGIES) ## plans on the hosts of all hwloc XML files in DIR=
	$(Q)$(TOPOLOGIES) $(DIR)

OPTIMAL_COUNT ?= 40
check-optimal: $(PROGRAMS) ## OPTIMAL_COUNT (40) plans against the best there are, by a solver
	$(call run,optimal) 'env BUILD_DIR=$(abspath $O) tests/optimal/run.py --self-test --count $(OPTIMAL_COUNT)'

check-clang: ## everything builds without a warning, gcc and clang
	+$(call run,clang) '$(MAKE) -s FLAVOUR=plain WERROR=1 objects' '$(MAKE) -s FLAVOUR=clang WERROR=1 objects'

objects: $(PROGRAMS) $(TESTS) $(BENCH) $(HANGING)

check-asan: ## unit tests, corpora, scenarios, properties with ASan, UBSan and LSan
	$(Q)$(MAKE) FLAVOUR=asan run-asan
run-asan: $(TESTS)
	$(Q)VMTUNED_COUNT=$(ASAN_COUNT) tests/run-tests.sh $(RESULTS)/asan $(PROPERTY) $(OTHERS_MALLOC) $(scenarios) $(replays)

VALGRIND := valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
	--child-silent-after-fork=yes --suppressions=tests/valgrind.supp
check-valgrind: $(UNIT) $(SCENARIO) ## unit tests and scenarios under valgrind
	$(Q)TEST_WRAP='$(VALGRIND)' tests/run-tests.sh $(RESULTS)/valgrind $(OTHERS_MALLOC) $(scenarios)

check-system: $(PROGRAMS) $(HANGING) ## real guests on a private libvirtd (root)
	$(Q)BUILD_DIR=$(abspath $O) tests/run-watched.sh $(RESULTS)/system tests/system/run.sh

FAULT_COUNT ?= 1000
KILL_EVERY ?= 12
check-resilience: $(PROGRAMS) $(KILLED) $(FAULTS) ## FAULT_COUNT (1000) fault schedules, faults of allocations, kills at each KILL_EVERY-th (12) point (root)
	$(Q)BUILD_DIR=$(abspath $O) tests/run-resilience.sh $(RESULTS)/resilience \
		'env VMTUNED_COUNT=$(FAULT_COUNT) $O/tests/property/test-faults' $O/tests/unit/test-alloc-faults \
		'env VMTUNED_KILL_EVERY=$(KILL_EVERY) tests/system/run.sh resilience'

# what this system has
check-package: $(if $(wildcard /usr/bin/dpkg-buildpackage),deb,rpm) ## the packages of this system; those of Debian judged by lintian
	$(call run,package) $(if $(filter deb,$<),'lintian --allow-root --fail-on error$(comma)warning $(BUILD)/deb/*.changes', \
		'rpm -K --nosignature $(BUILD)/rpm/RPMS/*/*.rpm')

check-lab: ## whole NUMA hosts with systemd and KVM guests, in QEMU (root)
	$(Q)tests/run-watched.sh $(RESULTS)/lab tests/lab/run

demo: ## boot a NUMA host in QEMU and show what vmtuned does there (root)
	$(Q)tests/lab/demo

tour: ## run the README's tour word for word on the demo's host, and time it (root)
	$(Q)tests/docs/tour

docs: reference ## the README's terminal sessions as the demo's host prints them, and the lists in the man pages (root)
	$(Q)tests/docs/tour --update

demo-shell: ## a root shell in the demo's host; ends with the shell (root)
	$(Q)tests/lab/demo --shell

check-long: $(PROGRAMS) ## many random worlds, every fault and kill point, long fuzzing, with sanitizers; guests that come and go (root)
	$(Q)$(MAKE) check-resilience FAULT_COUNT=$(LONG_COUNT) KILL_EVERY=1 VMTUNED_EVERY=1
	$(Q)VMTUNED_COUNT=$(LONG_COUNT) TEST_TIMEOUT=14400 $(MAKE) FLAVOUR=asan run-long
	$(Q)$(MAKE) fuzz FUZZ_SECONDS=$(LONG_FUZZ_SECONDS)
	$(Q)$(MAKE) rpm
	$(Q)VMTUNED_COUNT=$(LONG_CHURN_COUNT) BUILD_DIR=$(abspath $O) tests/run-watched.sh $(RESULTS)/churn \
		tests/system/run.sh test_churn
run-long: $(PROPERTY)
	$(call run,long) $(PROPERTY)

fuzz: ## libFuzzer, FUZZ_SECONDS (600) for each target
	$(Q)$(MAKE) FLAVOUR=fuzz run-fuzz
run-fuzz: $(FUZZ)
	$(Q)tests/run-fuzz.sh $(BUILD)/fuzz-work $(FUZZ_SECONDS) $(FUZZ)

bench: all $(BENCH) ## measurements
	$(Q)BUILD_DIR=$(abspath $O) tests/bench/run.sh

coverage: ## line and branch coverage of unit tests and scenarios
	$(Q)find $(BUILD)/coverage -name '*.gcda' -delete 2>/dev/null || :
	$(Q)$(MAKE) FLAVOUR=coverage RESULTS=$(BUILD)/coverage/results check-unit check-scenario
	$(Q)gcovr --root . --filter src/ --print-summary $(BUILD)/coverage

lint: check-lint ## include table, purity, format, cppcheck, documentation, sizes
check-lint: all $(LIB)
	+$(Q)tests/lint/run.sh $O $(RESULTS)/lint

reference: $(PROGRAMS) ## the lists of keys and knobs in the man pages, from the program
	$(Q)tests/lint/reference.py . $O --update

C_FILES = $(shell find src include tests -name '*.[ch]' 2>/dev/null)
format: ## clang-format all C files
	$(Q)clang-format -i $(C_FILES)

# ---- setup: the libraries as PACKAGES and debian/control have them, and what the tests need
DEB = $(shell sed -n 's/^ \(lib.*-dev\),$$/\1/p' conf/packaging/debian/control) \
	gcc clang make pkg-config git clang-format cppcheck valgrind gcovr universal-ctags python3-prometheus-client \
	libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils dbus python3 iproute2 util-linux procps hwloc-nox \
	numactl libxml2-utils man-db mandoc zsh fish mmdebstrap e2fsprogs coinor-cbc debhelper lintian rpm systemd \
	python3-jsonschema python3-yaml python3-gi chromium chromium-driver
# of what would start a service where it is installed, only a program: build/tools has it
DEB_PROGRAMS := prometheus:promtool
DEB_IF_THERE := libclang-rt-dev libvirt-daemon-log systemd-dev
RPM = $(foreach package,$(PACKAGES),pkgconfig($(package))) \
	gcc libasan libubsan clang compiler-rt make pkgconf-pkg-config git-core clang-tools-extra cppcheck valgrind gcovr ctags \
	python3-prometheus_client golang-github-prometheus libvirt-daemon libvirt-daemon-driver-qemu libvirt-client qemu-kvm \
	qemu-img dbus-daemon dbus-tools python3 iproute util-linux procps-ng hwloc numactl libxml2 man-db mandoc zsh fish \
	coin-or-Cbc rpm-build systemd-rpm-macros python3-jsonschema python3-pyyaml python3-gobject chromedriver chromium

setup: ## install the packages to build, check and test, and fetch the lab's (root; apt or dnf)
	$(Q)tests/run-setup.sh '$(DEB)' '$(DEB_IF_THERE)' '$(RPM)' '$(DEB_PROGRAMS)' $(BUILD)/tools
	$(Q)tests/lab/build --roots

# `make -j setup check` waits for the packages.
ifneq ($(filter setup,$(MAKECMDGOALS)),)
$(filter-out setup,$(MAKECMDGOALS)) $O/.flags: | setup
endif

# ---- install: a mode, a folder, the files. What no pattern takes needs a line here, and a package
# (conf/packaging/; lint compares them with what is installed)
UNITS := $(patsubst %.in,$O/%,$(wildcard systemd/*.in))
pages = $(addprefix $O/,$(wildcard docs/*.$(1)))
files = $(foreach file,$(3),$(1):$(2)/$(notdir $(file)):$(file))
INSTALLED = $(call files,755,$(sbindir),$O/vmtuned $O/vmtuned-exporter) \
	$(call files,755,$(bindir),$O/vmtuned-ctl) \
	$(call files,644,$(unitdir),$(UNITS)) \
	$(call files,644,$(presetdir),$(wildcard systemd/*.preset)) \
	$(call files,644,$(catalogdir),systemd/vmtuned.catalog) \
	$(foreach file,$(wildcard systemd/*.sysusers),644:$(sysusersdir)/$(basename $(notdir $(file))).conf:$(file)) \
	$(call files,644,$(dbusdir),conf/org.vmtuned1.conf) \
	$(call files,644,$(dbusifacedir),$(wildcard docs/*.xml)) \
	$(call files,644,$(polkitdir),conf/org.vmtuned.policy) \
	$(call files,644,$(bashdir),conf/completion/vmtuned-ctl) \
	$(call files,644,$(zshdir),conf/completion/_vmtuned-ctl) \
	$(call files,644,$(fishdir),conf/completion/vmtuned-ctl.fish) \
	$(call files,644,$(datadir)/prometheus,$(wildcard conf/prometheus/*)) \
	$(call files,644,$(datadir)/grafana,$(wildcard conf/grafana/*)) \
	$(call files,644,$(datadir),$(SCHEMA)) \
	$(call files,644,$(includedir)/vmtuned,$(wildcard include/vmtuned/*.h)) \
	$(call files,644,$(docdir),$O/README.md CHANGELOG.md $(call pages,md) $(wildcard docs/*.svg)) \
	$(call files,644,$(docdir)/examples,$(filter-out %.py,$(wildcard conf/examples/*))) \
	$(call files,755,$(docdir)/examples,$(wildcard conf/examples/*.py)) \
	$(foreach section,1 5 7 8,$(call files,644,$(mandir)/man$(section),$(call pages,$(section))))
source = $(lastword $(subst :, ,$(1)))
target = $(word 2,$(subst :, ,$(1)))
# the operator's own
POLICY := $(sysconfdir)/vmtuned/policy.yaml
POLICY_DIRS := $(sysconfdir)/vmtuned/policy.d $(vendordir)/policy.d

$O/systemd/%: systemd/%.in FORCE
	@mkdir -p $(@D)
	$(Q)sed 's,@bindir@,$(bindir),g; s,@sbindir@,$(sbindir),g' $< >$@
$(foreach section,1 5 7 8,$(call pages,$(section))): $O/docs/%: docs/% include/vmtuned/version.h
	@mkdir -p $(@D)
	$(Q)sed 's/^\.Os$$/& vmtuned $(VERSION)/' $< >$@
# all in one folder there
$O/%.md: %.md
	@mkdir -p $(@D)
	$(Q)sed 's,](docs/,](,g; s,](\(\.\./\)*conf/,](,g' $< >$@

install: all $(foreach row,$(INSTALLED),$(call source,$(row))) ## install below DESTDIR (PREFIX, sysconfdir, unitdir); an existing policy is kept
	$(Q)install -d $(addprefix $(DESTDIR),$(POLICY_DIRS))
	$(Q)test -e $(DESTDIR)$(POLICY) || install -m 644 conf/policy.yaml $(DESTDIR)$(POLICY)
	$(Q)for row in $(INSTALLED); do \
		(IFS=:; set -- $$row; exec install -D -m $$1 $$3 $(DESTDIR)$$2) || exit; done

uninstall: ## remove what install put there, but for the policy
	$(Q)rm -f $(foreach row,$(INSTALLED),$(DESTDIR)$(call target,$(row)))
	$(Q)for dir in $(datadir)/prometheus $(datadir)/grafana $(datadir) $(docdir)/examples $(docdir) $(includedir)/vmtuned $(POLICY_DIRS) $(vendordir); do \
		rmdir --ignore-fail-on-non-empty $(DESTDIR)$$dir 2>/dev/null || :; done

# ---- packages: of what git has; in an unpacked tarball, of all there is
VERSION := $(shell sed -n 's/^.define VMTUNED_VERSION "\(.*\)"$$/\1/p' include/vmtuned/version.h)
DIST := $(BUILD)/dist/vmtuned-$(VERSION).tar.xz
LIST := { test -e .git && git ls-files 2>/dev/null; } || \
	find . '(' -path ./build -o -name .git -o -name __pycache__ ')' -prune -o ! -type d -printf '%P\n' | LC_ALL=C sort
DIST_FILES := $(shell $(LIST))
# the time of everything in them: that of the commit, which the tarball's files have
SOURCE_DATE_EPOCH ?= $(or $(shell test -e .git && git log -1 --format=%ct 2>/dev/null),\
	$(shell stat -c %Y include/vmtuned/version.h))

dist: $(DIST) ## the release's tarball: build/dist/vmtuned-VERSION.tar.xz, the same for the same commit
$(DIST): $(DIST_FILES)
	@mkdir -p $(@D)
	$(Q){ $(LIST); } | tar -cf - -T - --format=gnu --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
		--mtime=@$(SOURCE_DATE_EPOCH) --transform='s,^,vmtuned-$(VERSION)/,S' | xz -T1 >$@
	@echo $@

# of the tests nothing is in a package
SHIPPED := $(filter-out tests/%,$(DIST_FILES))
deb: $(BUILD)/deb/built ## the Debian packages, in build/deb (dpkg-buildpackage)
rpm: $(BUILD)/rpm/built ## the RPM packages, in build/rpm (rpmbuild)
$(BUILD)/%/built: $(SHIPPED) | $(DIST)
	$(Q)SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) conf/packaging/build-$* $(DIST) $(@D)
	@touch $@

clean: ## remove build/
	$(Q)rm -rf $(BUILD)

FORCE:
.PHONY: FORCE all help objects $(addprefix check-,$(RUNNERS)) check check-long check-topologies lint format fuzz bench \
	coverage demo demo-shell tour docs reference setup install uninstall dist deb rpm clean run-asan run-long run-fuzz
