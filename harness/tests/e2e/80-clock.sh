#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An hour, a day, a night's sleep of the host, a week, a year: what goes on, and how long until it does.
# Only where the clock may be set, which is in `make test-vm`. It ends the cluster of the other chapters.
. "$(dirname "$0")/lib.sh"
needs cluster
[ "${E2E_CLOCK:-}" = 1 ] || return 0
c=e2e # the cluster that is asked
c_() { cp_ --name $c "$@"; }
ck_() { c_ -q kubectl "$@"; }
ready() { ck_ get node node1 -o json | jq -r '.status.conditions[] | select(.type == "Ready") | .'"$1"; }
is_ready() { [ "$(ready status)" = True ]; }
# since_jump TIME: after the clock was moved for the last time, and not in the future.
since_jump() { t=$(date -d "$1" +%s) && [ "$t" -ge "$jumped" ] && [ "$t" -le "$(date +%s)" ]; }
leased() { since_jump "$(ck_ get lease node1 -n kube-node-lease -o json | jq -r .spec.renewTime)"; }
reported() { since_jump "$(ready lastHeartbeatTime)"; }
pod_with_token() {
	sed 's/^  name: counter$/  name: token/; /automountServiceAccountToken/d' \
		"$top/kube-deployments/counter-pod.yaml" | "$CRYOPOD" -q --name $c kubectl apply -f - &&
		ck_ wait --for=condition=Ready pod/token --timeout=$((60 * factor))s
}
# What the pod would log in with: the API server is asked whether it believes it. It does for a year,
# but the kubelet writes a new one after 48 minutes.
token() {
	c_ shell sh -c 'cat /var/lib/kubelet/pods/*/volumes/kubernetes.io~projected/kube-api-access-*/token' >"$tmp/token"
}
token_new() {
	token && jq -e -R --argjson jumped "$jumped" \
		'split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson | .iat >= $jumped' "$tmp/token"
}
token_good() {
	token && jq -n --rawfile t "$tmp/token" '{apiVersion: "authentication.k8s.io/v1", kind: "TokenReview",
			spec: {token: $t}}' | "$CRYOPOD" -q --name $c kubectl create -f - -o json | jq -e .status.authenticated
}
containers() { ck_ get pods counter token -o json | jq -r '.items[].status.containerStatuses[0].containerID'; }
watch_from_now() { containers >"$tmp/containers" && [ -s "$tmp/containers" ]; }
same_containers() { containers | diff "$tmp/containers" -; }
counts() { a=$(ck_ logs counter --tail 1) && sleep 1 && [ "$a" != "$(ck_ logs counter --tail 1)" ]; }
events_in_order() { # those of the pod $1, as far as its start goes; all of after the jump
	ck_ get events -o json | jq -e --arg pod "$1" --argjson jumped "$jumped" '
		[.items[] | select(.involvedObject.name == $pod) | {key: .reason,
			value: ((.firstTimestamp // .eventTime)[:19] + "Z" | fromdate)}] | from_entries |
		[.Scheduled, .Pulled, .Created, .Started] | debug | all(. != null) and . == sort and .[0] >= $jumped'
}
new_pod() { # NAME
	sed "s/^  name: counter\$/  name: $1/" "$top/kube-deployments/counter-pod.yaml" |
		"$CRYOPOD" -q --name $c kubectl apply -f - &&
		ck_ wait --for=condition=Ready "pod/$1" --timeout=$((60 * factor))s
}
restores() { # NAME: its checkpoint becomes another pod
	exits 0 c_ checkpoint "$1" --timeout 5m --to "$tmp/$1.tar" && exits 0 c_ restore "$tmp/$1.tar" --pod "$1-2" &&
		ck_ delete pod "$1" "$1-2" --now
}
seconds() { cut -d. -f1 /proc/uptime; } # no clock that can be set
# takes NAME SECONDS COMMAND…: it is true within so many seconds; how many is told.
takes() {
	name=$1 limit=$2
	shift 2
	point "$name" until_true "$limit" "$@"
	echo "#   after $(($(seconds) - begin)) s"
}
jump() { # as `date -s` takes it
	was_ready=$(ready lastTransitionTime 2>/dev/null)
	date -s "$1" >/dev/null
	jumped=$(date +%s) begin=$(seconds)
}
new=0
all_well() { # WHAT HAPPENED
	new=$((new + 1))
	takes "$1: the node is Ready" 60 is_ready
	takes "$1: it has reported" 60 reported
	takes "$1: its lease is renewed" 60 leased
	[ "$(ready lastTransitionTime)" = "$was_ready" ] || echo "#   it was not Ready in between"
	if ck_ get pod token >/dev/null 2>&1; then
		takes "$1: the token in a pod is good" 180 token_good
		case $1 in -* | *minute*) ;; *) takes "$1: and a new one" 180 token_new ;; esac
		point "$1: pods go on" same_containers
		point "$1: and count" counts
	fi
	takes "$1: a new pod" 1 new_pod new-$new
	point "$1: its events are in order" events_in_order new-$new
	point "$1: it can be checkpointed and restored" restores new-$new
	point "$1: the node is still Ready" is_ready
}

# A cluster that runs, and came from a template.
point "a pod with a token" pod_with_token
jumped=0
point "its token is good" token_good
point "two containers to watch" watch_from_now
for jump in '+1 hour' '+1 day' '-2 seconds' '-4 minutes'; do
	jump "$jump"
	all_well "$jump"
done
sleeps() { # until the clock on the board wakes it (which it does not from "freeze", under qemu)
	before=$(date +%s) slept=0
	until [ $slept -ge 40 ]; do # something else may wake it
		echo 0 >/sys/class/rtc/rtc0/wakealarm && echo +60 >/sys/class/rtc/rtc0/wakealarm &&
			echo mem >/sys/power/state || return 1
		[ $(($(date +%s) - before)) -gt $slept ] || return 1
		slept=$(($(date +%s) - before))
	done
}
if grep -qw mem /sys/power/state; then
	point "the machine sleeps for a minute" sleeps
	jump '+0 seconds'
	all_well "a minute of sleep"
	point "it sleeps once more" sleeps
	jump '+8 hours' # as programs see it, a night
	all_well "a night of sleep"
fi
point "a snapshot" exits 0 c_ snapshot save later
[ -z "${E2E_LOGS:-}" ] || cp -R "$CRYOPOD_STATE_DIR/e2e/nodes/node1/state/log" "$E2E_LOGS/clock"
cp_ -q down
jump '+1 day'
c=e2e-k
point "a snapshot of yesterday" exits 0 c_ up --from later
jump '+0 seconds'
watch_from_now
all_well "a snapshot of yesterday"
cp_ snapshot rm later
c_ -q down

# Clusters from a template that was made when all of this began, and then from one of now.
origin_is() { exits 0 c_ up && [ "$(status .origin $c)" = "$1" ]; }
point "a template two days old serves" origin_is template
jump '+0 seconds'
all_well "a template two days old"
c_ -q down
jump '+4 days'
point "six days: it still does" origin_is template
jump '+0 seconds'
all_well "a template six days old"
c_ -q down
jump '+2 days'
anew() { origin_is template && says "template: made from this cluster"; }
point "eight days: there is a new one" anew
c_ -q down
jump '-30 seconds'
point "half a minute back: it serves" origin_is template
c_ -q down
jump '-1 hour'
point "an hour back: there is a new one" anew
jump '+0 seconds'
all_well "an hour back"

# Certificates last a year, and a cluster no longer.
jump '+364 days'
all_well "364 days"
jump '+2 days'
told_why() { exits 1 c_ kubectl get nodes && says "certificate has expired"; }
point "after a year kubectl is told why" told_why
point "and up says what to do" fails 4 "the certificates of cluster 'e2e-k' have expired" c_ up
point "down" exits 0 c_ down
point "and up" exits 0 c_ up --cold
c_ -q down
