#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 'localhost/counter:1', the name that Podman and Buildah give to an image built here, means a repository of Docker's
# registry to go-containerregistry 0.20.6 (crane and what is built on the library), and one of this host to 0.22.1
# and to distribution/reference (containerd, Docker, Podman). 0.20.6 also refuses repositories of one letter.
#
# Expected: a name means the same to everybody. 0.20.6 takes the first part for a registry only if it has a dot or a
# port. So an upgrade of the library changes where an image comes from, and what it is called in an archive.
. "$(dirname "$0")/lib.sh"
need go

for v in v0.20.6 v0.22.1; do
	go_program "names-$v" "github.com/google/go-containerregistry@$v" github.com/distribution/reference@v0.6.0 <<'EOF'
package main

import (
	"fmt"
	"os"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/name"
)

// WHO NAME: is the registry of the name "localhost", or which repository is it elsewhere?
func main() {
	registry, repository := "", ""
	if os.Args[1] == "reference" {
		r, err := reference.ParseDockerRef(os.Args[2])
		if err != nil {
			fmt.Println("refused")
			return
		}
		registry, repository = reference.Domain(r), reference.Path(r)
	} else {
		r, err := name.ParseReference(os.Args[2])
		if err != nil {
			fmt.Println("refused")
			return
		}
		registry, repository = r.Context().RegistryStr(), r.Context().RepositoryStr()
	}
	if registry != "localhost" {
		registry = "elsewhere"
	}
	fmt.Println(registry, repository)
}
EOF
done

seen 'localhost/counter:1, distribution/reference 0.6.0' 'localhost counter' "$(./names-v0.22.1 reference localhost/counter:1)"
seen 'localhost/counter:1, go-containerregistry 0.20.6' 'elsewhere localhost/counter' "$(./names-v0.20.6 name localhost/counter:1)"
seen 'localhost/counter:1, go-containerregistry 0.22.1' 'localhost counter' "$(./names-v0.22.1 name localhost/counter:1)"
seen 'c:1, distribution/reference 0.6.0' 'elsewhere library/c' "$(./names-v0.22.1 reference c:1)"
seen 'c:1, go-containerregistry 0.20.6' refused "$(./names-v0.20.6 name c:1)"
seen 'c:1, go-containerregistry 0.22.1' 'elsewhere library/c' "$(./names-v0.22.1 name c:1)"
verdict
