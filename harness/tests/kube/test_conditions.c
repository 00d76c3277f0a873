/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEAD "{'metadata':{'name':'p'},'spec':{'containers':[{'name':'c'}]},'status':{"
#define HEAD_TWO                                                                                   \
	"{'metadata':{'name':'p'},'spec':{'containers':[{'name':'c'},{'name':'d'}]},'status':{"
#define WAITING(reason)                                                                            \
	"'phase':'Pending','containerStatuses':[{'name':'c','state':{'waiting':{" reason "}}}]}}"

struct row {
	const char *name, *object; /* quotes are single here; NULL: it does not exist */
	int verdict;
	const char *text; /* of why, or of the error */
};

static json_t *object_of(const char *text)
{
	char *copy = cryo_strdup(text);
	json_t *j;

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	j = json_loads(copy, 0, NULL);
	free(copy);
	assert_non_null(j);
	return j;
}

static void judge(const struct row *row, size_t n, cryo_kube_test test, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		json_t *o = row[i].object ? object_of(row[i].object) : NULL;
		struct cryo_err err = CRYO_ERR_INIT;
		char *why = NULL;

		print_message("# %s\n", row[i].name);
		assert_int_equal(test(o, arg, &why, &err), row[i].verdict);
		assert_string_equal(row[i].verdict < 0 ? err.msg : why ? why : "", row[i].text);
		free(why);
		json_decref(o);
	}
}

static void running(void **state)
{
	static const struct row row[] = {
		{ "absent", NULL, 0, "it does not exist" },
		{ "fresh", HEAD "'phase':'Pending'}}", 0, "phase Pending" },
		{ "no status", "{'metadata':{'name':'p'}}", 0, "phase unknown" },
		{ "wrong types",
		  "{'metadata':7,'spec':[],'status':{'phase':{},'containerStatuses':{}}}", 0,
		  "phase unknown" },
		{ "unschedulable",
		  HEAD "'phase':'Pending','conditions':[{'type':'PodScheduled','status':'False',"
		       "'reason':'Unschedulable','message':'0/1 nodes are available\\nx'}]}}",
		  0, "not scheduled: Unschedulable: 0/1 nodes are available" },
		{ "creating", HEAD WAITING("'reason':'ContainerCreating'"), 0,
		  "container 'c': ContainerCreating" },
		{ "pulling", HEAD WAITING("'reason':'ImagePullBackOff','message':'Back-off'"), 0,
		  "container 'c': ImagePullBackOff: Back-off" },
		{ "image absent", HEAD WAITING("'reason':'ErrImageNeverPull','message':'no image'"),
		  -CRYO_E_CHECK, "pod 'p' cannot run: container 'c': ErrImageNeverPull: no image" },
		{ "bad name", HEAD WAITING("'reason':'InvalidImageName'"), -CRYO_E_CHECK,
		  "pod 'p' cannot run: container 'c': InvalidImageName" },
		{ "create",
		  HEAD WAITING("'reason':'CreateContainerError','message':'criu restore'"),
		  -CRYO_E_CHECK,
		  "pod 'p' cannot run: container 'c': CreateContainerError: criu restore" },
		{ "config", HEAD WAITING("'reason':'CreateContainerConfigError'"), -CRYO_E_CHECK,
		  "pod 'p' cannot run: container 'c': CreateContainerConfigError" },
		{ "run", HEAD WAITING("'reason':'RunContainerError'"), -CRYO_E_CHECK,
		  "pod 'p' cannot run: container 'c': RunContainerError" },
		{ "crash loop",
		  HEAD "'phase':'Running','containerStatuses':[{'name':'c','state':{'waiting':{"
		       "'reason':'CrashLoopBackOff'}},'lastState':{'terminated':{'reason':'Error',"
		       "'exitCode':1}}}]}}",
		  0, "container 'c': CrashLoopBackOff: Error" },
		{ "could not start",
		  HEAD
		  "'phase':'Running','containerStatuses':[{'name':'c','state':{'waiting':{"
		  "'reason':'CrashLoopBackOff'}},'lastState':{'terminated':{'reason':'StartError',"
		  "'message':'runc: restore failed'}}}]}}",
		  -CRYO_E_CHECK,
		  "pod 'p' cannot run: container 'c': CrashLoopBackOff: StartError: runc: restore "
		  "failed" },
		{ "failed", HEAD "'phase':'Failed','reason':'Evicted','message':'no memory'}}",
		  -CRYO_E_CHECK,
		  "pod 'p' cannot run: it has ended, phase Failed: Evicted: no memory" },
		{ "failed container",
		  HEAD "'phase':'Failed','containerStatuses':[{'name':'c','state':{'terminated':{"
		       "'reason':'Error','exitCode':3}}}]}}",
		  -CRYO_E_CHECK,
		  "pod 'p' cannot run: it has ended, phase Failed; container 'c': Error" },
		{ "succeeded", HEAD "'phase':'Succeeded'}}", -CRYO_E_CHECK,
		  "pod 'p' cannot run: it has ended, phase Succeeded" },
		{ "one of two",
		  HEAD_TWO
		  "'phase':'Running','containerStatuses':[{'name':'c','state':{'running':{}}},"
		  "{'name':'d','state':{'waiting':{'reason':'ContainerCreating'}}}]}}",
		  0, "container 'd': ContainerCreating" },
		{ "one of two known",
		  HEAD_TWO
		  "'phase':'Running','containerStatuses':[{'name':'c','state':{'running':{}}}]}}",
		  0, "phase Running" },
		{ "init fails",
		  HEAD "'phase':'Pending','initContainerStatuses':[{'name':'i','state':{'waiting':{"
		       "'reason':'ErrImageNeverPull'}}}]}}",
		  -CRYO_E_CHECK, "pod 'p' cannot run: container 'i': ErrImageNeverPull" },
		{ "init is through",
		  HEAD
		  "'phase':'Running','initContainerStatuses':[{'name':'i','state':{'terminated':{"
		  "'exitCode':0,'reason':'Completed'}}}],"
		  "'containerStatuses':[{'name':'c','state':{'running':{}}}]}}",
		  1, "" },
		{ "runs",
		  HEAD
		  "'phase':'Running','containerStatuses':[{'name':'c','state':{'running':{}}}]}}",
		  1, "" },
		{ "runs, but goes",
		  "{'metadata':{'name':'p','deletionTimestamp':'t'},'spec':{'containers':[{'name':'"
		  "c'}]},"
		  "'status':{'phase':'Running','containerStatuses':[{'name':'c','state':{'running':"
		  "{}}}]}}",
		  0, "it is being deleted" },
	};

	(void)state;
	judge(row, CRYO_ARRAY_LEN(row), cryo_kube_test_pod_running, NULL);
}

