#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGKILL at random moments of a checkpoint: within 5 s of the end of the call the container runs or is gone, and the
# next checkpoint works. KILLS of each victim (`make kills`: 200), SEED as printed, VICTIMS, STACK.
. "$(dirname "$0")/lib.sh"
seed=${SEED:-$(($(date +%s) % 100000))}
kills=${KILLS:-1}
echo "# SEED=$seed KILLS=$kills"
if [ -n "${STACK:-}" ]; then
	needs nothing
	cp_ -q up --stack "$STACK"
fi
needs counter
shell() { cp_ shell "$@"; }
# Less than LIMIT, the same for the same seed.
random() {
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	chosen=$((seed / 65536 % $1))
}

# In the node: that process and how often it woke up, which no server has to be asked for.
cat >"$tmp/node.sh" <<'EOF'
wakes() { sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$1/status" 2>/dev/null; }
case $1 in
pid) pgrep -x counter | tail -n 1 ;;
runs_or_gone)
	for i in 1 2 3 4 5 6 7 8 9 10; do
		before=$(wakes "$2"); [ -n "$before" ] || exit 0
		sleep 0.45
		after=$(wakes "$2"); [ "${after:-gone}" = "$before" ] || exit 0
	done
	echo "process $2 stands still: $(cat /proc/$2/wchan)"; ps -ef | grep -E 'criu|cryopod-|runc checkpoint'; exit 1 ;;
kill) # VICTIM DELAY-MS
	case $2 in
	runc) find='pgrep -f runc.*checkpoint' ;;
	interposer) find='pgrep -x cryopod-guard|cryopod-seal' ;;
	shim) find="pgrep -f containerd-shim-runc-v2.*$(tr '\0' ' ' <"/proc/$(cut -d' ' -f4 "/proc/$4/stat")/cmdline" | sed 's/.*-id \([0-9a-f]*\).*/\1/')" ;;
	*) find="pgrep -x $2" ;;
	esac
	dump='pgrep -f runc.*checkpoint'
	# Who lives only as long as a dump is waited for.
	n=0; until { $find && $dump; } >/dev/null || [ $n -gt 300 ]; do n=$((n + 1)); sleep 0.01; done
	sleep "$3"; kill -9 $($find) 2>/dev/null; exit 0 ;;
esac
EOF
shell sh -c 'cat >/run/kills.sh' <"$tmp/node.sh"
node() { shell sh /run/kills.sh "$@"; }

a_counter() { # what ends with its shim is not started again
	[ "$(kubectl get pod counter -o 'jsonpath={.status.phase}')" = Running ] || {
		kubectl delete pod counter --now --ignore-not-found && kubectl apply -f "$top/kube-deployments/counter-pod.yaml"
	}
	kubectl wait --for=condition=Ready --timeout 5s pod/counter
}
again() { a_counter && cp_ checkpoint counter; }
killed() { # VICTIM
	until_true 60 a_counter || return 1
	pid=$(node pid)
	random 300
	echo "$1 after 0.$(printf %03d "$chosen") s"
	node kill "$1" "0.$(printf %03d "$chosen")" "$pid" &
	killer=$!
	cp_ checkpoint counter --timeout 10s >"$tmp/call" 2>&1
	node runs_or_gone "$pid" || { cat "$tmp/call"; return 1; }
	wait $killer
	! grep 'will be on' "$tmp/call" || return 1
	until_true 60 again || return 1
	pid=$(node pid)
	node runs_or_gone "$pid"
}
killed_each() { # VICTIM
	for i in $(seq "$kills"); do
		killed "$1" || { echo "the $i. of $kills"; return 1; }
	done
}
for victim in ${VICTIMS:-runc criu interposer shim containerd kubelet kube-apiserver}; do
	point "$kills times SIGKILL of $victim at a random moment of a checkpoint" killed_each "$victim"
done
