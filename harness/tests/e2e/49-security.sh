#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/security.md from the other side: each point is what somebody tries who should not get in.
. "$(dirname "$0")/lib.sh"
needs counter
shell() { cp_ shell "$@"; }

# The API server alone talks to etcd. Who is on the host's network, as these commands are, is not it.
no_etcd_port() { shell ss -Hltn >"$tmp/out" && ! grep -E ':(2379|2380) ' "$tmp/out"; }
point "etcd has no port in the node's network" no_etcd_port
etcd_socket() { exits 0 shell find /run/etcd -maxdepth 0 -perm 0700 -user root && says /run/etcd; }
point "its sockets are root's" etcd_socket

# What the kubelet's certificate is good for (NodeRestriction).
as_node() { shell kubectl --kubeconfig=/etc/kubernetes/kubelet.conf "$@"; }
node_pod() {
	printf '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "of-node", "namespace": "kube-system"},
		"spec": {"nodeName": "node1", "containers": [{"name": "c", "image": "counter"}]}}' | as_node create -f - >"$tmp/out" 2>&1 && return 1
	says "pod does not have \"kubernetes.io/config.mirror\" annotation"
}
point "the kubelet's certificate makes no pod in kube-system" node_pod
node_token() {
	as_node create token default -n kube-system >"$tmp/out" 2>&1 && return 1
	says orbidden
}
point "nor a token of any ServiceAccount" node_token
other_node() {
	as_node label node node1 node-restriction.kubernetes.io/x=y >"$tmp/out" 2>&1 && return 1
	says "is not allowed to modify labels"
}
point "nor labels that are kept from nodes" other_node

# A pod may not fill the host's disk.
full_volume() {
	kubectl apply -f - >"$tmp/out" 2>&1 <<-'END' || return 1
		apiVersion: v1
		kind: Pod
		metadata: {name: filler}
		spec:
		  automountServiceAccountToken: false
		  containers:
		    - {name: c, image: "counter:latest", imagePullPolicy: Never, volumeMounts: [{name: v, mountPath: /v}]}
		  volumes: [{name: v, emptyDir: {sizeLimit: 1Mi}}]
	END
	kubectl wait --for=condition=Ready --timeout "$((60 * factor))s" pod/filler >"$tmp/out" 2>&1 || return 1
	uid=$(kubectl get pod filler -o 'jsonpath={.metadata.uid}')
	shell dd if=/dev/zero "of=/var/lib/node/kubelet/pods/$uid/volumes/kubernetes.io~empty-dir/v/file" bs=1M count=8 2>"$tmp/out"
	# The kubelet looks at volumes once a minute. What the pod's status says goes when its program ends with 0.
	until_true 150 sh -c "'$CRYOPOD' -q kubectl get events --field-selector reason=Evicted -o 'jsonpath={.items[*].message}' |
		tee '$tmp/out' | grep -q 'exceeds the limit \"1Mi\"'"
}
point "a volume that outgrows its limit is the end of its pod" full_volume
kubectl delete pod filler --now >"$tmp/out" 2>&1

# A key means: sealed.
cp_ keygen --cert "$tmp/sec.crt" --key "$tmp/sec.key" >"$tmp/out" 2>&1
kubectl create secret tls sec --cert "$tmp/sec.crt" --key "$tmp/sec.key" >"$tmp/out" 2>&1
cp_ checkpoint counter --to "$tmp/plain.tar" >"$tmp/out" 2>&1
point "a plain archive is not taken for a sealed one" fails 6 "the archive is not sealed" \
	cp_ restore "$tmp/plain.tar" --pod in-its-place --key "$tmp/sec.key"
point "nor with a key from a Secret" fails 6 "the archive is not sealed" \
	cp_ restore "$tmp/plain.tar" --pod in-its-place --key-secret sec
# It claims to be sealed, and its images are plain: the node's side looks.
claims() {
	mkdir "$tmp/claims" && tar -C "$tmp/claims" -xf "$tmp/plain.tar" && echo x >"$tmp/claims/checkpoint/seal.cms" &&
		tar -C "$tmp/claims" -cf "$tmp/claims.tar" $(ls "$tmp/claims") || return 1
	cp_ restore "$tmp/claims.tar" --pod in-its-place --key-secret sec >"$tmp/out" 2>&1 && return 1
	! kubectl get pod in-its-place >"$tmp/point.pod" 2>&1
}
point "nor one that only says so" claims

