#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An RKE2 server as far as it can be had here: the stand-in (harness/tests/rke2) in a node of a cluster of
# its own, with a real API server, and the real containerd, kubelet, runc and CRIU out of RKE2's directories.
# CRYOPOD_RKE2=1: both methods with pods, checkpoints and what can go wrong; else one install and the way back.
. "$(dirname "$0")/lib.sh"
needs nothing
rke2_dir=$CRYOPOD_STATE_DIR/rke2/nodes/node1/state/t
rke2() { cp_ -q --name rke2 shell env -u CRYOPOD_STATE_DIR -u CRYOPOD_RUN_DIR sh -c "cd /var/lib/node/t && $*"; }
rke2_node() { rke2 ./cryopod-node --color never node "$@"; }
rke2_kubectl() { cp_ -q --name rke2 kubectl "$@"; }
rke2_picture() {
	rke2 'cd / && find etc/rancher etc/cryopod var/lib/rancher/rke2/data var/lib/rancher/rke2/bin var/lib/rancher/rke2/agent/etc -printf "%p %y %m %U:%G %l\n" |
		sort; find /etc/rancher /etc/cryopod /var/lib/rancher/rke2/data /var/lib/rancher/rke2/agent/etc -type f | sort | xargs sha256sum'
}
rke2_prepare() {
	mkdir -p "$rke2_dir" &&
		cp "$top/build/static/rke2-standin" "$top/build/libexec/cryopod-node" "$top/harness/tests/rke2/node/setup" "$rke2_dir" &&
		cp_ keygen --out "$tmp/maker" && cp_ keygen --out "$tmp/other" && cp "$tmp/maker/tls.crt" "$rke2_dir/maker.crt" &&
		cp_ bundle create --for rke2 --to "$rke2_dir/bundle.tar.gz" --sign-cert "$tmp/maker/tls.crt" --sign-key "$tmp/maker/tls.key" &&
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

# The desk's side of ssh: the machine's own sshd in the node, by its standard input, and a key of this chapter.
rke2_ssh() {
	dir=$rke2_dir/ssh in_node=/var/lib/node/t/ssh
	mkdir -p "$dir" "$tmp/bin" && cp /usr/sbin/sshd /usr/lib/openssh/sftp-server "$dir" &&
		ldd "$dir/sshd" | awk '$3 ~ /^\// && $3 !~ /libc.so/ { print $3 }' | xargs -I{} cp -L {} "$dir" &&
		ssh-keygen -q -t ed25519 -N '' -f "$dir/host" && ssh-keygen -q -t ed25519 -N '' -f "$tmp/key" &&
		cp "$tmp/key.pub" "$dir/authorized" || return 1
	printf '%s\n' "HostKey $in_node/host" "AuthorizedKeysFile $in_node/authorized" 'StrictModes no' 'UsePAM no' \
		"Subsystem sftp $in_node/sftp-server" >"$dir/config"
	rke2 'mkdir -p /run/sshd && { grep -q ^sshd: /etc/passwd || echo sshd:x:105:65534::/run/sshd:/usr/sbin/nologin >>/etc/passwd; }' || return 1
	printf '%s\n' 'Host node1 again' \
		"ProxyCommand '$CRYOPOD' -q --name rke2 shell env LD_LIBRARY_PATH=$in_node $in_node/sshd -i -f $in_node/config" \
		'User root' "IdentityFile $tmp/key" 'IdentitiesOnly yes' 'StrictHostKeyChecking no' "UserKnownHostsFile $tmp/known" >"$tmp/ssh_config"
	for i in ssh scp; do
		printf '#!/bin/sh\nexec /usr/bin/%s -F "%s" "$@"\n' $i "$tmp/ssh_config" >"$tmp/bin/$i" && chmod 755 "$tmp/bin/$i" || return 1
	done
}
rke2_desk() { PATH=$tmp/bin:$PATH cp_ node "$@"; }
# The same by ssh from here.
rke2_remote() {
	if ! [ -x /usr/sbin/sshd ]; then
		point "rke2: by ssh # SKIP there is no sshd" true
		return
	fi
	point "rke2: an sshd in the node" exits 0 rke2_ssh
	point "rke2: a host that cannot be reached stops it before anything is done" fails 1 nowhere.invalid \
		rke2_desk install --host node1,nowhere.invalid --bundle "$rke2_dir/bundle.tar.gz"
	point "rke2: still as it was" exits 0 rke2_node status
	point "rke2: original" says 'original: server node1'
	point "rke2: no option as a host" fails 2 'cannot be a host' rke2_desk status --host=-oProxyCommand=true
	point "rke2: installed by ssh; a second time is none" exits 0 rke2_desk install --host root@node1 --host again \
		--bundle "$rke2_dir/bundle.tar.gz" --limit 3m
	point "rke2: on both" says 'install again: server node1'
	point "rke2: verified by ssh" exits 0 rke2_desk verify --host node1
	point "rke2: rolled back by ssh" exits 0 rke2_desk rollback --host node1 --limit 3m
	point "rke2: what fails there fails here" fails 1 "the node is 'original'" rke2_desk verify --host node1
}

# METHOD: what is looked at in any case.
rke2_install() {
	point "rke2 $1: status says original" exits 0 rke2_node status
	point "rke2 $1: as it is" says 'original: server node1, RKE2 v1.'
	point "rke2 $1: the plan names files, configuration and the restart" exits 0 rke2_node plan --method $1 --bundle bundle.tar.gz
	point "rke2 $1: drop-in" says 99-cryopod.yaml
	point "rke2 $1: restart" says 'restart rke2-server'
	point "rke2 $1: installed, and the node is Ready with our programs" exits 0 rke2_node install --method $1 --trust maker.crt --bundle bundle.tar.gz --limit 3m
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
	point "rke2 $1: it is named, as its shim is the old one" says "pods that keep the previous shim until they are restarted: default/$old"
	point "rke2 $1: verified on the node" exits 0 rke2_node verify
	point "rke2 $1: a counter went on" says 'ok   a counter continues after a restore'
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
point "rke2: the bundle is its maker's" exits 0 cp_ bundle verify --trust "$tmp/maker/tls.crt" "$rke2_dir/bundle.tar.gz"
point "rke2: and nobody else's" fails 6 'none of the trusted signers' rke2_desk plan --trust "$tmp/other/tls.crt" --bundle "$rke2_dir/bundle.tar.gz"
for method in runtime-image ${CRYOPOD_RKE2:+swap}; do
	# A release of before 2026: containerd is told by a template.
	[ $method = runtime-image ] || rke2 'touch /etc/standin/no-imports && systemctl restart rke2-server' >/dev/null 2>&1
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
[ -z "${CRYOPOD_RKE2:-}" ] || rke2_remote
point "rke2: down" exits 0 cp_ --name rke2 down
