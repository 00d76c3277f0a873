#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Encrypted checkpoints by hand: unreadable, unchangeable, and only for who has the key.
. "$(dirname "$0")/lib.sh"
needs counter
point "keygen" exits 0 cp_ keygen --cert "$tmp/tls.crt" --key "$tmp/tls.key"
point "the key is private" test "$(stat -c %a "$tmp/tls.key")" = 600
cp_ keygen --cert "$tmp/other.crt" --key "$tmp/other.key" >"$tmp/out" 2>&1
point "it becomes a Secret" sh -c "'$CRYOPOD' -q kubectl create secret tls enc --cert '$tmp/tls.crt' --key '$tmp/tls.key'"
point "encrypted checkpoint" exits 0 cp_ checkpoint counter --encrypt --encryption-secret enc --to "$tmp/sealed.tar"
point "it says so" says "encrypted"
point "inspect tells it from a plain one" sh -c "'$CRYOPOD' inspect '$tmp/sealed.tar' -o json | jq -e '.encryption == \"seal\" and .processes == []'"

nonce() { kubectl logs counter --tail 1 | sed 's/.*nonce=\([0-9a-f]*\).*/\1/'; }
# The same numbers as in the counter's memory, byte by byte, little end first.
nonce_bytes() { nonce | fold -w2 | tac | tr -d '\n'; }
holds_memory() { od -An -v -tx1 "$1" | tr -d ' \n' | grep -q "$(nonce_bytes)"; }
cp_ checkpoint counter --to "$tmp/plain.tar" >"$tmp/out" 2>&1
point "a plain archive holds the process' memory" holds_memory "$tmp/plain.tar"
unreadable() { ! holds_memory "$tmp/sealed.tar"; }
point "the nonce is nowhere in it" unreadable
nothing_left() { [ "$(cp_ shell sh -c 'ls /run/cryopod/calls /run/cryopod | grep -c -E "\.key|\.crt|[0-9a-f]{64}"')" = 0 ]; }
point "nothing of the call is left on the node" nothing_left
private() { [ "$(cp_ shell stat -c %a /run/cryopod /run/cryopod/calls | sort -u)" = 700 ]; }
point "nobody else can look where calls lay things down" private

point "restore without the key" fails 2 "name its key" cp_ restore "$tmp/sealed.tar" --pod sealed-1
point "nor where the node should have it" fails 1 "key" cp_ restore "$tmp/sealed.tar" --pod sealed-1 --allow-privileges
point "with another key" fails 6 "another key" cp_ restore "$tmp/sealed.tar" --pod sealed-1 --key "$tmp/other.key"
flipped() { # one bit in the middle of the biggest page image
	size=$(stat -c %s "$tmp/sealed.tar")
	cp "$tmp/sealed.tar" "$tmp/flipped.tar"
	offset=$(tar -tRvf "$tmp/sealed.tar" | awk '/checkpoint\/pages-1.img/ { sub(":", "", $2); print ($2 + 1) * 512 + 100 }')
	[ -n "$offset" ] && [ "$offset" -lt "$size" ] || return 1
	printf '\125' | dd of="$tmp/flipped.tar" bs=1 seek="$offset" conv=notrunc 2>/dev/null
	! cmp -s "$tmp/sealed.tar" "$tmp/flipped.tar" || printf '\252' | dd of="$tmp/flipped.tar" bs=1 seek="$offset" conv=notrunc 2>/dev/null
	fails 1 "" cp_ restore "$tmp/flipped.tar" --pod sealed-1 --key "$tmp/tls.key"
}
point "one bit changed" flipped
point "no pod of all these is left" sh -c "! '$CRYOPOD' -q kubectl get pod sealed-1"
goes_on() {
	exits 0 cp_ restore "$tmp/sealed.tar" --pod sealed-2 --key-secret enc && until_true 10 sealed_lines
}
sealed_lines() {
	kubectl logs sealed-2 >"$tmp/log" && [ "$(sed 's/.*nonce=\([0-9a-f]*\).*/\1/' "$tmp/log" | sort -u | wc -l)" -eq 1 ] &&
		[ "$(wc -l <"$tmp/log")" -gt 20 ]
}
point "restore with the key: the same process goes on" goes_on
point "no key is left on the node" nothing_left
# Said by us, or by an API server with pods/checkpoint in its own words.
point "no such Secret" fails 1 "nope" cp_ checkpoint counter --encrypt --encryption-secret nope
opaque() {
	code=2
	[ "$(status '.capabilities["pods-checkpoint"]')" = false ] || code=1
	kubectl create secret generic opaque --from-literal=a=b >/dev/null &&
		fails $code "kubernetes.io/tls" cp_ checkpoint counter --encrypt --encryption-secret opaque
}
point "a Secret of another type" opaque
point "--encrypt without a Secret" fails 2 "belong together" cp_ checkpoint counter --encrypt
kubectl delete pod sealed-2 --now >/dev/null 2>&1

point "seal an archive afterwards" exits 0 cp_ seal "$tmp/plain.tar" "$tmp/plain.sealed" --cert "$tmp/tls.crt"
unsealed() { exits 0 cp_ unseal "$tmp/plain.sealed" "$tmp/plain.again" --key "$tmp/tls.key" && cmp "$tmp/plain.tar" "$tmp/plain.again"; }
point "unseal gives the same bytes" unsealed
refused() { ! cp_ unseal "$tmp/plain.sealed" "$tmp/plain.no" --key "$tmp/other.key" >"$tmp/out" 2>&1 && [ ! -e "$tmp/plain.no" ]; }
point "another key opens nothing, and nothing is there" refused
