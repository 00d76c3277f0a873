#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What passes a CRI message on drops the fields that it does not know if it is built with k8s.io/cri-api up to 0.33,
# and keeps them from 0.34 on.
#
# Expected: unknown fields stay, as in every protobuf of the last years. Up to 0.33 the messages are gogo's, with
# unknown fields switched off; 0.34 changed to Google's generator. So a proxy or a kubelet of 1.33 that reads and
# writes a CheckpointContainerRequest loses what a newer client asked for, without an error, and the runtime makes
# another checkpoint than was asked for.
. "$(dirname "$0")/lib.sh"
need go

program() {
	cat <<EOF
package main

import (
	"encoding/hex"
	"fmt"
	"os"

	$1
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Reads a CheckpointContainerRequest and writes it again.
func main() {
	in, _ := hex.DecodeString(os.Args[1])
	var m cri.CheckpointContainerRequest
	if err := $2; err != nil {
		panic(err)
	}
	out, err := $3
	if err != nil {
		panic(err)
	}
	fmt.Println(hex.EncodeToString(out))
}
EOF
}
program '' 'm.Unmarshal(in)' 'm.Marshal()' | go_program pass-0.33 k8s.io/cri-api@v0.33.13
for v in 0.34.1 0.37.2; do
	program '"google.golang.org/protobuf/proto"' 'proto.Unmarshal(in, &m)' 'proto.Marshal(&m)' |
		go_program "pass-$v" "k8s.io/cri-api@v$v"
done

# container_id "a", location "b", timeout 10, and two fields of a later version: 14 and 15.
known=0a0161120162180a unknown=70017801
seen 'cri-api 0.33.13' $known "$(./pass-0.33 $known$unknown)"
seen 'cri-api 0.34.1' $known$unknown "$(./pass-0.34.1 $known$unknown)"
seen 'cri-api 0.37.2' $known$unknown "$(./pass-0.37.2 $known$unknown)"
verdict
