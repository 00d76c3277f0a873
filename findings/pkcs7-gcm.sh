#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Go's PKCS #7 library and openssl cannot exchange anything that is encrypted with AES-256-GCM, in neither
# direction, though both offer it by that name and exchange AES-256-CBC without trouble.
#
# Expected: the same algorithm, certificate and format, so the other one opens it. openssl writes GCM as
# AuthEnvelopedData (RFC 5083), which the library does not know; the library writes EnvelopedData, with the nonce
# as a SEQUENCE that is not marked as constructed, which openssl cannot even read. Package: smallstep/pkcs7 0.2.3.
. "$(dirname "$0")/lib.sh"
need go openssl

go_program pkcs7 github.com/smallstep/pkcs7@v0.2.3 <<'EOF'
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/smallstep/pkcs7"
)

func read(name string) []byte {
	b, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return b
}

// open FILE | seal gcm|cbc FILE
func main() {
	block, _ := pem.Decode(read("crt.pem"))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		panic(err)
	}
	if os.Args[1] == "seal" {
		pkcs7.ContentEncryptionAlgorithm = pkcs7.EncryptionAlgorithmAES256CBC
		if os.Args[2] == "gcm" {
			pkcs7.ContentEncryptionAlgorithm = pkcs7.EncryptionAlgorithmAES256GCM
		}
		out, err := pkcs7.Encrypt([]byte("secret"), []*x509.Certificate{cert})
		if err != nil {
			panic(err)
		}
		if err := os.WriteFile(os.Args[3], out, 0o600); err != nil {
			panic(err)
		}
		return
	}
	block, _ = pem.Decode(read("key.pem"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	message, err := pkcs7.Parse(read(os.Args[2]))
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := message.Decrypt(cert, key)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(text))
}
EOF

openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out crt.pem -subj /CN=test -days 2 2>/dev/null
printf secret >text
open_with_openssl() { openssl cms -decrypt -binary -inform DER -in "$1" -inkey key.pem 2>/dev/null || echo refused; }

for mode in cbc gcm; do
	openssl cms -encrypt -binary -aes-256-$mode -in text -outform DER -out "openssl-$mode" -recip crt.pem
	./pkcs7 seal $mode "go-$mode"
done
openssl version
seen 'CBC of openssl, opened by the library' secret "$(./pkcs7 open openssl-cbc)"
seen 'CBC of the library, opened by openssl' secret "$(open_with_openssl go-cbc)"
seen 'GCM of openssl, opened by openssl' secret "$(open_with_openssl openssl-gcm)"
seen 'GCM of the library, opened by the library' secret "$(./pkcs7 open go-gcm)"
seen 'GCM of openssl, opened by the library' 'pkcs7: cannot parse data: unimplemented content type' \
	"$(./pkcs7 open openssl-gcm)"
seen 'GCM of the library, opened by openssl' refused "$(open_with_openssl go-gcm)"
verdict
