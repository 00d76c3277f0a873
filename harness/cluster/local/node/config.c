/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a node, written into the upper directory of its overlay before
 * anything is mounted. Sources: kubelet config v1beta1 types, containerd
 * docs/cri/config.md (version 3), CNI spec 1.0.
 */
#include "cluster/local/local.h"

#include "conf/yaml.h"
#include "criu/pages.h"
#include "net/pki.h"
#include "source/data.h"
#include "sys/fs.h"
#include "sys/hash.h"
#include "sys/places.h"

#include <errno.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Lowering oom_score_adj below our own needs CAP_SYS_RESOURCE. */
static bool can_lower_oom_score(void)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	const char *caps;

	if (cryo_fs_read("/proc/self/status", 65536, &s, &ignored) < 0)
		return false;
	caps = strstr(cryo_str_get(&s), "CapEff:");
	return caps && (strtoull(caps + strlen("CapEff:"), NULL, 16) >> 24 & 1); /* bit 24 */
}

static int write_containerd_config(const struct local *l, const struct local_node *n,
				   struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

	(void)l;
	cryo_str_addf(
	    &s,
	    "version = 3\n"
	    "root = \"" LOCAL_STATE "/containerd\"\n"
	    "state = \"/run/containerd\"\n"
	    "oom_score = 0\n"
	    "disabled_plugins = [\"io.containerd.snapshotter.v1.btrfs\",\n"
	    "  \"io.containerd.snapshotter.v1.zfs\", \"io.containerd.snapshotter.v1.devmapper\",\n"
	    "  \"io.containerd.snapshotter.v1.erofs\", "
	    "\"io.containerd.snapshotter.v1.blockfile\",\n"
	    "  \"io.containerd.nri.v1.nri\", \"io.containerd.internal.v1.tracing\",\n"
	    "  \"io.containerd.tracing.processor.v1.otlp\"]\n"
	    "[grpc]\n"
	    "  address = \"/run/containerd/containerd.sock\"\n"
	    "[plugins.'io.containerd.cri.v1.images']\n"
	    "  snapshotter = \"overlayfs\"\n"
	    "  discard_unpacked_layers = false\n"
	    "[plugins.'io.containerd.cri.v1.images'.pinned_images]\n"
	    "  sandbox = \"registry.k8s.io/pause:3.10\"\n"
	    "[plugins.'io.containerd.cri.v1.runtime']\n"
	    "  restrict_oom_score_adj = %s\n"
	    "  tolerate_missing_hugetlb_controller = true\n"
	    "  disable_hugetlb_controller = true\n"
	    "  disable_apparmor = true\n"
	    /* Sysctls in each sandbox that no workload here needs and CRIU would have to restore.
	     */
	    "  enable_unprivileged_ports = false\n"
	    "  enable_unprivileged_icmp = false\n"
	    "  enable_cdi = false\n"
	    /* Off by default since 2.2.7 and 2.3.4. */
	    "  enable_experimental_restore_via_create = true\n"
	    "[plugins.'io.containerd.cri.v1.runtime'.containerd]\n"
	    "  default_runtime_name = \"runc\"\n"
	    "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n"
	    "  runtime_type = \"io.containerd.runc.v2\"\n"
	    "  pod_annotations = [\"org.criu.*\"]\n"
	    "  container_annotations = [\"org.criu.*\"]\n"
	    "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\n"
	    "  BinaryName = \"/usr/local/bin/runc\"\n"
	    "  SystemdCgroup = false\n"
	    "[plugins.'io.containerd.cri.v1.runtime'.cni]\n"
	    "  bin_dirs = [\"/usr/lib/cni\"]\n"
	    "  conf_dir = \"/etc/cni/net.d\"\n",
	    can_lower_oom_score() ? "false" : "true");
	return local_node_file(n, "/etc/containerd/config.toml", 0644, &s, err);
}

