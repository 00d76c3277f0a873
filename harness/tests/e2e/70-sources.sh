#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sources from git and archives, as a user has them; a C program built with its libraries.
. "$(dirname "$0")/lib.sh"
needs nothing
export GIT_AUTHOR_NAME=e GIT_AUTHOR_EMAIL=e@localhost GIT_COMMITTER_NAME=e GIT_COMMITTER_EMAIL=e@localhost
src=$tmp/sources
mkdir -p "$src/criu-1/criu"
# A cache of its own but for the build root, which takes a minute to make.
shared=${CRYOPOD_CACHE_DIR:-/var/cache/cryopod}
mkdir -p "$src/cache" "$shared/roots"
ln -s "$shared/roots" "$src/cache/roots"
export CRYOPOD_CACHE_DIR="$src/cache"
part=part
stack() { # LINE…: the components
	printf 'apiVersion: cryopod.dev/v1alpha1\nkind: Stack\nmetadata: {name: e2e}\nspec:\n  components:\n' >"$src/s.yaml"
	printf '    %s\n' "$@" >>"$src/s.yaml"
}
sources() { cp_ sources "$@" --stack "$src/s.yaml"; }

if command -v git >/dev/null; then
	git init -q -b main "$src/repo" && echo one >"$src/repo/f" && git -C "$src/repo" add f &&
		git -C "$src/repo" commit -q -m one
	one=$(git -C "$src/repo" rev-parse HEAD)
	stack "$part: {recipe: runc, note: mind the gap, source: {git: ./repo, ref: main}}"
	point "sources: not fetched yet" exits 0 sources status
	point "it says so" says "not known yet"
	point "sources sync --offline: nothing there" fails 4 "--offline forbids" sources sync --offline
	point "build --offline: nothing there" fails 4 "--offline forbids" cp_ build --offline --stack "$src/s.yaml"
	point "up --offline: nothing there" fails 4 "--offline forbids" cp_ up --offline --stack "$src/s.yaml"
	stack "$part: {recipe: runc, source: {git: 'http://127.0.0.1:1/repo', ref: main}}"
	point "a server that cannot be reached" fails 4 "cannot fetch" sources sync
	point "build says it, too" fails 4 "cannot fetch" cp_ build --stack "$src/s.yaml"
	stack "$part: {recipe: runc, source: {git: 'https://nowhere.invalid/repo', ref: none}}"
	point "build --mirror asks the mirror" fails 2 "no branch or tag 'none'" \
		cp_ build --stack "$src/s.yaml" --mirror "https://nowhere.invalid/=$src/"
	stack "$part: {recipe: runc, note: mind the gap, source: {git: ./repo, ref: main}}"
	point "sources sync" exits 0 sources sync
	point "the note is shown" says "mind the gap"
	tree=$(sources sync -o json -q 2>/dev/null | jq -r '.[0].dir')
	point "git works in the tree" test "$(git -C "$tree" log --format=%H -1)" = "$one"
	point "and finds nothing changed" test -z "$(git -C "$tree" status --porcelain)"
	echo two >"$src/repo/f" && git -C "$src/repo" commit -q -a -m two
	point "a branch that moved is not followed" test "$(sources sync -q -o json | jq -r '.[0].commit')" = "$one"
	point "sources sync --update follows it" test \
		"$(sources sync -q --update -o json | jq -r '.[0].commit')" = "$(git -C "$src/repo" rev-parse HEAD)"
	tree=$(sources status -o json | jq -r '.[0].dir')
	echo mine >"$tree/f"
	point "a changed tree is refused" fails 4 "was changed by hand" sources sync
	point "status shows it" sh -c "'$CRYOPOD' sources status --stack '$src/s.yaml' | grep -q \"CHANGED.*'f' first\""
	escape=$(printf '\033')
	rm -f "$tree/f" && git -C "$tree" rm -q --cached f && echo x >"$tree/${escape}[31mred" && exits 0 sources status
	point "a name from the tree does not speak to the terminal" sh -c "! grep -q '$escape' '$tmp/out'"
	point "it is shown" says "?[31mred"
	point "sources sync --force makes it anew" exits 0 sources sync --force
	point "it is what it was" test "$(cat "$tree/f")" = two
	point "no such component" fails 2 "has no component 'nobody'" sources sync nobody
	stack "$part: {recipe: runc, source: {git: ./repo, ref: release-1.13}}"
	git -C "$src/repo" branch release-1.31
	point "no such branch" fails 2 "did you mean 'release-1.31'?" sources sync
	git -C "$src/repo" branch -D -q release-1.31
	stack "$part: {recipe: runc, source: {git: ./repo, ref: main}}"
	head -c 3000000 /dev/urandom >"$src/repo/big" && git -C "$src/repo" add big && git -C "$src/repo" commit -q -m big
	no_space() {
		unshare -m sh -c "mkdir -p '$src/small' && mount -t tmpfs -o size=600k small '$src/small' &&
			CRYOPOD_CACHE_DIR='$src/small' '$CRYOPOD' --color never sources sync --stack '$src/s.yaml'"
	}
	point "no space left" fails 3 "no space left" no_space

	# A fork as somebody has it: upstream's tree in a repository, our series on top, a real program.
	mod=$(go env GOMODCACHE 2>/dev/null) || mod=$HOME/go/pkg/mod
	version=$(sed -n '/^    runc:/,/version:/s/^ *version: v//p' "$top/stacks/upstream.yaml")
	[ -d "$mod/github.com/opencontainers/runc@v$version" ] || mod=$shared/go/mod
	runc=$mod/github.com/opencontainers/runc@v$version
	if [ -d "$runc" ]; then
		# What a module's zip leaves out: half of the vendor directory.
		mkdir -p "$src/runc" && cp -R "$runc/." "$src/runc" && chmod -R u+w "$src/runc" && rm -rf "$src/runc/vendor" &&
			git init -q -b main "$src/runc" &&
			git -C "$src/runc" add -Af . && git -C "$src/runc" commit -q -m "v$version"
		cp -R "$top/patches/runc/$version" "$src/series"
		n=$(ls "$src/series" | grep -c '[.]patch$') more=$(printf '%04d-checkpoint-say-more.patch' $((n + 1)))
		stack "runc: {recipe: runc, patches: series, source: {git: ./runc, ref: main, version: v$version}}"
		exits 0 sources sync >/dev/null
		point "sources status: the series applies" exits 0 sources status
		point "it names each patch" says "0002-checkpoint-fail-if-nothing-was-encrypted.patch"
		point "build a patched git tree" exits 0 cp_ build --stack "$src/s.yaml"
		dir=$(tail -n 1 "$tmp/out" | awk '{ print $3 }')
		point "runc has what the patch adds" sh -c "'$dir/runc' checkpoint --help | grep -q encryption-cert"
		point "its version is of the commit" sh -c "'$dir/runc' --version | grep -q 'runc version $version'"
		point "build.json has all patches" test "$(jq '.source.patches | length' "$dir/build.json")" = "$n"
		point "sources patch makes a tree" exits 0 sources patch runc "$src/bench"
		# Index lines with whole ids: a series with shorter ones is written anew once, and then stays.
		point "sources refresh of what is there" exits 0 sources refresh runc "$src/bench"
		echo '// one more' >>"$src/bench/checkpoint.go" && git -C "$src/bench" commit -q -a -m 'checkpoint: say more

