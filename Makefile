# SPDX-License-Identifier: Apache-2.0
MODE ?= debug
B := build$(if $(filter-out debug,$(MODE)),/$(MODE))
PKGS := libgit2 libcurl libarchive yaml-0.1 jansson libcrypto
CFLAGS_debug := -O1 -g -Werror
CFLAGS_asan := -O1 -g -Werror -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_all := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wno-format-zero-length -Iharness $(shell pkg-config --cflags $(PKGS)) $(CFLAGS_$(MODE)) $(CFLAGS)
LIBS := $(shell pkg-config --libs $(PKGS))
LIB_C := $(filter-out harness/cli/% harness/tests/%,$(wildcard harness/*/*.c harness/*/*/*.c))
CLI_C := $(wildcard harness/cli/*.c)
TESTS := $(patsubst harness/tests/%.c,$(B)/tests/%,$(wildcard harness/tests/test_*.c))
obj = $(patsubst harness/%.c,$(B)/obj/%.o,$1)

all: $(B)/cryopod
$(B)/cryopod: $(call obj,$(CLI_C)) $(B)/libcryo.a
	$(CC) $(CFLAGS_all) $(LDFLAGS) -o $@ $^ $(LIBS)
$(B)/libcryo.a: $(call obj,$(LIB_C))
	@rm -f $@
	$(AR) rcs $@ $^
$(B)/obj/%.o: harness/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_all) -MMD -MP -c -o $@ $<
$(B)/tests/%: $(B)/obj/tests/%.o $(B)/libcryo.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_all) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)
# The test plays a TLS server; cryopod itself has TLS through libcurl only.
$(B)/tests/test_http: LIBS += -lssl
run-%: $(B)/tests/%
	$<
check: $(addprefix run-,$(notdir $(TESTS)))
clean:
	rm -rf build
-include $(shell find $(B) -name '*.d' 2>/dev/null)
.PHONY: all check clean
.SECONDARY:
