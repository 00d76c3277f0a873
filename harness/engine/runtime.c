/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In front of runc, for a daemon without CAP_SYS_RESOURCE. runc fails on a
 * capability that nobody may have ("unable to apply caps: operation not permitted")
 * instead of leaving it out, when it creates a container and when it starts one more
 * process in it. Source: OCI runtime-spec 1.0, config.md, "process".
 */
#include "engine/private.h"

#include "conf/json.h"
#include "sys/fs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_DESCRIPTION (16u << 20)
#define MISSING		"CAP_SYS_RESOURCE"

static bool drop_from_list(json_t *list)
{
	bool changed = false;

	for (size_t i = json_array_size(list); i-- > 0;) {
		const char *name = json_string_value(json_array_get(list, i));

		if (!name || strcmp(name, MISSING) != 0)
			continue;
		json_array_remove(list, i);
		changed = true;
	}
	return changed;
}

static bool edit_process(json_t *process)
{
	static const char *const sets[] = { "bounding", "effective", "inheritable", "permitted",
					    "ambient" };
	json_t *caps = json_object_get(process, "capabilities");
	json_t *score = json_object_get(process, "oomScoreAdj");
	bool changed = false;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(sets); i++)
		changed |= drop_from_list(json_object_get(caps, sets[i]));
	/* Raising a limit, and lowering the score, need it as well. */
	if (json_object_del(process, "rlimits") == 0)
		changed = true;
	if (json_integer_value(score) < 0) {
		json_object_set_new(process, "oomScoreAdj", json_integer(0));
		changed = true;
	}
	return changed;
}

bool cryo_private_edit(json_t *description)
{
	json_t *process = json_object_get(description, "process");

	return edit_process(process ? process : description);
}

/* The value of an option, "--bundle DIR" or "--bundle=DIR"; NULL if it is not there. */
static const char *find_option(char **argv, const char *name, const char *letter)
{
	size_t n = strlen(name);

	for (; *argv; argv++) {
		if ((strcmp(*argv, name) == 0 || (letter && strcmp(*argv, letter) == 0)) && argv[1])
			return argv[1];
		if (strncmp(*argv, name, n) == 0 && (*argv)[n] == '=')
			return *argv + n + 1;
	}
	return NULL;
}

static bool has_word(char **argv, const char *word)
{
	while (*argv && strcmp(*argv, word) != 0)
		argv++;
	return *argv != NULL;
}

static int edit_file(const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_json_load(path, MAX_DESCRIPTION, &j, err);

	if (rc < 0 || !cryo_private_edit(j))
		return rc;
	cryo_json_dump(j, &text);
	return cryo_fs_write(path, text.p, text.len, 0600, err);
}

static int edit_call(char **argv, struct cryo_err *err)
{
	const char *bundle = find_option(argv, "--bundle", "-b");
	const char *process = find_option(argv, "--process", "-p");
	cryo_auto(cryo_free) char *config = cryo_asprintf("%s/config.json", bundle ? bundle : ".");

	if (has_word(argv, "create") || has_word(argv, "run"))
		return edit_file(config, err);
	if (has_word(argv, "exec") && process)
		return edit_file(process, err);
	return 0;
}

int cryo_private_runtime_main(int argc, char **argv)
{
	struct cryo_err err = CRYO_ERR_INIT;

	(void)argc;
	if (edit_call(argv + 1, &err) < 0) {
		fprintf(stderr, CRYO_PRIVATE_RUNTIME ": %s\n", err.msg);
		return 1;
	}
	argv[0] = (char *)"runc";
	execvp("runc", argv);
	perror(CRYO_PRIVATE_RUNTIME ": cannot run 'runc'");
	return 127;
}
