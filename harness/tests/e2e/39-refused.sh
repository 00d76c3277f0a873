#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What CRIU cannot do, each with its cause in plain words: images/faces/refused.c has the states.
. "$(dirname "$0")/lib.sh"
needs cluster
load() { cp_ image faces --to "$tmp/faces.tar" && cp_ image --load "$tmp/faces.tar"; }
point "the image is loaded" exits 0 load
# pod NAME STATE [FILE VOLUME [MORE]]: the volume at /v; MORE: lines of the spec
pod() {
	volume=${4:-}
	[ -n "$volume" ] || volume='emptyDir: {}'
	cat <<-YAML
		---
		apiVersion: v1
		kind: Pod
		metadata: {name: $1}
		spec:
		  restartPolicy: Never
		  automountServiceAccountToken: ${token:-false}
		  terminationGracePeriodSeconds: 0
		  volumes: [{name: v, $volume}]
		  ${5:-}
		  containers:
		  - name: server
		    image: faces:latest
		    imagePullPolicy: Never
		    command: [/faces, refuse, ${server:-unix-server}]
		  - name: main
		    image: faces:latest
		    imagePullPolicy: Never
		    command: [/faces, refuse, $2]
		    securityContext: {privileged: true}
		    resources: {limits: {memory: ${memory:-200Mi}}}
		    volumeMounts: [{name: v, mountPath: /v}]
		    env:
		    - {name: FILE, value: "${3:-}"}
		    - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
	YAML
}
# CRIU's word and ours, for each state that cannot be dumped
cat >"$tmp/dump" <<'EOF2'
multipath-tcp|Unsupported proto 262|GODEBUG=multipathtcp=0
in-flight|In-flight connection|not accepted yet
connected-tcp|Connected TCP socket|tcp-close
unix-stream-out|External socket is used|leads out of the container
unix-packet-out|External socket is used|leads out of the container
vsock|Unknown socket collected (family 40)|vsock
file-lock|Some file locks are hold|file-locks
ghost-file|increase limit|ghost-limit
inotify|Can't dump that handle|irmap-scan-path
message-queue|Can't lookup mount|message queue
secret-memory|Unknown shit|memfd_secret
io-uring|send_fds failed (-22)|io_uring
mapped-io-uring|Unknown shit|io_uring
userfaultfd|of that type|userfaultfd
perf|of that type|performance counters
bpf-map|of that type|BPF
bpf-program|of that type|BPF
seccomp-listener|of that type|listener of seccomp
nested-user|Can't dump nested user|user namespace of its own
nested-pid|Can't dump nested pid|pid namespace of its own
nested-uts|Can't dump nested uts|uts namespace of its own
nested-time|Can't dump nested time|time namespace of its own
nested-net|more than one netns|network namespace of its own
own-changed-root|mountinfo|chroot
traced|found while seizing|debugger
EOF2
states=$(cut -d'|' -f1 "$tmp/dump")
for state in $states; do pod "$state" "$state"; done >"$tmp/dump.yaml"
ready() { # all that is in a file says so
	n=0
	for name in $(sed -n 's/^metadata: {name: \(.*\)}/\1/p' "$1"); do
		kubectl logs "$name" -c main 2>/dev/null | grep -q ready || { echo "$name is not ready" && n=1; }
	done
	return $n
}
started() { kubectl apply -f "$1" >/dev/null && until_true 60 ready "$1"; }
point "a pod in each state" started "$tmp/dump.yaml"
refused() { # NAME CRIU OURS
	fails 1 "$3" cp_ checkpoint "$1" -c main --to "$tmp/no.tar" && says ": CRIU: Error (" && says "$2" &&
		[ ! -e "$tmp/no.tar" ]
}
while IFS='|' read -r state criu ours; do
	point "$state" refused "$state" "$criu" "$ours"
	sed -n 's/.*\(CRIU: Error ([^;]*\);.*/# \1/p' "$tmp/out"
