/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a step for a struct cryo_scenario_criu in `type`: options for CRIU. */
#ifndef CRYO_SCENARIO_CRIU_FIELDS_H
#define CRYO_SCENARIO_CRIU_FIELDS_H

#include "criu/options.h"

/* As the fields are decoded; texts are owned by the step. */
struct cryo_scenario_criu {
	bool tcp_close, tcp_established, file_locks, ext_unix_sk, skip_in_flight;
	char *ghost_limit, *irmap_scan_path;
};

#define CRYO_SCENARIO_CRIU_FIELDS(type, member)                                                    \
	{ "tcpClose", CRYO_FIELD_BOOL, offsetof(type, member.tcp_close), false },                  \
	    { "tcpEstablished", CRYO_FIELD_BOOL, offsetof(type, member.tcp_established), false },  \
	    { "fileLocks", CRYO_FIELD_BOOL, offsetof(type, member.file_locks), false },            \
	    { "extUnixSk", CRYO_FIELD_BOOL, offsetof(type, member.ext_unix_sk), false },           \
	    { "skipInFlight", CRYO_FIELD_BOOL, offsetof(type, member.skip_in_flight), false },     \
	    { "ghostLimit", CRYO_FIELD_STR, offsetof(type, member.ghost_limit), false },           \
	{                                                                                          \
		"irmapScanPath", CRYO_FIELD_STR, offsetof(type, member.irmap_scan_path), false     \
	}

static inline struct cryo_criu_options cryo_scenario_criu(const struct cryo_scenario_criu *c)
{
	return (struct cryo_criu_options){ .tcp_close = c->tcp_close,
					   .tcp_established = c->tcp_established,
					   .file_locks = c->file_locks,
					   .ext_unix_sk = c->ext_unix_sk,
					   .skip_in_flight = c->skip_in_flight,
					   .ghost_limit = c->ghost_limit,
					   .irmap_scan_path = c->irmap_scan_path };
}

#endif
