#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An archive compressed by pzstd, the parallel zstd of the same package, is not zstd to the library that Podman,
# Buildah and CRI-O unpack with: it takes it for a plain tar and fails with "unexpected EOF". containerd's and
# Docker's libraries unpack it.
#
# Expected: the zstd program reads both, so everybody does. pzstd begins with a skippable frame (RFC 8878, 3.1.2),
# and Podman's storage knows only the magic number of an ordinary one. Packages: Podman's storage 1.65.1, containerd
# 2.3.7, moby/go-archive 0.3.3; the zstd that is installed, or the Debian package of this suite.
. "$(dirname "$0")/lib.sh"
need go tar

if ! command -v pzstd >/dev/null; then
	need apt-get dpkg
	apt-get download zstd >/dev/null 2>&1 || { echo 'the package zstd cannot be had' >&2; exit 2; }
	dpkg -x zstd_*.deb zstd
	PATH=$PATH:$work/zstd/usr/bin
fi
go_program detect go.podman.io/storage@v1.65.1 github.com/containerd/containerd/v2@v2.3.7 \
	github.com/moby/go-archive@v0.3.3 <<'EOF'
package main

import (
	"fmt"
	"io"
	"os"

	containerd "github.com/containerd/containerd/v2/pkg/archive/compression"
	moby "github.com/moby/go-archive/compression"
	podman "go.podman.io/storage/pkg/archive"
)

// FILE [DIRECTORY]: who takes it for zstd? Or what Podman's library says when it unpacks it.
func main() {
	f, err := os.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	if len(os.Args) > 2 {
		fmt.Println(podman.Untar(f, os.Args[2], &podman.TarOptions{NoLchown: true}))
		return
	}
	head := make([]byte, 10)
	if _, err := io.ReadFull(f, head); err != nil {
		panic(err)
	}
	fmt.Println(podman.DetectCompression(head) == podman.Zstd, containerd.DetectCompression(head) == containerd.Zstd,
		moby.Detect(head) == moby.Zstd)
}
EOF

echo text >file
tar -cf plain.tar file
zstd -q -o zstd.tar.zst plain.tar
pzstd -q -k -o pzstd.tar.zst plain.tar
zstd --version
seen 'zstd on its own' 'same bytes' "$(zstd -q -dc pzstd.tar.zst | cmp - plain.tar && echo 'same bytes')"
seen 'zstd, told by Podman, containerd, Docker' 'true true true' "$(./detect zstd.tar.zst)"
seen 'pzstd, told by Podman, containerd, Docker' 'false true true' "$(./detect pzstd.tar.zst)"
seen 'zstd, unpacked by Podman' '<nil>' "$(./detect zstd.tar.zst .)"
seen 'pzstd, unpacked by Podman' 'unexpected EOF' "$(./detect pzstd.tar.zst .)"
verdict
