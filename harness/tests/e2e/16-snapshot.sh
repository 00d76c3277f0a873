#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Snapshots: a cluster that somebody has filled is saved, goes on, and becomes new ones. Its pods stop
# for it and start again.
. "$(dirname "$0")/lib.sh"
needs nothing
sn_() { cp_ --name e2e-s "$@"; }
snapshots=$CRYOPOD_STATE_DIR/.snapshots

point "no snapshot at first" sh -c "'$CRYOPOD' snapshot list | grep -qx 'no snapshot'"
point "save of a cluster that does not run" fails 1 "is not running" sn_ snapshot save one
cp_ -q --name e2e-s up
cat >"$tmp/world.yaml" <<'Y'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: whales.e2e.test}
spec:
  group: e2e.test
  names: {kind: Whale, plural: whales, singular: whale}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
{apiVersion: v1, kind: Secret, metadata: {name: hidden}, stringData: {word: tiefsee}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {depth: "4000"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: counters}
spec:
  replicas: 2
  selector: {matchLabels: {app: counters}}
  template:
    metadata: {labels: {app: counters}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 1
      containers:
        - name: counter-container
          image: counter:latest
          imagePullPolicy: Never
          args: ["--interval", "200ms"]
          volumeMounts:
            - {name: s, mountPath: /secret}
            - {name: c, mountPath: /settings}
            - {name: e, mountPath: /own}
      volumes:
        - {name: s, secret: {secretName: hidden}}
        - {name: c, configMap: {name: settings}}
        - {name: e, emptyDir: {}}
Y
fill() {
	sn_ -q kubectl apply -f "$tmp/world.yaml" &&
		sn_ -q kubectl wait --for=condition=Established crd/whales.e2e.test --timeout=$((30 * factor))s &&
		echo '{apiVersion: e2e.test/v1, kind: Whale, metadata: {name: moby}, spec: {colour: white}}' |
		"$CRYOPOD" -q --name e2e-s kubectl apply -f - &&
		sn_ -q kubectl wait --for=condition=Available deployment/counters --timeout=$((60 * factor))s &&
		# Once more without a volume that a restored pod would look for: for the checkpoint.
		sn_ -q kubectl apply -f "$top/kube-deployments/counter-pod.yaml" &&
		sn_ -q kubectl wait --for=condition=Ready pod/counter --timeout=$((60 * factor))s
}
point "a cluster is filled" fill
sn_ -q kubectl get pods -o name | sort >"$tmp/pods"
port_before=$(status .port e2e-s)
point "save" exits 0 sn_ snapshot save one
point "it says how many pods stop" says "stop pods: 3, and the kubelet"
point "and that they are Ready again" says "pods: 3 Ready again"
same_cluster() {
	[ "$(status .state e2e-s)" = running ] && [ "$(status .port e2e-s)" = "$port_before" ] &&
		sn_ -q kubectl get pods -o name | sort | diff "$tmp/pods" -
}
point "the cluster goes on, with the same pods and port" same_cluster
listed() {
	cp_ snapshot list -o json >"$tmp/list" && jq -e 'length == 1 and (.[0] | .name == "one" and
		.cluster == "e2e-s" and .stack == "upstream" and .usable and .bytes > 100000000 and
		.age >= 0 and (.pods | length) == 3 and (.pods | all(.ready)))' "$tmp/list"
}
point "list has it, with its pods" listed
private_s() { [ "$(stat -c %a "$snapshots")" = 700 ] && [ "$(stat -c %a "$snapshots/one")" = 700 ]; }
point "it is private" private_s
sn_ -q kubectl create configmap later >/dev/null 2>&1

all_there() { # CLUSTER
	k="cp_ -q --name $1 kubectl"
	[ "$($k get secret hidden -o 'jsonpath={.data.word}')" = "$(printf tiefsee | base64)" ] &&
		[ "$($k get configmap settings -o 'jsonpath={.data.depth}')" = 4000 ] &&
		[ "$($k get whale moby -o 'jsonpath={.spec.colour}')" = white ] &&
		[ "$($k get deployment counters -o 'jsonpath={.status.readyReplicas}')" = 2 ] &&
		$k get pods -o name | sort | diff "$tmp/pods" - &&
		! $k get configmap later
}
for c in e2e-a e2e-b; do
	point "up --from: $c" exits 0 cp_ --name $c up --from one
	point "its pods are Ready again" says "pods: 3 Ready again"
	point "what was there is there, what came later is not" all_there $c
	point "status says where it comes from" test "$(status '.origin + " " + .snapshot' $c)" = "snapshot one"
done
lives() { # CLUSTER: it does all that a cluster does
	k="cp_ -q --name $1 kubectl"
	$k scale deployment counters --replicas=3 &&
		$k wait --for='jsonpath={.status.readyReplicas}=3' deployment/counters --timeout=$((60 * factor))s &&
		$k exec deployment/counters -- true 2>"$tmp/until"
	$k get node node1 | grep -w Ready &&
		exits 0 cp_ --name $1 checkpoint counter --to "$tmp/$1.tar" &&
		exits 0 cp_ --name $1 restore "$tmp/$1.tar" --pod counter-restored &&
		[ "$($k get deployment counters -o 'jsonpath={.status.readyReplicas}')" = 3 ]
}
point "new pods, checkpoint and restore there" lives e2e-a
point "the other one has nothing of it" fails 1 "no pod" cp_ --name e2e-b checkpoint counter-restored
again() { # the same words leave it as it is
	a=$(status .nodes[0].pid e2e-b) && exits 0 cp_ --name e2e-b up --from one &&
		[ "$a" = "$(status .nodes[0].pid e2e-b)" ]
}
point "up --from once more leaves it alone" again
point "not over another cluster" fails 2 "cluster 'e2e-s' already exists" sn_ up --from one
stopped_s() { [ "$(status .state e2e-b)" = stopped ]; }
crash_s() {
	kill -9 "$(status .nodes[0].pid e2e-b)" && until_true 30 stopped_s && exits 0 cp_ --name e2e-b up &&
		until_true 60 all_there e2e-b
}
point "one that crashed starts with what it knew" crash_s
cp_ -q --name e2e-b down
cp_ -q --name e2e-a down

# Refusals.
for name in ../x A one.new "" a_b "$(printf %041d 0)" .; do
	point "'$name' is not a name" fails 2 "is not a valid snapshot name" sn_ snapshot save "$name"
done
point "the name is taken" fails 2 "snapshot 'one' already exists (--force replaces it)" sn_ snapshot save one
point "save needs a name" fails 2 "an argument is missing" sn_ snapshot save
point "up --from of what is not there" fails 2 "no snapshot 'two'" cp_ --name e2e-a up --from two
point "or is not a name" fails 2 "no snapshot '../one'" cp_ --name e2e-a up --from ../one
point "rm of what is not there" fails 2 "no snapshot 'two'" cp_ snapshot rm two
point "--from with --stack" fails 2 "neither --stack nor --cold" cp_ --name e2e-a up --from one --stack stock
nothing_left_s() { [ "$(status .state e2e-a)" = absent ] && [ ! -e "$CRYOPOD_STATE_DIR/e2e-a" ]; }
point "nothing of it is left" nothing_left_s

# One that does not fit is refused with the reason, and nothing is begun.
meta=$snapshots/one/template.json
cp -p "$meta" "$tmp/meta"
unfit() { # JQ-FILTER TEXT
	jq -c "$1" "$tmp/meta" >"$tmp/t.json" && cat "$tmp/t.json" >"$meta"
	fails 3 "$2" cp_ --name e2e-a up --from one && nothing_left_s &&
		cp_ snapshot list -o json | jq -e '.[0].usable == false and (.[0].reason | length) > 5'
	rc=$?
	cat "$tmp/meta" >"$meta"
	return $rc
}
point "another kernel" unfit '.inputs.kernel = "5.10.0 x"' "made on another kernel (5.10.0)"
point "another processor" unfit '.inputs.cpu = "0"' "made on another processor"
point "another CRIU" unfit '.inputs.criu = "3.0"' "another CRIU"
point "before the last boot, without time namespaces" unfit '.inputs.boot = "x"' "before the last boot"
point "programs that are gone" unfit '(.builds[] | select(.component == "runc") | .dir) = "/nowhere"' \
	"programs of its stack are gone: cryopod build --stack upstream"
another_cryopod() {
	jq -c '.inputs.program = "0" | .inputs.interposer = "0"' "$tmp/meta" >"$tmp/t.json" && cat "$tmp/t.json" >"$meta"
	cp_ snapshot list -o json | jq -e '.[0].usable'
	rc=$?
	cat "$tmp/meta" >"$meta"
	return $rc
}
point "another build of cryopod may take it" another_cryopod
damaged_s() {
	image=$(ls -S "$snapshots"/one/images/pages-* | head -n 1)
	printf x | dd of="$image" bs=1 seek=100000 conv=notrunc 2>"$tmp/until"
	fails 6 "is damaged" cp_ --name e2e-a up --from one && nothing_left_s
}
point "damaged memory" damaged_s
point "save --force over it" exits 0 sn_ snapshot save one --force
point "rm" exits 0 cp_ snapshot rm one

# A pod that will not stop.
stubborn() {
	sed 's/^  name: counter$/  name: stubborn/; s/terminationGracePeriodSeconds: 1/terminationGracePeriodSeconds: 600/
		s/counter-marker/stubborn-marker/' "$top/kube-deployments/counter-pod.yaml" |
		"$CRYOPOD" -q --name e2e-s kubectl apply -f - &&
		sn_ -q kubectl wait --for=condition=Ready pod/stubborn --timeout=$((60 * factor))s &&
		sn_ shell sh -c 'for p in /proc/[0-9]*; do
			! grep -q "stubborn-[m]arker" "$p/cmdline" || kill -STOP "${p#/proc/}"; done' &&
		begin=$(date +%s) && exits 0 sn_ snapshot save two &&
		[ $(($(date +%s) - begin)) -lt $((60 * factor)) ]
}
point "a pod that ignores SIGTERM does not hold it up" stubborn

starting() { # the kubelet goes while containerd makes pods and starts containers for it
	sn_ -q kubectl scale deployment counters --replicas=6 && sleep "$1" &&
		exits 0 sn_ snapshot save starts && cp_ snapshot rm starts &&
		sn_ -q kubectl scale deployment counters --replicas=2 && sn_ -q kubectl wait --for=jsonpath='{.status.replicas}'=2 \
		deployment/counters --timeout=$((60 * factor))s
}
for s in 0.2 0.35 0.5; do
	point "save while pods start, after $s s" starting $s
done

# Whoever saves dies: the cluster is put right by the next up, and no half snapshot is listed.
only_two() { [ "$(cp_ snapshot list -o json | jq -r '[.[].name] | join(" ")')" = two ]; }
whole() { sn_ -q kubectl get whale moby && sn_ -q kubectl get configmap later; }
save_three() { # in the background; $save is the program itself
	"$CRYOPOD" --color never --name e2e-s snapshot save three >"$tmp/out" 2>&1 &
	save=$!
}
killed_save() { # SECONDS
	save_three
	sleep "$1"
	kill -9 $save
	wait $save
	rm=$(cp_ snapshot list -o json | jq -r '[.[].name] | join(" ")')
	exits 0 sn_ up && whole && case $rm in two | "three two") ;; *) echo "$rm"; return 1 ;; esac
	[ "$rm" = two ] || cp_ snapshot rm three
	[ ! -e "$snapshots/three.new" ] && only_two
}
for s in 0.05 0.3 0.8 1.5 2.2 2.8 3.4 4.0; do
	point "kill -9 of save after $s s" killed_save $s
