#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# All containers of a pod: stopped at one moment, kept in one directory, restored together; and what fails leaves
# nothing and lets all of them go on.
. "$(dirname "$0")/lib.sh"
needs cluster
kubectl apply -f "$top/kube-deployments/counter-two-pod.yaml" >/dev/null
kubectl wait --for=condition=Ready --timeout "$((60 * factor))s" pod/counter2 >/dev/null
count() { kubectl logs "$1" -c "$2" --tail 1 | sed -n 's/^count=\([0-9]*\) .*/\1/p'; }
nonce() { kubectl logs "$1" -c "$2" --tail 1 | sed -n 's/.* nonce=\([0-9a-f]*\) .*/\1/p'; }
counts_on() { # POD CONTAINER
	from=$(count "$1" "$2")
	until_true 20 sh -c "[ \"\$('$CRYOPOD' -q kubectl logs $1 -c $2 --tail 1 | sed -n 's/^count=\\([0-9]*\\) .*/\\1/p')\" -gt '$from' ]"
}
both_count_on() { counts_on "$1" counter-container && counts_on "$1" counter-container-2; }
point "two counters" both_count_on counter2
node_dirs() { cp_ -q shell sh -c 'ls -d /var/lib/kubelet/checkpoints/pod-* 2>/dev/null | wc -l'; }

point "all containers, and one of them: one or the other" fails 2 "exclude each other" \
	cp_ checkpoint counter2 --all-containers -c counter-container
point "a pod that is not there" fails 1 "no pod 'nobody'" cp_ checkpoint nobody --all-containers
dumped() {
	exits 0 cp_ checkpoint counter2 --all-containers --to "$tmp/cp" -o json &&
		[ "$(jq -r .together "$tmp/out")" = true ] && [ "$(jq '.containers | length' "$tmp/out")" = 2 ] &&
		[ "$(ls "$tmp/cp" | tr '\n' ' ')" = "counter-container-2.tar counter-container.tar source.json " ]
}
point "all containers at one moment" dumped
point "both go on" both_count_on counter2
point "the directory is not written over" fails 2 "already exists" cp_ checkpoint counter2 --all-containers --to "$tmp/cp"
restored() {
	exits 0 cp_ restore "$tmp/cp" --pod whole && both_count_on whole &&
		[ "$(nonce whole counter-container)" = "$(nonce counter2 counter-container)" ] &&
		[ "$(nonce whole counter-container-2)" = "$(nonce counter2 counter-container-2)" ]
}
point "one new pod goes on with both" restored


before=$(node_dirs)
too_short() {
	cp_ checkpoint counter2 --all-containers --timeout 10ms --to "$tmp/short" >"$tmp/out" 2>&1 && return 1
	until_true 20 sh -c "[ \"\$('$CRYOPOD' -q shell sh -c 'ls -d /var/lib/kubelet/checkpoints/pod-* 2>/dev/null | wc -l')\" = '$before' ]" &&
		[ ! -e "$tmp/short" ] && [ ! -e "$tmp/short.part" ]
}
point "out of time: nothing is left" too_short
point "and both go on" both_count_on counter2

secret() { # NAME
	cp_ keygen --key "$tmp/$1.key" --cert "$tmp/$1.crt" --cn "$1" >/dev/null 2>&1 ||
		openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=$1" -days 2 -keyout "$tmp/$1.key" -out "$tmp/$1.crt" 2>/dev/null
	kubectl create secret tls "$1" --key "$tmp/$1.key" --cert "$tmp/$1.crt" >/dev/null
}
sealed() { # The command line is in spec.dump as well, in plain text.
	secret whole-pod &&
		exits 0 cp_ checkpoint counter2 --all-containers --encrypt --encryption-secret whole-pod --to "$tmp/sealed" -o json &&
		[ "$(jq -c '[.containers[].sealed]' "$tmp/out")" = '[true,true]' ] &&
		for c in counter-container counter-container-2; do
			tar -xOf "$tmp/sealed/$c.tar" checkpoint | grep -q marker-in-memory && return 1
		done
	exits 0 cp_ restore "$tmp/sealed" --pod opened --key-secret whole-pod && both_count_on opened
}
point "encrypted, and restored with the key" sealed
half() {
	mkdir "$tmp/half" && cp "$tmp/cp/counter-container.tar" "$tmp/half/a.tar" && cp "$tmp/half/a.tar" "$tmp/half/b.tar" &&
		fails 2 "two archives of container 'counter-container'" cp_ restore "$tmp/half" --pod never
}
point "two archives of one container are refused" half
none() { mkdir "$tmp/none" && fails 2 "it has no archive" cp_ restore "$tmp/none" --pod never; }
point "a directory without archives, too" none
kubectl delete pod counter2 whole opened --now >/dev/null 2>&1
kubectl delete secret whole-pod >/dev/null 2>&1 || :
