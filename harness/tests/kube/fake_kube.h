/* SPDX-License-Identifier: Apache-2.0 */
/* A Kubernetes client in front of a scripted server: one fixture for the tests of kube/. */
#ifndef CRYO_TESTS_KUBE_FAKE_KUBE_H
#define CRYO_TESTS_KUBE_FAKE_KUBE_H

#include "kube/kube.h"
#include "net/http.h"
#include "tests/net/fake_http.h"

struct fake_kube {
	struct fake_http http;
	struct cryo_kube *k;
	struct cryo_err err;
};

static inline void fake_kube_start(struct fake_kube *f, const struct fake_step *step, size_t n)
{
	struct cryo_http_opts opts = { .base_url = f->http.url, .netns_fd = -1, .direct = true };

	while (n > 0 && !step[n - 1].request)
		n--; /* rows of a table may be shorter than the longest */
	fake_start(&f->http, step, n);
	f->k = cryo_kube_new(&opts);
}

/* Did it ask this? Only after the answers came. */
static inline bool fake_kube_saw(const struct fake_kube *f, const char *text)
{
	return strstr(cryo_str_get(&f->http.seen), text) != NULL;
}

/* True if the whole script was played. */
static inline bool fake_kube_stop(struct fake_kube *f)
{
	cryo_kube_free(f->k);
	fake_stop(&f->http);
	return f->http.next == f->http.n;
}

#endif