static int write_kubelet_config(const struct local_node *n, const char *version,
				struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

	cryo_str_addf(
	    &s,
	    "apiVersion: kubelet.config.k8s.io/v1beta1\n"
	    "kind: KubeletConfiguration\n"
	    "featureGates: {%s}\n"
	    "containerRuntimeEndpoint: unix:///run/containerd/containerd.sock\n"
	    "cgroupDriver: cgroupfs\n"
	    "failSwapOn: false\n"
	    "failCgroupV1: false\n"
	    "oomScoreAdj: 0\n"
	    "port: %d\n"
	    "tlsCertFile: /etc/kubernetes/pki/%s.crt\n"
	    "tlsPrivateKeyFile: /etc/kubernetes/pki/%s.key\n"
	    "authentication:\n"
	    "  anonymous: {enabled: false}\n"
	    "  webhook: {enabled: true}\n"
	    "  x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}\n"
	    "authorization: {mode: Webhook}\n"
	    /*
	     * The disk is the host's, and may be nearly full for good: not a share of it has to be
	     * free, as by default, but what the host needs to go on.
	     */
	    "evictionHard: {memory.available: 100Mi, nodefs.available: 500Mi,"
	    " nodefs.inodesFree: '5000', imagefs.available: 500Mi, imagefs.inodesFree: '5000'}\n"
	    "imageGCHighThresholdPercent: 100\n"
	    /* Names of images that restores made are nobody's business. */
	    "nodeStatusMaxImages: 0\n"
	    "makeIPTablesUtilChains: false\n"
	    "hairpinMode: none\n"
	    "resolvConf: \"%s\"\n"
	    "%s"
	    "runtimeRequestTimeout: 10m\n"
	    "nodeStatusUpdateFrequency: 5s\n"
	    "nodeLeaseDurationSeconds: 40\n"
	    "syncFrequency: 10s\n"
	    "serializeImagePulls: false\n"
	    "volumePluginDir: " LOCAL_NO_FLEX_VOLUMES "\n"
	    "enableControllerAttachDetach: true\n"
	    "logging: {verbosity: 1}\n",
	    cryo_node_kubelet_gates(version), LOCAL_KUBELET_PORT, n->name, n->name,
	    n->services ? "/etc/resolv.conf" : "",
	    n->services ? "clusterDomain: " LOCAL_DOMAIN "\nclusterDNS: [" LOCAL_DNS_IP "]\n" : "");
	return local_node_file(n, "/etc/kubernetes/kubelet.yaml", 0644, &s, err);
}

/*
 * A pair for each pod and no bridge: a bridge stays behind without a port and its
 * route is then "linkdown", which CRIU dumps and `ip route restore` refuses.
 */
static int write_cni_config(const struct local *l, const struct local_node *n, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

	(void)l;
	cryo_str_addf(&s,
		      "{\"cniVersion\": \"1.0.0\", \"name\": \"pods\", \"plugins\": [\n"
		      "  {\"type\": \"ptp\", \"ipMasq\": false,\n"
		      "   \"ipam\": {\"type\": \"host-local\", \"dataDir\": \"/run/cni\",\n"
		      "     \"ranges\": [[{\"subnet\": \"%s\"}]],"
		      " \"routes\": [{\"dst\": \"0.0.0.0/0\"}]}}\n"
		      "%s]}\n",
		      n->pod_net,
		      n->services ? "  ,{\"type\": \"portmap\","
				    " \"capabilities\": {\"portMappings\": true}}\n"
				  : "");
	return local_node_file(n, "/etc/cni/net.d/10-pods.conflist", 0644, &s, err);
}

/*
 * Of the first node both ends of the pair are its own: nothing crosses to the host.
 * Of another one the far end is in the first node, which local_link_node() sees to.
 */
static int write_network_config(const struct local *l, const struct local_node *n,
				struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str s = { 0 };

	(void)l;
	cryo_str_add(&s, "link set lo up\n");
	if (n->control)
		cryo_str_addf(&s,
			      "link add eth0 type veth peer name eth0-peer\n"
			      "address add %s/24 dev eth0\n"
			      "link set eth0-peer up\n"
			      "link set eth0 up\n",
			      n->ip);
	else
		cryo_str_addf(&s,
			      "link add eth0 type veth peer name %s netns " LOCAL_FIRST_NETNS "\n"
			      "address add %s/32 dev eth0\n"
			      "link set eth0 up\n"
			      "route add %s dev eth0\n",
			      n->name, n->ip, n->gateway);
	cryo_str_addf(&s, "route add default via %s dev eth0\n", n->gateway);
	return local_node_file(n, "/etc/cryopod/network", 0644, &s, err);
}

