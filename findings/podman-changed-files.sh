#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The rootfs-diff.tar that Podman's and CRI-O's checkpoints carry lacks files of the image that the container
# changed, unless the *host* happens to have a file of the same absolute path. Added files are always in it.
#
# Expected: every file that was added or changed. The function stats the path as seen in the container on the
# host, not below the container's root, and skips the file silently if that fails. So a container that edited
# /etc/hostname keeps the change, and one that edited /app/state goes back to the image's after a restore.
# containerd takes the diff of the snapshot and is not affected. Package: Podman 5.8.0, pkg/checkpoint/crutils.
. "$(dirname "$0")/lib.sh"
need go

go_program diff github.com/containers/podman/v5@v5.8.0 <<'EOF'
package main

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/containers/podman/v5/pkg/checkpoint/crutils"
	"go.podman.io/storage/pkg/archive"
)

// Arguments: the root of the container, a directory for the archive, changed files, an added file.
func main() {
	root, out, changed, added := os.Args[1], os.Args[2], os.Args[3:len(os.Args)-1], os.Args[len(os.Args)-1]
	changes := []archive.Change{{Path: added, Kind: archive.ChangeAdd}}
	for _, path := range changed {
		changes = append(changes, archive.Change{Path: path, Kind: archive.ChangeModify})
	}
	if _, err := crutils.CRCreateRootFsDiffTar(&changes, root, out); err != nil {
		panic(err)
	}
	f, err := os.Open(filepath.Join(out, "rootfs-diff.tar"))
	if err != nil {
		panic(err)
	}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			panic(err)
		}
		fmt.Println("/" + h.Name)
	}
}
EOF

host=$work/host out=$work/out
mkdir -p "$host" "$out" "root$host" root/opt/no-such-directory-on-the-host
echo host >"$host/state"
for file in "$host/state" /opt/no-such-directory-on-the-host/state /opt/added; do
	echo 'written by the container' >"root$file"
done
./diff "$work/root" "$out" "$host/state" /opt/no-such-directory-on-the-host/state /opt/added >members

is_in() { if grep -qxF "$1" members; then echo 'in the archive'; else echo 'missing'; fi; }
echo 'Podman 5.8.0:'
seen 'added file' 'in the archive' "$(is_in /opt/added)"
seen 'changed file whose path the host has' 'in the archive' "$(is_in "$host/state")"
seen 'changed file whose path the host has not' 'missing' "$(is_in /opt/no-such-directory-on-the-host/state)"
verdict
