/* SPDX-License-Identifier: Apache-2.0 */
/* `cryopod node verify`: do the programs of this node do what they are for? */
#include "cli/node_cmd.h"

#include "base/event.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/proc.h"

#include <string.h>
#include <unistd.h>

#define CRIU_MS 60000

struct verify_look {
	const json_t *status;
	char *bin, *said; /* said: what a check has to tell; freed after it */
};

static int check_installed(struct verify_look *l, struct cryo_err *err)
{
	const char *state = cryo_json_str(l->status, "state");

	return cryo_streq(state, "installed")
		   ? 0
		   : cryo_err_set(err, CRYO_E_CHECK, "the node is '%s'", state);
}

static int check_running(struct verify_look *l, struct cryo_err *err)
{
	json_t *program, *p;
	size_t i, k;

	json_array_foreach(json_object_get(l->status, "programs"), i, program) {
		const char *name = cryo_json_str(program, "name");
		const json_t *running = json_object_get(program, "running");
		bool daemon = strcmp(name, "containerd") == 0 || strcmp(name, "kubelet") == 0;

		if (daemon && json_array_size(running) == 0)
			return cryo_err_set(err, CRYO_E_CHECK, "%s is not running", name);
		json_array_foreach(running, k, p)
			if (daemon && !cryo_streq(cryo_json_str(p, "what"), "ours"))
				return cryo_err_set(err, CRYO_E_CHECK, "the running %s is not ours",
						    name);
	}
	return 0;
}

/* With its own libraries, by the interposer, as runc calls it. */
static int check_criu(struct verify_look *l, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *criu = cryo_asprintf("%s/criu", l->bin);
	const char *const argv[] = { criu, "check", NULL };
	struct cryo_proc p = { .argv = argv, .timeout_ms = CRIU_MS };

	if (access(criu, X_OK) < 0)
		return cryo_err_set(err, CRYO_E_CHECK, "there is no '%s'", criu);
	return cryo_err_wrap(err, cryo_proc_run(&p, NULL, err), "criu check");
}

static int check_counter(struct verify_look *l, struct cryo_err *err)
{
	return node_counter_verify(&l->said, err);
}

/* Up to the first that fails: what is not there cannot be tried any further. */
static void run_checks(struct verify_look *l, int *exit_code)
{
	static const struct {
		const char *what;
		int (*check)(struct verify_look *l, struct cryo_err *err);
	} checks[] = { { "installed", check_installed },
		       { "containerd and kubelet are ours", check_running },
		       { "criu check", check_criu },
		       { "a counter continues after a restore", check_counter } };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(checks) && !*exit_code; i++) {
		struct cryo_err why = CRYO_ERR_INIT;
		int rc;

		cryo_step_begin("%s", checks[i].what);
		rc = checks[i].check(l, &why);
		if (rc == 1)
			cryo_step_skip("an agent cannot create pods");
		else if (rc == 0)
			cryo_step_ok("%s", l->said ? l->said : "");
		else
			cryo_step_fail("%s", why.msg);
		*exit_code = rc < 0;
		cryo_freep(&l->said);
		l->said = NULL;
	}
}

int node_cmd_verify(const struct node_opts *o, int *exit_code, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *status = NULL;
	struct verify_look l = { 0 };
	int rc = cryo_rke2_status("", &status, err);

	(void)o;
	if (rc < 0)
		return rc;
	l.status = status;
	l.bin = cryo_asprintf("%s/bin", cryo_json_str(status, "node.dataDir"));
	run_checks(&l, exit_code);
	cryo_freep(&l.bin);
	return 0;
}
