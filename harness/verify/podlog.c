/* SPDX-License-Identifier: Apache-2.0 */
#include "verify/podlog.h"

#define MAX_LOG (64 << 20)

struct reading {
	const struct cryo_podlog *p;
	struct cryo_str *out;
	bool enough, too_long;
};

static int podlog_on_line(const char *line, void *arg)
{
	struct reading *r = arg;
	const char *text;
	int64_t ns;

	cryo_str_addf(r->out, "%s\n", line);
	r->too_long = r->out->len > MAX_LOG;
	if (r->p->enough) {
		text = cryo_log_api_text(line, &ns);
		r->enough = r->p->enough(text, ns, r->p->arg);
	}
	return r->enough || r->too_long;
}

int cryo_podlog_read(struct cryo_kube *k, const struct cryo_podlog *p, struct cryo_str *out,
		     struct cryo_err *err)
{
	struct reading r = { .p = p, .out = out };
	struct cryo_kube_log_opts opts = {
		.ns = p->ns,
		.pod = p->pod,
		.container = p->container,
		.timestamps = true,
		.follow = p->enough != NULL,
		.timeout_ms = p->timeout_ms,
		.on_line = podlog_on_line,
		.arg = &r,
	};
	int rc = cryo_kube_logs(k, &opts, err);

	if (rc < 0)
		return rc;
	if (r.too_long)
		return cryo_err_set(err, CRYO_E_CHECK, "the log of pod '%s' is longer than %d MiB",
				    p->pod, MAX_LOG >> 20);
	return r.enough ? 0 : 1;
}
