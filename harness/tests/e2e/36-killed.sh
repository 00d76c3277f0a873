#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SIGKILL of runc, of the helper and of CRIU at each of CRIU's questions, on the real ones: the
# container counts on, nothing plain is on a disk, and the next checkpoint works and leaves nothing.
. "$(dirname "$0")/lib.sh"
needs counter
shell() { cp_ shell "$@"; }
cp_ keygen --cert "$tmp/kill.crt" --key "$tmp/kill.key" >"$tmp/out" 2>&1
kubectl create secret tls kill --cert "$tmp/kill.crt" --key "$tmp/kill.key" >"$tmp/out" 2>&1
encrypted() { cp_ checkpoint counter --encrypt --encryption-secret kill "$@"; }
install_stop() {
	shell sh -c 'cat >/usr/local/bin/stop-criu && chmod 755 /usr/local/bin/stop-criu &&
		mkdir -p /run/stop-criu && rm -f /run/stop-criu/at && echo "criu /usr/local/bin/stop-criu" >/etc/cryopod/criu.conf' \
		<"$top/build/static/stop-criu" && exits 0 encrypted
}
point "a CRIU that can be held still" install_stop

last() { kubectl logs counter --tail 1 | sed 's/count=\([0-9]*\) nonce=\([0-9a-f]*\).*/\1 \2/'; }
remember() { before=$(last) && [ -n "$before" ]; } # also when the API server was busy
counts_on() { # SINCE: as it was, "COUNT NONCE"
	now=$(last)
	[ "${now#* }" = "${1#* }" ] && [ "${now% *}" -gt "${1% *}" ] || { echo "it was '$1' and is '$now'"; return 1; }
}
# Only there while a conversation of CRIU is.
nobody_left() { ! shell pgrep -l -x 'criu|cryopod-seal|stop-criu'; }
# Files on a disk that are newer than the test and hold the nonce as the process does, little end first.
plain_files() {
	bytes=$(last | sed 's/.* //' | fold -w2 | tac | sed 's/^/\\x/' | tr -d '\n')
	shell sh -c "LC_ALL=C find / /var/lib/node -xdev -type f -newer /run/stop-criu/begin -exec grep -laP '$bytes' {} +"
}
finds_plain() {
	shell touch /run/stop-criu/begin
	exits 0 cp_ checkpoint counter && plain_files >"$tmp/plain" && grep -q '\.tar$' "$tmp/plain"
}
point "the search finds a plain checkpoint" finds_plain
nothing_plain() {
	plain=$(plain_files)
	[ -z "$plain" ] || { echo "plain: $plain"; return 1; }
}
victim_pid() {
	criu=$(shell cat /run/stop-criu/stopped)
	case $1 in
	criu) echo "$criu" ;;
	runc) shell sh -c "cut -d' ' -f4 /proc/$criu/stat" ;;
	helper) shell pgrep -x cryopod-seal ;;
	esac
}
killed_at() { # SCRIPT VICTIM
	until_true 10 remember || return 1
	shell sh -c "rm -f /run/stop-criu/stopped; touch /run/stop-criu/begin; printf %s '$1' >/run/stop-criu/at"
	encrypted >"$tmp/out" 2>&1 &
	call=$!
	until_true 20 shell test -e /run/stop-criu/stopped || return 1
	pid=$(victim_pid "$2")
	shell kill -9 "$pid"
	shell rm -f /run/stop-criu/at
	wait $call && { echo "the checkpoint succeeded"; return 1; }
	until_true 10 counts_on "$before" && nothing_plain && until_true 5 nobody_left || return 1
	exits 0 encrypted && until_true 10 counts_on "$before" && until_true 5 nobody_left
}
for script in pre-dump network-lock post-dump network-unlock; do
	for victim in runc helper criu; do
		point "SIGKILL of $victim at $script" killed_at $script $victim
	done
done

