#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A manifest that begins with '%YAML 1.2' is read by libyaml and refused by all that Kubernetes is made of: go-yaml 2
# and 3 and sigs.k8s.io/yaml (kubectl, kubeadm, kind).
#
# Expected: no difference, since go-yaml is libyaml in Go, and if any then that go-yaml 3, which says of itself that it
# supports most of YAML 1.2, takes the directive of 1.2. Only '%YAML 1.1' is let through.
# Packages: sigs.k8s.io/yaml 1.6.0, go.yaml.in/yaml 2.4.4 and 3.0.4.
. "$(dirname "$0")/lib.sh"
need cc pkg-config go

c_program libyaml yaml-0.1 <<'EOF'
#include <stdio.h>
#include <yaml.h>

int main(void)
{
	yaml_document_t document;
	yaml_parser_t parser;

	yaml_parser_initialize(&parser);
	yaml_parser_set_input_file(&parser, stdin);
	if (!yaml_parser_load(&parser, &document))
		return printf("%s\n", parser.problem) < 0;
	return printf("read\n") < 0;
}
EOF
go_program kube sigs.k8s.io/yaml@v1.6.0 go.yaml.in/yaml/v2@v2.4.4 go.yaml.in/yaml/v3@v3.0.4 <<'EOF'
package main

import (
	"fmt"
	"io"
	"os"

	two "go.yaml.in/yaml/v2"
	three "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// WHO, the text on standard input
func main() {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	var v any
	switch os.Args[1] {
	case "go-yaml-2":
		err = two.Unmarshal(text, &v)
	case "go-yaml-3":
		err = three.Unmarshal(text, &v)
	case "sigs":
		_, err = yaml.YAMLToJSON(text)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("read")
}
EOF

echo "libyaml $version"
for v in 1.1 1.2; do
	printf '%%YAML %s\n---\nkind: Pod\n' $v >manifest
	[ $v = 1.1 ] && stated='read' || stated='yaml: found incompatible YAML document'
	seen "libyaml, %YAML $v" read "$(./libyaml <manifest)"
	for who in go-yaml-2 go-yaml-3 sigs; do
		seen "$who, %YAML $v" "$stated" "$(./kube $who <manifest)"
	done
done
verdict
