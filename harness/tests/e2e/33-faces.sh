#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What survives a restore (docs/restore.md): one program with many faces is checkpointed and restored, restored again
# from that, and each face is a point.
. "$(dirname "$0")/lib.sh"
needs cluster
load() { cp_ image faces --to "$tmp/faces.tar" && cp_ image --load "$tmp/faces.tar"; }
point "the image is loaded" exits 0 load
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
point "the program has all its faces" started
all_as_before() { checked faces "$tmp/source.log" && ! grep '^face' "$tmp/source.log" | grep -v 'as before$\|^faces checked'; }
point "before a checkpoint all is as it was made" all_as_before
point "checkpoint" exits 0 cp_ checkpoint faces --to "$tmp/faces.cp.tar"
point "restore" exits 0 cp_ restore "$tmp/faces.cp.tar" --pod faces-2
point "it answers" checked faces-2 "$tmp/restored.log"
again() {
	exits 0 cp_ checkpoint faces-2 --to "$tmp/faces-2.cp.tar" &&
		exits 0 cp_ restore "$tmp/faces-2.cp.tar" --pod faces-3 && checked faces-3 "$tmp/third.log"
}
point "a restored one is checkpointed and restored" again

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
while IFS= read -r name; do
	point "$name" row "$name"
done <<EOF2
$(sed -n 's/^face \([^:]*\):.*/\1/p' "$tmp/source.log")
EOF2
sed -n 's/^face /# /p' "$tmp/restored.log"
point "each has a row" [ "$(grep -c '^face ' "$tmp/source.log")" -ge 40 ]
kubectl delete pod faces faces-2 faces-3 --now >/dev/null 2>&1
