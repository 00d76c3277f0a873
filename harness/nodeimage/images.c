/* SPDX-License-Identifier: Apache-2.0 */
/* The images of the control plane: a program each, but kube-proxy, which calls others. */
#include "nodeimage/inside.h"

#include "base/event.h"
#include "image/oci.h"
#include "source/data.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct control_image {
	const char *program;	/* last piece of the image's name as well */
	const char *component;	/* NULL: ships with cryopod */
	const char *place;	/* in the image */
	const char *entrypoint; /* NULL: those who start it name the program */
	const char *borrows;	/* list of files of the lower layer, or NULL */
	bool later;		/* no static pod needs it */
} control_images[] = {
	{ "pause", NULL, "pause", "/pause", NULL, false },
	{ "etcd", "etcd", "usr/local/bin/etcd", NULL, NULL, false },
	{ "kube-apiserver", "kubernetes", "usr/local/bin/kube-apiserver", NULL, NULL, false },
	{ "kube-controller-manager", "kubernetes", "usr/local/bin/kube-controller-manager", NULL,
	  NULL, false },
	{ "kube-scheduler", "kubernetes", "usr/local/bin/kube-scheduler", NULL, NULL, false },
	{ "kube-proxy", "kubernetes", "usr/local/bin/kube-proxy", NULL, "kube-proxy.files", true },
	{ "coredns", "coredns", "coredns", "/coredns", NULL, true },
};

static int find_program(const struct cryo_nodeimage *n, const struct control_image *c, char **path,
			struct cryo_err *err)
{
	cryo_auto(cryo_free) char *shipped = cryo_asprintf("libexec/%s", c->program);

	if (!c->component)
		return cryo_data_path(shipped, path, err);
	*path = cryo_nodeimage_program(n, c->component, c->program);
	if (*path)
		return 0;
	return cryo_err_set(err, CRYO_E_PROVISION, "component '%s' has no program '%s'",
			    c->component, c->program);
}

static int write_control_layer(const struct control_image *c, const char *program,
			       const char *lower, const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv patterns = { 0 };
	cryo_auto(cryo_layer_free) struct cryo_layer *l = NULL;
	int rc = cryo_layer_new(path, &l, err);

	if (rc == 0 && c->borrows) {
		rc = nodeimage_lines(c->borrows, &patterns, err);
		if (rc == 0)
			rc = cryo_layer_borrow(l, lower, cryo_strv_get(&patterns), err);
	}
	if (rc == 0)
		rc = cryo_layer_file(l, c->place, 0755, program, err);
	return rc < 0 ? rc : cryo_layer_finish(l, err);
}

static int write_control_image(const struct cryo_nodeimage *n, const struct control_image *c,
			       const char *ref, const char *lower, const char *work,
			       const char *path, struct cryo_err *err)
{
	const char *const entrypoint[] = { c->entrypoint, NULL };
	cryo_auto(cryo_free) char *layer = cryo_asprintf("%s/%s.layer", work, c->program);
	cryo_auto(cryo_free) char *program = NULL;
	int rc = find_program(n, c, &program, err);

	if (rc == 0)
		rc = write_control_layer(c, program, lower, layer, err);
	if (rc == 0)
		rc = cryo_oci_write(&(struct cryo_oci_image){ .ref = ref,
							      .entrypoint = entrypoint,
							      .layer_path = layer },
				    path, err);
	unlink(layer);
	return rc;
}

static int add_control_image(const struct cryo_nodeimage *n, const struct control_image *c,
			     const struct cryo_strv *refs, const char *lower, const char *work,
			     struct cryo_layer *l, struct cryo_err *err)
{
	const char *ref = nodeimage_ref_of(refs, c->program);
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s.tar", work, c->program);
	cryo_auto(cryo_free) char *name =
	    cryo_asprintf("kind/images/%s/%s.tar", c->later ? "later" : "first", c->program);
	int rc;

	if (!ref)
		return cryo_err_set(err, CRYO_E_PROVISION,
				    "kubeadm %s lists no image of '%s': this cryopod does not "
				    "support its control plane",
				    n->version, c->program);
	cryo_step_note("%s", ref);
	rc = write_control_image(n, c, ref, lower, work, path, err);
	if (rc == 0)
		rc = cryo_layer_file(l, name, 0644, path, err);
	unlink(path);
	return rc;
}

int nodeimage_add_images(const struct cryo_nodeimage *n, const struct cryo_strv *refs,
			 const char *lower, const char *work, struct cryo_layer *l,
			 struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(control_images); i++)
		rc = add_control_image(n, &control_images[i], refs, lower, work, l, err);
	return rc;
}
