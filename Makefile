# clinsgw: build, tests, installation.
#
#   make            all programs into build/release/bin        make check    every test; installs what is missing
#   make demo       see it work (KEEP=1: and leave it running) make fuzz     fuzz longer: FUZZ_SECONDS=3600
#   make bench      measure                                    make install  DESTDIR= PREFIX=/usr
#   make deps       the Debian packages                        make clean
#
# V=release|clang|asan|fuzz picks a variant; each has its own folder below build/. WERROR= lets warnings pass. VERBOSE=1 shows the commands.

V ?= release
PREFIX ?= /usr
FUZZ_SECONDS ?= 240
WERROR ?= -Werror
JOBS ?= $(shell nproc)
# B= moves the build folder elsewhere (several people in one checkout).
B := build/$(V)
Q := $(if $(VERBOSE),,@)

# ---- packages ----

BUILD_PACKAGES := gcc make pkg-config libcurl4-openssl-dev libssl-dev libxml2-dev libcjson-dev libinotifytools0-dev libsqlite3-dev libseccomp-dev libp11-kit-dev libpcre2-dev libarchive-dev
DEMO_PACKAGES := $(BUILD_PACKAGES) softhsm2 opensc openssl python3
TEST_PACKAGES := $(DEMO_PACKAGES) binutils clang llvm libclang-rt-14-dev libxml2-utils sqlite3 jq systemd samba smbnetfs fuse libfaketime mandoc python3-jsonschema chromium

# ---- variants ----

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion $(WERROR)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

CC_release := gcc
CFLAGS_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -ffunction-sections -fdata-sections
LDFLAGS_release := -pie -Wl,-z,relro,-z,now -Wl,--gc-sections
CC_clang := clang
CFLAGS_clang := -O1 -g -ffunction-sections -fdata-sections
LDFLAGS_clang := -Wl,--gc-sections
CC_asan := gcc
CFLAGS_asan := -O1 -g $(SANITIZE)
LDFLAGS_asan := $(SANITIZE)
CC_fuzz := clang
CFLAGS_fuzz := -O1 -g $(SANITIZE) -fsanitize=fuzzer-no-link
LDFLAGS_fuzz := $(SANITIZE) -fsanitize=fuzzer

$(if $(CC_$(V)),,$(error V=$(V) is none of release, clang, asan, fuzz))
override CC := $(CC_$(V))
# Headers of libraries are not ours to warn about: -isystem. Asked for late, when `make deps` had its chance.
PKGS := libcurl libssl libcrypto libxml-2.0 libcjson sqlite3 libseccomp p11-kit-1 libpcre2-8 libarchive
LIB_CFLAGS = $(eval LIB_CFLAGS := $(patsubst -I%,-isystem%,$(shell pkg-config --cflags $(PKGS))))$(LIB_CFLAGS)
LIB_LIBS = $(eval LIB_LIBS := $(filter-out -lp11-kit,$(shell pkg-config --libs $(PKGS))) -linotifytools -lm)$(LIB_LIBS)
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -pthread $(WARNINGS) $(CFLAGS_$(V)) -include gateway/base/banned.h -Igateway -I. $(LIB_CFLAGS) $(CFLAGS)
# --as-needed: a program names only the libraries it calls; tests/conformance/house_test.py holds each to its list.
LINK = $(CC) -pthread $(LDFLAGS_$(V)) $(LDFLAGS) -Wl,--as-needed

# ---- what there is ----

ROOMS := base chart codes fhir validate sign exchange link spool flow store report
DAEMONS := desk spool convert sign link
# What each program is made of. A link error here means that an arrow of the design is not kept, or that the design has changed.
ROOMS_desk := store flow report exchange link base
ROOMS_spool := spool base
ROOMS_convert := adapters fhir codes chart validate sign exchange report base
ROOMS_sign := sign base
ROOMS_link := link exchange base
bin_of = $(B)/bin/$(if $(filter desk,$1),clinsgwd,clinsgw-$1)
objects = $(patsubst %.c,$(B)/obj/%.o,$1)

