#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What goes wrong on the way up, and kill -9 of cryopod at any point.
. "$(dirname "$0")/lib.sh"
needs cluster
listen() { # the forwarder of another cluster is one that has the port
	"$CRYOPOD" --name e2e-c up -q && port=$(status .port e2e-c)
}
port_taken() {
	listen && fails 3 "port $port on 127.0.0.1 is in use" cp_ --name e2e-d up --port "$port"
}
point "the port is taken" port_taken
point "down of the half-built one" exits 0 cp_ --name e2e-d down
point "down of the other" exits 0 cp_ --name e2e-c down
point "a time limit that is too short" fails 5 "is not ready" cp_ --name e2e-c up --cold --timeout 1s
point "up goes on where that stopped" exits 0 cp_ --name e2e-c up
no_space() {
	mkdir -p "$tmp/small" && mount -t tmpfs -o size=50m none "$tmp/small" || return 1
	CRYOPOD_STATE_DIR=$tmp/small fails 3 "a node needs" cp_ --name e2e-d up
	rc=$?
	CRYOPOD_STATE_DIR=$tmp/small cp_ -q --name e2e-d down
	umount "$tmp/small" && return $rc
}
point "no space for a node" no_space
never_ready() {
	cp_ -q --name e2e-c down
	"$CRYOPOD" --name e2e-c up -q --cold --timeout 100ms
	cp_ --name e2e-c shell sed -i 's/containerd.sock/nowhere.sock/' \
		/etc/kubernetes/kubelet.yaml
	cp_ --name e2e-c shell pkill -9 -x kubelet
	fails 5 "Ready" cp_ --name e2e-c up --timeout 15s && says "kubelet said last:"
}
point "a kubelet that never gets ready" never_ready
point "down of that" exits 0 cp_ --name e2e-c down
interrupted() {
	timeout -s INT 1 "$CRYOPOD" --name e2e-c up --cold >"$tmp/out" 2>&1
	[ $? -eq 124 ] && says "interrupted by signal 2"
}
point "Ctrl-C" interrupted
point "down after Ctrl-C" exits 0 cp_ --name e2e-c down
for ms in 010 030 060 100 150 250 400 700 1000 1800 2800; do
	killed() {
		timeout -s KILL "0$(echo $ms | sed 's/\(...\)$/.\1/')" "$CRYOPOD" --name e2e-c up --cold -q
		if [ $((${ms#0} % 20)) -eq 0 ]; then
			exits 0 cp_ --name e2e-c up && [ "$(status .state e2e-c)" = running ] || return 1
		fi
		exits 0 cp_ --name e2e-c down && [ "$(status .state e2e-c)" = absent ]
	}
	point "kill -9 of up after $ms ms" killed
done
