#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A cluster of kind with three nodes: scenarios, a container that moves between nodes, nothing left. Ten minutes and
# 5 GB, so only when asked for: CRYOPOD_KIND=1.
. "$(dirname "$0")/lib.sh"
needs nothing
if [ -z "${CRYOPOD_KIND:-}" ]; then
	point "kind clusters # SKIP CRYOPOD_KIND=1 runs them" true
	exit 0
fi
k_() { cp_ --name e2e-kind --target kind "$@"; }
kk_() { cp_ --name e2e-kind kubectl "$@"; }

point "up with the cluster.yaml that ships" exits 0 k_ up --config "$top/kube-deployments/cluster.yaml"
three() { [ "$(kk_ get nodes --no-headers | grep -c ' Ready ')" = 3 ]; }
point "three nodes are Ready" three
point "a second up changes nothing" exits 0 k_ up --config "$top/kube-deployments/cluster.yaml"
point "counter, sealed" exits 0 k_ test "$top/scenarios/counter.yaml" "$top/scenarios/sealed.yaml"
ranges() { [ "$(kk_ get nodes -o jsonpath='{.items[*].spec.podCIDR}' | tr ' ' '\n' | sort -u | wc -l)" = 3 ]; }
point "each node has a range of its own" ranges
move() {
	kk_ apply -f "$top/kube-deployments/counter-pod.yaml" && kk_ wait --for=condition=Ready pod/counter --timeout=60s &&
		sleep 2 || return 1
	from=$(kk_ get pod counter -o jsonpath='{.spec.nodeName}')
	to=$(kk_ get nodes -o name | grep worker | grep -v "/$from\$" | head -n 1)
	cp_ --name e2e-kind checkpoint counter --to "$tmp/move.tar" && kk_ delete pod counter --grace-period=1 || return 1
	before=$(tar -xOf "$tmp/move.tar" container.log 2>/dev/null | grep -o 'nonce=[0-9a-f]*' | head -n 1)
	cp_ --name e2e-kind restore "$tmp/move.tar" --pod counter --node "${to#node/}" && sleep 2 || return 1
	[ "$(kk_ get pod counter -o jsonpath='{.spec.nodeName}')" = "${to#node/}" ] &&
		[ "$(kk_ logs counter --tail=1 | grep -o 'nonce=[0-9a-f]*')" = "$before" ]
}
point "a container goes on on another node" move
point "down" exits 0 k_ down
gone() { [ ! -e "$CRYOPOD_STATE_DIR/e2e-kind" ] && [ ! -e "$CRYOPOD_STATE_DIR/.engine" ]; }
point "nothing is left" gone
