#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is in a cache and goes from it. A cache of its own, beside the shared one as its builds are linked from
# there: what is removed here is only a name of theirs.
. "$(dirname "$0")/lib.sh"
needs nothing
old=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
spare=$(mktemp -d "${CRYOPOD_CACHE_DIR:-/var/cache/cryopod}/e2e-XXXXXX")
cp_ -q build >"$tmp/builds"
n=$(wc -l <"$tmp/builds")
while read -r component _ dir; do
	mkdir -p "$spare/builds/$component" && cp -al "$dir" "$spare/builds/$component/"
	[ ! -e "$dir.packages" ] || cp "$dir.packages" "$spare/builds/$component/"
done <"$tmp/builds"
# Clusters that others have of the same builds use these as well.
clusters=$CRYOPOD_STATE_DIR-cache
in_() { # CLUSTER ARGS…
	cluster=$1
	shift
	CRYOPOD_CACHE_DIR=$spare CRYOPOD_STATE_DIR=$clusters cp_ --name "$cluster" "$@"
}
ca_() { in_ e2e-p "$@"; }
works() { [ "$(ca_ -q kubectl get nodes -o 'jsonpath={..status.conditions[?(@.type=="Ready")].status}')" = True ]; }
builds() { ls -d "$spare"/builds/*/????????????????????????????????????????????????????????????????; }

point "up" exits 0 ca_ up --no-build
mkdir "$spare/builds/runc/$old" && echo x >"$spare/builds/runc/$old/runc"
used() { ca_ cache list -o json | jq -e --argjson n "$n" '[.[] | select(.kind == "build") | .users // "nobody"] | sort |
	length == $n + 1 and .[0] == "nobody" and (.[1:] | all(contains("stack upstream") and contains("cluster e2e-p")))'; }
point "cache list says who uses what" used
point "cache prune --dry-run" exits 0 ca_ cache prune --dry-run
point "it tells the old build" says "runc aaaaaaaaaaaa"
point "and leaves it" test -e "$spare/builds/runc/$old/runc"
point "one that is not old enough stays" exits 0 ca_ cache prune --older-than 7d
point "so it says" says "nothing to remove"
point "cache prune" exits 0 ca_ cache prune
ours() { [ ! -e "$spare/builds/runc/$old" ] && [ "$(builds | wc -l)" = "$n" ]; }
point "takes just that" ours
point "cache prune --all beside the cluster" exits 0 ca_ cache prune --all
point "takes nothing that it needs" ours
beside() { # until the up is through; what it finds at first it has at last
	in_ e2e-q up --no-build >"$tmp/q" 2>&1 & q=$!
	while kill -0 $q 2>/dev/null; do
		exits 0 ca_ cache prune --all || return 1
	done
	wait $q || { cat "$tmp/q"; return 1; }
}
point "cache prune --all beside an up" beside
point "both clusters work" works
both() { in_ e2e-q -q kubectl get nodes; }
point "the new one too" both
in_ e2e-q -q down
damaged_cluster() {
	mkdir "$clusters/e2e-r" && echo '{' >"$clusters/e2e-r/cluster.json" &&
		fails 4 "cannot determine what cluster e2e-r uses" ca_ cache prune && ours
	rc=$?
	in_ e2e-r --target local -q down
	return $rc
}
point "a cluster whose record is damaged" damaged_cluster
ca_ -q down
point "with no cluster left --all takes everything" exits 0 ca_ cache prune --all
nothing_left_there() { ca_ cache list | grep -qx 'the cache is empty'; }
point "and nothing is there" nothing_left_there
rm -rf "$spare" "$clusters"
