#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# checkpoint and restore by hand; what they refuse, and that it harms nothing.
. "$(dirname "$0")/lib.sh"
needs counter
point "checkpoint" exits 0 cp_ checkpoint counter --to "$tmp/cp.tar"
point "it says where and how long" says "archive    /var/lib/node/kubelet/checkpoints/checkpoint-counter_default"
point "checkpoint -o json" sh -c "'$CRYOPOD' checkpoint counter -o json | jq -e '.bytes > 10000 and (.form == \"proxy\" or .form == \"pods\")'"
point "inspect" exits 0 cp_ inspect "$tmp/cp.tar"
point "it says which container" says "container  default/counter/counter-container"
point "and which process" says "process    1 counter"
restored() {
	exits 0 cp_ restore "$tmp/cp.tar" --pod counter-restored && until_true 10 more_lines
}
more_lines() {
	kubectl logs counter-restored >"$tmp/log" && [ "$(wc -l <"$tmp/log")" -gt 30 ] &&
		[ "$(sed 's/.*nonce=\([0-9a-f]*\).*/\1/' "$tmp/log" | sort -u | wc -l)" -eq 1 ]
}
point "restore: the same process goes on" restored

point "no such pod" fails 1 "no pod 'nobody'" cp_ checkpoint nobody
point "no such container" fails 1 "valid values: counter-container" cp_ checkpoint counter -c other
point "the name is taken" fails 1 "already exists" cp_ restore "$tmp/cp.tar" --pod counter
point "an archive that is not there" fails 2 "No such file" cp_ restore "$tmp/none.tar" --pod x
: >"$tmp/empty.tar"
point "an empty archive" fails 2 "empty" cp_ restore "$tmp/empty.tar" --pod x
head -c 40000 "$tmp/cp.tar" >"$tmp/cut.tar"
point "an archive that is cut short" fails 2 "cut.tar" cp_ restore "$tmp/cut.tar" --pod x
point "a file that is no archive" fails 2 "run" cp_ restore "$here/run" --pod x
no_base_image() {
	# Under any name: a pod that runs keeps its layers, but containerd finds an image only by a name or its digest.
	for name in $(cp_ shell ctr -n k8s.io images ls | awk '/counter/ { print $1, $3 }'); do
		digests="${digests:-} $name"
	done
	for name in $(cp_ shell ctr -n k8s.io images ls | awk -v all="$digests" 'index(all, $3) { print $1 }'); do
		cp_ shell ctr -n k8s.io images rm "$name"
	done
	fails 1 "base image 'docker.io/library/counter:latest' is on no node" cp_ restore "$tmp/cp.tar" --pod x
}
point "the base image is absent" no_base_image
load_again() { exits 0 cp_ image counter --to "$tmp/counter.tar" && exits 0 cp_ image --load "$tmp/counter.tar"; }
point "an image is made and loaded by hand" load_again
pod() { # NAME EXTRA: a counter pod with something else about it
	sed "s/^  name: counter\$/  name: $1/; s/^spec:\$/spec:\n  $2/" \
		"$top/kube-deployments/counter-pod.yaml" | cp_ -q kubectl apply -f -
}
unschedulable() {
	pod far 'nodeSelector: {no: where}' >"$tmp/out" &&
		fails 1 "is not running (pod is Pending" cp_ checkpoint far
}
point "a pod that cannot be scheduled" unschedulable
kubectl delete pod far --now >/dev/null 2>&1
at_once() { pod soon 'hostIPC: false' >"$tmp/out" && exits 0 cp_ checkpoint soon && says "wait until container"; }
point "a pod that is just being created is waited for" at_once
kubectl delete pod soon --now >/dev/null 2>&1

no_criu() {
	cp_ shell mv /usr/sbin/criu /usr/sbin/criu.off &&
		[ "$(status '.capabilities.reasons.checkpoint')" = "no criu in the node" ] &&
		fails 1 "no CRIU in the node's PATH" cp_ checkpoint counter
}
point "CRIU is missing in the node" no_criu
cp_ shell mv /usr/sbin/criu.off /usr/sbin/criu
full_disk() {
	cp_ shell mount -t tmpfs -o size=64k none /var/lib/node/kubelet/checkpoints &&
		fails 1 "the node's disk is full" cp_ checkpoint counter
}
point "the disk is full during a checkpoint" full_disk
cp_ shell umount /var/lib/node/kubelet/checkpoints
counts_on() {
	a=$(kubectl logs counter --tail 1) && sleep 1 && b=$(kubectl logs counter --tail 1) && [ "$a" != "$b" ]
}
point "the counter counts on after all that" counts_on
point "and can still be checkpointed" exits 0 cp_ checkpoint counter