static int write_node_identity(const struct local *l, const struct local_node *n,
			       struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str name = { 0 }, hosts = { 0 }, id = { 0 },
						    none = { 0 };
	char hash[CRYO_HASH_HEX];
	int rc;

	(void)l;
	cryo_str_addf(&name, "%s\n", n->name);
	cryo_str_addf(&hosts, "127.0.0.1 localhost\n%s %s\n", n->ip, n->name);
	cryo_hash_bytes(n->cgroup, strlen(n->cgroup), hash);
	cryo_str_addf(&id, "%.32s\n", hash);
	rc = local_node_file(n, "/etc/hostname", 0644, &name, err);
	if (rc == 0)
		rc = local_node_file(n, "/etc/hosts", 0644, &hosts, err);
	if (rc == 0)
		rc = local_node_file(n, "/etc/machine-id", 0444, &id, err);
	return rc < 0 ? rc : local_node_file(n, "/etc/resolv.conf", 0644, &none, err);
}

/* Pairs of nodes are each one's own; a worker has no other, and of the CA no key. */
static bool belongs_to_node(const char *file, const struct local_node *n)
{
	size_t len = strlen(n->name);

	if (strncmp(file, n->name, len) == 0 && file[len] == '.')
		return true;
	if (!n->control)
		return strcmp(file, "ca.crt") == 0 || strncmp(file, "kube-proxy.", 11) == 0;
	return strncmp(file, "node", 4) != 0;
}

static int copy_pki_to_node(const struct local *l, const struct local_node *n, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *from = cryo_asprintf("%s/pki", l->base.dir);
	DIR *dir = opendir(from);
	struct dirent *e;
	int rc = 0;

	if (!dir)
		return cryo_err_sys(err, errno, "cannot read '%s'", from);
	while (rc == 0 && (e = readdir(dir))) {
		cryo_auto(cryo_free) char *path =
		    cryo_asprintf("/etc/kubernetes/pki/%s", e->d_name);
		cryo_auto(cryo_str_release) struct cryo_str pem = { 0 };

		if (e->d_name[0] == '.' || !belongs_to_node(e->d_name, n))
			continue;
		rc = local_certs_read(l, e->d_name, &pem, err);
		if (rc == 0)
			rc = local_node_file(n, path, 0600, &pem, err);
	}
	closedir(dir);
	return rc;
}

static int link_node_program(const char *target, const char *path, struct cryo_err *err)
{
	int rc = cryo_fs_mkparents(path, 0755, err);

	if (rc < 0)
		return rc;
	unlink(path);
	if (symlink(target, path) < 0)
		return cryo_err_sys(err, errno, "cannot link '%s'", path);
	return 0;
}

/* CRIU's place is the packaged one's: before it in PATH stands the interposer, which runs that. */
static const char *choose_link_dir(const char *program)
{
	return strcmp(program, "criu") == 0 ? "/usr/sbin" : "/usr/local/bin";
}

/* Every program of a component: /usr/local/bin/kubelet → /opt/cryopod/kubernetes/<stamp>/kubelet.
 */
static int link_built_programs(const struct local_node *n, const struct cryo_built *b,
			       struct cryo_err *err)
{
	cryo_auto(cryo_free) char *builds = cryo_cache_path(CRYO_CACHE_BUILDS);
	const char *below_builds = b->dir + strlen(builds);
	DIR *dir = opendir(b->dir);
	struct dirent *e;
	int rc = 0;

