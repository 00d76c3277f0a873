/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as request, answer and configuration: no crash, and a request means the same packed. */
#include "criu/rpc.h"
#include "interposer/policy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void request(const uint8_t *data, size_t size)
{
	struct cryo_rpc_req r, again;
	struct cryo_str out = { 0 };
	struct cryo_err err;

	if (cryo_rpc_req_parse(data, size, &r, &err) < 0)
		return;
	cryo_rpc_req_pack(&r, &out);
	if (out.len <= CRYO_RPC_MAX &&
	    (cryo_rpc_req_parse(cryo_str_get(&out), out.len, &again, &err) < 0 ||
	     again.type != r.type || again.pid != r.pid || again.encrypt))
		abort();
	if (out.len <= CRYO_RPC_MAX)
		cryo_rpc_req_release(&again);
	cryo_rpc_req_release(&r);
	cryo_str_release(&out);
}

static void configuration(const uint8_t *data, size_t size, enum cryo_policy_place place)
{
	struct cryo_policy p = { 0 };
	struct cryo_policy_criu criu = { 0 };
	struct cryo_err err;

	cryo_policy_parse("fuzz", (const char *)data, size, place, &p,
			  place == CRYO_POLICY_CRIU ? &criu : NULL, &err);
	cryo_policy_release(&p);
	cryo_policy_criu_release(&criu);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cryo_rpc_resp resp;
	struct cryo_err err;

	request(data, size);
	cryo_rpc_resp_parse(data, size, &resp, &err);
	configuration(data, size, CRYO_POLICY_OWN);
	configuration(data, size, CRYO_POLICY_CRIU);
	return 0;
}
