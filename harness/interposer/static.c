/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only in the static program, by ld's --wrap: libcrypto could load code and ask
 * for host names, for which a static glibc wants its shared one at run time.
 * Ours does neither.
 */
#include <netdb.h>
#include <stddef.h>

void *__wrap_dlopen(const char *file, int mode);
struct hostent *__wrap_gethostbyname(const char *name);
int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		       struct addrinfo **out);

void *__wrap_dlopen(const char *file, int mode)
{
	(void)file;
	(void)mode;
	return NULL;
}

struct hostent *__wrap_gethostbyname(const char *name)
{
	(void)name;
	return NULL;
}

int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		       struct addrinfo **out)
{
	(void)name;
	(void)service;
	(void)hints;
	(void)out;
	return EAI_FAIL;
}