	if (!dir)
		return cryo_err_sys(err, errno, "cannot read '%s'", b->dir);
	while (rc == 0 && (e = readdir(dir))) {
		cryo_auto(cryo_free) char *program = cryo_asprintf("%s/%s", b->dir, e->d_name);
		cryo_auto(cryo_free) char *target =
		    cryo_asprintf(LOCAL_PROGRAMS "%s/%s", below_builds, e->d_name);
		cryo_auto(cryo_free) char *path =
		    cryo_asprintf("%s/upper%s/%s", n->dir, choose_link_dir(e->d_name), e->d_name);

		if (cryo_fs_size(program) >= 0 && access(program, X_OK) == 0)
			rc = link_node_program(target, path, err);
	}
	closedir(dir);
	return rc;
}

static int link_all_programs(const struct local_node *n, const struct cryo_build *build,
			     struct cryo_err *err)
{
	static const char *const state[][2] = {
		{ LOCAL_STATE "/kubelet", "/var/lib/kubelet" },
		{ LOCAL_STATE "/containerd", "/var/lib/containerd" },
		{ LOCAL_STATE "/log", "/var/log/cryopod" },
		{ LOCAL_STATE "/pages", CRYO_PAGES_DIR },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(state); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/upper%s", n->dir, state[i][1]);

		rc = link_node_program(state[i][0], path, err);
	}
	for (size_t i = 0; rc == 0 && i < build->n; i++)
		if (build->item[i].component->source.kind != CRYO_SOURCE_DEBIAN)
			rc = link_built_programs(n, &build->item[i], err);
	return rc;
}

/* A copy: the node must not depend on where cryopod was built. */
static int install_part(const struct local *l, const struct local_node *n,
			const struct cryo_node_part *part, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *to =
	    cryo_asprintf("%s/upper%s/%s", n->dir, l->base.node->path.bin, part->as);
	cryo_auto(cryo_free) char *from = NULL;
	int rc = cryo_data_path(part->from, &from, err);

	if (rc == 0)
		rc = cryo_fs_mkparents(to, 0755, err);
	return rc < 0 ? rc : cryo_fs_copy(from, to, 0755, err);
}

static int install_interposer(const struct local *l, const struct local_node *n,
			      struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str conf = { 0 };
	int rc = install_part(l, n, &cryo_node_interposer, err);

	cryo_node_criu_conf("/usr/sbin/criu", NULL, l->base.node[n - l->node].path.run, &conf);
	return rc < 0 ? rc : local_node_file(n, CRYO_NODE_CRIU_CONF, 0644, &conf, err);
}

/* The interposer loads it into CRIU if it is there. */
static int install_criu_preload(const struct local *l, const struct local_node *n,
				const struct cryo_build *build, struct cryo_err *err)
{
	const struct cryo_built *criu = cryo_build_find(build, "criu");
	const struct cryo_built *node = cryo_build_find(build, "node");
	cryo_auto(cryo_free) char *version = local_criu_version(
	    criu, criu ? criu->component->source.version : NULL, node ? node->dir : NULL);

	if (!cryo_node_needs_preload(version))
		return 0;
	return install_part(l, n, &cryo_node_preload, err);
}

/* "v1.33.13"; NULL: not known. */
static const char *find_kubernetes_version(const struct cryo_build *build)
{
	const struct cryo_built *b = cryo_build_find(build, "kubernetes");
	const char *version = b ? b->component->source.version : NULL;

	return version && *version == 'v' ? version + 1 : version;
}

int local_config_write(const struct local *l, const struct local_node *n,
		       const struct cryo_build *build, struct cryo_err *err)
{
	int (*const step[])(const struct local *, const struct local_node *, struct cryo_err *) = {
		write_containerd_config, write_cni_config,    write_network_config,
		install_interposer,	 write_node_identity, copy_pki_to_node,
		local_kubeconfigs_write,
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(step); i++)
		rc = step[i](l, n, err);
	if (rc == 0)
		rc = install_criu_preload(l, n, build, err);
	if (rc == 0 && n->services)
		rc = local_net_config(n, err);
	if (rc == 0)
		rc = write_kubelet_config(n, find_kubernetes_version(build), err);
	if (rc == 0)
		rc = link_all_programs(n, build, err);
	return cryo_err_wrap(err, rc, "configuration of node '%s'", n->name);
}
