# SPDX-License-Identifier: Apache-2.0
# For every chapter: `. "$(dirname "$0")/lib.sh"`, then `needs cluster` or `needs nothing`. A chapter is a process of
# its own with TAP on stdout: it runs alone, in any order, and says itself what it needs.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
CRYOPOD=$top/build/cryopod
# Directories of its own: a developer's clusters stay as they are. The caches are shared.
export CRYOPOD_STATE_DIR=/var/lib/cryopod-e2e CRYOPOD_RUN_DIR=/run/cryopod-e2e CRYOPOD_NAME=e2e
unset KUBECONFIG
tmp=$(mktemp -d)
points=0
factor=${CRYOPOD_TIMEOUT_FACTOR:-1} # as cryopod's own limits

cp_() { "$CRYOPOD" --color never "$@"; }
diag() { sed 's/^/# /' "$1"; }

# point NAME CONDITION…: one test point; the output of what ran last is shown when it fails.
point() {
	points=$((points + 1))
	name=$1
	shift
	if "$@" >"$tmp/point" 2>&1; then
		echo "ok $points - $name"
	else
		echo "not ok $points - $name"
		diag "$tmp/point"
		[ ! -s "$tmp/out" ] || diag "$tmp/out"
	fi
}
# exits CODE COMMAND…: the command's exit code is CODE; its output is kept for `says`.
exits() {
	want=$1
	shift
	"$@" >"$tmp/out" 2>&1 </dev/null
	got=$?
	[ "$got" -eq "$want" ] || { echo "exit $got, not $want"; return 1; }
}
says() { grep -qF -- "$1" "$tmp/out" || { echo "nobody said: $1"; return 1; }; }
# fails CODE TEXT COMMAND…: it fails with CODE, its last line is one line that starts with
# "cryopod: " and holds TEXT.
fails() {
	code=$1 text=$2
	shift 2
	exits "$code" "$@" && tail -n 1 "$tmp/out" | grep -q '^cryopod: ' && says "$text"
}
# until_true SECONDS COMMAND…
until_true() {
	end=$(($(date +%s) + $1 * factor))
	shift
	while ! "$@" >"$tmp/until" 2>&1; do
		[ "$(date +%s)" -lt "$end" ] || { cat "$tmp/until"; return 1; }
		sleep 0.2
	done
}
status() { cp_ --name "${2:-e2e}" status -o json | jq -r "$1"; }
kubectl() { cp_ -q kubectl "$@"; }
group_of() { echo "/cryopod/$1.$(printf %s "$CRYOPOD_STATE_DIR" | sha256sum | cut -c1-8)"; }

# What a cluster of ours could leave behind, and what it could have changed; other clusters and
# programs may come and go meanwhile.
host_state() {
	grep -E 'cryopod-e2e|nsfs' /proc/self/mountinfo | cut -d' ' -f3- | sort
	ls /sys/class/net
	for c in /sys/fs/cgroup /sys/fs/cgroup/*; do
		ls -d "$c"/cryopod/e2e*
	done 2>/dev/null
	ls -d "$CRYOPOD_STATE_DIR" "$CRYOPOD_RUN_DIR" /run/netns/* 2>/dev/null
	# Also in a mount namespace of its own a process of a cluster sees that cluster's directory.
	grep -l -E 'cryopod-e2e' /proc/[0-9]*/mountinfo /proc/[0-9]*/cgroup 2>/dev/null
	cat /proc/sys/vm/overcommit_memory /proc/sys/kernel/panic /proc/sys/kernel/panic_on_oops
	cat /proc/sys/net/ipv4/ip_forward
}

# needs cluster: `e2e` runs. needs counter: with a pod `counter` that counts. needs nothing: no cluster runs.
needs() {
	if [ "$(id -u)" -ne 0 ]; then
		echo "1..0 # SKIP a cluster needs root"
		exit 0
	fi
	case $1 in
	nothing) cp_ -q down --all ;;
	cluster) cp_ -q up || { echo "not ok 1 - needs a cluster" && echo 1..1 && exit 1; } ;;
	counter)
		needs cluster
		kubectl get pod counter >/dev/null 2>&1 || kubectl apply -f "$top/kube-deployments/counter-pod.yaml" >/dev/null
		kubectl wait --for=condition=Ready --timeout "$((60 * factor))s" pod/counter >/dev/null
		until_true 30 sh -c "[ \"\$('$CRYOPOD' -q kubectl logs counter | wc -l)\" -gt 40 ]"
		;;
	esac
}

# What ends a chapter, however it ends. Another cluster than e2e is no longer needed then; e2e stays for the next
# chapter when `run` says so.
end_chapter() {
	rc=$?
	trap - EXIT
	[ -n "${E2E_RUN:-}" ] || cp_ -q down --all
	rm -rf "$tmp"
	[ "$rc" -eq 0 ] || { points=$((points + 1)) && echo "not ok $points - the chapter ended with $rc"; }
	echo "1..$points"
	exit 0
}
trap end_chapter EXIT
trap 'exit 130' INT TERM
