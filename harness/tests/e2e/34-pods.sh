#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pods as people have them: whatever describes the source makes the pod to restore, and what does not fit is refused.
. "$(dirname "$0")/lib.sh"
needs cluster
spec='terminationGracePeriodSeconds: 0
automountServiceAccountToken: false
volumes: [{name: e, emptyDir: {}}, {name: s, emptyDir: {}}]
containers:
- name: main
  image: counter:latest
  imagePullPolicy: Never
  terminationMessagePath: /dev/message
  volumeMounts: [{name: e, mountPath: /data}, {name: s, mountPath: "/with blanks/é"}]
- {name: side, image: "counter:latest", imagePullPolicy: Never}'
indent() { printf '%s\n' "$spec" | sed "s/^/$1/"; }
{ printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: plain, labels: {app: p}}\nspec:\n' && indent '  '; } >"$tmp/plain.yaml"
{
	printf 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n'
	printf '  template:\n    metadata: {labels: {app: web}}\n    spec:\n' && indent '      '
} >"$tmp/web.yaml"
runs() { kubectl wait --for=condition=Ready "pod/$1" --timeout=60s; }
web() { kubectl get pods -l app=web -o name | sed 's,^pod/,,'; }
made() {
	kubectl apply -f "$tmp/plain.yaml" -f "$tmp/web.yaml" && runs plain && until_true 30 [ -n "$(web)" ] &&
		runs "$(web)"
}
point "a pod and a Deployment" made
dumped() {
	exits 0 cp_ checkpoint plain -c main --to "$tmp/plain.tar" &&
		exits 0 cp_ checkpoint "$(web)" -c main --to "$tmp/web.tar"
}
point "they are checkpointed" dumped
kubectl get pod plain -o yaml >"$tmp/get.yaml"
kubectl get pod plain -o json >"$tmp/get.json"
kubectl get pods -o json >"$tmp/list.json"
kubectl get pods -o yaml --show-managed-fields >"$tmp/list.yaml"
kubectl get pod "$(web)" -o yaml >"$tmp/member.yaml"
gone() { kubectl delete pod "$1" --now >/dev/null 2>&1; }
restored() { # ARCHIVE FILE SAYS: main goes on, side is new
	exits 0 cp_ restore "$tmp/$1" --pod again -f "$tmp/$2" && says "$3" && says "container 'side' starts from the beginning" &&
		until_true 10 goes_on
	rc=$?
	gone again
	return $rc
}
goes_on() {
	kubectl logs again -c main >"$tmp/log" && tail -n 1 "$tmp/log" | grep -q count= &&
		[ "$(sed 's/.*nonce=\([0-9a-f]*\).*/\1/' "$tmp/log" | sort -u | wc -l)" -eq 1 ]
}
for form in plain.yaml get.yaml get.json list.json list.yaml; do
	point "restored from $form" restored plain.tar "$form" "restartPolicy is Always"
done
point "from the Deployment" restored web.tar web.yaml "the pod is made from the template of Deployment 'web'"
point "from its pod" restored web.tar member.yaml "label 'pod-template-hash' is dropped"
greedy() {
	sed 's/kind: Deployment/kind: ReplicaSet/; s/name: web}/name: greedy}/; s/^spec:/spec:\n  replicas: 0/' \
		"$tmp/web.yaml" | kubectl apply -f - && until_true 10 kubectl get rs greedy &&
		restored web.tar web.yaml "label 'app' is dropped: ReplicaSet 'greedy' would adopt the pod"
}
point "no controller takes it" greedy
kubectl delete rs greedy deployment/web >/dev/null 2>&1
kubectl delete deployment web >/dev/null 2>&1
host_name() {
	exits 0 cp_ restore "$tmp/plain.tar" --pod again -f "$tmp/plain.yaml" || return 1
	[ "$(cp_ shell nsenter -t "$(pid_of_main)" --uts hostname)" = again ]
}
pid_of_main() {
	id=$(kubectl get pod again -o json | jq -r '.status.containerStatuses[] | select(.name == "main").containerID' | sed 's,.*//,,')
	cp_ shell ctr -n k8s.io task ls | awk -v id="$id" '$1 == id { print $2 }'
}
point "it has its own host name" host_name
gone again
gone_soon() {
	start=$(date +%s)
	(until_true 20 kubectl get pod vanishing && kubectl delete pod vanishing --now) >/dev/null 2>&1 &
	# An image that waits: the pod is deleted before it can run.
	sed 's/image: "counter:latest"/image: "absent:1"/; s/imagePullPolicy: Never}/imagePullPolicy: IfNotPresent}/' \
		"$tmp/plain.yaml" >"$tmp/vanishing.yaml"
	fails 1 "is deleted, not by cryopod" cp_ restore "$tmp/plain.tar" --pod vanishing -f "$tmp/vanishing.yaml" &&
		[ $(($(date +%s) - start)) -lt 40 ]
}
point "a pod that is deleted meanwhile is noticed" gone_soon

