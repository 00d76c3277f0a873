/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many jobs, each a child process, some of them at once. When one fails no other is begun, and
 * those at work are waited for, as with make. An interrupt reaches the children by itself
 * (sys/proc.h); the crew waits for them and begins nothing more.
 */
#ifndef CRYO_SYS_CREW_H
#define CRYO_SYS_CREW_H

#include "sys/proc.h"

/* Processors this process may use, not those the machine has: CI gives a container two of 64. */
unsigned cryo_processors(void);

struct cryo_crew {
	size_t jobs;
	unsigned most; /* at once */
	/* Begin that job. */
	int (*start)(void *arg, size_t job, struct cryo_child **out, struct cryo_err *err);
	/* It ended: calls cryo_child_finish. What it returns decides whether others are begun. */
	int (*finish)(void *arg, size_t job, struct cryo_child *child, struct cryo_err *err);
	/* May it begin beside those at work? Asked again after each sign of life of any of them.
	 * NULL: always. A job may always begin when none is at work. */
	bool (*fits)(void *arg, size_t job);
	void *arg;
	const char *interrupted; /* an info at the first interrupt; NULL: none */
};

/* 0, -CRYO_E_INTERRUPTED, or else the first failure of `start` or `finish`. */
int cryo_crew_run(const struct cryo_crew *crew, struct cryo_err *err);

#endif