For a test.'
		point "sources patch does not lose a commit" fails 2 "commits that are not in the series" \
			sources patch runc "$src/bench"
		point "sources refresh" exits 0 sources refresh runc "$src/bench"
		point "it adds the new one" says "added    $more"
		point "and leaves the others" test "$(grep -c '^same' "$tmp/out")" = "$n"
		sed -i 's/^+\/\/ one more/+\/\/ once more/; s/^ func /  func /' "$src/series/$more"
		rm "$src/series/0001-"*
		point "a series that does not fit" exits 1 sources status
		point "is told by file and line" says "CONFLICT"
		point "and does not build" fails 2 "0002-" cp_ build --stack "$src/s.yaml"
		point "--version is for Go modules" fails 2 "is not a Go module" sources status --version v1.2.7
		stack "runc: {recipe: runc, patches: $top/patches/runc/$version, source: {module: github.com/opencontainers/runc, version: v$version}}"
		point "status --version on the version that is there" exits 0 sources status --version "v$version"
		point "says on which" says "on v$version"
		# Repositories as the forks have them, and what is said of them where the forks should be.
		if command -v go >/dev/null && exits 0 "$top/scripts/make-mirrors" "$src/mirrors" runc; then
			at_base() { cp_ "$@" --stack "$src/mirrors/superproject.yaml" --mirror "https://base.invalid/=$src/mirrors/" runc; }
			point "sources sync of a part of a project" exits 0 at_base sources sync
			commit=$(git -C "$src/mirrors/runc.git" rev-parse HEAD)
			point "it is the commit that the project has" says "$(echo "$commit" | cut -c 1-12)"
			point "a tree with a vendor directory is built offline" exits 0 at_base build --offline
			dir=$(tail -n 1 "$tmp/out" | awk '{ print $3 }')
			point "its program says its version" sh -c "'$dir/runc' --version | grep -q '^runc version 1.2.8$'"
			point "and its commit" sh -c "'$dir/runc' --version | grep -q '^commit: $commit$'"
			point "test-forks takes the stack that is there" exits 0 "$top/scripts/test-forks" "$src/mirrors"
			point "it says what is missing" says "criu # SKIP not in $src/mirrors"
			point "the forks are not there" exits 1 "$top/scripts/test-forks" "$src/mirrors" forks
			point "who had no such commit is said" says "asked for at $src/mirrors/DP.git"
		else
			echo "# skipped: repositories as the forks have them, there is no go or not all modules can be had"
		fi
	else
		echo "# skipped: a patched git tree, runc v$version is not in Go's module cache"
	fi
