#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# With a server that is not https:// in a kubeconfig, client-go (kubectl) leaves out the user's token, password and
# certificate without a word. A server without a scheme is such a one: 'server: host:6443' is plain HTTP, even with
# certificate-authority-data or insecure-skip-tls-verify beside it, which are left out as well.
#
# Expected: the token is sent, or an error says why not; and a cluster with the certificate of an authority is
# https. So a token that is right, for an API server behind a tunnel, never arrives ("Unauthorized"). The same
# members in a rest.Config, as programs fill it in, do make https of 'host:6443'. Package: client-go 0.37.2.
. "$(dirname "$0")/lib.sh"
need go

go_program config k8s.io/client-go@v0.37.2 <<'EOF'
package main

import (
	"fmt"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// [KUBECONFIG]: scheme and token of the requests
func main() {
	c, err := &rest.Config{Host: "host:6443", BearerToken: "secret"}, error(nil)
	c.Insecure = true
	if len(os.Args) > 1 {
		c, err = clientcmd.BuildConfigFromFlags("", os.Args[1])
	}
	if err != nil {
		panic(err)
	}
	url, _, err := rest.DefaultServerUrlFor(c)
	if err != nil {
		panic(err)
	}
	token := "no token"
	if c.BearerToken != "" {
		token = "token"
	}
	fmt.Println(url.Scheme, token)
}
EOF

# client_of CLUSTER: what the client does with these members of the cluster
client_of() {
	cat >kubeconfig <<EOF
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {$1}}]
users: [{name: u, user: {token: secret}}]
EOF
	./config kubeconfig
}
seen 'server: https://host:6443' 'https token' "$(client_of 'server: "https://host:6443"')"
seen 'server: http://127.0.0.1:8001' 'http no token' "$(client_of 'server: "http://127.0.0.1:8001"')"
seen 'server: host:6443' 'http no token' "$(client_of 'server: "host:6443"')"
seen 'server: host:6443, insecure-skip-tls-verify: true' 'http no token' \
	"$(client_of 'server: "host:6443", insecure-skip-tls-verify: true')"
seen 'server: host:6443, certificate-authority-data' 'http no token' \
	"$(client_of 'server: "host:6443", certificate-authority-data: eA==')"
seen 'rest.Config with host:6443 and Insecure' 'https token' "$(./config)"
verdict
