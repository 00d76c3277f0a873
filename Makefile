# SPDX-License-Identifier: Apache-2.0
# make | make check | make MODE=asan check | sudo make test | sudo make demo: docs/HACKING.md
MODE ?= debug
PREFIX ?= /usr/local
FUZZ_TIME ?= 20
B := build$(if $(filter-out debug,$(MODE)),/$(MODE))

PKGS := libgit2 libcurl libarchive yaml-0.1 jansson libcrypto libprotobuf-c
CFLAGS_debug := -O1 -g -Werror
CFLAGS_asan := -O1 -g -Werror -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_fuzz := -O1 -g -fsanitize=address,undefined,fuzzer-no-link
CFLAGS_release := -O2 -g
$(if $(CFLAGS_$(MODE)),,$(error no MODE=$(MODE); there are debug, asan, fuzz and release))
CFLAGS_all := -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wno-format-zero-length -Iharness -Ibuild/gen $(shell pkg-config --cflags $(PKGS)) \
	$(CFLAGS_$(MODE)) $(CFLAGS)
LIBS := -Wl,--as-needed $(shell pkg-config --libs $(PKGS))

MAIN_C := harness/cli/main.c
PRELOAD_C := harness/interposer/preload/sockopt.c harness/interposer/preload/rlimit.c
APART_C := harness/cli/commands_node.c harness/cli/products_node.c harness/image/tar_node.c harness/interposer/main.c harness/interposer/static.c $(PRELOAD_C)
DEPTHS := harness/*/* harness/*/*/* harness/*/*/*/*
LIB_C := $(filter-out $(MAIN_C) $(APART_C) harness/tests/%,$(wildcard $(addsuffix .c,$(DEPTHS))))
HEADERS := $(wildcard $(addsuffix .h,$(DEPTHS)))
TEST_C := $(wildcard harness/tests/*/test_*.c)
FUZZ_C := $(wildcard harness/tests/*/fuzz_*.c)
obj = $(patsubst harness/%.c,$(B)/obj/%.o,$1)
say = $(if $(V),,@echo '  $1 $@';)

all: $(B)/cryopod

$(B)/cryopod: $(call obj,$(MAIN_C)) $(B)/libcryo.a
	$(call say,LD)$(CC) $(CFLAGS_all) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS)
$(B)/libcryo.a: $(call obj,$(LIB_C)) $(patsubst %,$(B)/obj/%.pb-c.o,criu/rpc criu/stats criu/images kube/cri) $(B)/members
	@rm -f $@
	@$(AR) rcs $@ $(filter %.o,$^)
$(B)/obj/%.o: harness/%.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CFLAGS_all) -MMD -MP -c -o $@ $<
# Messages of CRIU and of container runtimes, from our own description of them.
GEN := build/gen
.PRECIOUS: $(GEN)/%.pb-c.c $(GEN)/%.pb-c.h
$(GEN)/%.pb-c.c $(GEN)/%.pb-c.h: harness/%.proto
	@mkdir -p build/gen
	$(call say,PROTOC)protoc-c --proto_path=harness --c_out=build/gen $<
$(B)/obj/criu/rpc.o $(B)/obj/tests/interposer/test_relay.o: | $(GEN)/criu/rpc.pb-c.h
$(B)/obj/criu/stats.o: | $(GEN)/criu/stats.pb-c.h
$(B)/obj/criu/contents.o $(B)/obj/criu/rights.o $(B)/obj/tests/criu/test_rights.o: | $(GEN)/criu/images.pb-c.h
$(B)/obj/kube/cri.o: | $(GEN)/kube/cri.pb-c.h
$(B)/obj/%.pb-c.o: $(GEN)/%.pb-c.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CFLAGS_all) -c -o $@ $<
# harness/tests/ROOM/test_NAME.c becomes $(B)/tests/test_NAME; names are unique over all rooms.
$(foreach c,$(TEST_C) $(FUZZ_C),$(eval $(B)/tests/$(notdir $(basename $c)): $(call obj,$c)))
$(B)/tests/test_%: $(B)/libcryo.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS_all) $(LDFLAGS) -o $@ $(filter %.o,$^) $< -lcmocka -lssl $(LIBS)
$(B)/tests/fuzz_%: $(B)/libcryo.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS_all) -fsanitize=fuzzer $(LDFLAGS) -o $@ $(filter %.o,$^) $< $(LIBS)

# What runs inside containers: static, and the same bytes wherever and whenever it is built.
LIBEXEC := build/libexec/counter build/libexec/pause build/libexec/faces build/libexec/web
all: $(LIBEXEC)
$(B)/tests/test_counter $(B)/tests/test_oci: | $(LIBEXEC)
$(B)/tests/test_cli: | $(B)/cryopod $(LIBEXEC)
build/libexec/counter: counter-container/counter.c
build/libexec/pause: images/pause/pause.c
build/libexec/faces: images/faces/faces.c images/faces/refused.c images/faces/alone.c
build/libexec/web: images/web/web.c
build/libexec/web: STATIC_LIBS := -lresolv
$(LIBEXEC):
	@mkdir -p $(@D)
	$(call say,LD)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -ffile-prefix-map=$(CURDIR)=. -static -s \
		-Wl,--build-id=none -o $@ $^ $(STATIC_LIBS)

# What stands between runc and CRIU, in nodes of any kind: static as well, from objects of its own.
INTERPOSER := build/libexec/cryopod-criu build/libexec/criu-preload.so
all: $(INTERPOSER)
$(B)/tests/test_template: | $(LIBEXEC) $(INTERPOSER)
STATIC_C := $(wildcard harness/base/*.c harness/sys/*.c harness/seal/*.c harness/interposer/*.c) \
	harness/conf/json.c harness/criu/rpc.c harness/criu/options.c harness/criu/pages.c harness/criu/pages_sum.c
STATIC_O := $(patsubst harness/%.c,build/static/%.o,$(STATIC_C)) build/static/criu/rpc.pb-c.o
STATIC_FLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -ffunction-sections -fdata-sections -Wall -Wextra -Werror -ffile-prefix-map=$(CURDIR)=. \
	-Iharness -Ibuild/gen
build/static/criu/rpc.o: | $(GEN)/criu/rpc.pb-c.h
build/static/criu/rpc.pb-c.o: $(GEN)/criu/rpc.pb-c.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(STATIC_FLAGS) -c -o $@ $<
build/static/%.o: harness/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(STATIC_FLAGS) -MMD -MP -c -o $@ $<
STATIC_MAIN := build/static/interposer/main.o build/static/interposer/static.o
build/libexec/cryopod-criu: $(STATIC_O)
	@mkdir -p $(@D)
	@rm -f build/static/lib.a
	@$(AR) rcs build/static/lib.a $(filter-out $(STATIC_MAIN),$^)
	$(call say,LD)$(CC) -static -s -Wl,--build-id=none -o $@ $(STATIC_MAIN) build/static/lib.a \
		-Wl,--wrap=dlopen,--wrap=getaddrinfo,--wrap=gethostbyname -lprotobuf-c -ljansson \
		$(shell pkg-config --static --libs libcrypto)
# The program for RKE2 nodes: no library of the node, and only the commands of commands_node.c.
NODE_C := $(wildcard harness/base/*.c harness/sys/*.c harness/conf/*.c harness/report/*.c harness/node/*.c harness/rke2/*.c) \
	$(addprefix harness/image/,tar_node.c tar_read.c tar_write.c oci.c) harness/source/data.c harness/scenario/wire.c harness/interposer/static.c \
	$(addprefix harness/verify/,continuity.c counterlog.c countformat.c pause.c) $(addprefix harness/seal/,cert.c crypto.c sign.c) $(addprefix harness/cli/,main.c commands_node.c products_node.c options.c output.c verb.c help.c bundle.c) \
	$(wildcard harness/cli/node_*.c)
comma := ,
NODE_LIBS := -Wl,--wrap=dlopen,--wrap=getaddrinfo,--wrap=gethostbyname \
	$(patsubst %,-Wl$(comma)--wrap=archive_read_support_filter_%,bzip2 lz4 xz zstd) \
	-larchive -lyaml -ljansson -lz $(shell pkg-config --static --libs libcrypto)
NODE_O := $(patsubst harness/%.c,build/static/%.o,$(NODE_C))
node: build/libexec/cryopod-node
build/libexec/cryopod-node: $(NODE_O)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) -static -s -Wl,--gc-sections,--build-id=none -o $@ $^ $(NODE_LIBS)
# For the end-to-end test: a stand-in for the rke2 of a release, in nodes that have no libraries either.
e2e: build/static/rke2-standin build/libexec/cryopod-node
build/static/rke2-standin: build/static/tests/rke2/standin_main.o $(filter-out build/static/cli/%,$(NODE_O))
	$(call say,LD)$(CC) -static -s -Wl,--gc-sections,--build-id=none -o $@ $^ $(NODE_LIBS)
# For the end-to-end test alone: holds the real CRIU still where something is to be killed.
e2e: build/static/stop-criu
build/static/stop-criu: build/static/tests/interposer/stop_criu.o build/libexec/cryopod-criu
	$(call say,LD)$(CC) -static -s -o $@ $< build/static/lib.a -lprotobuf-c
build/libexec/criu-preload.so: $(PRELOAD_C) harness/interposer/limits.c
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(STATIC_FLAGS) -fPIC -fvisibility=default -shared -s -Wl,--build-id=none -o $@ $^

# These change only when their text does; what is made from flags or a list of files depends on them.
$(B)/flags: text = $(CC) $(CFLAGS_all)
$(B)/members: text = $(LIB_C)
$(B)/flags $(B)/members: quoted = $(subst ','\'',$(text))
$(B)/flags $(B)/members: FORCE
	@mkdir -p $(@D); echo '$(quoted)' | cmp -s - $@ || echo '$(quoted)' >$@
-include $(wildcard $(patsubst harness/%,$(B)/obj/%.d,$(DEPTHS)) build/static/*/*.d build/static/*/*/*.d)

