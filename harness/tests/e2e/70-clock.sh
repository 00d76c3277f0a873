# SPDX-License-Identifier: Apache-2.0
# Days later: leases of a template are long over, its certificates are not. Only where the clock may
# be set, which is in `make test-vm`.
[ "${E2E_CLOCK:-}" = 1 ] || return 0
k_() { cp_ --name e2e-k "$@"; }
k_origin() { k_ up >"$tmp/out" 2>&1 && [ "$(status .origin e2e-k)" = "$1" ]; }
is_ready() {
	[ "$(k_ -q kubectl get node node1 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]
}
stays_ready() {
	end=$(($(date +%s) + 90))
	while [ "$(date +%s)" -lt "$end" ]; do
		is_ready || return 1
		sleep 2
	done
}
k_lease() { k_ -q kubectl get lease node1 -n kube-node-lease -o 'jsonpath={.spec.renewTime}' 2>&1; }
k_renewed() { case $(k_lease) in "$(date -u +%Y-%m-%d)"*) ;; *) return 1 ;; esac; }
k_pod() {
	k_ -q kubectl apply -f "$top/kube-deployments/counter-pod.yaml" &&
		k_ -q kubectl wait --for=condition=Ready pod/counter --timeout=$((60 * factor))s &&
		k_ checkpoint counter
}
point "a template of now" k_origin template
k_ -q down
date -s '+6 days' >/dev/null
point "six days later it still serves" k_origin template
point "the node is Ready" is_ready
point "and stays so" stays_ready
point "its lease is of today" until_true 60 k_renewed
point "a pod runs and can be checkpointed" k_pod
k_ -q down
date -s '+2 days' >/dev/null
k_anew() { k_origin template && says "template: of this cluster"; }
point "after eight days there is a new one" k_anew
k_ -q down
