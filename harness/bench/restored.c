/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/restored.h"

#include "net/pki.h"
#include "sys/fs.h"
#include "verify/podlog.h"

#include <string.h>

int cryo_bench_secret_make(struct cryo_kube *k, const char *key, struct cryo_err *err)
{
	const struct cryo_pki_spec spec = { .cn = CRYO_BENCH_SECRET,
					    .org = "cryopod",
					    .encrypt = true };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair pair = { 0 };
	int rc = cryo_pki_self_signed(&spec, CRYO_PKI_RSA_LEAST, &pair, err);

	if (rc == 0 && key)
		rc = cryo_fs_write(key, pair.key_pem, strlen(pair.key_pem), 0600, err);
	if (rc == 0) {
		const struct cryo_kube_datum data[] = {
			{ "tls.crt", pair.cert_pem, strlen(pair.cert_pem) },
			{ "tls.key", pair.key_pem, strlen(pair.key_pem) },
		};

		rc = cryo_kube_create_secret(k, CRYO_BENCH_NS, CRYO_BENCH_SECRET,
					     "kubernetes.io/tls", data, CRYO_ARRAY_LEN(data), err);
	}
	return rc;
}

/* The first line that is younger than the restore: what was copied from the source is older. */
struct tick {
	int64_t since, at;
};

static bool has_ticked_since(const char *line, int64_t ns, void *arg)
{
	struct tick *t = arg;
	struct cryo_count count;

	if (ns > t->since && cryo_count_parse(line, &count) == CRYO_LOGLINE_COUNT)
		t->at = ns;
	return t->at > 0;
}

int cryo_bench_first_tick(struct cryo_kube *k, int64_t since, int64_t *at, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct tick tick = { .since = since };
	int rc = cryo_bench_log(k, CRYO_BENCH_RESTORED, has_ticked_since, &tick, &text, err);

	*at = tick.at;
	return rc;
}

static int run_on_bench_node(struct cryo_cluster *t, const char *const *argv,
			     struct cryo_proc_result *res, struct cryo_err *err)
{
	const struct cryo_exec x = { .argv = argv, .timeout_ms = CRYO_BENCH_WAIT_MS };
	const struct cryo_cluster_node *node;
	int rc = cryo_cluster_find_node(t, NULL, &node, err);

	return rc < 0 ? rc : cryo_cluster_exec(t, node, &x, res, err);
}

int cryo_bench_images(struct cryo_cluster *t, struct cryo_strv *out, struct cryo_err *err)
{
	const char *const argv[] = { "ctr", "-n", "k8s.io", "images", "ls", "-q", NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	int rc = run_on_bench_node(t, argv, &res, err);
	char *save = NULL;

	if (rc < 0 || !res.out.p)
		return rc;
	for (char *line = strtok_r(res.out.p, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		cryo_strv_add(out, line);
	return 0;
}

int cryo_bench_restored_remove(struct cryo_cluster *t, struct cryo_kube *k,
			       const struct cryo_strv *before, struct cryo_err *err)
{
	static const char *const first[] = { "ctr",    "-n",	 "k8s.io", "images",
					     "delete", "--sync", NULL };
	const struct cryo_kube_ref ref = { "pods", CRYO_BENCH_NS, CRYO_BENCH_RESTORED };
	cryo_auto(cryo_strv_release) struct cryo_strv now = { 0 }, argv = { 0 };
	size_t none;
	int rc = cryo_kube_delete(k, &ref, 0, CRYO_BENCH_WAIT_MS, err);

	if (rc >= 0)
		rc = cryo_bench_images(t, &now, err);
	if (rc < 0)
		return rc;
	cryo_strv_addv(&argv, first);
	none = argv.n;
	for (size_t i = 0; i < now.n; i++)
		if (!cryo_strv_has(before, now.v[i]))
			cryo_strv_add(&argv, now.v[i]);
	return argv.n == none ? 0 : run_on_bench_node(t, cryo_strv_get(&argv), NULL, err);
}