# Tests (one plays a TLS server, hence -lssl). Each leaves its points as TAP below build/; many are added up.
run-test_%: $(B)/tests/test_%
	$<
$(B)/tap/%.tap: $(B)/tests/% FORCE
	@scripts/tap $@ '$(MODE) $*' $<
taps: $(patsubst %,$(B)/tap/%.tap,$(notdir $(basename $(TEST_C))))
check: taps
	@scripts/tally $(B)/tap/test_*.tap
checks: FORCE
	@+MAKE='$(MAKE)' scripts/tap $(B)/tap/checks.tap checks scripts/check/all layers circles headers names text man-check completion format-check
e2e: $(B)/cryopod interop
	@scripts/tap $(B)/tap/e2e.tap 'end to end' harness/tests/e2e/run
# SIGKILL of everybody in a checkpoint at random moments; the same again with SEED=
kills: $(B)/cryopod
	@KILLS=$${KILLS:-200} harness/tests/e2e/run 38
interop: $(B)/cryopod $(B)/tests/test_beside_git
	@CRYOPOD=$(abspath $<) scripts/tap $(B)/tap/interop.tap interop harness/tests/interop/run
	@CRYOPOD_SERIES=$(if $(CI),40,500) scripts/tap $(B)/tap/patches.tap 'patches beside git' $(B)/tests/test_beside_git
