/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/survey.h"

#include "base/clock.h"

#include <stdlib.h>

void cache_survey_release(struct cache_survey *s)
{
	for (size_t i = 0; i < s->n; i++)
		cache_item_release(&s->item[i]);
	free(s->item);
	cache_refs_release(&s->refs);
	*s = (struct cache_survey){ 0 };
}

static void decide_item_removal(const struct cryo_cache_opts *o, struct cache_item *i)
{
	int64_t idle_ms = cryo_wall_ns() / 1000000 - i->changed_s * 1000;

	i->goes = !i->pinned && (o->all || i->users.n == 0) && idle_ms >= o->older_ms;
}

int cache_survey_make(const struct cryo_cache_opts *o, bool busy, struct cache_survey *out,
		      struct cryo_err *err)
{
	static const struct {
		int (*scan)(struct cache_survey *s, struct cryo_err *err);
		bool when_idle; /* what a build or a look at sources may need at any moment */
	} kinds[] = {
		{ cache_scan_templates, false },   { cache_scan_builds, false },
		{ cache_scan_roots, true },	   { cache_scan_trees, true },
		{ cache_scan_repositories, true }, { cache_scan_archives, true },
		{ cache_scan_go, true },	   { cache_scan_rest, true },
		{ cache_scan_peoples, false },
	};
	cryo_auto(cache_survey_release) struct cache_survey s = { .o = o, .busy = busy };
	int rc = cache_refs_collect(&s.refs, err);

	for (size_t k = 0; rc == 0 && k < CRYO_ARRAY_LEN(kinds); k++) {
		size_t first = s.n;

		rc = kinds[k].scan(&s, err);
		for (size_t i = first; i < s.n; i++) {
			if (kinds[k].when_idle && busy)
				cache_item_pin(&s.item[i], "a running build or 'sources'");
			decide_item_removal(o, &s.item[i]);
		}
	}
	if (rc < 0)
		return rc;
	*out = s;
	s = (struct cache_survey){ 0 };
	return 0;
}
