#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An RKE2 server as far as it can be had here: the stand-in (harness/tests/rke2) in a node of a cluster of
# its own, with a real API server, and the real containerd, kubelet, runc and CRIU out of RKE2's directories.
# CRYOPOD_RKE2=1: both methods with pods, checkpoints and what can go wrong; else one install and the way back.
. "$(dirname "$0")/lib.sh"
needs nothing
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
rke2_counts() { [ "$(rke2_kubectl logs counter | grep -c '^count=')" -gt "${1:-0}" ]; }
rke2_counts_on() { rke2_counts "$(rke2_kubectl logs counter | grep -c '^count=')"; }
# A pod that a controller starts again, under another name.
rke2_set() {
	cat <<. | rke2_kubectl create -f - && until_true 60 rke2_set_ready
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web}, spec: {replicas: 1, selector: {matchLabels: {app: web}},
 template: {metadata: {labels: {app: web}}, spec: {terminationGracePeriodSeconds: 1, automountServiceAccountToken: false,
 containers: [{name: web, image: counter:latest, imagePullPolicy: Never}]}}}}
.
}
rke2_set_pod() { rke2_kubectl get pods -l app=web -o 'jsonpath={.items[?(@.status.phase=="Running")].metadata.name}'; }
rke2_set_ready() { [ -n "$(rke2_set_pod)" ]; }
rke2_set_is_new() { rke2_set_ready && [ "$(rke2_set_pod)" != "$1" ]; }
rke2_same() { rke2_picture >"$tmp/rke2-after" && cmp "$tmp/rke2-before" "$tmp/rke2-after"; }

# METHOD: what is looked at in any case.
rke2_install() {
	point "rke2 $1: status says original" exits 0 rke2_node status
	point "rke2 $1: as it is" says 'original: server node1, RKE2 v1.'
	point "rke2 $1: the plan names files, configuration and the restart" exits 0 rke2_node plan --method $1 --bundle bundle.tar.gz
	point "rke2 $1: drop-in" says 99-cryopod.yaml
	point "rke2 $1: restart" says 'restart rke2-server'
	point "rke2 $1: installed, and the node is Ready with our programs" exits 0 rke2_node install --method $1 --bundle bundle.tar.gz --limit 3m
	point "rke2 $1: a second install has nothing to do" exits 0 rke2_node install --method $1 --bundle bundle.tar.gz
	point "rke2 $1: status says installed" exits 0 rke2_node status
	point "rke2 $1: by its name" says 'installed: server node1'
}
# METHOD: pods of before and of now, the counter scenario, and a rollback under a pod that runs.
rke2_live() {
	rke2_import >"$tmp/import" 2>&1
	point "rke2 $1: a pod of before" exits 0 rke2_set
	old=$(rke2_set_pod)
	rke2_install $1
	point "rke2 $1: it is named, as its shim is the old one" says "pods with the shim of before, until they are started anew: default/$old"
	point "rke2 $1: verified on the node" exits 0 rke2_node verify
	point "rke2 $1: a counter went on" says 'ok   a counter goes on after a restore'
	point "rke2 $1: nothing of that stays" exits 1 rke2_kubectl get pod cryopod-verify cryopod-verify-restored
	point "rke2 $1: a pod starts with our shim" exits 0 rke2_pod
	point "rke2 $1: pods can be restarted" exits 0 rke2_node install --method $1 --bundle bundle.tar.gz --restart-pods
	point "rke2 $1: not one that nobody would start again" says 'nothing would start them again: default/counter'
	point "rke2 $1: a new one with our shim" until_true 60 rke2_set_is_new "$old"
	rke2_kubectl delete replicaset web >/dev/null 2>&1
	point "rke2 $1: the other counts" until_true 20 rke2_counts
	point "rke2 $1: rolled back under it" exits 0 rke2_node rollback --limit 3m
	point "rke2 $1: it counts on" until_true 20 rke2_counts_on
	if [ $1 = swap ]; then point "rke2 $1: every byte, mode and owner is as before, while it runs" rke2_same; fi
	point "rke2 $1: it can be deleted" exits 0 rke2_kubectl delete pod counter --now
	rke2 'systemctl restart rke2-server' >/dev/null 2>&1
}

point "rke2: a cluster of its own" exits 0 cp_ --name rke2 up
point "rke2: the stand-in runs real programs from a release's directory" exits 0 rke2_prepare
for method in runtime-image ${CRYOPOD_RKE2:+swap}; do
	rke2_picture >"$tmp/rke2-before"
	if [ -n "${CRYOPOD_RKE2:-}" ]; then
		rke2_live $method
	else
		rke2_install $method
		point "rke2 $method: rolled back" exits 0 rke2_node rollback --limit 3m
		rke2 'systemctl restart rke2-server' >/dev/null 2>&1
	fi
	point "rke2 $method: every byte, mode and owner is as before" rke2_same
done
point "rke2: down" exits 0 cp_ --name rke2 down
