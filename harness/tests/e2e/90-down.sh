#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Afterwards this machine is as it was.
. "$(dirname "$0")/lib.sh"
before=${E2E_BEFORE:-}
if [ ! -s "$before" ]; then
	needs nothing
	host_state >"${before:=$tmp/before}"
fi
needs cluster
[ -z "${E2E_LOGS:-}" ] || cp -R "$CRYOPOD_STATE_DIR/e2e/nodes/node1/state/log" "$E2E_LOGS"
point "down" exits 0 cp_ down
point "down again" exits 0 cp_ down
same_as_before() {
	host_state >"$tmp/after"
	diff "$before" "$tmp/after"
}
point "no process, mount, cgroup, link, setting or file is left" until_true 5 same_as_before
