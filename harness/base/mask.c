/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mask.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define STARS "***"

/* Where the address ends that a message has quoted, or put between words. */
static size_t count_address_bytes(const char *s)
{
	return strcspn(s, " \t\r\n'\"<>`");
}

/*
 * The '@' behind what says who somebody is; NULL without. A '/' in a password should have
 * been written %2F, and was not: then what looks like a port is no number.
 */
static char *find_userinfo_end(char *s)
{
	size_t all = count_address_bytes(s), host = strcspn(s, "/?#"), n = host < all ? host : all;
	char *at = memrchr(s, '@', n), *colon = memchr(s, ':', n);

	if (at || !colon || isdigit((unsigned char)colon[1]))
		return at;
	return memrchr(s, '@', all);
}

static bool is_web_address(const char *text, const char *scheme_end)
{
	size_t n = (size_t)(scheme_end - text);

	return (n >= 4 && strncasecmp(scheme_end - 4, "http", 4) == 0) ||
	       (n >= 5 && strncasecmp(scheme_end - 5, "https", 5) == 0);
}

/* Stars in place of [from, to); the new end. */
static char *cover_with_stars(char *from, char *to)
{
	size_t n = (size_t)(to - from), stars = strlen(STARS);

	if (n < stars)
		stars = n;
	memcpy(from, STARS, stars);
	memmove(from + stars, to, strlen(to) + 1);
	return from + stars;
}

void cryo_mask_addresses(char *text)
{
	char *s = text, *at, *from;

	while ((s = strstr(s, "://"))) {
		from = s + strlen("://");
		at = find_userinfo_end(from);
		if (at && !is_web_address(text, s)) {
			char *colon = memchr(from, ':', (size_t)(at - from));

			from = colon ? colon + 1 : at;
		}
		s = at ? cover_with_stars(from, at) : from;
	}
}
