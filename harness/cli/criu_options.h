/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of an option table for a struct cryo_criu_options in `type`. */
#ifndef CRYO_CLI_CRIU_OPTIONS_H
#define CRYO_CLI_CRIU_OPTIONS_H

#include "cli/cli.h"
#include "criu/options.h"

#define CRYO_CLI_CRIU_OPTIONS(type, member)                                                        \
	{ "tcp-close",	 0,                                                                        \
	  CRYO_OPT_FLAG, offsetof(type, member.tcp_close),                                         \
	  NULL,		 "CRIU: TCP connections are closed; the program connects again" },         \
	    { "tcp-established",                                                                   \
	      0,                                                                                   \
	      CRYO_OPT_FLAG,                                                                       \
	      offsetof(type, member.tcp_established),                                              \
	      NULL,                                                                                \
	      "CRIU: TCP connections are kept, if the address stays the same" },                   \
	    { "file-locks",  0,                                                                    \
	      CRYO_OPT_FLAG, offsetof(type, member.file_locks),                                    \
	      NULL,	     "CRIU: file locks are kept" },                                        \
	    { "ext-unix-sk", 0,                                                                    \
	      CRYO_OPT_FLAG, offsetof(type, member.ext_unix_sk),                                   \
	      NULL,	     "CRIU: datagram sockets to other containers are allowed" },           \
	    { "skip-in-flight",                                                                    \
	      0,                                                                                   \
	      CRYO_OPT_FLAG,                                                                       \
	      offsetof(type, member.skip_in_flight),                                               \
	      NULL,                                                                                \
	      "CRIU: connections not yet accepted are dropped" },                                  \
	    { "ghost-limit", 0,                                                                    \
	      CRYO_OPT_STR,  offsetof(type, member.ghost_limit),                                   \
	      "SIZE",	     "CRIU: largest deleted file that may be open (default: 1Mi)" },       \
	{                                                                                          \
		"irmap-scan-path", 0, CRYO_OPT_STR, offsetof(type, member.irmap_scan_path), "DIR", \
		    "CRIU: where to look for files watched by inotify"                             \
	}

#endif
