/* SPDX-License-Identifier: Apache-2.0 */
/* Commands whose first word says what is to be done: "template list". */
#ifndef CRYO_CLI_VERB_H
#define CRYO_CLI_VERB_H

#include "base/err.h"

struct cryo_verb {
	const char *name;
	bool takes_word; /* may be followed by one */
	bool root;
};

/*
 * The index of args[0] among `n` structs of `size` bytes that begin with a verb,
 * if what follows and the user are as it wants them. `command`: for messages.
 */
int cryo_cli_verb(const char *command, const struct cryo_verb *first, size_t n, size_t size,
		  char **args, struct cryo_err *err);

#endif
