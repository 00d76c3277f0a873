#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The request itself: its forms, as a line for curl, through the proxy, and as kubectl's plugin.
. "$(dirname "$0")/lib.sh"
needs counter
pods=$(status '.capabilities["pods-checkpoint"]')
line_of() { "$CRYOPOD" -q checkpoint "$@" --dry-run; }

for form in proxy kubelet; do
	point "the form $form" exits 0 cp_ checkpoint counter --form $form --timeout 60s
	point "is the one that was used" says "($form)"
done
point "no curl line for the kubelet" fails 2 "no curl line" cp_ checkpoint counter --form kubelet --dry-run
point "no word for encryption" fails 2 "the form proxy has no word for encryption" \
	cp_ checkpoint counter --form proxy --dry-run --encrypt --encryption-secret enc
if [ "$pods" = false ]; then
	point "no pods/checkpoint on a stock API server" fails 1 "this API server has no pods/checkpoint" \
		cp_ checkpoint counter --form pods
fi

socket=$CRYOPOD_STATE_DIR/e2e/proxy.sock
"$CRYOPOD" --color never proxy >"$tmp/proxy" 2>&1 &
proxy=$!
point "the proxy says one line, when it listens" until_true 20 grep -q "curl --unix-socket $socket http://localhost/" "$tmp/proxy"
one_line() { [ "$(wc -l <"$tmp/proxy")" -eq 1 ]; }
point "and no other" one_line
# As a person would: the line as it is printed.
by_curl() {
	line=$(line_of counter --form "$1") || return 1
	case $line in "curl --unix-socket $socket "*) ;; *) echo "$line"; return 1 ;; esac
	eval "$line -sS" >"$tmp/answer" || return 1
	cat "$tmp/answer"
	jq -e "$2" "$tmp/answer" >/dev/null
}
point "the curl line works: proxy" by_curl proxy '.items[0] | endswith(".tar")'
if [ "$pods" = true ]; then
	point "the curl line works: pods" by_curl pods '.status == "Success" and .code == 201'
else
	point "the curl line is taken: pods" by_curl pods '.status == "Failure" and .code == 404'
fi
# Another user of this machine: uid 65534, with curl's own words.
not_others() {
	setpriv --reuid 65534 --regid 65534 --clear-groups curl -sS --unix-socket "$socket" http://localhost/version \
		>"$tmp/answer" 2>&1 && return 1
	cat "$tmp/answer"
	[ "$(stat -c %a "$socket")" = 700 ] && [ "$(stat -c %a "${socket%/*}")" = 700 ]
}
point "no other user gets in" not_others
point "a second one does not take it away" fails 1 "already listens on '$socket'" cp_ proxy
kill -INT $proxy
wait $proxy
point "its socket goes with it" [ ! -e "$socket" ]
port=18001
"$CRYOPOD" --color never proxy --port $port >"$tmp/proxy" 2>&1 &
proxy=$!
point "on a port: to everybody, and it says so" until_true 20 \
	grep -q "http://127.0.0.1:$port, open to everybody on this machine" "$tmp/proxy"
point "it answers" sh -c "curl -sS http://127.0.0.1:$port/version | jq -e .gitVersion"
only_here() { ! ss -Hltn "sport = :$port" | grep -v '127\.0\.0\.1:'; }
point "only this machine gets in" only_here
point "the port is taken" fails 1 "port $port on 127.0.0.1 is in use" cp_ proxy --port $port
children() { cat "/proc/$1/task/$1/children"; }
child=$(children $proxy)
kill -INT $proxy
ends_well() { wait $proxy; }
point "Ctrl-C ends it, and that is no failure" ends_well
# shellcheck disable=SC2086 # numbers
all_gone() { ! kill -0 $child 2>/dev/null; }
point "kubectl ended with it" all_gone
"$CRYOPOD" --color never proxy --port $port >"$tmp/proxy" 2>&1 &
proxy=$!
until_true 20 grep -q "the API is at" "$tmp/proxy"
child=$(children $proxy)
kill -KILL $proxy
wait $proxy 2>/dev/null
point "kubectl ends also when cryopod is killed" until_true 10 all_gone

# kubectl finds the plugin in PATH, and takes its cluster from where it always does.
mkdir -p "$tmp/bin"
ln -sf "$CRYOPOD" "$tmp/bin/kubectl-checkpoint"
plugin() {
	PATH=$tmp/bin:$(status '.builds[] | select(.component == "kubernetes").dir'):$PATH \
		KUBECONFIG=$(status .kubeconfig) kubectl_ "$@"
}
kubectl_() { command kubectl "$@"; }
point "kubectl checkpoint" exits 0 plugin checkpoint counter
point "it says where" says "archive    /var/lib/node/kubelet/checkpoints/checkpoint-counter_default"
point "kubectl checkpoint: no such pod" fails 1 "no pod 'nobody'" plugin checkpoint nobody
point "kubectl checkpoint: no such context" fails 1 "nope" plugin checkpoint counter --context nope
point "nothing of it is left" sh -c '! ls -d /tmp/cryopod-kubectl-*'
point "any cluster by its kubeconfig" sh -c "PATH=$(status '.builds[] | select(.component == "kubernetes").dir'):\$PATH \
	'$CRYOPOD' checkpoint counter --kubeconfig '$(status .kubeconfig)' -n default -o json | jq -e '.bytes == null'"

sed "s/^  name: counter\$/  name: stopped/" "$top/kube-deployments/counter-pod.yaml" | cp_ -q kubectl apply -f - >"$tmp/out"
cp_ -q kubectl wait --for=condition=Ready pod/stopped --timeout=30s >"$tmp/out" 2>&1
point "--leave-running=false" exits 0 cp_ checkpoint stopped --leave-running=false
point "it says so" says "pod        is being deleted"
stopped() { ! kubectl get pod stopped >/dev/null 2>&1; }
point "the pod goes" until_true 40 stopped
