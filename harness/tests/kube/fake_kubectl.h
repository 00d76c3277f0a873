/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kubectl proxy --unix-socket=PATH` as played by a test program that is linked as `kubectl`: it
 * says where it serves, then answers with the given steps until it is ended. The exit code.
 */
#ifndef CRYO_TESTS_FAKE_KUBECTL_H
#define CRYO_TESTS_FAKE_KUBECTL_H

#include "tests/net/fake_http.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

static inline int fake_kubectl_serve(const char *path, const struct fake_step *step, size_t n)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct fake_http f = { .step = step, .n = n };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	f.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(f.listen_fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(f.listen_fd, 8) < 0)
		return 9;
	printf("Starting to serve on %s\n", path);
	fflush(stdout);
	fake_main(&f);
	return 0;
}

#endif
