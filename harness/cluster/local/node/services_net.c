/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kube-proxy and CoreDNS of a node. They are services of the node and no pods: CRIU
 * cannot dump pods, and a template has to have both.
 */
#include "cluster/local/local.h"

#include "sys/fs.h"

#include <sys/utsname.h>

#define COREFILE "/etc/coredns/Corefile"

/* kube-proxy's own demand on the kernel. */
const char *local_proxy_mode(const char *kernel, bool nft)
{
	return nft && cryo_node_version_at_least(kernel, 5, 13) ? "nftables" : "iptables";
}

/* Called in the node. Flags and no file: a file would be watched, and that takes an inotify
 * instance. With flags alone its rules follow a change after up to a second. */
void local_add_proxy_argv(const struct local_node *n, struct cryo_strv *a)
{
	struct utsname u = { .release = "" };

	uname(&u);
	cryo_strv_addl(a, "kube-proxy", "--kubeconfig=/etc/kubernetes/kube-proxy.conf",
		       /* the limits of connection tracking are the host's */
		       "--conntrack-max-per-core=0", "--conntrack-min=0",
		       "--conntrack-tcp-timeout-established=0s",
		       "--conntrack-tcp-timeout-close-wait=0s", NULL);
	cryo_strv_addf(a, "--hostname-override=%s", n->name);
	cryo_strv_addf(a, "--cluster-cidr=%s", n->pod_net);
	cryo_strv_addf(a, "--proxy-mode=%s",
		       local_proxy_mode(u.release, cryo_fs_exists("/usr/sbin/nft")));
}

void local_add_coredns_argv(const struct local_node *n, struct cryo_strv *a)
{
	(void)n;
	cryo_strv_addl(a, "coredns", "-conf", COREFILE, NULL);
}

/*
 * No cache: all that is asked for is in memory, and what a Service was not a moment ago it
 * may be now.
 *
 * Nothing leads out of the node: what is not of the cluster does not exist, and whoever
 * asks for it is told so at once. In a block of its own: in one and the same `template`
 * would come before `kubernetes`.
 */
static int write_corefile(const struct local_node *n, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

	cryo_str_addf(&s,
		      LOCAL_DOMAIN ":%d in-addr.arpa:%d ip6.arpa:%d {\n"
				   "    bind %s\n"
				   "    errors\n"
				   "    kubernetes " LOCAL_DOMAIN " in-addr.arpa ip6.arpa {\n"
				   "        kubeconfig /etc/kubernetes/coredns.conf local\n"
				   "        pods insecure\n"
				   "        ttl 5\n"
				   "    }\n"
				   "    loadbalance\n"
				   "}\n"
				   ".:%d {\n"
				   "    bind %s\n"
				   "    errors\n"
				   "    template ANY ANY {\n"
				   "        rcode NXDOMAIN\n"
				   "    }\n"
				   "}\n",
		      LOCAL_DNS_PORT, LOCAL_DNS_PORT, LOCAL_DNS_PORT, n->ip, LOCAL_DNS_PORT, n->ip);
	return local_node_file(n, COREFILE, 0644, &s, err);
}

/* Of the node, and so of pods that share its network: they find Services as well. */
static int write_resolv_conf(const struct local_node *n, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

	cryo_str_add(&s, "search svc." LOCAL_DOMAIN " " LOCAL_DOMAIN "\n"
			 "nameserver " LOCAL_DNS_IP "\n"
			 "options ndots:5\n");
	return local_node_file(n, "/etc/resolv.conf", 0644, &s, err);
}

int local_net_config(const struct local_node *n, struct cryo_err *err)
{
	int rc = n->control ? write_corefile(n, err) : 0; /* one answers for all */

	return rc < 0 ? rc : write_resolv_conf(n, err);
}
