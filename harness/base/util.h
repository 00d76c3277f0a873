/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every module leans on: allocation that cannot fail, scope exit, small
 * macros. Running out of memory ends the program in one place (util.c), so no
 * caller handles it.
 */
#ifndef CRYO_BASE_UTIL_H
#define CRYO_BASE_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYO_ARRAY_LEN(a)	     (sizeof(a) / sizeof((a)[0]))
#define CRYO_PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))

/*
 * Scope exit on the declaration: `cryo_auto(cryo_image_free) struct cryo_image
 * *img = …` calls cryo_image_freep(&img) when img goes out of scope. The
 * destructor accepts NULL and half-built objects.
 */
#define cryo_auto(destroy) __attribute__((cleanup(destroy##p)))

/* Defines the …p form for a destructor that takes a pointer. */
#define CRYO_DEFINE_AUTO(type, destroy)                                                            \
	static inline void destroy##p(type **obj)                                                  \
	{                                                                                          \
		destroy(*obj);                                                                     \
	}

/* Zeroed memory; never NULL. */
void *cryo_alloc(size_t size);
/* As reallocarray(3), never NULL (n * size may not overflow). */
void *cryo_realloc(void *ptr, size_t n, size_t size);
/* NULL gives NULL. */
char *cryo_strdup(const char *s);
char *cryo_strndup(const char *s, size_t n);
char *cryo_asprintf(const char *fmt, ...) CRYO_PRINTF(1, 2);
char *cryo_vasprintf(const char *fmt, va_list ap) CRYO_PRINTF(1, 0);

void cryo_freep(void *ptr); /* cryo_auto(cryo_free) char *s */

/* Give up ownership of `*ptr`: returns it and leaves NULL behind. */
#define cryo_steal(ptr)                                                                            \
	__extension__({                                                                            \
		__typeof__(*(ptr)) *_p = (ptr);                                                    \
		__typeof__(*(ptr)) _v = *_p;                                                       \
		*_p = NULL;                                                                        \
		_v;                                                                                \
	})

static inline bool cryo_streq(const char *a, const char *b)
{
	return a == b || (a && b && __builtin_strcmp(a, b) == 0);
}
bool cryo_is_zero(const void *p, size_t n); /* every byte; also of none */
bool cryo_starts_with(const char *s, const char *prefix);
bool cryo_ends_with(const char *s, const char *suffix);

#endif
