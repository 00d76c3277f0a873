#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The running cluster once more, as one that cryopod knows by its kubeconfig only.
. "$(dirname "$0")/lib.sh"
needs cluster
far() { cp_ --name e2e-far "$@"; }
config=$CRYOPOD_STATE_DIR/e2e/kubeconfig
# Whatever the chapters before have left of it.
kubectl delete pod counter --now --ignore-not-found >/dev/null 2>&1
kubectl apply -f "$top/kube-deployments/counter-pod.yaml" >/dev/null && until_true 60 \
	kubectl wait --for=condition=Ready --timeout=5s pod/counter

point "no kubeconfig, no cluster" fails 2 "--kubeconfig FILE" cp_ attach e2e-far
point "a kubeconfig that is not there" fails 2 "cannot open '/nowhere'" cp_ attach e2e-far --kubeconfig /nowhere
point "the name of another cluster" fails 2 "cluster 'e2e' already exists, of kind 'local'" cp_ attach e2e --kubeconfig "$config"
point "an unknown context" fails 1 "not attached" cp_ attach e2e-far --kubeconfig "$config" --context nobody
point "nothing of these is recorded" sh -c "! test -e '$CRYOPOD_STATE_DIR/e2e-far'"
point "attach" exits 0 cp_ attach e2e-far --kubeconfig "$config"
point "status" exits 0 far status
point "it says what it is" says "cluster e2e-far: running, attached"
point "and what cannot be done from here" says "a cluster of kind 'attached' has no access to its nodes"
point "status --all tells both kinds" sh -c "[ \"\$('$CRYOPOD' status --all -o json | jq -r '[.[] | .target] | unique | join(\" \")')\" = 'attached local' ]"
point "checkpoint" exits 0 far checkpoint counter
point "the archive is on its node" says "archive    /var/lib/node/kubelet/checkpoints/checkpoint-counter_default"
point "--to" fails 2 "cannot be reached" far checkpoint counter --to "$tmp/x.tar"
point "kubectl" exits 0 far kubectl get nodes
point "restore" fails 3 "a cluster of kind 'attached' has no access to its nodes" far restore "$tmp/x.tar" --pod x
point "shell" fails 3 "has no access to its nodes" far shell true
point "snapshot" fails 3 "a cluster of kind 'attached' has no snapshots" far snapshot save x
point "up" fails 3 "a cluster of kind 'attached' has no command 'up'" far up
point "another kind than recorded" fails 2 "cluster 'e2e-far' is of kind 'attached', not 'local'" far --target local up
point "a scenario that needs a node is skipped" exits 77 far test "$top/scenarios/counter.yaml"
point "with the name of what is missing" says "cannot do 'restore'"
point "one that does not runs" exits 0 far test "$top/scenarios/api-rights.yaml"
point "cache prune knows what it is" exits 0 cp_ cache prune --dry-run
point "down forgets it" exits 0 far down
point "and touches nothing" sh -c "'$CRYOPOD' -q kubectl get pod counter && ! test -e '$CRYOPOD_STATE_DIR/e2e-far'"
point "down again" exits 0 far down
