#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The scenarios that ship with cryopod. Those of pods/checkpoint and of whole pods are skipped where API server and
# containerd are stock ones; slow ones (label set: slow) are for CRYOPOD_SLOW=1.
. "$(dirname "$0")/lib.sh"
needs cluster
# say_missing FILE: why the cluster, which $lacks some capabilities, skips it; 48-nodes.sh has several nodes.
say_missing() {
	while read -r capability why; do
		if echo "$lacks" | grep -qx "$capability" && grep -q "^  needs: .*$capability" "$1"; then
			echo "$why"
			return
		fi
	done <<-END
		pods-checkpoint its API server has no pods/checkpoint
		pod-at-once this containerd has no CheckpointPod
		several-nodes it has one node
	END
}
shipped_scenarios() { # CLUSTER
	[ -z "${CRYOPOD_SLOW:-}" ] || point "$1: the image of workloads" exits 0 "$top/scripts/workload-image" --name "$1"
	lacks=$(status '.capabilities | to_entries[] | select(.value == false) | .key' "$1")
	for file in "$top"/scenarios/*.yaml; do
		if [ -z "${CRYOPOD_SLOW:-}" ] && grep -q '^  labels: {set: slow}' "$file"; then
			continue
		fi
		why=$(say_missing "$file")
		if [ -n "$why" ]; then
			point "$1: scenario ${file##*/} is skipped" exits 77 cp_ --name "$1" test "$file"
			point "and says why" says "$why"
		else
			point "$1: scenario ${file##*/}" exits 0 cp_ --name "$1" test "$file"
		fi
	done
}
shipped_scenarios e2e
point "those for mixed clusters are sound" exits 0 cp_ test --lint "$top"/scenarios/mixed/*.yaml
no_namespaces() { ! kubectl get namespaces -o name | grep -v -E '/default$|/kube-'; }
point "their namespaces are gone" until_true 60 no_namespaces

# The same without any patch; the stacks previous and edge are for `make test-stacks`.
other_stack() { # STACK FORM
	point "up of the $1 stack" exits 0 cp_ --name "e2e-$1" up --stack "$1"
	point "its form of the checkpoint request" test "$(status .capabilities.checkpoint "e2e-$1")" = "$2"
	shipped_scenarios "e2e-$1"
	point "down of the $1 stack" exits 0 cp_ --name "e2e-$1" down
}
other_stack stock proxy