other() { # SED SAYS: a pod that does not fit
	sed "$1" "$tmp/plain.yaml" >"$tmp/other.yaml" &&
		fails 2 "$2" cp_ restore "$tmp/plain.tar" --pod x -f "$tmp/other.yaml" && ! kubectl get pod x 2>/dev/null
}
point "a volume less" other 's/{name: e, mountPath: .data}, //' "had a volume at '/data'"
point "a volume more" other 's/{name: e, mountPath: .data}/&, {name: e, mountPath: \/more}/' "has a volume at '/more'"
point "a volume elsewhere" other 's/blanks/blank/' "had a volume at '/with blanks/é'"
point "another process namespace" other 's/^spec:/spec:\n  shareProcessNamespace: true/' "shareProcessNamespace was false"
point "another container" other 's/name: main/name: other/' "has no container 'main'"
point "no pod" other 's/kind: Pod/kind: Service/' "contains neither a Pod nor a workload"
point "no manifest" fails 2 "had a volume at" cp_ restore "$tmp/plain.tar" --pod x
point "no such policy" fails 2 "valid values: Never" cp_ restore "$tmp/plain.tar" --pod x --restart-policy Soon

namespaces() { # KEY
	low=$(echo "$1" | tr '[:upper:]' '[:lower:]')
	printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec:\n  %s: true\n  automountServiceAccountToken: false\n  terminationGracePeriodSeconds: 0\n  containers: [{name: main, image: "counter:latest", imagePullPolicy: Never}]\n' \
		"$low" "$1" | kubectl apply -f - && runs "$low" && exits 0 cp_ checkpoint "$low" --to "$tmp/ns.tar" || return 1
	gone "$low"
	[ "$1" = shareProcessNamespace ] || fails 2 "had $1, or so its archive says" cp_ restore "$tmp/ns.tar" --pod again || return 1
	exits 0 cp_ restore "$tmp/ns.tar" --pod again --allow-privileges && says "the pod gets $1, as the source had" &&
		[ "$(kubectl get pod again -o json | jq ".spec.$1")" = true ]
	rc=$?
	gone again
	return $rc
}
for key in hostNetwork hostPID hostIPC shareProcessNamespace; do
	point "$key is taken from the archive" namespaces "$key"
done
# Root of the node may lack CAP_SYS_RESOURCE, without which CRIU does not see the limits of such a process.
other_user() {
	sed "s/^spec:/spec:\n  securityContext: {runAsUser: 1000, runAsGroup: 1000}/; s/name: counter$/name: user/" \
		"$top/kube-deployments/counter-pod.yaml" | kubectl apply -f - && runs user &&
		exits 0 cp_ checkpoint user --to "$tmp/user.tar" && exits 0 cp_ restore "$tmp/user.tar" --pod again && until_true 10 went_on
	rc=$?
	gone again && gone user
	return $rc
}
went_on() {
	kubectl logs again >"$tmp/log" && [ "$(sed 's/.*nonce=\([0-9a-f]*\).*/\1/' "$tmp/log" | sort -u | wc -l)" -eq 1 ] &&
		[ "$(wc -l <"$tmp/log")" -gt "$(tar xOf "$tmp/user.tar" container.log | wc -l)" ]
}
point "a pod of another user" other_user
domain_name() {
	exits 0 cp_ restore "$tmp/plain.tar" --pod again -f "$tmp/domain.yaml" || return 1
	case $(cp_ shell nsenter -t "$(pid_of_main)" --uts hostname) in again.sub.default.svc.*) ;; *) return 1 ;; esac
}
sed 's/^spec:/spec:\n  setHostnameAsFQDN: true\n  subdomain: sub/' "$tmp/plain.yaml" >"$tmp/domain.yaml"
point "it has its domain with setHostnameAsFQDN" domain_name
gone again
images() { cp_ shell ctr -n k8s.io images ls -q | grep -c '^localhost/checkpoint/'; }
few_images() { [ "$(images)" -le 1 ]; }
point "images of restores go with their pods" few_images
other_image() {
	sed 's/^ *args.*//; s/name: counter$/name: rebuilt/' "$top/kube-deployments/counter-pod.yaml" | kubectl apply -f - &&
		runs rebuilt && exits 0 cp_ checkpoint rebuilt --to "$tmp/rebuilt.tar" || return 1
	cp_ image faces --to "$tmp/f.tar" >/dev/null && mkdir -p "$tmp/f" && tar xf "$tmp/f.tar" -C "$tmp/f" &&
		sed -i 's,library/faces:latest,library/counter:latest,' "$tmp/f/index.json" && tar cf "$tmp/f2.tar" -C "$tmp/f" . &&
		cp_ image --load "$tmp/f2.tar" --force || return 1
	gone rebuilt && gone plain
	id=$(tar xOf "$tmp/rebuilt.tar" config.dump | jq -r .rootfsImageRef)
	cp_ shell ctr -n k8s.io images rm "$id" >/dev/null 2>&1
	fails 1 "another image" cp_ restore "$tmp/rebuilt.tar" --pod x
	rc=$?
	cp_ image counter --to "$tmp/counter.tar" >/dev/null && cp_ image --load "$tmp/counter.tar" >/dev/null
	return $rc
}
point "another image of the same name" other_image
kubectl delete pods --all --now >/dev/null 2>&1 || :