done
criu_killed() { # nobody knows the node's state then: it starts again from its disk
	save_three
	until criu=$(pgrep -x criu -P $save); do kill -0 $save || return 1; done
	sleep "$1"
	kill -9 "$criu" || return 1
	wait $save
	[ $? -eq 4 ] && says "snapshot 'three': " && [ "$(status .state e2e-s)" = running ] && whole && only_two
}
for s in 0.1 0.5; do
	point "kill -9 of the CRIU that dumps after $s s" criu_killed $s
done
full_meanwhile() { # what was enough at first is not any more: the cluster goes on
	mv "$snapshots" "$snapshots.away" && mkdir -m 700 "$snapshots" &&
		mount -t tmpfs -o size=900m,mode=700 none "$snapshots" || return 1
	save_three
	until [ -e "$snapshots/three.new/images" ]; do kill -0 $save || break; done
	fallocate -l 850M "$snapshots/.fill"
	wait $save
	rc=$?
	rm "$snapshots/.fill"
	[ $rc -eq 4 ] && says "No space left on device" && whole && [ "$(status .state e2e-s)" = running ] &&
		cp_ snapshot list | grep -qx 'no snapshot'
	rc=$?
	umount "$snapshots" && rmdir "$snapshots" && mv "$snapshots.away" "$snapshots" && return $rc
}
point "the disk is full before it is done" full_meanwhile
interrupted() {
	save_three
	sleep "$1"
	kill -TERM $save
	wait $save
	[ $? -eq 143 ] && exits 0 sn_ up && whole && only_two
}
for s in 0.3 1.2; do
	point "SIGTERM after $s s" interrupted $s
