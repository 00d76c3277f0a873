# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# What the findings share: a private folder, small programs from pinned public packages, a verdict.
set -eu
umask 077
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"
changed=0

# need PROGRAM…: exit 2 where the finding cannot be tried.
need() {
	for program; do
		command -v "$program" >/dev/null || { echo "this needs '$program'" >&2; exit 2; }
	done
}

# go_program NAME MODULE@VERSION… <main.go: becomes ./NAME
go_program() {
	name=$1
	shift
	mkdir "src-$name"
	cat >"src-$name/main.go"
	{
		echo 'module finding'
		echo 'go 1.24'
		for module; do echo "require ${module%@*} ${module##*@}"; done
	} >"src-$name/go.mod"
	(cd "src-$name" && GOFLAGS=-mod=mod CGO_ENABLED=0 go build -o "../$name" . 2>"../$name.log") ||
		{ cat "$name.log" >&2; exit 2; }
}

# c_program NAME PKG-CONFIG-NAME <main.c: becomes ./NAME; $version is the library's
c_program() {
	cat >"$1.c"
	# shellcheck disable=SC2034 # the finding prints it
	version=$(pkg-config --modversion "$2")
	# Words of pkg-config are separate arguments.
	# shellcheck disable=SC2046
	cc -o "$1" "$1.c" $(pkg-config --cflags --libs "$2")
}

# seen WHAT STATED GOT: one fact of the finding, and whether it still holds.
seen() {
	if [ "$2" = "$3" ]; then
		echo "  $1: $3"
	else
		echo "  $1: CHANGED: was '$2', now '$3'"
		changed=1
	fi
}

# The last line of each finding.
verdict() {
	[ "$changed" = 0 ] || echo 'no longer as stated'
	exit "$changed"
}
