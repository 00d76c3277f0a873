/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define IMG_COMMON_MAGIC 0x54564319u
#define HEADER		 8

static uint32_t read_image_word(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

const char *cryo_criu_image_of(const char *member)
{
	return cryo_starts_with(member, CRYO_ARCHIVE_IMAGES) ? member + strlen(CRYO_ARCHIVE_IMAGES)
							     : NULL;
}

const uint8_t *cryo_criu_entry_next(const struct cryo_str *image, size_t *at, size_t *n)
{
	size_t left;

	if (*at == 0 && (image->len < HEADER || read_image_word(image->p) != IMG_COMMON_MAGIC))
		return NULL;
	if (*at == 0)
		*at = HEADER;
	left = image->len - *at;
	if (left < 4)
		return NULL;
	*n = read_image_word(image->p + *at);
	if (*n > left - 4)
		return NULL;
	*at += 4 + *n;
	return (const uint8_t *)image->p + *at - *n;
}

bool cryo_criu_entry_is_of(const char *name, const char *prefix, uint32_t *pid)
{
	char end[8] = "";

	return cryo_starts_with(name, prefix) &&
	       sscanf(name + strlen(prefix), "%9" SCNu32 "%7s", pid, end) == 2 &&
	       strcmp(end, ".img") == 0;
}

void cryo_criu_entry_name(char *to, size_t size, const void *comm, size_t len)
{
	const unsigned char *c = comm;
	size_t n = len < size - 1 ? len : size - 1;

	for (size_t i = 0; i < n; i++)
		to[i] = c[i] > ' ' && c[i] < 0x7f ? (char)c[i] : '?';
	to[n] = '\0';
}
