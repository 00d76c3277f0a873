#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The memory of a restored pod stays in its archive on the node: for restarts, for several pods, and no longer than that.
. "$(dirname "$0")/lib.sh"
needs cluster
kept=/var/lib/cryopod/pages
cat >"$tmp/full.yaml" <<END
apiVersion: v1
kind: Pod
metadata: {name: full}
spec:
  restartPolicy: Always
  terminationGracePeriodSeconds: 0
  automountServiceAccountToken: false
  containers:
  - name: c
    image: counter:latest
    imagePullPolicy: Never
    args: ["--interval", "50ms", "--ballast", "32Mi", "--ballast-kind", "random"]
END
counts() { kubectl logs "$1" --tail 1 | grep -q count=; }
goes_on() { # POD: it has counted behind the copy of the old log, and has found its ballast as it was
	kubectl logs "$1" >"$tmp/log" && ! grep -q damaged "$tmp/log" &&
		[ "$(sed -n 's/.*nonce=\([0-9a-f]*\).*/\1/p' "$tmp/log" | sort -u | wc -l)" -eq 1 ] &&
		[ "$(wc -l <"$tmp/log")" -gt $(($(wc -l <"$tmp/old") + 5)) ]
}
gone() { kubectl delete pod "$@" --now >/dev/null 2>&1; }
kept() { cp_ shell sh -c "ls $kept | wc -l"; }
# Beside the cluster's state: on its file system, as a user's archive may be.
place=$CRYOPOD_STATE_DIR/pages-e2e
clean() { rm -rf "$place"; }
mkdir -p "$place"
made() {
	kubectl apply -f "$tmp/full.yaml" && until_true 60 counts full && exits 0 cp_ checkpoint full --to "$place/full.tar" &&
		tar xOf "$place/full.tar" container.log >"$tmp/old" && gone full
}
point "a counter with 32 MiB" made

restored() { # ARCHIVE POD OPTION…
	archive=$1 pod=$2
	shift 2
	exits 0 cp_ restore "$archive" --pod "$pod" "$@" && until_true 20 goes_on "$pod"
}
point "it is restored" restored "$place/full.tar" again -f "$tmp/full.yaml"
# Of the archive without its memory.
small() {
	image=$(kubectl get pod again -o json | jq -r '.spec.containers[0].image')
	size=$(cp_ shell ctr -n k8s.io images ls | awk -v image="$image" '$1 == image { print $4, $5 }')
	echo "$size"
	case $size in *KiB) ;; *) return 1 ;; esac
}
point "its image has no memory in it" small
linked() {
	[ "$(status '.pages | map(.files, .copied) | join(" ")')" = "1 0" ] &&
		[ "$(status '.pages[0].bytes')" -eq "$(stat -c %s "$place/full.tar")" ] &&
		[ "$(stat -c %h "$place/full.tar")" -ge 2 ] && exits 0 cp_ status && says "1 archives, "
}
point "the node keeps the archive itself, and status tells" linked

id_of() { kubectl get pod "$1" -o json | jq -r '.status.containerStatuses[0].containerID' | sed 's,.*//,,'; }
ended() { # POD: its program is killed
	pid=$(cp_ shell ctr -n k8s.io task ls | awk -v id="$(id_of "$1")" '$1 == id { print $2 }')
	cp_ shell kill -9 "$pid"
}
restarts() { kubectl get pod "$1" -o json | jq -r '.status.containerStatuses[0].restartCount'; }
restarted() { [ "$(restarts again)" -ge 1 ] && goes_on again; }
starts_again() {
	rm "$place/full.tar.old" 2>/dev/null
	ln "$place/full.tar" "$place/full.tar.old" && rm "$place/full.tar" && ended again && until_true 60 restarted
}
point "a restart begins at the checkpoint, also without the archive" starts_again
mv "$place/full.tar.old" "$place/full.tar"
# Another byte in the middle of the archive, where its pages are; and as it was.
middle=$(($(stat -c %s "$place/full.tar") / 2))
put_byte() { dd of="$place/full.tar" bs=1 seek="$middle" count=1 conv=notrunc 2>/dev/null; }
dd if="$place/full.tar" bs=1 skip="$middle" count=1 of="$tmp/byte" 2>/dev/null
refused() {
	kubectl get pod again -o json >"$tmp/again"
	jq -r '.status.containerStatuses[0] | (.state.waiting.message // ""), (.lastState.terminated.message // "")' \
		"$tmp/again" | grep -q RESTORE
}
altered() {
	tr '\000-\377' '\001-\377\000' <"$tmp/byte" | put_byte && ended again && until_true 90 refused && ! counts_more
}
counts_more() {
	before=$(kubectl logs again | wc -l)
	sleep 1
	[ "$(kubectl logs again | wc -l)" -gt "$before" ]
}
point "nothing is restored from an altered archive" altered
put_byte <"$tmp/byte"
gone again

three() {
	for i in 1 2 3; do
		cp_ restore "$place/full.tar" --pod "copy$i" -f "$tmp/full.yaml" >"$tmp/copy$i" 2>&1 &
	done
	wait
	for i in 1 2 3; do
		until_true 20 goes_on "copy$i" || { cat "$tmp/copy$i" && return 1; }
	done
	[ "$(kept)" -eq 1 ]
}
point "three restores of one archive at once" three
gone copy1 copy2 copy3
# Another file system: it can only be copied.
elsewhere() {
	cp "$place/full.tar" /dev/shm/pages-e2e.tar && restored /dev/shm/pages-e2e.tar again -f "$tmp/full.yaml" &&
		rm /dev/shm/pages-e2e.tar && ended again && until_true 60 restarted
}
point "an archive of another file system is copied" elsewhere
gone again
swept() {
	kubectl apply -f "$tmp/full.yaml" && until_true 60 counts full && exits 0 cp_ checkpoint full --to "$place/other.tar" &&
		gone full
	tar xOf "$place/other.tar" container.log >"$tmp/old"
	restored "$place/other.tar" again -f "$tmp/full.yaml" && [ "$(kept)" -eq 1 ]
}
point "what no pod needs is removed with its image" swept
hostile() {
	mkdir -p "$tmp/h/checkpoint" && echo '{}' >"$tmp/h/checkpoint/cryopod-pages.json" &&
		cp "$place/other.tar" "$tmp/hostile.tar" && tar rf "$tmp/hostile.tar" -C "$tmp/h" checkpoint/cryopod-pages.json &&
		fails 2 "which is not for archives" cp_ restore "$tmp/hostile.tar" --pod hostile -f "$tmp/full.yaml"
}
point "an archive cannot choose its pages" hostile
gone again
clean
