#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a restore once got wrong without a word: random numbers, the host's groups, CRIU's options, a read-only root, a
# program that ended. STACK: another one than the default.
. "$(dirname "$0")/lib.sh"
if [ -n "${STACK:-}" ]; then
	needs nothing
	cp_ -q up --stack "$STACK"
fi
needs cluster
shell() { cp_ shell "$@"; }
load() { cp_ image faces --to "$tmp/faces.tar" && cp_ image --load "$tmp/faces.tar"; }
point "the image is loaded" exits 0 load
for mode in lock tcp write wait random; do
	readonly=false
	[ "$mode" = write ] && readonly=true
	cat <<YAML
---
apiVersion: v1
kind: Pod
metadata: {name: $mode}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  containers:
  - name: app
    image: faces:latest
    imagePullPolicy: Never
    args: [alone, $mode]
    securityContext: {readOnlyRootFilesystem: $readonly}
YAML
done >"$tmp/pods.yaml"
made() { kubectl apply -f "$tmp/pods.yaml" && kubectl wait --for=condition=Ready --timeout=60s pod/lock pod/tcp pod/write pod/wait pod/random; }
point "pods" exits 0 made
prints() { kubectl logs "$1" --tail 1 | grep -qx "$2" || { kubectl logs "$1" --tail 3; return 1; }; }
restored() { exits 0 cp_ restore "$tmp/$1.tar" --pod "$1-2"; }

# A unified tree beside v1: nobody else's groups are in an archive.
own_groups() {
	mkdir /sys/fs/cgroup/unified/foreign-e2e 2>/dev/null
	exits 0 cp_ checkpoint random --to "$tmp/random.tar"
	rc=$?
	rmdir /sys/fs/cgroup/unified/foreign-e2e 2>/dev/null
	[ $rc = 0 ] && tar -xOf "$tmp/random.tar" checkpoint/cgroup.img >"$tmp/cgroup.img" &&
		grep -aq kubepods "$tmp/cgroup.img" && ! grep -aq 'foreign-e2e\|cryopod/\|/docker/\|engine-' "$tmp/cgroup.img"
}
point "an archive holds only the pod's groups" own_groups
own_unified() { # of the node's processes, where there is such a tree
	pid=$(status '.nodes[0].pid' "$CRYOPOD_NAME")
	[ ! -d /sys/fs/cgroup/unified ] || grep -q "^0::$(group_of "$CRYOPOD_NAME")" "/proc/$pid/cgroup"
}
point "a node has groups of its own in every tree" own_unified

never_twice() {
	for i in 1 2 3; do
		cp_ restore "$tmp/random.tar" --pod "random-$i" >"$tmp/restore.$i" 2>&1 &
	done
	wait
	sleep 1
	# Each log begins with a copy of the source's.
	tar -xOf "$tmp/random.tar" container.log | sed -n 's/.*\(random [0-9a-f]*\)$/\1/p' | sort -u >"$tmp/copied"
	for pod in random random-1 random-2 random-3; do
		kubectl logs "$pod" | grep '^random ' | sort -u | comm -23 - "$tmp/copied" >"$tmp/$pod.own"
		[ -s "$tmp/$pod.own" ] || { echo "$pod drew nothing"; cat "$tmp"/restore.*; return 1; }
	done
	twice=$(sort "$tmp"/random*.own | uniq -d)
	[ -z "$twice" ] || { echo "drawn twice: $twice"; return 1; }
}
point "copies of one archive and their source never draw the same numbers" never_twice

kept_locks() {
	fails 1 "--file-locks" cp_ checkpoint lock --to "$tmp/lock.tar" &&
		exits 0 cp_ checkpoint lock --file-locks --to "$tmp/lock.tar" && restored lock &&
		[ "$(kubectl exec lock-2 -- /faces alone try-lock)" = held ]
}
point "file locks: advised, recorded, held after the restore" kept_locks
by_node() { # said on the node: the restore does as it says, although it has a file of its own
	shell sh -c 'mkdir -p /etc/criu; echo file-locks >/etc/criu/runc.conf'
	exits 0 cp_ checkpoint lock --to "$tmp/lock.tar" && kubectl delete pod lock-2 --now && restored lock &&
		[ "$(kubectl exec lock-2 -- /faces alone try-lock)" = held ]
	rc=$?
	shell rm /etc/criu/runc.conf
	return $rc
}
point "the node's configuration of CRIU holds for a restore, too" by_node
closed() {
	fails 1 "--tcp-close" cp_ checkpoint tcp --to "$tmp/tcp.tar" &&
		exits 0 cp_ checkpoint tcp --tcp-close --to "$tmp/tcp.tar" && restored tcp &&
		until_true 10 prints tcp-2 closed
}
point "TCP connections are closed where that is wanted" closed
point "bad values are refused" fails 2 "not an absolute path" cp_ checkpoint tcp --irmap-scan-path relative

read_only() {
	prints write read-only && exits 0 cp_ checkpoint write --to "$tmp/write.tar" && restored write || return 1
	if says "is not read-only any more"; then
		until_true 5 prints write-2 writable
	else
		until_true 5 prints write-2 read-only
	fi
}
point "a read-only root stays one, or restore says that it does not" read_only

ended() {
	exits 7 cp_ checkpoint wait --to "$tmp/wait.tar" && says "the source ended with 0 right after the dump" &&
		exits 7 cp_ restore "$tmp/wait.tar" --pod wait-2 && says "ended with 0 right after the restore"
}
point "a program that ends because it was dumped is told of" ended

uids() { # CLUSTER
	for i in 1 2 3 4 5 6 7 8 9 10; do
		cp_ -q --name "$1" kubectl create configmap "u$i" -o 'jsonpath={.metadata.uid}{"\n"}' || return 1
	done
}
no_uid_twice() {
	cp_ -q up --name uid --count 2 || return 1
	for i in 1 2; do
		uids "uid-$i" >"$tmp/$i.uids" &
	done
	wait
	[ "$(cat "$tmp"/?.uids | wc -l)" -eq 20 ] && [ -z "$(sort "$tmp"/?.uids | uniq -d)" ]
	rc=$?
	cp_ -q down --name uid --count 2
	return $rc
}
point "clusters of one template never give the same UID" no_uid_twice
kubectl delete -f "$tmp/pods.yaml" --now >"$tmp/out" 2>&1
kubectl delete pod lock-2 tcp-2 write-2 wait-2 random-1 random-2 random-3 --now --ignore-not-found >"$tmp/out" 2>&1
exit 0
