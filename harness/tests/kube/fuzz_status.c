/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes from a server: as an error, as lines of a watch in two pieces, as an object to judge,
 * as the answer to a checkpoint.
 */
#include "conf/json.h"
#include "kube/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const json_t *object)
{
	static const cryo_kube_test test[] = { cryo_kube_test_condition, cryo_kube_test_exists,
					       cryo_kube_test_gone, cryo_kube_test_pod_running };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(test); i++) {
		struct cryo_err err = CRYO_ERR_INIT;
		char *why = NULL;

		if (test[i](object, (void *)"Ready", &why, &err) < 0 && !*err.msg)
			abort();
		free(why);
	}
}

static int on_line(const char *line, size_t n, void *arg)
{
	cryo_auto(cryo_json_decref) json_t *j = json_loadb(line, n, 0, NULL);
	size_t *max = arg;

	if (n > *max || strlen(line) > n)
		abort();
	judge(j);
	judge(cryo_json_at(j, "object"));
	cryo_kube_items(j);
	return 0;
}

/* Either it names an archive that could be one, or it is an error of one line with a code. */
static void checkpoint_answer(const struct cryo_str *text, long code, bool pods)
{
	const struct cryo_http_resp resp = { .code = code, .body = *text };
	cryo_auto(cryo_checkpoint_answer_release) struct cryo_checkpoint_answer a = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	int rc = cryo_checkpoint_take(&resp, pods, &a, &err);

	if (rc == 0 && (!a.path || *a.path != '/' || strstr(a.path, "/../") ||
			!cryo_ends_with(a.path, ".tar") || code / 100 != 2 ||
			(pods && (!a.node || strpbrk(a.node, "/\n \\")))))
		abort();
	if (rc < 0 && ((rc != -CRYO_E_REMOTE && rc != -CRYO_E_TIMEOUT) || !*err.msg ||
		       strchr(err.msg, '\n') || a.path || err.http_code == 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const long code[] = { 200, 201, 302, 404, 500 };

	size_t max = 512, half = size / 2;
	struct cryo_kube_lines l = { .max = max, .on_line = on_line, .arg = &max };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	cryo_str_addn(&text, data, size);
	if (cryo_kube_body_err(500, text.p, size, &err) != -CRYO_E_REMOTE || err.http_code != 500 ||
	    strchr(err.msg, '\n'))
		abort();
	for (size_t i = 0; i < CRYO_ARRAY_LEN(code); i++) {
		checkpoint_answer(&text, code[i], true);
		checkpoint_answer(&text, code[i], false);
	}
	cryo_kube_lines_add(&l, text.p, half);
	cryo_kube_lines_add(&l, text.p + half, size - half);
	cryo_kube_lines_end(&l);
	cryo_str_release(&l.partial);
	return 0;
}