done <"$tmp/dump"
left_behind() {
	pod left nothing >"$tmp/left.yaml" && started "$tmp/left.yaml" || return 1
	timeout 5 "$CRYOPOD" -q kubectl exec left -c main -- /faces refuse orphan </dev/null
	refused left "path=/dev/null" "started by kubectl exec"
}
point "left behind by kubectl exec" left_behind
# Two that fail at once for different reasons: each gets its own.
at_once() {
	for i in 1 2 3; do
		cp_ checkpoint ghost-file -c main >"$tmp/ghost" 2>&1 &
		cp_ checkpoint file-lock -c main >"$tmp/lock" 2>&1 &
		wait
		grep -q 'ghost file /ghost' "$tmp/ghost" && grep -q 'Some file locks are hold' "$tmp/lock" ||
			{ cat "$tmp/ghost" "$tmp/lock" && return 1; }
	done
}
point "each gets its own reason" at_once
kubectl delete pods --all --now >/dev/null 2>&1

kubectl create configmap cm --from-literal=k=v >/dev/null
kubectl create secret generic secret --from-literal=k=v >/dev/null
cp_ shell sh -c 'echo hello >/var/lib/node/file; chmod 644 /var/lib/node/file'
file='hostPath: {path: /var/lib/node/file, type: File}'
{
	pod pod-address pod-address
	pod connected-udp connected-udp
	pod empty-dir volume-file /v/log
	pod shared-memory volume-file /dev/shm/x
	pod config-map open-file /v/k 'configMap: {name: cm}'
	pod secret open-file /v/k 'secret: {secretName: secret}'
	token=true pod token open-file /var/run/secrets/kubernetes.io/serviceaccount/token
	pod host-name open-file /etc/hostname
	pod mode open-file /v "$file"
	pod much-memory much-memory
	server=passing-processes pod shared nothing '' '' 'shareProcessNamespace: true'
} >"$tmp/restore.yaml"
point "a pod for each restore" started "$tmp/restore.yaml"
kept() {
	for name in $(sed -n 's/^metadata: {name: \(.*\)}/\1/p' "$tmp/restore.yaml"); do
		exits 0 cp_ checkpoint "$name" -c main --to "$tmp/$name.tar" || { echo "$name" && return 1; }
		kubectl get pod "$name" -o json >"$tmp/$name.json"
	done
}
point "they are checkpointed" kept
kubectl delete pods --all --now >/dev/null 2>&1
unfit() { # NAME CRIU OURS [FILE]
	fails 1 "$3" cp_ restore "$tmp/$1.tar" --pod "another-$1" -f "${4:-$tmp/$1.json}" && says "CRIU: Error (" && says "$2" &&
		! kubectl get pod "another-$1" 2>/dev/null
}
restore_row() {
	point "$1" unfit "$@"
	sed -n 's/.*\(CRIU: Error ([^;]*\);.*/# \1/p' "$tmp/out"
}
cp_ shell chmod 600 /var/lib/node/file
restore_row pod-address "Can't bind inet socket" "address of the old pod"
restore_row connected-udp "Can't bind inet socket" "address of the old pod"
restore_row empty-dir "Can't open file v/log" "on volume 'v' (emptyDir), which starts empty"
restore_row shared-memory "Can't open file dev/shm/x" "shared memory, which starts empty"
restore_row config-map "Can't open file" "on volume 'v' (configMap), which is written again"
restore_row secret "Can't open file" "on volume 'v' (secret), which is written again"
restore_row token "Can't open file" "token of the ServiceAccount is written again"
restore_row host-name "has bad size" "a file has changed since the checkpoint"
restore_row mode "has bad mode" "mode has changed since"
sed 's/"memory": "200Mi"/"memory": "20Mi"/' "$tmp/much-memory.json" >"$tmp/less.json"
restore_row much-memory "killed by signal 9" "memory limit is below" "$tmp/less.json"
sed 's/"passing-processes"/"many-processes"/' "$tmp/shared.json" >"$tmp/many.json"
restore_row shared "Can't fork for" "process id that is needed" "$tmp/many.json"
cp_ shell rm /var/lib/node/file
kubectl delete pods --all --now >/dev/null 2>&1
kubectl delete configmap/cm secret/secret >/dev/null 2>&1 || :
