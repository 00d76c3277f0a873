#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kill -9 of each service is healed by its supervisor; a crashed node by the next `up`.
. "$(dirname "$0")/lib.sh"
needs counter
pid_of() { status ".nodes[0].services[] | select(.name == \"$1\") | select(.up) | .pid"; }
healed() {
	old=$(pid_of "$1") && cp_ shell kill -9 "$old" && until_true 30 other_pid "$1" "$old"
}
other_pid() { new=$(pid_of "$1") && [ -n "$new" ] && [ "$new" -gt 0 ] && [ "$new" != "$2" ]; }
for service in etcd kube-apiserver containerd kubelet kube-controller-manager kube-scheduler kube-proxy coredns; do
	point "kill -9 of $service" healed $service
done
point "up finds all well again" exits 0 cp_ up
works() { until_true 60 counts_on_again && until_true 60 cp_ checkpoint counter; }
counts_on_again() { a=$(kubectl logs counter --tail 1) && sleep 1 && [ "$a" != "$(kubectl logs counter --tail 1)" ]; }
point "the counter never stopped, and can be checkpointed" works

no_forwarder() { [ "$(status .forwarder)" = null ]; }
forwarder_healed() {
	kill -9 "$(status .forwarder)" && until_true 5 no_forwarder &&
		exits 0 cp_ up && kubectl get nodes
}
point "kill -9 of the forwarder is healed by up" forwarder_healed
stopped() { [ "$(status .state)" = stopped ]; }
crashed() { kill -9 "$(status .nodes[0].pid)" && until_true 5 stopped; }
point "kill -9 of the node's init" crashed
point "up starts it again" exits 0 cp_ up
point "with what it knew before" sh -c "'$CRYOPOD' -q kubectl get pod counter"