static void condition(void **state)
{
	static const struct row row[] = {
		{ "absent", NULL, 0, "it does not exist" },
		{ "none", "{'status':{}}", 0, "it has no condition Ready yet" },
		{ "other", "{'status':{'conditions':[{'type':'X','status':'True'}]}}", 0,
		  "it has no condition Ready yet" },
		{ "false",
		  "{'status':{'conditions':[{'type':'Ready','status':'False','reason':'R',"
		  "'message':'m'}]}}",
		  0, "condition Ready is False: R: m" },
		{ "unknown", "{'status':{'conditions':[{'type':'Ready','status':'Unknown'}]}}", 0,
		  "condition Ready is Unknown" },
		{ "wrong type", "{'status':{'conditions':[7,{'type':'Ready','status':true}]}}", 0,
		  "condition Ready is ?" },
		{ "true", "{'status':{'conditions':[{'type':'Ready','status':'True'}]}}", 1, "" },
	};

	(void)state;
	judge(row, CRYO_ARRAY_LEN(row), cryo_kube_test_condition, (void *)"Ready");
}

static void being_there(void **state)
{
	static const struct row exists[] = { { "absent", NULL, 0, "it does not exist" },
					     { "there", "{}", 1, "" } };
	static const struct row gone[] = {
		{ "absent", NULL, 1, "" },
		{ "there", "{}", 0, "it still exists" },
		{ "going", "{'metadata':{'deletionTimestamp':'t'}}", 0, "it is being deleted" },
	};

	(void)state;
	judge(exists, CRYO_ARRAY_LEN(exists), cryo_kube_test_exists, NULL);
	judge(gone, CRYO_ARRAY_LEN(gone), cryo_kube_test_gone, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(running),
		cmocka_unit_test(condition),
		cmocka_unit_test(being_there),
	};
	int n = cmocka_run_group_tests(tests, NULL, NULL);

	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}
