#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Local clusters with several nodes: they grow, containers move between them, one that is lost comes back.
. "$(dirname "$0")/lib.sh"
needs nothing
many=e2e-nodes
n_() { cp_ --name "$many" "$@"; }
nk_() { cp_ --name "$many" kubectl "$@"; }
ready() { [ "$(nk_ get nodes --no-headers | grep -c ' Ready ')" = "$1" ]; }

point "too many nodes are refused before anything is made" fails 2 "at most 16" n_ up --nodes 17
point "one node" exits 0 n_ up
alone() {
	nk_ apply -f "$top/kube-deployments/counter-pod.yaml" && nk_ wait --for=condition=Ready pod/counter --timeout=60s &&
		fails 1 "no other node" n_ migrate counter && nk_ delete pod counter --grace-period=1
}
point "a move needs another one" alone
nobody() { fails 1 "does not exist" n_ migrate nobody; }
point "it grows to three" exits 0 n_ up --nodes 3
point "three are Ready" ready 3
point "a pod that does not exist is not moved" nobody
point "again: the same three" exits 0 n_ up
point "and they are Ready" ready 3
point "it does not shrink" fails 2 "has 3 nodes" n_ up --nodes 2
three_addresses() {
	for i in 1 2 3; do
		nk_ run "p$i" --image=counter:latest --image-pull-policy=Never \
			--overrides="{\"spec\":{\"nodeName\":\"node$i\",\"automountServiceAccountToken\":false}}" || return 1
	done
	nk_ wait --for=condition=Ready pod/p1 pod/p2 pod/p3 --timeout=60s &&
		[ "$(nk_ get pods -o jsonpath='{.items[*].status.podIP}' | tr ' ' '\n' | cut -d. -f1-3 | sort -u | wc -l)" = 3 ]
}
point "pods of each node have addresses of their own" three_addresses
# From the network of a pod on the first node, as nothing but the kernel answers a ping.
ping_pods() {
	for from in node1 node2 node3; do
		for to in p1 p2 p3; do
			ip=$(nk_ get pod "$to" -o jsonpath='{.status.podIP}')
			n_ shell --node "$from" -- ip -4 route get "$ip" >/dev/null || return 1
			n_ shell --node "$from" -- timeout 5 bash -c "exec 3<>/dev/tcp/$ip/9" 2>&1 | grep -q 'refused' ||
				{ echo "$to ($ip) does not answer $from"; return 1; }
		done
	done
}
point "and reach each other" ping_pods
point "containers move, and a node is emptied" exits 0 n_ test "$top/scenarios/counter.yaml" \
	"$top/scenarios/migrate.yaml" "$top/scenarios/drain.yaml"
point "programs run in the node that is meant" [ "$(n_ shell --node node2 -- hostname)" = node2 ]
point "its kubelet's log is there" exits 0 n_ logs --node node3 kubelet
all_logs() {
	exits 0 n_ logs --all -o "$tmp/all" && [ ! -e "$tmp/all/missing.txt" ] && grep -q . "$tmp/all/node1/etcd.log" &&
		grep -q . "$tmp/all/node3/kubelet.log" && grep -q Kubernetes "$tmp/all/node2/versions.txt" &&
		jq -e '.items[] | select(.metadata.name == "p2")' "$tmp/all/pods.json" >/dev/null &&
		tar -tf "$tmp/all/node2/pods.tar" | grep -q '/default_p2_.*log$' && fails 2 "already exists" n_ logs --all -o "$tmp/all"
}
point "all that tells what it did, in one directory" all_logs
point "which needs a name" fails 2 "-o DIR" n_ logs --all
point "it is not saved as a snapshot" fails 3 "has 3 nodes" n_ snapshot save "$many"
lost() {
	kill -9 "$(status '.nodes[1].pid' "$many")" && until_true 10 sh -c "! '$CRYOPOD' --name $many shell --node node2 true" &&
		rm -rf "$tmp/all" && exits 0 n_ logs --all -o "$tmp/all" && grep -q '^node2: ' "$tmp/all/missing.txt" &&
		exits 0 n_ up && until_true 60 ready 3 && [ "$(n_ shell --node node2 -- hostname)" = node2 ]
}
point "a worker that was killed is started again" lost
all_lost() {
	kill -9 "$(status '.nodes[0].pid' "$many")" && until_true 10 sh -c "! '$CRYOPOD' --name $many kubectl get nodes" &&
		exits 0 n_ up && until_true 60 ready 3
}
point "without the first one all are" all_lost
point "down" exits 0 n_ down
gone() { [ ! -e "$CRYOPOD_STATE_DIR/$many" ] && ! find /sys/fs/cgroup -type d -path "*$(group_of "$many")*" | grep .; }
point "nothing is left" gone