test: all
	@rm -rf build/tap build/asan/tap
	@$(MAKE) --no-print-directory taps checks
	@$(MAKE) --no-print-directory MODE=asan taps
	@$(MAKE) --no-print-directory e2e
	@scripts/tally build/tap/*.tap build/asan/tap/*.tap

# Scenarios on the stacks previous and edge, unit tests of what the series change: an hour and more, root.
test-stacks: all
	@scripts/tap $(B)/tap/stacks.tap stacks scripts/test-stacks $(STACKS)
	@scripts/tally $(B)/tap/stacks.tap

test-vm: all
	@scripts/vm/test-vm
# The forks from a directory of mirrors: MIRROR=DIR with DIR/kubernetes, DIR/containerd.git, …; STACK=
test-forks: all
	@scripts/tap $(B)/tap/forks.tap forks scripts/test-forks '$(MIRROR)' '$(STACK)'
	@scripts/tally $(B)/tap/forks.tap || grep -q '# SKIP' $(B)/tap/forks.tap && ! grep -q '^not ok' $(B)/tap/forks.tap

run-fuzz_%: $(B)/tests/fuzz_%
	@mkdir -p $(B)/corpus/$*
	$< -max_total_time=$(FUZZ_TIME) -print_final_stats=1 -artifact_prefix=$(B)/corpus/ $(B)/corpus/$* \
		$(wildcard harness/tests/corpus/$*)
fuzz-all: $(addprefix run-,$(notdir $(basename $(FUZZ_C))))
fuzz:
	@command -v clang >/dev/null || { echo 'fuzz: skipped, there is no clang' >&2; exit 0; }; \
		$(MAKE) --no-print-directory MODE=fuzz CC=clang fuzz-all

# What the machine can say about the text.
headers: $(patsubst %.h,$(B)/%.ok,$(HEADERS))
$(B)/%.ok: %.h $(HEADERS) $(B)/flags
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS_all) -fsyntax-only -x c $<
	@touch $@
layers:
	@scripts/check/layers $(filter-out harness/tests/%,$(HEADERS)) $(LIB_C) $(MAIN_C) $(APART_C)
circles: $(call obj,$(LIB_C) $(MAIN_C))
	@scripts/check/circles $^
names:
	@scripts/check/names $(LIB_C) $(MAIN_C) $(APART_C)
text:
	@scripts/check/text
format-check:
	@scripts/check/format-check $(HEADERS) $(LIB_C) $(MAIN_C) $(APART_C) $(wildcard harness/tests/*/*.[ch]) \
		$(wildcard counter-container/*.c images/*/*.c)

