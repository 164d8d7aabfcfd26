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
WERROR ?=
OPT ?= -O2 -g
SANITIZE ?=

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:

# --- what stands where; a folder is a layer (CONTRIBUTING), and may use the archives listed here ----
LAYERS := base keys kinds document
USES_base := base
USES_keys := keys base
USES_kinds := kinds base
USES_document := document keys kinds base
USES_sealer := document keys kinds base
USES_agent := agent document keys kinds base

PKGS := libsodium libcrypto jansson yaml-0.1
PKGS_agent := libseccomp libmicrohttpd

# Targets that need no compiler leave the probes below alone.
NO_CC := clean help deps deps-test dist
ifneq ($(filter-out $(NO_CC),$(or $(MAKECMDGOALS),all)),)
-include $(BUILD)/flags.mk
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
PKG_LIBS_agent := $(shell $(PKG_CONFIG) --libs $(PKGS_agent) 2>/dev/null)
endif

$(BUILD)/flags.mk: scripts/cc-flags
	@mkdir -p $(@D)
	@scripts/cc-flags '$(CC)' >$@

CFLAGS ?=
ALL_CFLAGS := -std=c11 $(OPT) $(WARN) $(WERROR) $(SANITIZE) $(if $(SANITIZE),,$(FORTIFY)) $(HARDEN) \
	-fPIE -D_GNU_SOURCE -DBULLA_VERSION='"$(VERSION)"' -I. $(PKG_CFLAGS) $(CFLAGS)
ALL_LDFLAGS := -pie $(HARDEN_LD) $(SANITIZE) $(LDFLAGS)

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
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

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
$(BUILD)/libsealer.a: $(filter-out $(BUILD)/sealer/main.o,$(call objects,sealer))
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/bulla: $(BUILD)/sealer/main.o $(call archives,sealer $(USES_sealer))
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(BUILD)/bulla-agent: $(BUILD)/agent/main.o $(call archives,$(USES_agent))
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) $(PKG_LIBS_agent)

# --- unit tests: each linked only with the archives its layer may use -----------------------------
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*/test_*.c))
unit_layer = $(patsubst %/,%,$(dir $(patsubst $(BUILD)/unit/%,%,$(1))))

define unit_rule
$(1): $(patsubst $(BUILD)/unit/%,tests/unit/%.c,$(1)) $(call archives,$(if $(filter sealer,$(call unit_layer,$(1))),sealer) $(USES_$(call unit_layer,$(1)))) $(BUILD)/flags.mk
	@mkdir -p $$(@D)
	$$(say) CCLD $$@
	$$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $$@.d $(ALL_LDFLAGS) -o $$@ $$(filter %.c %.a,$$^) $(PKG_LIBS) $(if $(filter agent,$(call unit_layer,$(1))),$(PKG_LIBS_agent)) -lcmocka
endef
$(foreach t,$(UNIT),$(eval $(call unit_rule,$(t))))

unit: $(UNIT) ## build and run the unit tests (ONLY=keys/test_age for one)
	@set -e; for t in $(if $(ONLY),$(BUILD)/unit/$(ONLY),$(UNIT)); do echo "== $$t"; $$t; done

# --- fuzzers (clang): tests/fuzz/fuzz_NAME.c with seeds in tests/fuzz/corpus/NAME -------------------
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 10
FUZZ_BUILD := $(BUILD)/fuzz

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' Makefile

clean: ## remove everything that was built
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all unit help clean
