/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes from a server: as an error, as lines of a watch in two pieces, as an object to judge.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t max = 512, half = size / 2;
	struct cryo_kube_lines l = { .max = max, .on_line = on_line, .arg = &max };
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	cryo_str_addn(&text, data, size);
	if (cryo_kube_body_err(500, text.p, size, &err) != -CRYO_E_REMOTE || err.sys_errno != 500 ||
	    strchr(err.msg, '\n'))
		abort();
	cryo_kube_lines_add(&l, text.p, half);
	cryo_kube_lines_add(&l, text.p + half, size - half);
	cryo_kube_lines_end(&l);
	cryo_str_release(&l.partial);
	return 0;
}
