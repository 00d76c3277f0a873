/* SPDX-License-Identifier: Apache-2.0 */
#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *abort_without_memory(void *ptr)
{
	if (!ptr) {
		fputs("cryopod: out of memory\n", stderr);
		abort();
	}
	return ptr;
}

void *cryo_alloc(size_t size)
{
	return abort_without_memory(calloc(1, size ? size : 1));
}

void *cryo_realloc(void *ptr, size_t n, size_t size)
{
	return abort_without_memory(reallocarray(ptr, n ? n : 1, size));
}

char *cryo_strdup(const char *s)
{
	return s ? abort_without_memory(strdup(s)) : NULL;
}

char *cryo_strndup(const char *s, size_t n)
{
	return abort_without_memory(strndup(s, n));
}

char *cryo_vasprintf(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	return abort_without_memory(s);
}

char *cryo_asprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = cryo_vasprintf(fmt, ap);
	va_end(ap);
	return s;
}

void cryo_freep(void *ptr)
{
	free(*(void **)ptr);
}

bool cryo_is_zero(const void *p, size_t n)
{
	const char *c = p;

	return n == 0 || (c[0] == 0 && memcmp(c, c + 1, n - 1) == 0);
}

bool cryo_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool cryo_ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}