demo: all
	build/cryopod test --up --output summary scenarios/sealed.yaml
bench: all
	$(B)/cryopod bench
	CRYOPOD=$(abspath $(B)/cryopod) scripts/bench/sources
	CRYOPOD=$(abspath $(B)/cryopod) scripts/bench/patches
	$(B)/cryopod bench --sealed
	$(B)/cryopod bench --restore
	$(B)/cryopod bench --stacks stock,upstream
	$(B)/cryopod bench --templates
	CRYOPOD=$(B)/cryopod scripts/bench/fresh
	CRYOPOD=$(B)/cryopod scripts/bench/rebuild
proof:
	scripts/chroot-proof $(SUITE) $(or $(TARGET),check)

# Man pages: the options come from the program's own tables (harness/cli/manual.c).
MAN := $(patsubst man/%.mdoc,build/man/%.1,$(wildcard man/*.mdoc))
man: $(MAN)
all: $(MAN)
build/man/%.1: man/%.mdoc $(B)/cryopod
	@mkdir -p $(@D)
	$(call say,MAN)$(B)/cryopod internal-manual $* $< >$@
man-check: $(MAN)
	@scripts/check/man $(B)/cryopod $(MAN)
completion: $(B)/cryopod
	@scripts/check/completion $<

SHARED := stacks patches scenarios kube-deployments
share := $(DESTDIR)$(PREFIX)/share/cryopod
libexec := $(DESTDIR)$(PREFIX)/libexec/cryopod
man1 := $(DESTDIR)$(PREFIX)/share/man/man1
completion_bash := $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cryopod
completion_zsh := $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_cryopod
completion_fish := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/cryopod.fish
install: all
	install -D -m 755 $(B)/cryopod $(DESTDIR)$(PREFIX)/bin/cryopod
	ln -sf cryopod $(DESTDIR)$(PREFIX)/bin/kubectl-checkpoint
	install -d $(share) $(libexec) $(man1)
	install -m 644 $(MAN) $(man1)
	install -D -m 644 completions/cryopod.bash $(completion_bash)
	install -D -m 644 completions/_cryopod $(completion_zsh)
	install -D -m 644 completions/cryopod.fish $(completion_fish)
	install -m 755 $(LIBEXEC) $(INTERPOSER) $(libexec)
	cp -R $(wildcard $(SHARED)) $(share)
	install -d $(share)/images
	cp -R images/node $(share)/images
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/cryopod $(DESTDIR)$(PREFIX)/bin/kubectl-checkpoint
	rm -f $(addprefix $(man1)/,$(notdir $(MAN))) $(completion_bash) $(completion_zsh) $(completion_fish)
	rm -rf $(share) $(libexec)
clean:
	rm -rf build

FORCE:
.PHONY: all node taps check checks e2e interop test test-forks test-stacks test-vm fuzz-all fuzz headers layers circles names text format-check demo bench proof \
	install uninstall clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:
