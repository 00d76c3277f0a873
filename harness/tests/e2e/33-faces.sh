#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What survives a restore (docs/restore.md): one program with many faces is checkpointed and restored, restored again
# from that, and each face is a point; on the default stack, and on one without any patch.
. "$(dirname "$0")/lib.sh"
needs cluster
load() { cp_ image faces --to "$tmp/faces.tar" && cp_ image --load "$tmp/faces.tar"; }
cat >"$tmp/faces.yaml" <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: faces}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  containers: [{name: faces, image: faces:latest, imagePullPolicy: Never}]
YAML
# checked POD LOG: it is asked, and what it says is in LOG; old lines are copied into a new pod's log.
checked() {
	before=$(kubectl logs "$1" | grep -c '^faces checked')
	kubectl exec "$1" -- /faces check
	until_true 20 answered "$1" "$before" && kubectl logs "$1" | tail -n 51 >"$2"
}
answered() { [ "$(kubectl logs "$1" | grep -c '^faces checked')" -gt "$2" ]; }
ready() { kubectl logs faces | grep -q '^faces ready'; }
started() { kubectl apply -f "$tmp/faces.yaml" && until_true 20 ready; }
all_as_before() { checked faces "$tmp/source.log" && ! grep '^face' "$tmp/source.log" | grep -v 'as before$\|^faces checked'; }
again() {
	exits 0 cp_ checkpoint faces-2 --to "$tmp/faces-2.cp.tar" &&
		exits 0 cp_ restore "$tmp/faces-2.cp.tar" --pod faces-3 && checked faces-3 "$tmp/third.log"
}
# While somebody has a session in it.
with_session() {
	kubectl exec faces -- /faces refuse nothing >"$tmp/session" 2>&1 &
	until_true 10 grep -q ready "$tmp/session" && exits 0 cp_ checkpoint faces --to "$tmp/session.tar"
	rc=$?
	kill $! 2>/dev/null
	return $rc
}
at_once() {
	for i in 1 2 3; do
		cp_ restore "$tmp/faces.cp.tar" --pod "copy-$i" >"$tmp/copy-$i" 2>&1 &
	done
	wait
	for i in 1 2 3; do
		checked "copy-$i" "$tmp/copy-$i.log" && [ "$(grep -c 'as before$' "$tmp/copy-$i.log")" -eq "$(grep -c 'as before$' "$tmp/restored.log")" ] ||
			{ cat "$tmp/copy-$i" && return 1; }
	done
}
# The rows of docs/restore.md: what is said there is what happens.
row() { # NAME
	documented=$(sed -n "s/^| $1 | \(.*\) |\$/\1/p" "$top/docs/restore.md")
	[ -n "$documented" ] || { echo "docs/restore.md has no row '$1'"; return 1; }
	for log in restored third; do
		found=$(sed -n "s/^face $1: //p" "$tmp/$log.log")
		case $documented in
		"$found"*) ;;
		*)
			echo "$log: '$found', not '$documented'"
			return 1
			;;
		esac
	done
}
# What is documented is a face, and the other way round.
same_rows() {
	sed -n 's/^face \([^:]*\):.*/\1/p' "$tmp/source.log" | sort >"$tmp/faces.names"
	sed -n '/^## What survives/,$s/^| \([^|]*\) | [^|]* |$/\1/p' "$top/docs/restore.md" | grep -v '^Thing$\|^---$' | sort |
		diff "$tmp/faces.names" -
}
all_faces() { # STACK
	point "$1: the image is loaded" exits 0 load
	point "$1: the program has all its faces" started
	point "$1: before a checkpoint all is as it was made" all_as_before
	point "$1: checkpoint" exits 0 cp_ checkpoint faces --to "$tmp/faces.cp.tar"
	point "$1: restore" exits 0 cp_ restore "$tmp/faces.cp.tar" --pod faces-2
	point "$1: it answers" checked faces-2 "$tmp/restored.log"
	point "$1: a restored one is checkpointed and restored" again
	while IFS= read -r name; do
		point "$1: $name" row "$name"
	done <<-EOF2
		$(sed -n 's/^face \([^:]*\):.*/\1/p' "$tmp/source.log")
	EOF2
	sed -n 's/^face /# /p' "$tmp/restored.log"
	point "$1: three restores at once" at_once
	point "$1: a checkpoint beside an open session" with_session
	kubectl delete pods --all --now >/dev/null 2>&1
}
all_faces upstream
point "each has a row" [ "$(grep -c '^face ' "$tmp/source.log")" -ge 40 ]
point "the table of docs/restore.md has these rows" same_rows
point "up of the stock stack" exits 0 cp_ --name e2e-stock up --stack stock
CRYOPOD_NAME=e2e-stock
all_faces stock
CRYOPOD_NAME=e2e
point "down of the stock stack" exits 0 cp_ --name e2e-stock down
