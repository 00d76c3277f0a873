#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Templates: made once, used by many, of no use when anything about them is doubtful. In a cache of
# its own with the builds of the shared one: what is damaged here is nobody's.
. "$(dirname "$0")/lib.sh"
needs nothing
cache=$tmp/cache
mkdir "$cache" && ln -s /var/cache/cryopod/builds "$cache/builds"
tp_() { CRYOPOD_CACHE_DIR=$cache cp_ --name e2e-t "$@"; }
origin() { CRYOPOD_CACHE_DIR=$cache status .origin e2e-t; }
up_from() { # ORIGIN OPTION…
	from=$1
	shift
	exits 0 tp_ up "$@" && [ "$(origin)" = "$from" ]
}
down_t() { tp_ -q down; }
template() { ls -d "$cache"/templates/????????????????????????????????????????????????????????????????; }

nothing_yet() { tp_ template list | grep -qx 'no template'; }
point "no template at first" nothing_yet
renice -n 3 -p $$ >/dev/null # all that follows is started so
point "up --cold" up_from cold --cold
usual_priority() { # but for ps itself
	tp_ -q shell ps -A -o ni=,comm= | tee "$tmp/out" | grep kubelet && ! grep ' 3 ' "$tmp/out" | grep -v ' ps$'
}
point "a node has the usual priority, whoever started it" usual_priority
point "makes none" nothing_yet
pod_limits() { # what the kubelet gives the groups of its pods when it starts
	find /sys/fs/cgroup -path "*$(group_of e2e-t)/node1/kubepods/*" \( -name cpu.shares -o -name cpu.weight \
		-o -name pids.max -o -name memory.max -o -name memory.limit_in_bytes \) -exec grep -H . {} + 2>/dev/null | sort
}
cold_limits=$(pod_limits)
down_t
point "the first up makes one, and comes back from it" up_from template
same_limits() { echo "$cold_limits" && [ -n "$cold_limits" ] && [ "$(pod_limits)" = "$cold_limits" ]; }
point "pods have the same limits as in a cold one" same_limits
one_template() { [ "$(tp_ template list -o json | jq '[.[] | select(.usable)] | length')" = 1 ]; }
point "list has it" one_template
private() { [ "$(stat -c %a "$cache"/templates)" = 700 ] && [ "$(stat -c %a "$(template)")" = 700 ]; }
point "it is private" private
second() { CRYOPOD_CACHE_DIR=$cache cp_ --name e2e-u up && CRYOPOD_CACHE_DIR=$cache cp_ --name e2e-u -q kubectl get nodes; }
point "two clusters from one template at once" second
own_pods() {
	for c in e2e-t e2e-u; do
		cp_ -q --name $c kubectl create configmap only-$c || return 1
	done
	! cp_ -q --name e2e-t kubectl get configmap only-e2e-u
}
point "each has objects of its own" own_pods
leases() { cp_ -q --name e2e-t kubectl get lease node1 -n kube-node-lease -o 'jsonpath={.spec.renewTime}' 2>&1; }
renewed() { [ "$(leases)" != "$before" ]; }
before=$(leases)
point "its leases are renewed" until_true 30 renewed
dead_t() { [ "$(CRYOPOD_CACHE_DIR=$cache status .state e2e-t)" = stopped ]; }
crash_and_up() { # a pid namespace takes its time to die
	kill -9 "$(status .nodes[0].pid e2e-t)" && until_true 10 dead_t && up_from cold &&
		tp_ -q kubectl get configmap only-e2e-t
}
point "a restored node that crashed starts with what it knew" crash_and_up
CRYOPOD_CACHE_DIR=$cache cp_ -q --name e2e-u down
down_t
[ -z "${E2E_LOGS:-}" ] || cp -R "$cache/logs" "$E2E_LOGS/template"

