#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Clusters of kind from a node image of ours. Always: the image, a cluster with one node, a checkpoint and restore in it,
# nothing left. With CRYOPOD_KIND=1 also all scenarios there, and a cluster with three nodes: containers that move between
# them, a node that is restarted.
. "$(dirname "$0")/lib.sh"
needs nothing
one=e2e-kind
k_() { cp_ --name "$one" --target kind "$@"; }
kk_() { cp_ --name "$one" kubectl "$@"; }
scenarios() { # those that are not slow
	grep -L 'set: slow' "$top"/scenarios/*.yaml
}
nothing_left() {
	[ ! -e "$CRYOPOD_STATE_DIR/$one" ] && [ ! -e "$CRYOPOD_STATE_DIR/.engine" ] && no_engine_left &&
		! docker ps -a --format '{{.Names}}' 2>/dev/null | grep "cryopod-$one-"
}
no_engine_left() { ! grep -l "$CRYOPOD_STATE_DIR/.engine" /proc/[0-9]*/cmdline 2>/dev/null; }

same_image() {
	cp_ image node --for kind -o "$tmp/a.tar" && cp_ image node --for kind -o "$tmp/b.tar" &&
		cmp "$tmp/a.tar" "$tmp/b.tar" && tar -tf "$tmp/a.tar" >"$tmp/list" && grep -q '^manifest.json$' "$tmp/list"
}
point "a node image" same_image
rm -f "$tmp/a.tar" "$tmp/b.tar"
point "up" exits 0 k_ up
point "a second up changes nothing" exits 0 k_ up
not_started_again() { ! grep -q 'kind create cluster' "$tmp/out"; }
point "and does not ask kind" not_started_again
point "nobody has several nodes" [ "$(status '.capabilities["several-nodes"]' "$one")" = false ]
if [ -z "${CRYOPOD_KIND:-}" ]; then
	point "the counter goes on" exits 0 k_ test "$top/scenarios/counter.yaml"
else
	# shellcheck disable=SC2046
	point "every scenario that is not slow" exits 0 k_ test $(scenarios)
fi
cp "$CRYOPOD_STATE_DIR/$one/kind.yaml" "$tmp/one-node.yaml"
point "adopted as it is" fails 2 "neither --config nor --nodes" \
	cp_ --name e2e-adopted --target kind up --adopt dev --nodes 3
point "nothing to adopt for a local one" fails 3 "no option --adopt" cp_ --name e2e-adopted --target local up --adopt dev
point "one benchmark at a time" fails 2 "exclude each other" cp_ bench --kind --sealed
point "down" exits 0 k_ down
point "nothing is left" nothing_left
if [ -z "${CRYOPOD_KIND:-}" ]; then
	point "three nodes # SKIP CRYOPOD_KIND=1 runs them" true
	exit 0
fi

point "up with the cluster.yaml that ships" exits 0 k_ up --config "$top/kube-deployments/cluster.yaml"
ready() { [ "$(kk_ get nodes --no-headers | grep -c ' Ready ')" = "$1" ]; }
point "three nodes are Ready" ready 3
ranges() { [ "$(kk_ get nodes -o jsonpath='{.items[*].spec.podCIDR}' | tr ' ' '\n' | sort -u | wc -l)" = 3 ]; }
point "each node has a range of its own" ranges
point "containers move, and a node is emptied" exits 0 k_ test "$top/scenarios/counter.yaml" \
	"$top/scenarios/migrate.yaml" "$top/scenarios/drain.yaml"
count() { # of the pod, and its nonce
	kk_ logs counter --tail=1 | sed -n 's/^count=\([0-9]*\) nonce=\([0-9a-f]*\).*/\1 \2/p'
}
move() {
	kk_ apply -f "$top/kube-deployments/counter-pod.yaml" && kk_ wait --for=condition=Ready pod/counter --timeout=60s &&
		sleep 2 || return 1
	from=$(kk_ get pod counter -o jsonpath='{.spec.nodeName}')
	to=$(kk_ get nodes -o name | grep worker | grep -v "/$from\$" | head -n 1)
	cp_ --name "$one" checkpoint counter --to "$tmp/move.tar" && kk_ delete pod counter --grace-period=1 || return 1
	before=$(tar -xOf "$tmp/move.tar" container.log 2>/dev/null | grep -o 'nonce=[0-9a-f]*' | head -n 1)
	cp_ --name "$one" restore "$tmp/move.tar" --pod counter --node "${to#node/}" && sleep 2 || return 1
	[ "$(kk_ get pod counter -o jsonpath='{.spec.nodeName}')" = "${to#node/}" ] &&
		[ "$(kk_ logs counter --tail=1 | grep -o 'nonce=[0-9a-f]*')" = "$before" ]
}
point "restore on a node that is named" move
engine() { docker -H "unix://$CRYOPOD_STATE_DIR/.engine/docker.sock" "$@"; }
[ -S "$CRYOPOD_STATE_DIR/.engine/docker.sock" ] || engine() { docker "$@"; }
restart() {
	node=$(kk_ get pod counter -o jsonpath='{.spec.nodeName}') && engine restart "$node" >/dev/null &&
		cp_ --name "$one" --target kind up --config "$top/kube-deployments/cluster.yaml" && until_true 60 ready 3
}
point "a node is restarted, and up finds it again" restart
point "programs run in it" exits 0 cp_ --name "$one" shell --node "$(kk_ get pod counter -o jsonpath='{.spec.nodeName}')" true

# One that kind made by itself, in the engine that runs for the other.
a_() { cp_ --name e2e-adopted --target kind "$@"; }
by_hand() {
	kind=$(status '.builds[] | select(.component == "kind").dir' "$one")/kind
	socket=$CRYOPOD_STATE_DIR/.engine/docker.sock
	[ ! -S "$socket" ] || export DOCKER_HOST="unix://$socket"
	"$kind" create cluster --name e2e-hand --image "$(status .image "$one")" --config "$tmp/one-node.yaml" \
		--kubeconfig "$tmp/hand.kubeconfig"
	rc=$?
	unset DOCKER_HOST
	return $rc
}
point "kind makes a cluster of the same image" by_hand
no_such() { fails 2 "no kind cluster 'e2e-no' (there are:" a_ up --adopt e2e-no && [ ! -e "$CRYOPOD_STATE_DIR/e2e-adopted" ]; }
point "a cluster that is not there is not adopted" no_such
point "it is adopted" exits 0 a_ up --adopt e2e-hand
point "again: nothing to do" exits 0 a_ up --adopt e2e-hand
point "up alone knows it" exits 0 a_ up
point "nobody adopts it twice" fails 2 "is cluster 'e2e-adopted' of cryopod already" \
	cp_ --name e2e-thief --target kind up --adopt e2e-hand
point "the counter goes on in it" exits 0 a_ test "$top/scenarios/counter.yaml"
point "down takes it away" exits 0 a_ down
hand_is_gone() { ! engine ps --all --format '{{.Names}}' | grep e2e-hand; }
point "with its containers" hand_is_gone
point "down" exits 0 k_ down
point "nothing is left" nothing_left
