# SPDX-License-Identifier: Apache-2.0
# One Makefile, not recursive.  `make help` lists the targets.

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
ifeq ($(origin CC),default)
CC := cc
endif
AR ?= ar
PKG_CONFIG ?= pkg-config
BUILD ?= build
# One spelling for one folder: the .d files name what they are about as it was called then.
override BUILD := $(patsubst $(CURDIR)/%,%,$(abspath $(BUILD)))
WERROR ?=
OPT ?= -O2 -g
SANITIZE ?=

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:

# --- what stands where; a folder is a layer (CONTRIBUTING), and may use the archives listed here ----
LAYERS := base keys kinds document kube github git guard foreign
USES_base := base
USES_keys := keys base
USES_kinds := kinds base
USES_document := document keys kinds base
USES_kube := kube base
USES_github := github base
USES_git := git base
USES_guard := guard document keys kinds base
USES_foreign := foreign document keys kinds base
USES_sealer := guard foreign document keys kinds kube github git base
USES_agent := agent document keys kinds kube base

PKGS := libsodium libcrypto jansson yaml-0.1
# Loaded when the network is needed (base/curl.h, github/libssh.h): their 36 libraries would cost every start 3 ms.
PKGS_loaded := libcurl libssh
PKGS_agent := libseccomp libmicrohttpd

# Targets that need no compiler leave the probes below alone.
NO_CC := clean help deps dist demo test asan fuzz bench bench-cluster soak schedules lint
ifneq ($(filter-out $(NO_CC),$(or $(MAKECMDGOALS),all)),)
-include $(BUILD)/flags.mk
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) $(PKGS_loaded) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
PKG_LIBS_agent := $(shell $(PKG_CONFIG) --libs $(PKGS_agent) 2>/dev/null)
endif

$(BUILD)/flags.mk: scripts/cc-flags
	@mkdir -p $(@D)
	@scripts/cc-flags '$(CC)' >$@

CFLAGS ?=
ALL_CFLAGS := -std=c11 -ffile-prefix-map=$(CURDIR)=. $(OPT) $(WARN) $(WERROR) $(SANITIZE) $(if $(SANITIZE),,$(FORTIFY) $(SMALL)) $(HARDEN) \
	-fPIE -D_GNU_SOURCE -DBULLA_VERSION='"$(VERSION)"' -I. $(PKG_CFLAGS) $(CFLAGS)
# What talks to people and networks waits for them; small is worth more there than fast.
SMALL_LAYERS := sealer github git foreign kinds document kube
# Of these much is called by one of the two programs alone, or by tests: it stays out of the other.
SHARED_LAYERS := kube github
layer_of = $(firstword $(subst /, ,$(1)))
cflags = $(if $(filter $(SHARED_LAYERS),$(layer_of)),$(if $(SANITIZE),,-ffunction-sections)) $(if $(filter $(SMALL_LAYERS),$(layer_of)),$(patsubst -O2,-Os,$(ALL_CFLAGS)),$(ALL_CFLAGS))
ALL_LDFLAGS := -pie $(HARDEN_LD) $(if $(SANITIZE),,$(SMALL_LD)) $(SANITIZE) $(LDFLAGS)

ifeq ($(V),1)
say = @:
Q :=
else
say = @printf '  %-5s %s\n'
Q := @
endif

# --- objects and archives ------------------------------------------------------------------------
objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)/*.c))
archives = $(patsubst %,$(BUILD)/lib%.a,$(1))

all: $(BUILD)/bulla $(BUILD)/bulla-agent ## build bulla and bulla-agent

$(BUILD)/%.o: %.c $(BUILD)/flags.mk Makefile
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(call cflags,$<) -MMD -MP -c -o $@ $<

define archive_rule
$(BUILD)/lib$(1).a: $(call objects,$(1))
	$$(say) AR $$@
	$$(Q)rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call archive_rule,$(l))))
# main() stays out of the agent's archive, so that tests can link the rest.
$(BUILD)/libagent.a: $(filter-out $(BUILD)/agent/main.o,$(call objects,agent))
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(BUILD)/libsealer.a: $(filter-out $(BUILD)/sealer/main.o,$(call objects,sealer)) $(BUILD)/gen/install_manifest.o
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# manifests/install.yaml as bytes (sealer/install_manifest.h): a string literal could not be as long.
$(BUILD)/gen/install_manifest.c: manifests/install.yaml Makefile
	@mkdir -p $(@D)
	$(Q){ echo '#include "sealer/install_manifest.h"'; \
		echo 'const unsigned char install_manifest[] = {'; \
		od -An -v -tu1 $< | sed 's/[0-9][0-9]*/&,/g'; \
		echo '};'; echo 'const size_t install_manifest_len = sizeof(install_manifest);'; } >$@