# The images that everything runs in.
other_image() {
	cp_ image pause --to "$tmp/pause.tar" >"$tmp/out" 2>&1 && mkdir "$tmp/pause" && tar -C "$tmp/pause" -xf "$tmp/pause.tar" &&
		tar -C "$tmp/pause" -cf "$tmp/pause.tar" . && fails 2 "(--force overrides this)" cp_ image --load "$tmp/pause.tar"
}
point "no other image takes the place of pause" other_image

# An archive gives a process what its new pod would not: here more than its spec, once as root with every usual
# capability, once as somebody with one more. Nothing but a counter runs.
pod_of() { # NAME CONTEXT: a counter with that securityContext
	printf '%s\n' 'apiVersion: v1' 'kind: Pod' "metadata: {name: $1}" 'spec:' '  automountServiceAccountToken: false' \
		'  terminationGracePeriodSeconds: 0' '  restartPolicy: Never' \
		"  containers: [{name: counter, image: 'counter:latest', imagePullPolicy: Never, securityContext: $2}]"
}
more_than() { # CONTEXT CONTEXT-OF-THE-NEW-POD TEXT
	pod_of strong "$1" | kubectl apply -f - >"$tmp/out" 2>&1 || return 1
	kubectl wait --for=condition=Ready --timeout "$((60 * factor))s" pod/strong >"$tmp/out" 2>&1 && sleep 1 || return 1
	exits 0 cp_ checkpoint strong --to "$tmp/strong.tar" || return 1
	kubectl delete pod strong --now >/dev/null 2>&1
	pod_of in-its-place "$2" >"$tmp/weak.yaml"
	fails 2 "$3" cp_ restore "$tmp/strong.tar" --pod in-its-place -f "$tmp/weak.yaml" || return 1
	! kubectl get pod in-its-place >"$tmp/point.pod" 2>&1
}
point "an archive brings no capability that the new pod has not" more_than '{capabilities: {add: [NET_ADMIN]}}' '{}' \
	"has the capabilities NET_ADMIN"
allowed() {
	pod_of in-its-place '{capabilities: {add: [NET_ADMIN]}}' >"$tmp/same.yaml"
	exits 0 cp_ restore "$tmp/strong.tar" --pod in-its-place -f "$tmp/same.yaml" &&
		kubectl delete pod in-its-place --now >/dev/null 2>&1 &&
		exits 0 cp_ restore "$tmp/strong.tar" --pod in-its-place -f "$tmp/weak.yaml" --allow-privileges
	rc=$?
	kubectl delete pod in-its-place --now >/dev/null 2>&1
	return $rc
}
point "the same spec does, and so does who allows it" allowed
point "nor root where the new pod has none" more_than '{}' '{runAsUser: 1000}' "is user 0, and the new pod's spec says runAsUser 1000"
point "nor a way to more where there is none" more_than '{}' '{allowPrivilegeEscalation: false}' "may gain privileges"
point "nor a process without a filter" more_than '{}' '{seccompProfile: {type: RuntimeDefault}}' "has no seccomp filter"
hardened='{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}'
as_it_was() {
	pod_of strong "$hardened" | kubectl apply -f - >"$tmp/out" 2>&1 || return 1
	kubectl wait --for=condition=Ready --timeout "$((60 * factor))s" pod/strong >"$tmp/out" 2>&1 && sleep 1 || return 1
	exits 0 cp_ checkpoint strong --to "$tmp/strong.tar" || return 1
	kubectl delete pod strong --now >/dev/null 2>&1
	pod_of in-its-place "$hardened" >"$tmp/same.yaml"
	exits 0 cp_ restore "$tmp/strong.tar" --pod in-its-place -f "$tmp/same.yaml"
	rc=$?
	kubectl delete pod in-its-place --now >/dev/null 2>&1
	return $rc
}
point "a hardened pod is restored as one, without a word" as_it_was
namespace_of_archive() {
	kubectl create namespace theirs >"$tmp/out" 2>&1 && pod_of strong '{}' | kubectl apply -n theirs -f - >"$tmp/out" 2>&1 || return 1
	kubectl wait -n theirs --for=condition=Ready --timeout "$((60 * factor))s" pod/strong >"$tmp/out" 2>&1 && sleep 1 || return 1
	exits 0 cp_ checkpoint strong -n theirs --to "$tmp/theirs.tar" && exits 0 cp_ restore "$tmp/theirs.tar" --pod in-its-place &&
		says "the source was in namespace 'theirs', the new pod is in 'default'" &&
		kubectl get pod in-its-place >"$tmp/out" 2>&1
	rc=$?
	kubectl delete pod in-its-place --now >/dev/null 2>&1
	kubectl delete namespace theirs >/dev/null 2>&1
	return $rc
}
point "an archive does not choose the namespace" namespace_of_archive

