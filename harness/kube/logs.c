/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include <inttypes.h>

#define LINE_MAX_BYTES 65536

struct reader {
	const struct cryo_kube_log_opts *opts;
	struct cryo_kube_lines lines;
	bool ended;
};

static int logs_on_line(const char *line, size_t n, void *arg)
{
	struct reader *r = arg;

	(void)n;
	r->ended = r->opts->on_line(line, r->opts->arg) != 0;
	return r->ended;
}

static int logs_on_data(const char *data, size_t n, void *arg)
{
	struct reader *r = arg;

	return cryo_kube_lines_add(&r->lines, data, n);
}

static int make_pod_log_path(struct cryo_kube *k, const struct cryo_kube_log_opts *opts,
			     struct cryo_str *path, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", opts->ns, opts->pod };
	const struct {
		const char *key;
		bool on;
	} flag[] = {
		{ "follow", opts->follow },
		{ "timestamps", opts->timestamps },
		{ "previous", opts->previous },
	};
	int rc = cryo_kube_path(k, &ref, path, err);

	if (rc < 0)
		return rc;
	cryo_str_add(path, "/log");
	if (opts->container)
		cryo_kube_query(path, "container", opts->container);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(flag); i++)
		if (flag[i].on)
			cryo_kube_query(path, flag[i].key, "true");
	if (opts->tail > 0) {
		cryo_auto(cryo_free) char *n = cryo_asprintf("%" PRId64, opts->tail);

		cryo_kube_query(path, "tailLines", n);
	}
	return 0;
}

int cryo_kube_logs(struct cryo_kube *k, const struct cryo_kube_log_opts *opts, struct cryo_err *err)
{
	struct reader r = { .opts = opts,
			    .lines = { .max = LINE_MAX_BYTES, .on_line = logs_on_line } };
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };
	struct cryo_http_req req = { .accept = "*/*",
				     .timeout_ms = opts->timeout_ms ? opts->timeout_ms : -1,
				     .on_data = logs_on_data,
				     .on_data_arg = &r };
	int rc = make_pod_log_path(k, opts, &path, err);

	r.lines.arg = &r;
	req.path = cryo_str_get(&path);
	if (rc == 0)
		rc = cryo_kube_do(k, &req, &resp, err);
	if (rc == 0 && !r.ended)
		cryo_kube_lines_end(&r.lines);
	cryo_str_release(&r.lines.partial);
	return cryo_err_wrap(err, rc, "log of pod '%s'", opts->pod);
}