$(BUILD)/gen/install_manifest.o: $(BUILD)/gen/install_manifest.c $(BUILD)/flags.mk
	$(say) CC $<
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/bulla: $(BUILD)/sealer/main.o $(call archives,sealer $(USES_sealer))
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(BUILD)/bulla-agent: $(BUILD)/agent/main.o $(call archives,$(USES_agent))
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) $(PKG_LIBS_agent)

# --- unit tests: each linked only with the archives its layer may use -----------------------------
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*/test_*.c))
unit_layer = $(patsubst %/,%,$(dir $(patsubst $(BUILD)/unit/%,%,$(1))))

# what one test needs beyond its layer's libraries: LIBS_LAYER/test_NAME
LIBS_keys/test_vectors := -lz

define unit_rule
$(1): $(patsubst $(BUILD)/unit/%,tests/unit/%.c,$(1)) $(call archives,$(if $(filter sealer,$(call unit_layer,$(1))),sealer) $(USES_$(call unit_layer,$(1)))) $(BUILD)/flags.mk
	@mkdir -p $$(@D)
	$$(say) CCLD $$@
	$$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $$@.d $(ALL_LDFLAGS) -o $$@ $$(filter %.c %.a,$$^) $(PKG_LIBS) $(if $(filter agent,$(call unit_layer,$(1))),$(PKG_LIBS_agent)) $(LIBS_$(1:$(BUILD)/unit/%=%)) -lcmocka
endef
$(foreach t,$(UNIT),$(eval $(call unit_rule,$(t))))

unit: $(UNIT) ## build and run the unit tests (ONLY=keys/test_age for one)
	@set -e; for t in $(if $(ONLY),$(BUILD)/unit/$(ONLY),$(UNIT)); do echo "== $$t"; $$t; done

