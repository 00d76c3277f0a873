#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each scenario in a cluster of its own, several at once; whatever happens, none of them is left.
. "$(dirname "$0")/lib.sh"
needs cluster
others() { # clusters besides that of the other chapters
	for c in "$CRYOPOD_STATE_DIR"/e2e-f*; do
		[ ! -e "$c" ] || echo "${c##*/}"
	done
}
none_left() { [ -z "$(others)" ] || { others; return 1; }; }
some_there() { [ -n "$(others)" ]; }
before=$(host_state)
same_host() { [ "$(host_state)" = "$before" ] || { host_state; return 1; }; }
mkdir "$tmp/fresh"
cat >"$tmp/fresh/bad.yaml" <<EOF
apiVersion: cryopod.dev/v1alpha1
kind: Scenario
metadata: {name: bad}
spec:
  steps:
    - apply: {file: $top/kube-deployments/counter-pod.yaml}
    - wait: {pod: counter, condition: Ready}
    - checkpoint: {pod: nobody}
  catch:
    - logs: {pod: counter}
EOF
cat >"$tmp/fresh/slow.yaml" <<EOF
apiVersion: cryopod.dev/v1alpha1
kind: Scenario
metadata: {name: slow}
spec:
  matrix: {n: [1, 2]}
  steps:
    - apply: {file: $top/kube-deployments/counter-pod.yaml}
    - wait: {pod: counter, condition: Ready}
    - wait: {pod: counter, counter: {atLeast: 1000000}}
      timeout: 10m
EOF
# The points of a report are those of the files, in their order.
in_order() {
	grep -E '^(not )?ok ' "$tmp/tap" >"$tmp/out"
	printf '%s\n' 'ok 1 - counter' 'not ok 2 - bad' 'ok 3 - memory[ballast=1Mi]' \
		'ok 4 - memory[ballast=64Mi]' | cmp - "$tmp/out"
}
point "four scenarios at once, one of them bad" exits 1 sh -c "'$CRYOPOD' test --fresh --jobs 4 \
	--report '$tmp/junit.xml' '$top/scenarios/counter.yaml' '$tmp/fresh/bad.yaml' \
	'$top/scenarios/memory.yaml' >'$tmp/tap'"
point "TAP in the order of the files" in_order
point "their clusters are gone" none_left
point "nothing else is left of them" same_host
point "JUnit counts them" grep -q '<testsuites tests="4" failures="1" errors="0" skipped="0"' "$tmp/junit.xml"
point "JUnit has the log that was caught" grep -q 'count=1 nonce=' "$tmp/junit.xml"
if command -v xmllint >/dev/null; then
	point "JUnit is XML" xmllint --noout "$tmp/junit.xml"
fi

point "a bad one keeps its cluster if told" exits 1 cp_ test --fresh --keep-failed -o summary "$tmp/fresh/bad.yaml"
point "and says how to look at it" says "still runs: "
kept=$(others)
pod_runs() { cp_ -q --name "$kept" kubectl get pods -A -o name | grep -q pod/counter; }
point "its pod is there" pod_runs
point "events and results as JSON" exits 1 sh -c \
	"'$CRYOPOD' test --fresh -o json '$tmp/fresh/bad.yaml' 2>/dev/null >'$tmp/json'"
point "each line is one" jq -e . "$tmp/json"
point "the last one is the result" test "$(tail -n 1 "$tmp/json" | jq -r .result.outcome)" = failed
point "the kept one stays meanwhile" test "$(status .state "$kept")" = running
point "until it is taken down" exits 0 cp_ --name "$kept" down

# Two rows of a matrix that count for ten minutes, and what can end them.
begin_slow() {
	# Not by cp_: its number has to be that of the program.
	"$CRYOPOD" test --fresh --jobs 2 -o tap "$tmp/fresh/slow.yaml" >"$tmp/slow" 2>&1 </dev/null &
	slow=$!
	until_true 60 grep -q 'slow\[n=2\]' "$tmp/slow" && until_true 60 some_there && sleep 1
}
end_slow() { # SIGNAL CODE
	kill "-$1" "$slow"
	wait "$slow"
	[ $? -eq "$2" ]
}
point "two long ones" begin_slow
point "Ctrl-C ends them" end_slow INT 130
point "and their clusters" none_left
point "two more" begin_slow
point "kill -9" end_slow KILL 137
point "their own processes take their clusters down" until_true 30 none_left
point "two more" begin_slow
workers() { cat /proc/"$slow"/task/*/children; }
workers=$(workers)
point "kill -9 of all of them" sh -c "kill -STOP $slow $workers; kill -KILL $workers $slow"
wait "$slow" 2>/dev/null
point "their clusters are left" some_there
point "the next run" exits 0 cp_ test --fresh "$top/scenarios/counter.yaml"
point "takes them away" says "of a run that was killed is removed"
point "none is left" none_left
point "two more" begin_slow
point "a crash of one" kill -SEGV "$(workers | cut -d' ' -f1)"
point "is told" until_true 30 grep -q 'was killed by signal 11' "$tmp/slow"
point "the other goes on" kill -0 "$slow"
point "until it is ended" end_slow TERM 143
point "nothing is left at the end" same_host