# A restore goes through an image, which nobody else shall start.
no_images() { shell ctr -n k8s.io images ls -q >"$tmp/out" && ! grep '^localhost/checkpoint/' "$tmp/out"; }
image_of() { kubectl get pod "$1" -o 'jsonpath={.spec.containers[0].image}'; }
stays_under_no_name() {
	exits 0 cp_ restore "$tmp/plain.tar" --pod in-its-place && no_images || return 1
	image=$(image_of in-its-place)
	kubectl create namespace elsewhere >"$tmp/out" 2>&1
	sed "s|counter:latest|$image|" "$tmp/weak.yaml" | kubectl apply -n elsewhere -f - >"$tmp/out" 2>&1 || return 1
	until_true 60 sh -c "'$CRYOPOD' -q kubectl get pod in-its-place -n elsewhere -o json | grep -q ErrImageNeverPull"
}
point "the image of a restore starts in no other namespace" stays_under_no_name
kubectl delete namespace elsewhere >"$tmp/out" 2>&1
kubectl delete pod in-its-place --now >"$tmp/out" 2>&1

# A key is lent to one pod. Here it lies ready for another one, as in the midst of that one's restore, and somebody who
# has seen everything that the cluster tells of that (image, annotation) has a pod of his own with it.
cp_ checkpoint counter --encrypt --encryption-secret sec --to "$tmp/sealed.tar" >"$tmp/out" 2>&1
there() { shell ls "/run/cryopod/restore-$1" >/dev/null 2>&1; }
token=00112233445566778899aabbccddeeff
lend() { # POD-UID
	shell sh -c 'umask 077 && cd /run/cryopod && printf "%s\n" "$2" >restore-$1.key && echo require-encryption >restore-$1.conf &&
		printf "pod-uid %s\nrequire-encryption\ntls-key /run/cryopod/restore-%s.key\n" "$3" "$1" >restore-$1.call' \
		sh "$token" "$(cat "$tmp/sec.key")" "$1"
}
thief() {
	# Restarted: so its image stays, and has a name.
	exits 0 cp_ restore "$tmp/sealed.tar" --pod lent --key-secret sec --restart-policy Always || return 1
	shell ls /run/cryopod >"$tmp/out" && ! grep -E '\.(key|call)$' "$tmp/out" || return 1
	lend "$(kubectl get pod lent -o 'jsonpath={.metadata.uid}')" || return 1
	kubectl create namespace elsewhere >"$tmp/out" 2>&1
	sed "s|counter:latest|$(image_of lent)|; s|name: in-its-place|name: thief, annotations: {org.criu.config: /run/cryopod/restore-$token.conf}|" \
		"$tmp/weak.yaml" | sed 's/{name: counter,/{name: counter-container,/' | kubectl apply -n elsewhere -f - >"$tmp/out" 2>&1 || return 1
	until_true 60 sh -c "'$CRYOPOD' -q kubectl get pod thief -n elsewhere -o json | tee '$tmp/out' | grep -q -E '(RunContainer|CreateContainer|Start)Error'" &&
		there "$token.call" && there "$token.key"
}
point "a key that is lent to a pod opens for no other one" thief
shell sh -c "rm -f /run/cryopod/restore-$token.*"
kubectl delete namespace elsewhere >"$tmp/out" 2>&1
kubectl delete pod lent --now >"$tmp/out" 2>&1