done
killed_down() {
	save_three
	until [ -e "$snapshots/three.new" ]; do kill -0 $save || return 1; done
	kill -9 $save
	wait $save
	exits 0 sn_ down && [ "$(status .state e2e-s)" = absent ] && [ ! -e "$snapshots/three.new" ]
}
point "kill -9 of save, then down" killed_down
killed_from() { # SECONDS
	timeout -s KILL "$1" "$CRYOPOD" -q --name e2e-a up --from two
	exits 0 cp_ --name e2e-a up --from two && exits 0 cp_ --name e2e-a down
}
for s in 0.1 0.4 0.8; do
	point "kill -9 of up --from after $s s" killed_from $s
done

full_disk() { # its state lies on a disk that has room for the cluster, but not for a snapshot
	mkdir -p "$tmp/small" && mount -t tmpfs -o size=600m none "$tmp/small" || return 1
	CRYOPOD_STATE_DIR=$tmp/small sn_ -q up --cold &&
		CRYOPOD_STATE_DIR=$tmp/small sn_ -q kubectl create configmap stays &&
		CRYOPOD_STATE_DIR=$tmp/small fails 3 "a snapshot needs" sn_ snapshot save one &&
		CRYOPOD_STATE_DIR=$tmp/small sn_ -q kubectl get configmap stays
	rc=$?
	CRYOPOD_STATE_DIR=$tmp/small sn_ -q down
	umount "$tmp/small" && return $rc
}
point "no space for a snapshot" full_disk
point "rm leaves none" exits 0 cp_ snapshot rm two
point "no directory either" test ! -e "$snapshots"
