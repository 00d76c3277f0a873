/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/bundle.h"
#include "cli/cli.h"
#include "cli/node_cmd.h"
#include "cli/products.h"
#include "cli/verb.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "rke2/digest.h"
#include "seal/sign.h"
#include "source/data.h"
#include "sys/fs.h"
#include "sys/hash.h"

#include <stdio.h>
#include <string.h>

struct bundle_opts {
	const char *kind, *stack, *to, *image, *sign_cert, *sign_key, *trust;
};

static const struct cryo_opt bundle_opts_table[] = {
	{ "for", 0, CRYO_OPT_STR, offsetof(struct bundle_opts, kind), "KIND",
	  "create: kind of node (valid values: rke2)" },
	{ "stack", 0, CRYO_OPT_STR, offsetof(struct bundle_opts, stack), "STACK",
	  "create: name or file of a built stack (default: upstream)" },
	{ "to", 0, CRYO_OPT_STR, offsetof(struct bundle_opts, to), "FILE",
	  "create: file to write (default: cryopod-rke2-STACK.tar.gz)" },
	{ "apiserver-image", 0, CRYO_OPT_STR, offsetof(struct bundle_opts, image), "IMAGE",
	  "create: image of the API server for servers to pull" },
	{ "sign-cert", 0, CRYO_OPT_STR, offsetof(struct bundle_opts, sign_cert), "FILE",
	  "create: sign with this certificate; the signature is FILE.cms" },
	{ "sign-key", 0, CRYO_OPT_STR, offsetof(struct bundle_opts, sign_key), "FILE",
	  "create: and this private key" },
	{ "trust", 0, CRYO_OPT_STR, offsetof(struct bundle_opts, trust), "FILE",
	  "verify: require a signature by one of these certificates" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

/* Without it nodes need their own cryopod. */
static char *find_node_program(void)
{
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *path = NULL;

	return cryo_data_path("libexec/cryopod-node", &path, &ignored) < 0 ? NULL : path;
}

static int sign_bundle(const struct bundle_opts *o, const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *cert = NULL;
	cryo_auto(cryo_seal_key_free) struct cryo_seal_key *key = NULL;
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s.cms", path);
	int rc = o->sign_cert ? cryo_seal_cert_load(o->sign_cert, CRYO_SEAL_SIGN, &cert, err) : 0;

	if (rc < 0 || !cert)
		return rc;
	rc = cryo_seal_key_load(o->sign_key, &key, err);
	return rc < 0 ? rc : cryo_seal_sign_file(path, cert, key, to, err);
}

int cli_bundle_trust(const char *bundle, const char *trust, struct cryo_err *err)
{
	cryo_auto(cryo_seal_trust_free) struct cryo_seal_trust *trusted = NULL;
	cryo_auto(cryo_free) char *signature = cryo_asprintf("%s.cms", bundle);
	int rc = cryo_seal_trust_load(trust, &trusted, err);

	return rc < 0 ? rc : cryo_seal_sign_verify(bundle, signature, trusted, err);
}

static int write_one(const struct bundle_opts *o, struct cryo_rke2_build *build,
		     const json_t *components, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *own = cryo_asprintf("cryopod-rke2-%s.tar.gz", build->stack);
	cryo_auto(cryo_free) char *program = find_node_program();
	const struct cryo_bundle_opts opts = { .components = components, .program = program };
	const char *to = o->to ? o->to : own;
	cryo_auto(cryo_free) char *size = NULL;
	char digest[CRYO_HASH_HEX];
	int rc = cryo_fs_check_place(to, err);

	if (!program)
		cryo_warn("the bundle has no program for nodes in it: run `make node` first");
	cryo_step_begin("bundle");
	if (rc == 0)
		rc = cryo_bundle_create(to, build, &opts, err);
	if (rc == 0)
		rc = sign_bundle(o, to, err);
	if (rc == 0)
		rc = cryo_hash_file(to, digest, err);
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		return rc;
	}
	size = cryo_size_show((uint64_t)cryo_fs_size(to));
	cryo_step_ok("%zu files, %s", build->n, size);
	printf("%s  sha256:%s\n", to, digest);
	return 0;
}

static int create_bundle(const struct bundle_opts *o, const char *arg, struct cryo_err *err)
{
	cryo_auto(cryo_rke2_build_release) struct cryo_rke2_build build = { 0 };
	cryo_auto(cryo_json_decref) json_t *components = NULL;
	int rc;

	(void)arg;
	if (!cryo_streq(o->kind, "rke2"))
		return cryo_err_set(err, CRYO_E_USAGE, "bundle create: --for rke2 is missing");
	if (!o->sign_key != !o->sign_cert)
		return cryo_err_set(err, CRYO_E_USAGE, "--sign-key and --sign-cert go together");
	rc = cryo_cli_products(o->stack, &build, &components, err);
	cryo_rke2_digests_save();
	if (rc == 0)
		build.apiserver_image = cryo_strdup(o->image);
	return rc < 0 ? rc : write_one(o, &build, components, err);
}

static int verify_bundle(const struct bundle_opts *o, const char *file, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *manifest = NULL;
	int rc;

	if (!file)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "an argument is missing: cryopod bundle verify FILE");
	rc = o->trust ? cli_bundle_trust(file, o->trust, err) : 0;
	if (rc == 0)
		rc = cryo_bundle_verify(file, &manifest, err);
	if (rc == 0)
		printf("%s: all %zu files are intact (stack %s, Kubernetes %s, %s)\n", file,
		       json_array_size(json_object_get(manifest, "files")),
		       cryo_json_str(manifest, "stack"), cryo_json_str(manifest, "kubernetes"),
		       cryo_json_str(manifest, "arch"));
	return rc;
}

static const struct bundle_verb {
	struct cryo_verb v;
	int (*run)(const struct bundle_opts *o, const char *arg, struct cryo_err *err);
} bundle_verbs[] = {
	{ { "create", false, false }, create_bundle },
	{ { "verify", true, false }, verify_bundle },
};

static int bundle_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			  struct cryo_err *err)
{
	int i = cryo_cli_verb("bundle", &bundle_verbs[0].v, CRYO_ARRAY_LEN(bundle_verbs),
			      sizeof(bundle_verbs[0]), args, err);

	(void)cli;
	(void)exit_code;
	return i < 0 ? i : bundle_verbs[i].run(opts, args[1], err);
}

const struct cryo_cmd cryo_cmd_bundle = {
	.name = "bundle",
	.usage = "create|verify [FILE]",
	.summary = "make or check one file with everything for nodes without a network",
	.opts = bundle_opts_table,
	.size = sizeof(struct bundle_opts),
	.min_args = 1,
	.max_args = 2,
	.run = bundle_cmd_run,
};