# Where containerd lets the container go on before all is sealed (its patches), the helper's end and
# its failure come later than runc's answer. It dies at its first write, of SIGXFSZ, or finds a name
# taken: what is left to be sealed has to wait for CRIU's end in any case.
images_dir() { shell find /var/lib/node -xdev -type d -path '*/ctrd-checkpoint/checkpoint'; }
no_images() { [ -z "$(images_dir)" ]; }
fails_later() { # TEXT COMMAND…: done when CRIU has finished, before it says so
	text=$1
	shift
	until_true 10 remember || return 1
	shell sh -c "rm -f /run/stop-criu/stopped; touch /run/stop-criu/begin; printf network-unlock >/run/stop-criu/at"
	encrypted >"$tmp/out" 2>&1 &
	call=$!
	until_true 20 shell test -e /run/stop-criu/stopped && "$@" || return 1
	shell rm -f /run/stop-criu/at
	wait $call && { echo "the checkpoint succeeded"; return 1; }
	says "$text" && until_true 10 counts_on "$before" && nothing_plain && until_true 5 nobody_left &&
		until_true 5 no_images && exits 0 encrypted && until_true 10 counts_on "$before"
}
no_more_writes() { shell prlimit --pid "$(victim_pid helper)" --fsize=0; }
name_taken() { shell touch "$(images_dir)/inventory.img"; }
if [ "$(status '.capabilities["pods-checkpoint"]')" = true ]; then
	point "the helper dies after the answer" fails_later "ended without a word" no_more_writes
	point "sealing fails after the answer" fails_later "cannot create 'inventory.img': File exists" name_taken
fi

# Not killed, but held still: the same way through, so that what fails above fails for the kill.
held() {
	shell sh -c "rm -f /run/stop-criu/stopped; printf post-dump >/run/stop-criu/at"
	encrypted >"$tmp/out" 2>&1 &
	call=$!
	until_true 20 shell test -e /run/stop-criu/stopped && shell rm /run/stop-criu/at && wait $call && says encrypted
}
point "held still and let go it works" held

restore_killed_at() { # SCRIPT VICTIM
	shell sh -c "rm -f /run/stop-criu/stopped; touch /run/stop-criu/begin; printf %s '$1' >/run/stop-criu/at"
	cp_ restore "$tmp/kill.tar" --pod killed --key-secret kill >"$tmp/out" 2>&1 &
	call=$!
	until_true 20 shell test -e /run/stop-criu/stopped || return 1
	shell kill -9 "$(victim_pid "$2")"
	shell rm -f /run/stop-criu/at
	wait $call && { echo "the restore succeeded"; return 1; }
	until_true 5 nobody_left && nothing_plain && ! kubectl get pod killed
}
cp_ checkpoint counter --encrypt --encryption-secret kill --to "$tmp/kill.tar" >"$tmp/out" 2>&1
for script in pre-restore setup-namespaces post-restore pre-resume post-resume; do
	for victim in runc helper criu; do
		point "restore: SIGKILL of $victim at $script" restore_killed_at $script $victim
	done
done
restores() { exits 0 cp_ restore "$tmp/kill.tar" --pod killed --key-secret kill; }
point "and then it restores" restores
kubectl delete pod killed --now >"$tmp/out" 2>&1