ADAPTER_SRC := $(wildcard adapters/*.c adapters/*/*.c)
DAEMON_SRC := $(filter-out %_main.c,$(wildcard gateway/daemon/*.c))
CLI_SRC := $(wildcard gateway/cli/*.c)
SANDBOX_SRC := $(wildcard tests/sandbox/*.c)
LIBS := $(patsubst %,$(B)/lib%.a,daemon adapters $(ROOMS))
libs_of = $(patsubst %,$(B)/lib%.a,daemon $(ROOMS_$1))

DOORS := $(foreach d,$(filter-out desk,$(DAEMONS)),$(call bin_of,$d))
BINS := $(call bin_of,desk) $(DOORS) $(B)/bin/clinsgw $(B)/bin/clinsgw-sandbox
# Tests in C; what stands beside them in tests/unit without ending in _test is shared by all of them.
TEST_SRC := $(wildcard tests/unit/*_test.c tests/crash/*_test.c tests/conformance/*_test.c)
TEST_SHARED := $(filter-out %_test.c,$(wildcard tests/unit/*.c))
TESTS := $(patsubst tests/%.c,$(B)/tests/%,$(TEST_SRC))
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
BENCHES := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))
SCRIPTS := $(wildcard tests/e2e/*_test.py tests/crash/*_test.py tests/conformance/*_test.py)

.DEFAULT_GOAL := all
.PHONY: all facts tests fuzzers benches deps deps-build deps-demo check fuzz bench demo install clean
.SECONDARY:
.DELETE_ON_ERROR:

all: $(BINS)
tests: $(TESTS)
fuzzers: $(FUZZERS)
benches: $(BENCHES)

# ---- rules ----

$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC $(V) $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The list of members is kept beside the archive: a source that is gone must not live on in it.
define archive
$(shell mkdir -p $(B); echo '$2' | cmp -s - $1.list || echo '$2' > $1.list)
$1: $2 $1.list
	@echo "  AR $$@"
	$$(Q)rm -f $$@ && ar rcs $$@ $2
endef
# A room may have chambers: validate/fhirpath, validate/terms, ...
$(foreach r,$(ROOMS),$(eval $(call archive,$(B)/lib$r.a,$(call objects,$(filter-out %/make_image.c,$(wildcard gateway/$r/*.c gateway/$r/*/*.c))))))
$(eval $(call archive,$(B)/libdaemon.a,$(call objects,$(DAEMON_SRC))))
$(eval $(call archive,$(B)/libadapters.a,$(call objects,$(ADAPTER_SRC))))
$(eval $(call archive,$(B)/libtests.a,$(call objects,$(TEST_SHARED))))

# Archives in a group: the order of rooms is the concern of their includes, not of the linker.
define link
	@mkdir -p $(@D)
	@echo "  LD $@"
	$(Q)$(LINK) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIB_LIBS)
endef

define daemon
$(call bin_of,$1): $(B)/obj/gateway/daemon/$1_main.o $(call libs_of,$1)
	$$(link)
endef
$(foreach d,$(DAEMONS),$(eval $(call daemon,$d)))

$(B)/bin/clinsgw: $(call objects,$(CLI_SRC)) $(LIBS)
	$(link)

