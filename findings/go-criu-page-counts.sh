#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# go-criu 7.2.0 reads the memory of a CRIU 4.2 checkpoint as zeros, and go-criu 8.3.0 and 8.4.0 that of an
# older one: no version reads both, and none reports an error.
#
# Expected: either the right bytes, or an error. CRIU 4.2 moved the number of pages of a pagemap entry from
# field 2 (which is required, and now 0) to field 5. CRIU itself falls back to field 2; these readers do not.
. "$(dirname "$0")/lib.sh"
need go

for v in 7:v7.2.0 8:v8.3.0 8:v8.4.0; do
	sed "s/MAJOR/${v%%:*}/" <<'EOF' | go_program "reader-${v##*:}" "github.com/checkpoint-restore/go-criu/v${v%%:*}@${v##*:}"
package main

import (
	"fmt"
	"os"

	"github.com/checkpoint-restore/go-criu/vMAJOR/crit"
)

func main() {
	r, err := crit.NewMemoryReader(os.Args[1], 1, 4096)
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	b, err := r.GetMemPages(0x1000, 0x3000)
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	var pages uint64
	for _, e := range r.GetPagemapEntries() {
		pages += uint64(e.GetNrPages())
	}
	fmt.Printf("%d pages, first byte %q, last byte %q\n", pages, b.Bytes()[0], b.Bytes()[0x1fff])
}
EOF
done

# Two pages at 0x1000, present (flags 4). Records: magics, then length and message (pagemap_head, pagemap_entry).
make_images() {
	mkdir "$1"
	printf '%b' '\0031\0103\0126\0124\0045\0100\0010\0126\0002\0000\0000\0000\0010\0001' "$2" >"$1/pagemap-1.img"
	{
		head -c 4096 /dev/zero | tr '\0' A
		head -c 4096 /dev/zero | tr '\0' B
	} >"$1/pages-1.img"
}
make_images criu-4.1 '\0007\0000\0000\0000\0010\0200\0040\0020\0002\0040\0004'
make_images criu-4.2 '\0011\0000\0000\0000\0010\0200\0040\0020\0000\0040\0004\0050\0002'

right="2 pages, first byte 'A', last byte 'B'"
wrong="0 pages, first byte '\\x00', last byte '\\x00'"
seen 'go-criu 7.2.0, images of CRIU 4.1' "$right" "$(./reader-v7.2.0 criu-4.1)"
seen 'go-criu 7.2.0, images of CRIU 4.2' "$wrong" "$(./reader-v7.2.0 criu-4.2)"
seen 'go-criu 8.3.0, images of CRIU 4.1' "$wrong" "$(./reader-v8.3.0 criu-4.1)"
seen 'go-criu 8.3.0, images of CRIU 4.2' "$right" "$(./reader-v8.3.0 criu-4.2)"
seen 'go-criu 8.4.0, images of CRIU 4.1' "$wrong" "$(./reader-v8.4.0 criu-4.1)"
seen 'go-criu 8.4.0, images of CRIU 4.2' "$right" "$(./reader-v8.4.0 criu-4.2)"
verdict
