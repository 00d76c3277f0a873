#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# umoci refuses a layer that 'git archive' made, which containerd unpacks.
#
# Expected: any tar archive of ordinary files is a layer. git puts a pax global header (type 'g', a comment with the
# commit) in front of them, as 'tar --format=posix --label' does. containerd, Docker and Podman skip it; umoci 0.6.0
# takes it for a file of unknown type. A tree without a commit ('git archive HEAD^{tree}') has no such header.
. "$(dirname "$0")/lib.sh"
need go git

go_program unpack github.com/containerd/containerd/v2@v2.3.7 github.com/opencontainers/umoci@v0.6.0 <<'EOF'
package main

import (
	"context"
	"fmt"
	"os"

	containerd "github.com/containerd/containerd/v2/pkg/archive"
	umoci "github.com/opencontainers/umoci/oci/layer"
)

// WHO FILE DIRECTORY
func main() {
	f, err := os.Open(os.Args[2])
	if err != nil {
		panic(err)
	}
	if os.Args[1] == "umoci" {
		err = umoci.UnpackLayer(os.Args[3], f, nil)
	} else {
		_, err = containerd.Apply(context.Background(), os.Args[3], f)
	}
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	fmt.Println("unpacked")
}
EOF

export HOME="$work" GIT_CONFIG_NOSYSTEM=1
git init -q tree
echo text >tree/file
git -C tree add file
git -C tree -c user.name=name -c user.email=name@host.invalid commit -qm one
git -C tree archive HEAD >commit.tar
git -C tree archive 'HEAD^{tree}' >tree.tar

git --version
refused="refused: unpack entry: pax_global_header: unpack entry: pax_global_header: unknown typeflag '\\x67'"
for archive in commit tree; do
	for who in containerd umoci; do
		mkdir "$who-$archive"
		[ $who,$archive = umoci,commit ] && stated=$refused || stated=unpacked
		seen "$who, archive of a $archive" "$stated" "$(./unpack $who $archive.tar "$who-$archive")"
	done
done
verdict
