#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An RKE2 server as far as it can be had here: the stand-in (harness/tests/rke2) in a node of a cluster of
# its own, with a real API server, and the real containerd, kubelet, runc and CRIU out of RKE2's directories.
. "$(dirname "$0")/lib.sh"
needs nothing
if [ -z "${CRYOPOD_RKE2:-}" ]; then
	point "an RKE2 node # SKIP CRYOPOD_RKE2=1 runs it" true
	exit 0
fi
rke2_dir=$CRYOPOD_STATE_DIR/rke2/nodes/node1/state/t
rke2() { cp_ -q --name rke2 shell sh -c "cd /var/lib/node/t && $*"; }
rke2_node() { rke2 ./cryopod-node --color never node "$@"; }
rke2_kubectl() { cp_ -q --name rke2 kubectl "$@"; }
rke2_picture() {
	rke2 'cd / && find etc/rancher etc/cryopod var/lib/rancher/rke2/data var/lib/rancher/rke2/bin -printf "%p %y %m %U:%G %l\n" |
		sort; find /etc/rancher /etc/cryopod /var/lib/rancher/rke2/data -type f | sort | xargs sha256sum'
}
rke2_prepare() {
	mkdir -p "$rke2_dir" &&
		cp "$top/build/static/rke2-standin" "$top/build/libexec/cryopod-node" "$top/harness/tests/rke2/node/setup" "$rke2_dir" &&
		cp_ bundle create --for rke2 --to "$rke2_dir/bundle.tar.gz" &&
		cp_ image counter --to "$rke2_dir/counter.tar" && cp_ image pause --to "$rke2_dir/pause.tar" &&
		rke2 sh setup /var/lib/node/t
}
rke2_import() {
	rke2 'for i in counter pause; do
		/var/lib/rancher/rke2/bin/ctr --address /run/k3s/containerd/containerd.sock -n k8s.io images import $i.tar; done'
}
rke2_pod() { rke2_kubectl apply -f "$top/kube-deployments/counter-pod.yaml" && rke2_kubectl wait --for=condition=Ready pod/counter --timeout=60s; }
rke2_counts() { rke2_kubectl logs counter --tail=1 | grep -q '^count='; }
rke2_checkpoint() {
	rke2_kubectl get pod counter -o name &&
		rke2 "echo '{}' | kubectl --kubeconfig /etc/rancher/rke2/rke2.yaml create --raw /api/v1/nodes/node1/proxy/checkpoint/default/counter/counter-container -f -" |
		grep checkpoint-counter_default
}

point "rke2: a cluster of its own" exits 0 cp_ --name rke2 up
point "rke2: the stand-in runs real programs from a release's directory" exits 0 rke2_prepare
rke2_import >"$tmp/import" 2>&1
for method in runtime-image swap; do
	rke2_picture >"$tmp/rke2-before"
	point "rke2 $method: status says original" exits 0 rke2_node status
	point "rke2 $method: as it is" says 'original: server node1, RKE2 v1.'
	point "rke2 $method: the plan names files, configuration and the restart" exits 0 rke2_node plan --method $method --bundle bundle.tar.gz
	point "rke2 $method: drop-in" says 99-cryopod.yaml
	point "rke2 $method: restart" says 'restart rke2-server'
	point "rke2 $method: installed, and the node is Ready with our programs" exits 0 rke2_node install --method $method --bundle bundle.tar.gz --limit 3m
	point "rke2 $method: verified on the node" exits 0 rke2_node verify
	point "rke2 $method: a pod starts with our shim" exits 0 rke2_pod
	point "rke2 $method: it counts" until_true 20 rke2_counts
	point "rke2 $method: CRIU brought along dumps it" exits 0 rke2_checkpoint
	rke2_kubectl delete pod counter --now >/dev/null 2>&1
	point "rke2 $method: a second install has nothing to do" exits 0 rke2_node install --method $method --bundle bundle.tar.gz
	point "rke2 $method: rolled back" exits 0 rke2_node rollback --limit 3m
	rke2 'systemctl restart rke2-server' >/dev/null 2>&1
	rke2_picture >"$tmp/rke2-after"
	point "rke2 $method: every byte, mode and owner is as before" cmp "$tmp/rke2-before" "$tmp/rke2-after"
done
point "rke2: down" exits 0 cp_ --name rke2 down
