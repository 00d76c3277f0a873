#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Nodes put together from patched and stock parts: what one of them cannot do is a failure, never a
# success that is none. Their programs are those of the upstream and the stock stack.
. "$(dirname "$0")/lib.sh"
needs cluster
mixed_up() { # COMPONENT: a cluster of the upstream stack, with this one as it is upstream
	mix=e2e-$1
	sed "s#\.\./patches/#$top/patches/#; \#/patches/$1/#d" "$top/stacks/upstream.yaml" >"$tmp/$mix.yaml"
	exits 0 cp_ --name "$mix" up --cold --stack "$tmp/$mix.yaml"
}
patched() { # what of it is
	for dir in $(status '.builds[].dir' "$mix"); do
		jq -r 'select(.source.patches).component' "$dir/build.json"
	done | sort | xargs
}
is_patched() { [ "$(patched)" = "$1" ] || { echo "patched: $(patched)"; return 1; }; }
archives() { # N: those of the scenario that are a success
	n=$(cp_ --name "$mix" shell sh -c 'ls /var/lib/node/kubelet/checkpoints | wc -l')
	[ "$n" -eq "$1" ] || { echo "$n archives"; return 1; }
}
mixed_down() { point "down of $mix" exits 0 cp_ --name "$mix" down; }
scenario() { # FILE
	point "$mix: scenario ${1##*/}" exits 0 cp_ --name "$mix" test "$top/scenarios/$1"
}

# They prove something only as they do not pass where everything fits.
for file in "$top"/scenarios/mixed/*.yaml; do
	point "a whole cluster fails ${file##*/}" exits 1 cp_ test "$file"
	point "as it can what it shall not" says "it succeeded, but was expected to fail"
done

point "patched Kubernetes, stock containerd" mixed_up containerd
point "only that is stock" is_patched "kubernetes runc"
scenario mixed/api-mixed.yaml
point "what is no success leaves no archive" archives 2
in_proxy_form() {
	cp_ --name "$mix" -q kubectl apply -f "$top/kube-deployments/counter-pod.yaml" &&
		cp_ --name "$mix" -q kubectl wait --for=condition=Ready pod/counter --timeout=$((60 * factor))s &&
		cp_ --name "$mix" keygen --cert "$tmp/mixed.crt" --key "$tmp/mixed.key" &&
		cp_ --name "$mix" -q kubectl create secret tls enc --cert "$tmp/mixed.crt" --key "$tmp/mixed.key" &&
		exits 0 cp_ --name "$mix" checkpoint counter --form proxy --encrypt --encryption-secret enc && says "encrypted"
}
point "the form proxy encrypts there" in_proxy_form
mixed_down

point "patched Kubernetes and containerd, stock runc" mixed_up runc
point "only that is stock" is_patched "containerd kubernetes"
scenario mixed/api-stock-runc.yaml
point "what is no success leaves no archive" archives 2
mixed_down

point "stock Kubernetes, patched containerd and runc" mixed_up kubernetes
point "only that is stock" is_patched "containerd runc"
point "it has no pods/checkpoint" test "$(status .capabilities.checkpoint "$mix")" = proxy
scenario left-running.yaml
scenario sealed.yaml
scenario stop.yaml
mixed_down
