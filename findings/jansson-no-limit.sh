#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# jansson refuses a whole runtime specification in which one limit is "no limit", as 'docker run --ulimit memlock=-1'
# writes it, and so the spec.dump of such a container's checkpoint. With JSON_DECODE_INT_AS_REAL it reads it, and
# what it then writes is refused by Go.
#
# Expected: a valid JSON text is read, a number out of range at most loses digits. The specification has limits as
# uint64, RLIM_INFINITY is 2^64 - 1, and jansson's integers are int64: "too big integer". Go module:
# opencontainers/runtime-spec 1.2.1.
. "$(dirname "$0")/lib.sh"
need cc pkg-config go

c_program load jansson <<'EOF'
#include <jansson.h>
#include <stdio.h>

/* load FILE [real] */
int main(int argc, char **argv)
{
	json_error_t e;
	json_t *j = json_load_file(argv[1], argc > 2 ? JSON_DECODE_INT_AS_REAL : 0, &e);

	if (!j)
		return printf("%s\n", e.text) < 0;
	return json_dumpf(j, stdout, JSON_COMPACT);
}
EOF
go_program spec github.com/opencontainers/runtime-spec@v1.2.1 <<'EOF'
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// spec: a specification without a limit for locked memory. spec FILE: that limit, read again.
func main() {
	s := specs.Spec{Process: &specs.Process{Rlimits: []specs.POSIXRlimit{
		{Type: "RLIMIT_MEMLOCK", Hard: math.MaxUint64, Soft: math.MaxUint64}}}}
	if len(os.Args) < 2 {
		if err := json.NewEncoder(os.Stdout).Encode(s.Process); err != nil {
			panic(err)
		}
		return
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var p specs.Process
	if err := json.Unmarshal(text, &p); err != nil {
		fmt.Println("refused")
		return
	}
	fmt.Println(p.Rlimits[0].Hard)
}
EOF

./spec >process.json
./load process.json real >again.json
echo "jansson $version"
seen 'Go, on its own text' 18446744073709551615 "$(./spec process.json)"
seen 'jansson' "too big integer near '18446744073709551615'" "$(./load process.json)"
seen 'Go, on the text of jansson with JSON_DECODE_INT_AS_REAL' refused "$(./spec again.json)"
verdict
