#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A sealed checkpoint made by programs that are not ours: tink-go seals the images of a plain one,
# openssl makes seal.cms, tar puts them together; then it restores like any other.
. "$(dirname "$0")/lib.sh"
needs counter
PATH=$PATH:/usr/local/go/bin
others() {
	command -v go && command -v openssl && (cd "$top/harness/tests/interop" && go build -o "$tmp/interop" .)
}
make_theirs() { # KEY OPTION…
	kind=$1
	shift
	rm -rf "$tmp/theirs" "$tmp/src" && mkdir "$tmp/theirs" "$tmp/src" &&
		tar -xf "$tmp/theirs-plain.tar" -C "$tmp/theirs" && mv "$tmp/theirs/checkpoint"/* "$tmp/src" || return 1
	for public in descriptors.json dump.log restore.log stats-dump stats-restore; do
		[ ! -e "$tmp/src/$public" ] || mv "$tmp/src/$public" "$tmp/theirs/checkpoint"
	done
	"$tmp/interop" make "$tmp/src" "$tmp/theirs/checkpoint" "$tmp/theirs.json" &&
		openssl cms -encrypt -binary -aes-256-gcm -outform DER -in "$tmp/theirs.json" \
			-out "$tmp/theirs/checkpoint/seal.cms" -recip "$tmp/$kind.crt" "$@" &&
		(cd "$tmp/theirs" && tar -cf "$tmp/$kind.tar" ./*)
}
their_pod() { # KIND
	exits 0 cp_ restore "$tmp/$1.tar" --pod "$1" --key-secret "$1" && until_true 10 their_lines "$1"
}
their_lines() {
	kubectl logs "$1" >"$tmp/log" && [ "$(sed 's/.*nonce=\([0-9a-f]*\).*/\1/' "$tmp/log" | sort -u)" = "$their_nonce" ] &&
		[ "$(sed 's/count=\([0-9]*\).*/\1/' "$tmp/log" | tail -n 1)" -gt "$((their_count + 5))" ]
}
if others >"$tmp/out" 2>&1; then
	cp_ checkpoint counter --to "$tmp/theirs-plain.tar" >"$tmp/out" 2>&1
	their_nonce=$(kubectl logs counter --tail 1 | sed 's/.*nonce=\([0-9a-f]*\).*/\1/')
	their_count=$(kubectl logs counter --tail 1 | sed 's/count=\([0-9]*\).*/\1/')
	kinds() { # KIND OPTION…
		kind=$1
		shift
		cp_ keygen --cert "$tmp/$kind.crt" --key "$tmp/$kind.key" "$@" >"$tmp/out" 2>&1
		kubectl create secret tls "$kind" --cert "$tmp/$kind.crt" --key "$tmp/$kind.key" >"$tmp/out" 2>&1
	}
	kinds their-rsa --rsa 2048
	kinds their-ec --ec P-256
	point "tink-go and openssl make a sealed checkpoint (RSA)" make_theirs their-rsa -keyopt rsa_padding_mode:oaep \
		-keyopt rsa_oaep_md:sha256 -keyopt rsa_mgf1_md:sha256
	point "restored, the same process goes on" their_pod their-rsa
	point "tink-go and openssl make a sealed checkpoint (EC)" make_theirs their-ec -keyopt ecdh_kdf_md:sha256
	point "restored, the same process goes on" their_pod their-ec
	kubectl delete pod their-rsa their-ec --now >"$tmp/out" 2>&1
else
	sed 's/^/# /' "$tmp/out"
	echo "# skipped: the Go program of tests/interop cannot be built here"
fi