# Where containerd keeps the images until they are an archive, beside CRIU's log (60 kB) and the container's own: a pod
# that has counted through the chapters before has 300 kB of it, and another file than the one meant finds the disk full.
kubectl delete pod counter --now >"$tmp/out" 2>&1
needs counter
small_disk() { # SIZE
	id=$(kubectl get pod counter -o 'jsonpath={.status.containerStatuses[0].containerID}')
	place=/var/lib/node/containerd/io.containerd.grpc.v1.cri/containers/${id##*/}
	shell sh -c "touch /run/stop-criu/begin; mkdir -p /run/small; mount -t tmpfs -o size=$1 none /run/small &&
		cp -a $place/. /run/small && mount --bind /run/small $place"
}
large_disk() {
	left=$(shell find "$place" -name '*.img')
	shell umount "$place" /run/small && [ -z "$left" ] && until_true 10 counts_on "$before" && nothing_plain &&
		nobody_left && exits 0 encrypted
}
full_disk() {
	until_true 10 remember && small_disk 64k || return 1
	# CRIU itself may fail, or the encryption behind it, with containerd or runc to notice.
	exits 1 encrypted && grep -qiE 'errno 28|no space left' "$tmp/out"
	rc=$?
	large_disk && return $rc
}
point "the disk of the images is full" full_disk
nobody_seals() { ! shell pgrep -l -x cryopod-seal; }
fails_at_once() { # runc looks when CRIU has ended, and finds that encryption has failed
	until_true 10 remember && small_disk 96k || return 1
	shell sh -c "rm -f /run/stop-criu/stopped; printf end >/run/stop-criu/at"
	encrypted >"$tmp/out" 2>&1 &
	call=$!
	until_true 20 shell test -e /run/stop-criu/stopped && until_true 20 nobody_seals
	shell sh -c 'rm -f /run/stop-criu/at; kill -CONT "$(cat /run/stop-criu/stopped)"'
	wait $call && { echo "the checkpoint succeeded"; return 1; }
	says "criu has not encrypted the checkpoint: cannot seal: " && says "No space left on device path="
	rc=$?
	large_disk && return $rc
}
if [ "$(status '.capabilities["pods-checkpoint"]')" = true ]; then
	point "sealing fails before runc looks, and runc says why" fails_at_once
fi

criu_fails() { # without the root of the container it is lost: its own words must arrive
	until_true 10 remember || return 1
	shell sh -c "mkdir -p /etc/criu; echo 'skip-mnt /' >/etc/criu/default.conf"
	fails 1 "CRIU: Error (criu/mount.c" encrypted && says "No parent found for mountpoint"
	rc=$?
	shell rm /etc/criu/default.conf
	[ $rc = 0 ] && until_true 10 counts_on "$before" && nobody_left && exits 0 encrypted
}
point "CRIU fails by itself, and says why" criu_fails

cp_ keygen --ec P-256 --cert "$tmp/kill2.crt" --key "$tmp/kill2.key" >"$tmp/out" 2>&1
kubectl create secret tls kill2 --cert "$tmp/kill2.crt" --key "$tmp/kill2.key" >"$tmp/out" 2>&1
opens() { # ARCHIVE KEY
	rm -rf "$tmp/set" "$tmp/plain.set"
	mkdir "$tmp/set" && tar -xf "$1" -C "$tmp/set" checkpoint && exits 0 cp_ unseal "$tmp/set/checkpoint" "$tmp/plain.set" --key "$2"
}
two_at_once() {
	until_true 10 remember || return 1
	cp_ checkpoint counter --encrypt --encryption-secret kill --to "$tmp/one.tar" >"$tmp/one.out" 2>&1 &
	one=$!
	exits 0 cp_ checkpoint counter --encrypt --encryption-secret kill2 --to "$tmp/two.tar" || return 1
	wait $one || { cat "$tmp/one.out"; return 1; }
	opens "$tmp/one.tar" "$tmp/kill.key" && opens "$tmp/two.tar" "$tmp/kill2.key" &&
		! opens "$tmp/one.tar" "$tmp/kill2.key" && until_true 10 counts_on "$before"
}
point "two checkpoints of one container at once, each for its own key" two_at_once
shell sh -c 'echo "criu /usr/sbin/criu" >/etc/cryopod/criu.conf'

killed_call() { # cryopod itself: its key is gone with the next call
	"$CRYOPOD" restore "$tmp/kill.tar" --pod killed --key-secret kill >"$tmp/out" 2>&1 &
	call=$!
	until_true 20 shell sh -c 'ls /run/cryopod/*.key' && kill -9 $call || return 1
	wait $call
	shell sh -c 'ls /run/cryopod/*.key' || return 1
	exits 0 cp_ checkpoint counter && ! shell sh -c 'ls /run/cryopod/*.key'
}
point "the key of a killed call does not stay" killed_call
kubectl delete pod killed --now >"$tmp/out" 2>&1 || :