# Bad luck with templates. Each time: a cold start by itself, said once, then a new template.
damaged() { down_t; up_from template && says "$1" && says "starting cold" && down_t; }
flip() { printf x | dd of="$(ls -S "$(template)"/images/pages-* | head -n 1)" bs=1 seek=100000 conv=notrunc; }
flip
point "a damaged image is found and the template replaced by a new template" damaged "is damaged"
truncate -s 4096 "$(ls -S "$(template)"/images/pages-* | head -n 1)"
point "one that is cut short" damaged "another size"
rm "$(template)/images/inventory.img"
point "one that is missing" damaged "is not where it was"
echo '{' >"$(template)/template.json"
point "a template.json that is none" damaged "template"
chmod 755 "$(template)"
point "one that others could read" damaged "not private"
other_key() { # what `up` says is: not this one; a half-written one is none at all
	mv "$(template)" "$(template).new" && up_from template && down_t && one_template &&
		[ ! -e "$cache"/templates/*.new ]
}
point "a half-written template is ignored and taken away" other_key
old() {
	t=$(template)/template.json
	jq -c '.created -= 8*24*3600*1000000000' "$t" >"$tmp/t.json" && cat "$tmp/t.json" >"$t" &&
		up_from template && says "template: made from this cluster" && down_t && one_template
}
point "one that is too old is replaced" old
no_criu() { # as on a machine where CRIU cannot: the images are there, CRIU fails
	t=$(template)
	truncate -s 0 "$t/images/core-1.img"
	jq -c '(.files[] | select(.name == "images/core-1.img")) |= (.size = 0 | .hash =
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") | .boot = "x"' \
		"$t/template.json" >"$tmp/t.json" && cat "$tmp/t.json" >"$t/template.json"
	damaged "CRIU: " && [ -s "$cache/logs/template-restore.log" ]
}
point "a restore that fails: its log is kept" no_criu

port_t() {
	CRYOPOD_CACHE_DIR=$cache cp_ -q --name e2e-u up && port=$(status .port e2e-u) &&
		fails 3 "port $port on 127.0.0.1 is in use" tp_ up --port "$port" && down_t
}
point "the port is taken" port_t
same_time() {
	CRYOPOD_CACHE_DIR=$cache cp_ -q --name e2e-u down
	tp_ -q template rm
	CRYOPOD_CACHE_DIR=$cache cp_ --name e2e-u up >"$tmp/u" 2>&1 & u=$!
	tp_ up >"$tmp/t" 2>&1 && wait $u && one_template || { cat "$tmp/u" "$tmp/t"; return 1; }
	CRYOPOD_CACHE_DIR=$cache cp_ -q --name e2e-u down && down_t
}
point "two at once make one template" same_time
no_space_t() {
	mkdir -p "$tmp/small" && mount -t tmpfs -o size=50m none "$tmp/small" || return 1
	CRYOPOD_STATE_DIR=$tmp/small fails 3 "a node needs" tp_ up && one_template
	rc=$?
	CRYOPOD_STATE_DIR=$tmp/small tp_ -q down
	umount "$tmp/small" && return $rc
}
point "no space for a node" no_space_t
cache_full() { # not the node's fault, so not remembered
	tp_ -q template rm
	mount -t tmpfs -o size=50m,mode=700 none "$cache/templates" || return 1
	up_from cold && says "a template needs 700 MB" && tp_ -q kubectl get nodes && nothing_yet &&
		[ -z "$(ls -A "$cache/templates")" ]
	rc=$?
	down_t
	umount "$cache/templates" && up_from template && down_t && return $rc
}
point "the disk of the cache is full" cache_full
memory_group=$(ls -d /sys/fs/cgroup/memory 2>/dev/null || echo /sys/fs/cgroup)$(group_of e2e-t)
little_memory() { # found out by the group's own count; nobody would do better with a cold start
	limit=$memory_group/memory.limit_in_bytes
	mkdir -p "$memory_group" || return 1
	[ -e "$limit" ] || limit=$memory_group/memory.max
	echo 100M >"$limit" || return 1
	fails 3 "memory ran out" tp_ up && one_template && exits 0 tp_ down &&
		[ "$(CRYOPOD_CACHE_DIR=$cache status .state e2e-t)" = absent ] && up_from template && down_t
}
point "too little memory for a node: the template stays" little_memory
without_criu() {
	c=$tmp/nocriu # not an overlay: CRIU does not find its way in one above another
	cp_ -q build | while read -r component _ dir; do
		mkdir -p "$c/builds/$component"
		cp -al "$dir" "$c/builds/$component/" 2>/dev/null || cp -a "$dir" "$c/builds/$component/"
		[ ! -e "$dir.packages" ] || cp "$dir.packages" "$c/builds/$component/"
	done
	exits 0 env CRYOPOD_CACHE_DIR="$c" "$CRYOPOD" --name e2e-t up && down_t &&
		rm "$c"/builds/criu/*/criu && printf '#!/nowhere\n' >"$c/none" &&
		chmod 755 "$c/none" && mv "$c/none" "$(echo "$c"/builds/criu/*/)criu" &&
		exits 0 env CRYOPOD_CACHE_DIR="$c" "$CRYOPOD" --name e2e-t up &&
		says "the node has no CRIU" && says "starting cold" &&
		[ "$(status .origin e2e-t)" = cold ] && tp_ -q kubectl get nodes && down_t &&
		exits 0 env CRYOPOD_CACHE_DIR="$c" "$CRYOPOD" --name e2e-t up && ! says "no CRIU" >/dev/null
	rc=$?
	down_t
	return $rc
}
point "a node without a CRIU that starts" without_criu
down_while() {
	tp_ up >"$tmp/up" 2>&1 & up=$!
	sleep 0.2
	exits 0 tp_ down
	wait $up
	exits 0 tp_ down && [ "$(CRYOPOD_CACHE_DIR=$cache status .state e2e-t)" = absent ]
}
point "down while it is restored" down_while
start_t() { # in the background; $up is the program itself
	CRYOPOD_CACHE_DIR=$cache "$CRYOPOD" --color never --name e2e-t up >"$tmp/out" 2>&1 &
	up=$!
}
kill_criu() {
	start_t
	until criu=$(pgrep -x criu -P $up); do kill -0 $up || return 1; done
	sleep 0.1
	kill -9 "$criu"
	wait $up && [ "$(origin)" = template ] && says "starting cold" && down_t
}
point "kill -9 of CRIU half way" kill_criu
kill_copy() {
	start_t
	until [ -d "$CRYOPOD_STATE_DIR/e2e-t/nodes/node1/upper" ]; do kill -0 $up || return 1; done
	kill -9 $up
	wait $up
	[ ! -e "$CRYOPOD_STATE_DIR/e2e-t/kubeconfig" ] && up_from template && down_t
}
point "kill -9 while the disk is copied" kill_copy
for ms in 020 060 100 140 180 220 260 300 350 400 500; do
	killed_t() {
		timeout -s KILL "0.$ms" env CRYOPOD_CACHE_DIR="$cache" "$CRYOPOD" --name e2e-t up -q
		if [ $((${ms#0} % 40)) -eq 20 ]; then
			exits 0 tp_ up && [ "$(CRYOPOD_CACHE_DIR=$cache status .state e2e-t)" = running ] || return 1
		fi
		exits 0 tp_ down && [ "$(CRYOPOD_CACHE_DIR=$cache status .state e2e-t)" = absent ]
	}
	point "kill -9 of a restore after $ms ms" killed_t
done
killed_make() { # MILLISECONDS since it began
	tp_ -q template rm
	start_t
	until ls -d "$cache"/templates/*.new >"$tmp/until" 2>&1; do kill -0 $up || return 1; done
	sleep "0.$1"
	kill -9 $up
	wait $up
	exits 0 tp_ up && [ "$(origin)" = template ] && one_template && down_t
}
for ms in 000 100 300 500 700 900; do
	point "kill -9 of up $ms ms after it began to make the template" killed_make $ms
done
several() { # one that comes alone shows its steps, the others only when they are up
	CRYOPOD_CACHE_DIR=$cache cp_ --name e2e-n up --count 3 -o json >"$tmp/n.json" 2>"$tmp/out" &&
		says "e2e-n-1: " && ! says "restored from template" >/dev/null &&
		[ "$(jq '[.clusters[] | select(.memory > 100000000 and .ms > 0)] | length' "$tmp/n.json")" = 3 ] &&
		for i in 1 2 3; do
			[ "$(CRYOPOD_CACHE_DIR=$cache status .state e2e-n-$i)" = running ] || return 1
		done
}
point "up --count: three at once" several
several_down() {
	CRYOPOD_CACHE_DIR=$cache exits 0 cp_ --name e2e-n down --count 3 &&
		[ "$(status .state e2e-n-2)" = absent ]
}
point "down --count" several_down
first_alone() {
	tp_ -q template rm
	CRYOPOD_CACHE_DIR=$cache cp_ --name e2e-n up --count 2 >"$tmp/out" 2>&1 &&
		says "template: made from this cluster" && says "e2e-n-2: " && ! says "e2e-n-1: " >/dev/null &&
		one_template
	rc=$?
	CRYOPOD_CACHE_DIR=$cache cp_ -q --name e2e-n down --count 2 && return $rc
}
point "without a template the first of several makes it" first_alone
point "rm" exits 0 tp_ template rm
point "leaves none" nothing_yet