# --- small programs that tests and benchmarks drive ---------------------------------------------------
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c)) \
	$(patsubst tests/bench/%.c,$(BUILD)/tools/%,$(wildcard tests/bench/*.c)) \
	$(patsubst tests/ctgrind/%.c,$(BUILD)/tools/%,$(wildcard tests/ctgrind/*.c))
TOOL_ARCHIVES := $(call archives,sealer $(USES_sealer))

define tool_rule
$(BUILD)/tools/%: tests/$(1)/%.c $(TOOL_ARCHIVES) $(BUILD)/flags.mk
	@mkdir -p $$(@D)
	$$(say) CCLD $$@
	$$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $$@.d $(ALL_LDFLAGS) -o $$@ $$< $(TOOL_ARCHIVES) $(PKG_LIBS)
endef
$(foreach d,tools bench ctgrind,$(eval $(call tool_rule,$(d))))

# Preloaded into the programs under test, so built without any of the flags above.
PRELOADS := $(patsubst tests/preload/%.c,$(BUILD)/preload/%.so,$(wildcard tests/preload/*.c))
$(BUILD)/preload/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(say) SO $@
	$(Q)$(CC) -std=c11 -O1 -g -Wall -Wextra -fPIC -shared -o $@ $< -ldl

tools: $(TOOLS) $(PRELOADS) ## build what the tests drive

# --- fuzzers (clang): tests/fuzz/fuzz_NAME.c with seeds in tests/fuzz/corpus/NAME -------------------
# Built apart with their own flags; `make fuzz` runs each for FUZZ_SECONDS.
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 10
FUZZ_AGENT := control wire ledger inventory namespaces # of agent/
FUZZ_FLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

define fuzz_rule
$(BUILD)/fuzz_$(1): tests/fuzz/fuzz_$(1).c $(call archives,$(if $(filter $(FUZZ_AGENT),$(1)),agent) $(if $(filter manifest edit_text textconv reseal_journal published bootstrap_files turn_journal,$(1)),sealer) guard foreign document keys kinds kube github git base)
	$$(say) FUZZ $$@
	$$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $$@.d $(ALL_LDFLAGS) -fsanitize=fuzzer -o $$@ $$(filter %.c %.a,$$^) $(PKG_LIBS) $(if $(filter $(FUZZ_AGENT),$(1)),$(PKG_LIBS_agent))
endef
$(foreach f,$(FUZZ),$(eval $(call fuzz_rule,$(f))))
fuzzers: $(patsubst %,$(BUILD)/fuzz_%,$(FUZZ))

fuzz: ## run each fuzzer for FUZZ_SECONDS (10) on its seeds
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=clang OPT='-O1 -g' SANITIZE='$(FUZZ_FLAGS)' fuzzers
	$(Q)scripts/fuzz $(BUILD)/fuzz $(FUZZ_SECONDS)

# --- the whole way ------------------------------------------------------------------------------------
demo: ## install what the build needs, build, and show the whole way on real credentials
	@scripts/deps build
	$(Q)$(MAKE) --no-print-directory all
	@scripts/demo $(BUILD)

deps: ## install the Debian packages that building needs
	@scripts/deps build

test: ## install what the tests need, build, and run all of them
	@scripts/deps test
	$(Q)$(MAKE) --no-print-directory all tools $(if $(WERROR),WERROR=$(WERROR))
	@scripts/test $(BUILD)

asan: ## the unit and end-to-end tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/deps test
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/asan OPT='-O1 -g' SANITIZE='$(ASAN_FLAGS)' all tools unit
	@BULLA_SANITIZED=1 scripts/pytest $(BUILD)/asan $(ASAN_PYTEST)
ASAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

bench: ## measure against the neighbours and the bare limit (minutes)
	@scripts/deps test
	$(Q)$(MAKE) --no-print-directory all tools
	@scripts/bench $(BUILD)
	@scripts/bench-rotation $(BUILD)

bench-cluster: ## the same for the agent of a cluster, on a real API server (minutes)
	@scripts/deps test
	$(Q)$(MAKE) --no-print-directory all tools
	@scripts/bench-cluster $(BUILD)
	@scripts/bench-bootstrap $(BUILD)

soak: ## whether the agent of a cluster grows, over half an hour of changes (SOAK_SECONDS)
	@scripts/deps test
	$(Q)$(MAKE) --no-print-directory all
	@scripts/soak $(BUILD)

schedules: ## 10,000 random schedules of the agent of a cluster (SCHEDULES, SCHEDULES_SEED; half an hour at most)
	@scripts/deps test
	$(Q)$(MAKE) --no-print-directory all
	@scripts/schedules $(BUILD)

lint: ## compilers' warnings as errors, static analysis, shell and manual pages
	@scripts/deps lint
	@scripts/lint $(BUILD)

install: all ## install below DESTDIR and PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/doc/bulla/docs
	install -m 755 -s $(BUILD)/bulla $(DESTDIR)$(PREFIX)/bin/bulla
	ln -sf bulla $(DESTDIR)$(PREFIX)/bin/kubectl-bulla
	install -m 755 -s $(BUILD)/bulla-agent $(DESTDIR)$(PREFIX)/sbin/bulla-agent
	install -m 644 README.md SECURITY.md CHANGELOG.md LICENSE $(DESTDIR)$(PREFIX)/share/doc/bulla
	install -m 644 $(wildcard docs/*.*) $(DESTDIR)$(PREFIX)/share/doc/bulla/docs
	for file in $(wildcard docs/*/*); do \
		install -D -m 644 $$file $(DESTDIR)$(PREFIX)/share/doc/bulla/$$file || exit 1; done
	for page in man/*.[158]; do \
		install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; done
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	umask 022; $(BUILD)/bulla completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/bulla
	umask 022; $(BUILD)/bulla completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_bulla
	umask 022; $(BUILD)/bulla completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/bulla.fish

dist: ## bulla-VERSION.tar.gz of what is committed, the same bytes each time
	@mkdir -p dist
	git archive --format=tar --prefix=bulla-$(VERSION)/ HEAD | gzip -n -9 >dist/bulla-$(VERSION).tar.gz
	@echo dist/bulla-$(VERSION).tar.gz

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' Makefile

clean: ## remove everything that was built
	rm -rf build dist

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
.PHONY: all unit tools fuzz fuzzers demo deps test asan bench bench-cluster soak schedules lint install dist help clean
