#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Services and names: by ClusterIP, name, NodePort and headless; in a cluster from a template, in a new one from a
# snapshot, and after somebody killed kube-proxy or CoreDNS.
. "$(dirname "$0")/lib.sh"
needs nothing
sv_() { cp_ --name "$cluster" "$@"; }
kc() { sv_ -q kubectl "$@"; }
cluster=e2e-v
cat >"$tmp/world.yaml" <<'Y'
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 0
      containers: [{name: web, image: "web:latest", imagePullPolicy: Never, args: [serve, "8080"]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports:
    - {name: tcp, port: 80, targetPort: 8080, nodePort: 30080}
    - {name: udp, port: 80, targetPort: 8080, protocol: UDP}
---
{apiVersion: v1, kind: Service, metadata: {name: each}, spec: {clusterIP: None, selector: {app: web}, ports: [{port: 8080}]}}
---
apiVersion: v1
kind: Service
metadata: {name: sticky}
spec: {selector: {app: web}, sessionAffinity: ClientIP, ports: [{port: 80, targetPort: 8080}]}
---
{apiVersion: v1, kind: Service, metadata: {name: nobody}, spec: {selector: {app: nobody}, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: alias}, spec: {type: ExternalName, externalName: web.default.svc.cluster.local}}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: web, image: "web:latest", imagePullPolicy: Never, args: [serve, "9090"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: host}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  containers: [{name: web, image: "web:latest", imagePullPolicy: Never, args: [serve, "9191"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: port}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: web
      image: web:latest
      imagePullPolicy: Never
      args: [serve, "8080"]
      ports: [{containerPort: 8080, hostPort: 7070}]
Y
load() { sv_ image web --to "$tmp/web.tar" && sv_ image --load "$tmp/web.tar"; }
from_client() { kc exec client -- /web "$@"; }
from_host() { kc exec host -- /web "$@"; }
serves() { [ "${got#web-}" != "$got" ] || { echo "'$got' is no pod of web"; return 1; }; }
asks() { # POD HOST PORT [udp]: one of the Deployment answers
	pod=$1
	shift
	got=$(kc exec "$pod" -- /web get "$@") && serves
}
named() { # NAME ADDRESS
	[ "$(from_client names "$1")" = "$2" ]
}
ip_of() { kc get service "$1" -o 'jsonpath={.spec.clusterIP}'; }
nodes_ip() { kc get node node1 -o 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}'; }
ready() { kc wait --for=condition=Ready --timeout=$((60 * factor))s pod -l app=web && kc wait --for=condition=Ready --timeout=$((60 * factor))s pod/client pod/host pod/port; }

# all_works WHERE: what every cluster with Services can do.
all_works() {
	point "$1: a Service by its address" asks client "$(ip_of web)" 80
	point "$1: by its name" asks client web 80
	point "$1: by its whole name, UDP" asks client web.default.svc.cluster.local 80 udp
	point "$1: a NodePort, from a pod" asks client "$(nodes_ip)" 30080
	point "$1: a NodePort, from the node's network" asks host "$(nodes_ip)" 30080
	point "$1: from the node's network by address and by name" host_asks
	point "$1: the API server by its name, from both" api_is_found
	point "$1: a headless Service has its pods' addresses" headless
	point "$1: an alias" asks client alias 80
	point "$1: a hostPort" asks_port
}
host_asks() { asks host "$(ip_of web)" 80 && asks host web.default.svc 80; }
api_is_found() {
	named kubernetes.default.svc 10.96.0.1 && [ "$(from_host names kubernetes.default.svc)" = 10.96.0.1 ] &&
		[ "$(kc get endpoints kubernetes -o 'jsonpath={.subsets[0].addresses[0].ip}')" = "$(nodes_ip)" ]
}
pod_ips() { kc get pods -l app=web -o 'jsonpath={range .items[*]}{.status.podIP}{"\n"}{end}' | sort; }
headless() { [ "$(pod_ips | wc -l)" -eq 2 ] && [ "$(from_client names each | sort)" = "$(pod_ips)" ]; }
asks_port() { [ "$(from_client get "$(nodes_ip)" 7070)" = port ]; }

point "up" exits 0 sv_ up
point "the image is loaded" exits 0 load
filled() { kc apply -f "$tmp/world.yaml" && until_true 60 ready; }
point "pods and Services" filled
both_answer() {
	for _ in $(seq 20); do from_client get web 80; done | sort -u | wc -l | grep -qx 2
}
all_works "from a template"
point "both pods of a Service answer" until_true 10 both_answer
one_answers() {
	for _ in $(seq 10); do from_client get sticky 80 || echo none; done | sort -u | wc -l | grep -qx 1
}
point "with session affinity one of them" one_answers
refused() { ! from_client get nobody 80 2>"$tmp/refused" && cat "$tmp/refused" && grep -q refused "$tmp/refused"; }
point "a Service without pods refuses at once" refused
outside() { ! from_client names example.org 2>"$tmp/outside" && cat "$tmp/outside" && grep -qi 'unknown host' "$tmp/outside"; }
point "a name of outside does not exist, and that is said" outside
point "a pod reaches itself by its Service" sh -c "'$CRYOPOD' -q --name $cluster kubectl exec deploy/web -- /web get web 80"
grows() { kc scale deployment web --replicas=3 && until_true 30 three && kc scale deployment web --replicas=2 && until_true 30 headless; }
three() { [ "$(from_client names each | wc -l)" -eq 3 ]; }
point "names follow a Deployment that grows and shrinks" grows

pid_of() { status ".nodes[0].services[] | select(.name == \"$1\") | select(.up) | .pid" $cluster; }
other_pid() { new=$(pid_of "$1") && [ -n "$new" ] && [ "$new" -gt 0 ] && [ "$new" != "$2" ]; }
healed() { old=$(pid_of "$1") && sv_ shell kill -9 "$old" && until_true 30 other_pid "$1" "$old"; }
for service in kube-proxy coredns; do
	point "kill -9 of $service" healed $service
	point "names and Services go on" until_true 30 asks client web 80
done
new_service() {
	kc delete service later --ignore-not-found && kc expose deployment web --name later --port 80 --target-port 8080 &&
		until_true 10 asks client later 80
}
point "and new ones are found" new_service

saved() { exits 0 sv_ snapshot save services --force && until_true 60 ready; }
point "a snapshot is made of it" saved
all_works "after the snapshot"
from_snapshot() { cluster=e2e-w && exits 0 cp_ --name e2e-w up --from services && until_true 60 ready; }
point "a new cluster from the snapshot" from_snapshot
cluster=e2e-w
all_works "from the snapshot"
point "and new ones are found there" new_service
both_down() { cp_ -q --name e2e-v down && cp_ -q --name e2e-w down && cp_ snapshot rm services; }
point "down" both_down

cluster=e2e-v
point "up --minimal" exits 0 sv_ up --minimal
minimal() {
	[ "$(status '[.nodes[0].services[].name] | map(select(. == "coredns" or . == "kube-proxy")) | length' $cluster)" = 0 ] &&
		! sv_ shell nft list table ip kube-proxy
}
point "has neither kube-proxy nor CoreDNS" minimal
point "a cluster stays what it is" fails 4 "runs another build" sv_ up
sv_ -q down

# A flag more: a template of its own, and what the program is really started with.
flag() { exits 0 sv_ up --set kubelet.node-labels=depth=4000 && labelled; }
labelled() { [ "$(kc get node node1 -o 'jsonpath={.metadata.labels.depth}')" = 4000 ]; }
point "up --set" flag
point "the program has it" sh -c "'$CRYOPOD' -q --name $cluster shell pgrep -f 'kubelet.*--node-labels=depth=4000'"
point "up without keeps it" exits 0 sv_ up
point "another one is refused while it runs" fails 4 "runs with other flags" sv_ up --set kubelet.v=3
point "no such component" fails 2 "does not begin with a component" sv_ up --set kublet.v=3
crashed() { kill -9 "$(status .nodes[0].pid $cluster)" && until_true 10 stopped && exits 0 sv_ up && labelled; }
stopped() { [ "$(status .state $cluster)" = stopped ]; }
point "a cluster that crashed has it again" crashed
sv_ -q down
