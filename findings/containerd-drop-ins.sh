#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A drop-in (imports = […]) with one key of a plugin: containerd 1.7 throws away all else that the main file says of
# that plugin, 2.x merges key by key. In both a top-level number or switch set to zero in a drop-in has no effect,
# and a list in it adds to the main file's: a drop-in cannot enable a plugin that the main file disables.
#
# Expected: one rule for all of it, last file wins. Here the drop-in sets runc's BinaryName. With 1.7 the node
# silently loses SystemdCgroup, restrict_oom_score_adj and the directories of CNI. Packages: containerd 1.7.29, 2.3.7.
. "$(dirname "$0")/lib.sh"
need go

program() {
	cat <<EOF
package main

import (
	$1
)

// Prints what the files come to: oom_score, disabled plugins, keys of CRI's table.
func main() {
	var c config.Config
	if err := config.LoadConfig($2&c); err != nil {
		panic(err)
	}
	fmt.Println("oom_score", c.OOMScore)
	fmt.Println("disabled", len(c.DisabledPlugins))
	$3
	for _, key := range []string{"restrict_oom_score_adj", "SystemdCgroup", "BinaryName", "bin_dirs"} {
		fmt.Println(key, strings.Contains(text, key))
	}
}
EOF
}
program '"fmt"; "strings"; "github.com/containerd/containerd/services/server/config"' '"main.toml", ' \
	'tree := c.Plugins["io.containerd.grpc.v1.cri"]; text, _ := tree.ToTomlString()' |
	go_program v1 github.com/containerd/containerd@v1.7.29
program '"context"; "fmt"; "strings"; "github.com/containerd/containerd/v2/cmd/containerd/server/config"' \
	'context.Background(), "main.toml", ' 'text := fmt.Sprint(c.Plugins["io.containerd.grpc.v1.cri"])' |
	go_program v2 github.com/containerd/containerd/v2@v2.3.7

cat >main.toml <<'EOF'
version = 2
imports = ["drop-in.toml"]
oom_score = -5
disabled_plugins = ["io.containerd.snapshotter.v1.zfs"]
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dirs = ["/usr/lib/cni"]
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = true
EOF
cat >drop-in.toml <<'EOF'
version = 2
oom_score = 0
disabled_plugins = []
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  BinaryName = "/opt/runc"
EOF
for v in 1 2; do ./v$v 2>v$v.err | sort >v$v.out || { cat v$v.err >&2; exit 2; }; done

value() { sed -n "s/^$2 //p" "v$1.out"; }
for key in BinaryName SystemdCgroup restrict_oom_score_adj bin_dirs; do
	[ $key = BinaryName ] && kept=true || kept=false
	seen "1.7.29: $key is set" "$kept" "$(value 1 $key)"
	seen "2.3.7:  $key is set" true "$(value 2 $key)"
done
for v in 1 2; do
	seen "v$v: oom_score, -5 in the main file, 0 in the drop-in" -5 "$(value $v oom_score)"
	seen "v$v: disabled plugins, one in the main file, none in the drop-in" 1 "$(value $v disabled)"
done
verdict
