/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/recipe.h"

#include <stdlib.h>
#include <string.h>

#define TREES                                                                                      \
	(1u << CRYO_SOURCE_DIR | 1u << CRYO_SOURCE_GIT | 1u << CRYO_SOURCE_SUPERPROJECT |          \
	 1u << CRYO_SOURCE_ARCHIVE)
#define GO_SOURCES (1u << CRYO_SOURCE_MODULE | TREES)

static const char *const kubernetes_programs[] = { "kubelet",
						   "kube-apiserver",
						   "kube-controller-manager",
						   "kube-scheduler",
						   "kubectl",
						   "kubeadm",
						   "kube-proxy",
						   NULL };
static const char *const containerd_programs[] = { "containerd", "containerd-shim-runc-v2", "ctr",
						   NULL };
static const char *const runc_programs[] = { "runc", NULL };
static const char *const kind_programs[] = { "kind", NULL };
static const char *const coredns_programs[] = { "coredns", NULL };
static const char *const etcd_programs[] = { "etcd", NULL };
static const char *const criu_programs[] = { "criu", NULL };

/*
 * Without gitVersion the API server calls itself v0.0.0-master. The date is that
 * of no build: the same inputs must give the same bytes.
 */
#define KUBERNETES_STAMPS(package)                                                                 \
	"-X " package ".gitVersion=%V", "-X " package ".gitMajor=%M",                              \
	    "-X " package ".gitMinor=%m", "-X " package ".gitTreeState=clean",                     \
	    "-X " package ".buildDate=1970-01-01T00:00:00Z", "-X " package ".gitCommit=%C"

static const char *const kubernetes_stamps[] = { KUBERNETES_STAMPS("k8s.io/component-base/version"),
						 KUBERNETES_STAMPS("k8s.io/client-go/pkg/version"),
						 NULL };
static const char *const containerd_stamps[] = { "-X %P/version.Version=%V",
						 "-X %P/version.Revision=%C", NULL };
static const char *const runc_stamps[] = { "-X main.version=%v", "-X main.gitCommit=%C", NULL };
static const char *const kind_stamps[] = { "-X sigs.k8s.io/kind/pkg/cmd/kind/version.gitCommit=%C",
					   NULL };

static const struct cryo_recipe recipes[] = {
	{
	    .name = "kubernetes",
	    .revision = 1,
	    .programs = kubernetes_programs,
	    .package = "/cmd/%s",
	    .ldflags = "-s -w",
	    .stamps = kubernetes_stamps,
	    .kinds = GO_SOURCES,
	    .staging = true,
	    .memory_mib = 3072,
	    .make = cryo_build_go,
	},
	{
	    .name = "containerd",
	    .revision = 1,
	    .programs = containerd_programs,
	    .package = "/cmd/%s",
	    .ldflags = "-s -w",
	    .stamps = containerd_stamps,
	    .module = "github.com/containerd/containerd/v2",
	    .kinds = GO_SOURCES,
	    .memory_mib = 1536,
	    .make = cryo_build_go,
	},
	{
	    .name = "runc",
	    .revision = 1,
	    .programs = runc_programs,
	    .package = "",
	    .tags = "seccomp netgo osusergo",
	    .ldflags = "-s -w -extldflags -static",
	    .stamps = runc_stamps,
	    .version_file = "VERSION",
	    .kinds = GO_SOURCES,
	    .cgo = true,
	    .memory_mib = 768,
	    .make = cryo_build_go,
	},
	{
	    .name = "kind",
	    .revision = 2, /* 2: with the files of its base image */
	    .files = "images/base/files",
	    .programs = kind_programs,
	    .package = "",
	    .ldflags = "-s -w",
	    .stamps = kind_stamps,
	    .kinds = GO_SOURCES,
	    .tool = true,
	    .memory_mib = 1024,
	    .make = cryo_build_go,
	},
	{
	    .name = "coredns",
	    .revision = 1,
	    .programs = coredns_programs,
	    .package = "",
	    .main = "images/node/coredns/main.go",
	    .ldflags = "-s -w",
	    .kinds = 1u << CRYO_SOURCE_MODULE,
	    .memory_mib = 1536,
	    .make = cryo_build_go,
	},
	{
	    .name = "etcd",
	    .revision = 1,
	    .programs = etcd_programs,
	    .package = "",
	    .ldflags = "-s -w",
	    .kinds = 1u << CRYO_SOURCE_MODULE,
	    .memory_mib = 1024,
	    .make = cryo_build_go,
	},
	{
	    .name = "criu",
	    .revision = 1,
	    .programs = criu_programs,
	    .kinds = TREES,
	    .memory_mib = 512,
	    .make = cryo_build_make,
	},
	{
	    .name = "debian",
	    .revision = 1,
	    .kinds = 1u << CRYO_SOURCE_DEBIAN,
	    .memory_mib = 512,
	    .make = cryo_build_debian,
	},
	{
	    .name = "debian-layer",
	    .revision = 1,
	    .kinds = 1u << CRYO_SOURCE_DEBIAN,
	    .memory_mib = 512,
	    .make = cryo_build_debian_layer,
	},
};

static int set_recipe_error(const struct cryo_component *c, struct cryo_err *err, const char *what,
			    const char *word, const char *const *known)
{
	const char *near = cryo_nearest(word, known);
	cryo_auto(cryo_strv_release) struct cryo_strv list = { 0 };
	cryo_auto(cryo_free) char *all = NULL;

	if (near)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "%s:%u: component '%s': no %s '%s', did you mean '%s'?",
				    c->file, c->line, c->name, what, word, near);
	cryo_strv_addv(&list, known);
	all = cryo_strv_join(&list, ", ");
	return cryo_err_set(err, CRYO_E_CONFIG,
			    "%s:%u: component '%s': no %s '%s' (valid values: %s)", c->file,
			    c->line, c->name, what, word, all);
}

static int check_component_recipe(const struct cryo_recipe *r, const struct cryo_component *c,
				  struct cryo_err *err)
{
	static const char *const none[] = { NULL };
	const char *const *known = r->programs ? r->programs : none;
	cryo_auto(cryo_free) char *shown = NULL;

	if (!(r->kinds & 1u << c->source.kind)) {
		shown = cryo_source_show(&c->source);
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "%s:%u: component '%s': recipe '%s' cannot build from %s",
				    c->file, c->line, c->name, r->name, shown);
	}
	for (size_t i = 0; i < c->programs.n; i++) {
		size_t j = 0;

		while (known[j] && strcmp(known[j], c->programs.v[i]) != 0)
			j++;
		if (!known[j])
			return set_recipe_error(c, err, "program", c->programs.v[i], known);
	}
	return 0;
}

int cryo_recipe_find(const struct cryo_component *c, const struct cryo_recipe **out,
		     struct cryo_err *err)
{
	const char *names[CRYO_ARRAY_LEN(recipes) + 1] = { NULL };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(recipes); i++) {
		names[i] = recipes[i].name;
		if (strcmp(c->recipe, recipes[i].name) == 0) {
			*out = &recipes[i];
			return check_component_recipe(&recipes[i], c, err);
		}
	}
	return set_recipe_error(c, err, "recipe", c->recipe, names);
}

bool cryo_recipe_in_nodes(const struct cryo_component *c)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(recipes); i++)
		if (cryo_streq(c->recipe, recipes[i].name))
			return !recipes[i].tool;
	return true;
}