# Compiles packages and facts. Made of objects, not of the room's archive: that holds what this tool makes.
MAKE_IMAGE_SRC := gateway/validate/builtin/make_image.c $(filter-out %/store.c,$(wildcard gateway/validate/model/*.c gateway/validate/package/*.c gateway/validate/fhirpath/*.c))
$(B)/tools/make_image: private LDFLAGS_fuzz := $(SANITIZE) -fsanitize=fuzzer-no-link
$(B)/tools/make_image: $(call objects,$(MAKE_IMAGE_SRC)) $(B)/libbase.a
	$(link)

$(B)/gen/builtin.image: $(B)/tools/make_image gateway/validate/builtin/profiles.facts
	@mkdir -p $(@D)
	@echo "  GEN $@"
	$(Q)$< --builtin gateway/validate/builtin/profiles.facts $@ $(@D)/builtin_image.inc

# Every file of a clinic goes through here: a tenth faster than with the rest.
ifeq ($(V),release)
$(B)/obj/gateway/validate/%.o $(B)/obj/gateway/base/json_doc.o $(B)/obj/gateway/base/json_tree.o: private CFLAGS += -O3
endif

$(B)/obj/gateway/validate/builtin/builtin.o: $(B)/gen/builtin.image
$(B)/obj/gateway/validate/builtin/builtin.o: private CFLAGS += -I$(B)/gen -DBUILTIN_IMAGE='"$(B)/gen/builtin.image"'

# Writes the facts of the built-in profiles anew from the official packages: for maintainers, when the guide or the compiler changes.
CLINSGW_SHARED ?= ../shared
FACT_PACKAGES = $(foreach p,hl7.fhir.r4.core jp-core jp-clins,$(wildcard $(CLINSGW_SHARED)/spec/packages/$p*.tgz))
facts: $(B)/tools/make_image
	$(Q)$< --facts gateway/validate/builtin/roots.txt gateway/validate/builtin/profiles.facts $(FACT_PACKAGES)

$(B)/bin/clinsgw-sandbox: $(call objects,$(SANDBOX_SRC)) $(B)/libbase.a
	$(link)

$(B)/tests/%: $(B)/obj/tests/%.o $(LIBS) $(B)/libtests.a
	$(link)

$(B)/bench/%: $(B)/obj/tests/bench/%.o $(LIBS)
	$(link)

$(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(LIBS)
	$(link)

# Fails the n-th allocation: the test stands between the room and the C library.
$(B)/tests/unit/base_alloc_test: LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# ---- packages, tests ----

# Silent when nothing is missing; the network is asked only when something is.
define install_packages
@missing=$$(for p in $1; do dpkg-query -W -f '$${db:Status-Status}\n' $$p 2>/dev/null | grep -qx installed || echo $$p; done | tr '\n' ' '); \
test -n "$$missing" || exit 0; \
if ! command -v apt-get >/dev/null; then echo "These packages (Debian's names) are needed and cannot be installed by apt-get here: $$missing"; exit 1; fi; \
if [ "$$(id -u)" != 0 ]; then echo "These packages are missing; as root run: apt-get install $$missing"; exit 1; fi; \
echo "Installing $$missing"; \
export DEBIAN_FRONTEND=noninteractive; \
apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null
endef

deps:
	$(call install_packages,$(TEST_PACKAGES))
deps-build:
	$(call install_packages,$(BUILD_PACKAGES))
deps-demo:
	$(call install_packages,$(DEMO_PACKAGES))

SUBMAKE = +$(MAKE) --no-print-directory -j$(JOBS)
FUZZ_TARGETS := $(notdir $(FUZZERS))
FUZZ_EACH = $(if $(FUZZ_TARGETS),$(shell expr $(FUZZ_SECONDS) / $(words $(FUZZ_TARGETS)) + 1))
FUZZ_RUNS = $(foreach f,$(FUZZ_TARGETS),"tests/fuzz/run $f $(FUZZ_EACH)")

# Long scripts first, so that the cores stay busy to the end.
check: deps
	$(SUBMAKE) V=release all tests
	$(SUBMAKE) V=clang all tests
	$(SUBMAKE) V=asan all tests
	$(SUBMAKE) V=fuzz fuzzers
	$(Q)tests/run --jobs $(JOBS) $(SCRIPTS) $(TESTS:$(B)/%=build/release/%) $(TESTS:$(B)/%=build/asan/%) $(FUZZ_RUNS)

fuzz: deps
	$(SUBMAKE) V=fuzz fuzzers
	$(Q)tests/run --jobs $(JOBS) --timeout $$(($(FUZZ_SECONDS) + 300)) $(FUZZ_RUNS)

bench: deps-demo
	$(SUBMAKE) all benches $(B)/tests/unit/fhir_samples_test
	$(Q)tests/bench/run

demo: deps-demo
	$(SUBMAKE) all
	$(Q)KEEP="$(KEEP)" sh tests/e2e/demo.sh

# ---- installation ----

D := $(DESTDIR)$(PREFIX)
install_files = install -d '$2' && install -m $1 $3 '$2/'

install: all
	$(Q)$(call install_files,755,$(D)/bin,$(B)/bin/clinsgw)
	$(Q)$(call install_files,755,$(D)/sbin,$(call bin_of,desk))
	$(Q)$(call install_files,755,$(D)/lib/clinsgw,$(DOORS))
	$(Q)$(call install_files,644,$(D)/lib/systemd/system,$(wildcard systemd/*.service))
	$(Q)install -D -m 644 systemd/clinsgw.sysusers '$(D)/lib/sysusers.d/clinsgw.conf'
	$(Q)install -D -m 644 systemd/clinsgw.tmpfiles '$(D)/lib/tmpfiles.d/clinsgw.conf'
	$(Q)$(call install_files,644,$(DESTDIR)/etc/clinsgw/profiles,$(wildcard gateway/exchange/profiles/*.conf))
	$(Q)install -D -m 644 systemd/clinsgw.conf '$(DESTDIR)/etc/clinsgw/clinsgw.conf.sample'
	$(Q)$(foreach s,1 5 8,$(call install_files,644,$(D)/share/man/man$s,$(wildcard docs/man/*.$s)) &&) true
	$(Q)$(call install_files,644,$(D)/share/doc/clinsgw,$(wildcard docs/*.md docs/*.json))
	$(Q)$(call install_files,644,$(D)/share/doc/clinsgw/ja,$(wildcard docs/ja/*.md))
	$(Q)cp -R --preserve=mode docs/samples '$(D)/share/doc/clinsgw/'

clean:
	rm -rf build
