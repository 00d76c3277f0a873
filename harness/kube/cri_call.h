/* SPDX-License-Identifier: Apache-2.0 */
/* One call to a container runtime: a message there and one back, over gRPC. For kube/ only. */
#ifndef CRYO_KUBE_CRI_CALL_H
#define CRYO_KUBE_CRI_CALL_H

#include "base/err.h"
#include "kube/cri.pb-c.h"
#include "net/http.h"

#define CRI_HEAD 5 /* of a gRPC message: a byte that says "plain", the length in network order */

/* `timeout_ms` 0: 30 seconds. `m` NULL: the empty message. -CRYO_E_REMOTE with the runtime's
 * reason. */
int cri_call(const char *socket, const char *call, const ProtobufCMessage *m, int64_t timeout_ms,
	     struct cryo_http_resp *resp, struct cryo_err *err);
/* The gRPC status of a call without an answer, as it is sent: "12". "": there was an answer. */
int cri_call_status(const char *socket, const char *call, const ProtobufCMessage *m,
		    struct cryo_http_resp *resp, struct cryo_err *err);
/* One whole plain message? */
bool cri_is_whole(const void *body, size_t n);

#endif
