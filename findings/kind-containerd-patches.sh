#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A containerdConfigPatches entry of kind that names a version: kind 0.33 leaves the whole patch out, without a
# word, if the node image's config.toml has another version; kind 0.25 merges it and the file then *has* that version,
# in which the tables of version 2 count for nothing (SystemdCgroup, the snapshotter, …). Without 'version' both
# merge. And a config.toml without a version is an error in 0.33 as soon as there is a patch, none in 0.25.
#
# Expected: an error, or the same in both. Modules: sigs.k8s.io/kind 0.25.0 and 0.33.0; the function is internal, so
# the probe is built inside a copy of each module.
. "$(dirname "$0")/lib.sh"
need go

# in_kind VERSION FUNCTION
in_kind() {
	dir=$(cd / && GOFLAGS=-mod=mod go mod download -json "sigs.k8s.io/kind@$1" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
	cp -R "$dir" "kind-$1"
	chmod -R u+w "kind-$1"
	mkdir "kind-$1/pkg/finding"
	cat >"kind-$1/pkg/finding/main.go" <<EOF
package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/kind/pkg/internal/patch"
)

// CONFIG PATCH
func main() {
	out, err := patch.$2(os.Args[1], os.Args[2:], nil)
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	fmt.Print(out)
}
EOF
	(cd "kind-$1" && GOFLAGS=-mod=mod CGO_ENABLED=0 go build -o "../patch-$1" ./pkg/finding 2>"../kind-$1.log") ||
		{ cat "kind-$1.log" >&2; exit 2; }
}
in_kind v0.25.0 TOML
in_kind v0.33.0 ContainerdTOML

two='version = 2
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = false'
key='[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true'
# What comes out: the version, and the switch.
patched() { "./patch-$1" "$2" "$3" | grep -e '^error' -e version -e restrict | sort | tr -d ' ' | tr '\n' ' '; }

seen '0.25, patch without version' 'restrict_oom_score_adj=true version=2 ' "$(patched v0.25.0 "$two" "$key")"
seen '0.33, patch without version' 'restrict_oom_score_adj=true version=2 ' "$(patched v0.33.0 "$two" "$key")"
seen '0.25, patch with version 3' 'restrict_oom_score_adj=true version=3 ' "$(patched v0.25.0 "$two" "version = 3
$key")"
seen '0.33, patch with version 3' 'restrict_oom_score_adj=false version=2 ' "$(patched v0.33.0 "$two" "version = 3
$key")"
seen '0.25, config without version' 'restrict_oom_score_adj=true ' "$(patched v0.25.0 '' "$key")"
seen '0.33, config without version' 'error:failedtodetectcontainerdconfigversion ' "$(patched v0.33.0 '' "$key")"
verdict
