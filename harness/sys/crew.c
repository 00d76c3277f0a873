/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/crew.h"

#include "base/event.h"
#include "sys/intr.h"

#include <sched.h>
#include <stdlib.h>

struct shift {
	const struct cryo_crew *crew;
	struct cryo_child **child; /* as cryo_child_serve wants them */
	bool *begun;
	size_t at_work;
};

unsigned cryo_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static bool may_begin_job(const struct shift *s, size_t job)
{
	const struct cryo_crew *crew = s->crew;

	return !s->begun[job] && s->at_work < crew->most &&
	       (s->at_work == 0 || !crew->fits || crew->fits(crew->arg, job));
}

static int begin_jobs(struct shift *s, struct cryo_err *err)
{
	const struct cryo_crew *crew = s->crew;

	for (size_t i = 0; i < crew->jobs; i++) {
		int rc;

		if (!may_begin_job(s, i))
			continue;
		rc = crew->start(crew->arg, i, &s->child[i], err);
		if (rc < 0)
			return rc;
		s->begun[i] = true;
		s->at_work++;
	}
	return 0;
}

/* The first failure is the one that is told. */
static int finish_jobs(struct shift *s, int rc, struct cryo_err *err)
{
	const struct cryo_crew *crew = s->crew;

	for (size_t i = 0; i < crew->jobs; i++) {
		struct cryo_err later = CRYO_ERR_INIT;
		int ended;

		if (!s->child[i] || !cryo_child_done(s->child[i]))
			continue;
		ended = crew->finish(crew->arg, i, cryo_steal(&s->child[i]), &later);
		s->at_work--;
		if (rc == 0 && ended < 0) {
			rc = ended;
			*err = later;
		}
	}
	return rc;
}

static int work_until_done(struct shift *s, struct cryo_err *err)
{
	struct cryo_err interrupt = CRYO_ERR_INIT;
	int rc = cryo_intr_check(err), interrupted = 0;

	if (rc == 0)
		rc = begin_jobs(s, err);
	while (s->at_work > 0) {
		cryo_child_serve(s->child, s->crew->jobs);
		rc = finish_jobs(s, rc, err);
		if (interrupted == 0) {
			interrupted = cryo_intr_check(&interrupt);
			if (interrupted < 0 && s->crew->interrupted)
				cryo_info("%s", s->crew->interrupted);
		}
		if (rc == 0 && interrupted == 0)
			rc = begin_jobs(s, err);
	}
	if (interrupted == 0)
		return rc;
	*err = interrupt;
	return interrupted;
}

int cryo_crew_run(const struct cryo_crew *crew, struct cryo_err *err)
{
	struct shift s = { .crew = crew };
	int rc;

	s.child = cryo_alloc((crew->jobs + 1) * sizeof(struct cryo_child *));
	s.begun = cryo_alloc((crew->jobs + 1) * sizeof(bool));
	rc = work_until_done(&s, err);
	free(s.child);
	free(s.begun);
	return rc;
}
