/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/text.h"
#include "conf/json.h"
#include "conf/yaml.h"

#include <stdio.h>
#include <string.h>

int cryo_cli_output(const char *text, enum cryo_output *out, struct cryo_err *err)
{
	static const struct {
		const char *name;
		enum cryo_output output;
	} known[] = { { "table", CRYO_OUTPUT_TABLE },
		      { "json", CRYO_OUTPUT_JSON },
		      { "yaml", CRYO_OUTPUT_YAML } };

	*out = CRYO_OUTPUT_TABLE;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(known); i++) {
		if (!text || cryo_streq(text, known[i].name)) {
			*out = known[i].output;
			return 0;
		}
	}
	return cryo_err_set(err, CRYO_E_USAGE,
			    "--output: '%s' is not valid (valid values: table, json, yaml)", text);
}

char *cryo_cli_clean(const char *text)
{
	struct cryo_str clean = { 0 };

	cryo_text_clean(&clean, text);
	return cryo_str_detach(&clean);
}

int cryo_cli_width(const json_t *all, const char *key, const char *head)
{
	size_t width = strlen(head), i;
	json_t *one;

	json_array_foreach((json_t *)all, i, one) {
		const char *text = cryo_json_str(one, key);

		if (text && strlen(text) > width)
			width = strlen(text);
	}
	return (int)width;
}

void cryo_cli_print(const json_t *j, enum cryo_output output)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	if (output == CRYO_OUTPUT_YAML) {
		cryo_yaml_emit(j, &text);
	} else {
		cryo_json_dump_pretty(j, &text);
		cryo_str_add(&text, "\n");
	}
	fputs(cryo_str_get(&text), stdout);
}

int cryo_cli_list(const char *output, int (*get)(json_t **all, struct cryo_err *err),
		  void (*print_table)(const json_t *all), struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *all = NULL;
	enum cryo_output o;
	int rc = cryo_cli_output(output, &o, err);

	if (rc == 0)
		rc = get(&all, err);
	if (rc < 0)
		return rc;
	if (o == CRYO_OUTPUT_TABLE)
		print_table(all);
	else
		cryo_cli_print(all, o);
	return 0;
}
