#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A layer made by 'tar --sparse' with GNU tar's own format, its default, is refused by containerd, Docker, Podman
# and umoci; with --format=posix all four unpack it.
#
# Expected: no difference. All four read tar with Go's archive/tar, which understands both forms and hands out the
# whole file with its holes filled; but in the GNU form the entry keeps its type 'S', and each of the four knows only
# '0' as a file. Packages: containerd 2.3.7, moby/go-archive 0.3.3,
# Podman's storage 1.65.1, umoci 0.6.0.
. "$(dirname "$0")/lib.sh"
need go tar

go_program unpack github.com/containerd/containerd/v2@v2.3.7 github.com/moby/go-archive@v0.3.3 \
	go.podman.io/storage@v1.65.1 github.com/opencontainers/umoci@v0.6.0 <<'EOF'
package main

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"

	containerd "github.com/containerd/containerd/v2/pkg/archive"
	moby "github.com/moby/go-archive"
	umoci "github.com/opencontainers/umoci/oci/layer"
	podman "go.podman.io/storage/pkg/archive"
)

// WHO FILE DIRECTORY
func main() {
	f, err := os.Open(os.Args[2])
	if err != nil {
		panic(err)
	}
	switch os.Args[1] {
	case "containerd":
		_, err = containerd.Apply(context.Background(), os.Args[3], f)
	case "docker":
		err = moby.Untar(f, os.Args[3], &moby.TarOptions{NoLchown: true})
	case "podman":
		err = podman.Untar(f, os.Args[3], &podman.TarOptions{NoLchown: true})
	case "umoci":
		err = umoci.UnpackLayer(os.Args[3], f, nil)
	case "go":
		r := tar.NewReader(f)
		if _, err = r.Next(); err == nil {
			n, _ := io.Copy(io.Discard, r)
			fmt.Println(n, "bytes")
			return
		}
	}
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	fmt.Println("unpacked")
}
EOF

printf head >file
truncate -s 2M file
printf tail >>file
tar --version | head -n 1
for format in gnu posix; do
	tar --format=$format --sparse -cf $format.tar file
	for who in containerd docker podman umoci; do
		mkdir "$who-$format"
		case $format,$who in
		posix,*) stated=unpacked ;;
		gnu,umoci) stated="refused: unpack entry: file: unpack entry: file: unknown typeflag '\\x53'" ;;
		gnu,*) stated='refused: unhandled tar header type 83' ;;
		esac
		seen "$who, $format" "$stated" "$(./unpack $who $format.tar "$who-$format")"
	done
	seen "Go's archive/tar, $format" '2097156 bytes' "$(./unpack go $format.tar -)"
done
verdict
