#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two clusters at once: same addresses inside, nothing shared.
. "$(dirname "$0")/lib.sh"
needs cluster
point "a second cluster, started anew" exits 0 cp_ --name e2e-b up --cold
point "status says so" test "$(status .origin e2e-b)" = cold
point "both scenarios at once" sh -c "
	'$CRYOPOD' --name e2e-b test '$top/scenarios/counter.yaml' >'$tmp/b' 2>&1 & b=\$!
	'$CRYOPOD' test '$top/scenarios/counter.yaml' >'$tmp/a' 2>&1; a=\$?
	wait \$b && [ \$a = 0 ] || { cat '$tmp/a' '$tmp/b'; exit 1; }"
point "down of one" exits 0 cp_ --name e2e-b down
point "leaves the other alone" test "$(status .state)" = running
namesake() { # `down` looks for what is left, and must not find what is somebody else's
	CRYOPOD_STATE_DIR=$tmp/elsewhere CRYOPOD_RUN_DIR=$tmp/elsewhere exits 0 cp_ down && kubectl get nodes
}
point "down of its namesake in another state directory, too" namesake