else
	echo "# skipped: sources from git, there is no git program"
fi

# What CRIU's tree looks like from outside: `make criu` makes criu/criu.
cat >"$src/criu-1/Makefile" <<'END'
criu:
	$(CC) $(USERCFLAGS) -o criu/criu criu/main.c -lnet -lprotobuf-c
.PHONY: criu
END
cat >"$src/criu-1/criu/main.c" <<'END'
#include <libnet.h>
#include <protobuf-c/protobuf-c.h>
int main(void) { printf("%s, protobuf-c %s\n", libnet_version(), protobuf_c_version()); return 0; }
END
archive() {
	tar -C "$src" -czf "$src/criu.tar.gz" criu-1
	stack "$part: {recipe: criu, source: {archive: criu.tar.gz, sha256: $(sha256sum "$src/criu.tar.gz" | cut -d ' ' -f 1)}}"
}
archive
point "build a C program from an archive" exits 0 cp_ build --stack "$src/s.yaml"
unit=$(tail -n 1 "$tmp/out" | awk '{ print $3 }')
in_node_root() {
	cp -R "$unit" "$src/unit" &&
		unshare -m sh -c "mount -t tmpfs unit /mnt && mkdir /mnt/unit /mnt/root /mnt/up /mnt/work &&
			mount -t overlay -o lowerdir=$1,upperdir=/mnt/up,workdir=/mnt/work over /mnt/root &&
			cp -R '$src/unit' /mnt/root/unit && mount -t proc proc /mnt/root/proc &&
			rm -f /mnt/root/usr/lib/*/libnet.so* /mnt/root/usr/lib/*/libprotobuf-c.so* &&
			chroot /mnt/root /unit/criu" >"$tmp/out" 2>&1
}
point "it runs where its libraries are not" in_node_root "$(ls -d "$shared"/builds/node/*/ | head -n 1)"
point "with its own" says "libnet version"
point "built again: nothing to do" sh -c "'$CRYOPOD' build --stack '$src/s.yaml' 2>&1 | grep -q same"
# What a Makefile that means harm finds: each word is something that it could do.
cp "$src/criu-1/Makefile" "$src/Makefile"
cat >"$src/criu-1/Makefile" <<END
.PHONY: criu
criu:
	@touch /usr/bin/mine 2>/dev/null && echo 'Error: root' >&2 || true
	@touch $src/cache/mine 2>/dev/null && echo 'Error: cache' >&2 || true
	@echo x 2>/dev/null >/proc/sys/kernel/hostname && echo 'Error: sysctl' >&2 || true
	@mount -t tmpfs x /tmp 2>/dev/null && echo 'Error: mount' >&2 || true
	@test -e /sys/kernel && echo 'Error: sys' >&2 || true
	@mknod disk b 8 0 2>/dev/null && echo 'Error: disk' >&2 || true
	@test "\$\$(grep -c : /proc/net/dev)" -le 1 || echo 'Error: network' >&2
	@test -z "\$\$CRYO_SECRET" || echo 'Error: environment' >&2
	@keyctl show >/dev/null 2>&1 && echo 'Error: keys' >&2 || true
	@echo 'Error: as it should be' >&2
	@false
END
archive
point "a Makefile reaches only its own directory" fails 4 "Error: as it should be" env CRYO_SECRET=1 "$CRYOPOD" --color never build --stack "$src/s.yaml"
# What it leaves in place of its program: a way to a file of ours, and one that never ends.
for result in 'ln -s /etc/shadow' mkfifo; do
	printf '.PHONY: criu\ncriu:\n\t@mkdir -p criu && rm -f criu/criu && %s criu/criu\n' "$result" >"$src/criu-1/Makefile"
	archive
	point "a Makefile's result is no file: $result" fails 4 "make produced no program: " timeout 60 "$CRYOPOD" --color never build --stack "$src/s.yaml"
done
cp "$src/Makefile" "$src/criu-1/Makefile"
sed -i 's/libnet.h/libaio.h/' "$src/criu-1/criu/main.c"
archive
point "a missing library is named with its package" fails 4 "(Debian package libaio-dev)" cp_ build --stack "$src/s.yaml"
ln -s /etc/passwd "$src/criu-1/out"
archive
point "an archive with a link that leads out" fails 2 "'out' is a link that leads out" cp_ build --stack "$src/s.yaml"
if [ "$shared" = /var/cache/cryopod ]; then unset CRYOPOD_CACHE_DIR; else CRYOPOD_CACHE_DIR=$shared; fi
