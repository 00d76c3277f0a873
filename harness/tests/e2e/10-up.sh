#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A cluster from nothing; the second `up` changes nothing.
. "$(dirname "$0")/lib.sh"
needs nothing
[ -z "${E2E_BEFORE:-}" ] || host_state >"$E2E_BEFORE"
point "down where nothing is" exits 0 cp_ down
point "status where nothing is" exits 1 cp_ status
point "build" exits 0 cp_ build
built() { # but for who used it, and when
	find /var/cache/cryopod/builds -mindepth 2 -maxdepth 3 ! -path '*/.users/*' ! -name '*.used' \
		-printf '%p %T@ %i\n' 2>/dev/null | sort
}
built >"$tmp/built"
point "a template" exits 0 cp_ template make
point "up" exits 0 cp_ up
point "from the template" test "$(status .origin)" = template
point "status says running" test "$(status .state)" = running
point "eight services are up" test "$(status '[.nodes[0].services[] | select(.up)] | length')" = 8
echo "# Linux $(uname -r), $(status '.capabilities | to_entries | map("\(.key) \(.value)") | join(", ")')"
point "it can checkpoint and restore" test "$(status '.capabilities | .checkpoint + .restore')" = podsimage

nobody_waits() { # `down` is a word of s6: do not start this one
	files=$(cp_ -q shell sh -c 'cd /run/service && echo */run */down') && echo "$files" &&
		[ "${files##* }" = '*/down' ] && [ "$(echo "$files" | grep -o '/run' | wc -l)" = 8 ]
}
point "none of them would wait if its supervisor were killed" nobody_waits

second_up() {
	a=$(status .nodes[0].pid) && exits 0 cp_ up && [ "$a" = "$(status .nodes[0].pid)" ]
}
point "up again leaves it alone" second_up
nothing_built() {
	built | diff "$tmp/built" -
}
point "nothing was built twice" nothing_built
point "the kubeconfig is private" test "$(stat -c %a "$CRYOPOD_STATE_DIR/e2e/kubeconfig")" = 600
any_kubectl() {
	program=$(status '.builds[] | select(.component == "kubernetes") | .dir')/kubectl
	KUBECONFIG=$CRYOPOD_STATE_DIR/e2e/kubeconfig "$program" --context cryopod-e2e get node node1 |
		grep -w Ready
}
point "any kubectl of the host gets in" any_kubectl
ordinary_pod() {
	kubectl apply -f "$top/kube-deployments/counter-pod.yaml" &&
		kubectl wait --for=condition=Ready pod/counter --timeout=$((60 * factor))s
}
point "an ordinary pod runs" ordinary_pod
has_address() { kubectl get pod counter -o 'jsonpath={.status.podIP}' | grep '^10\.244\.'; }
point "it has an address of the pod network" has_address
with_token() {
	sed 's/^  name: counter$/  name: token/; /automountServiceAccountToken/d' \
		"$top/kube-deployments/counter-pod.yaml" | kubectl apply -f - &&
		kubectl wait --for=condition=Ready pod/token --timeout=$((60 * factor))s &&
		kubectl get pod token -o json | jq -e '.spec.volumes[] | select(.projected)' &&
		kubectl delete pod token --now
}
point "with a token of its ServiceAccount if it wants one" with_token
few_inotify() { # a user has 128 of them for all programs; `up` looks for one more, which is CRIU's
	n=0
	for process in $(grep -l -E "$(group_of e2e)(/|\$)" /proc/[0-9]*/cgroup 2>/dev/null); do
		# On cgroup v2 these have one for each container of a pod.
		! grep -q '^containerd-shim' "${process%/*}/comm" || continue
		n=$((n + $(ls -l "${process%/*}/fd" 2>/dev/null | grep -c 'anon_inode:inotify')))
	done
	echo "$n inotify instances"
	[ "$n" -ge 8 ] && [ "$n" -le 11 ]
}
point "it takes no more inotify instances than it says" few_inotify
point "logs of a service" exits 0 cp_ logs --tail 5 kubelet
point "a program in the node" exits 7 cp_ shell sh -c 'exit 7'
