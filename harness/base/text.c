/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <string.h>

/* One character at `s`: its bytes, 0 if they are no UTF-8. */
static size_t decode_utf8_char(const char *s, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *u = (const unsigned char *)s;
	size_t n = *u < 0x80   ? 1
		   : *u < 0xc2 ? 0
		   : *u < 0xe0 ? 2
		   : *u < 0xf0 ? 3
		   : *u < 0xf5 ? 4
			       : 0;

	if (n <= 1) {
		*c = *u;
		return n;
	}
	*c = *u & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (u[i] & 0x3f);
	}
	return *c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : n;
}

bool cryo_text_is_utf8(const char *text)
{
	uint32_t c;

	for (size_t n; *text; text += n) {
		n = decode_utf8_char(text, &c);
		if (n == 0 || (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef))
			return false;
	}
	return true;
}

/* Controls of both kinds, and what turns the direction of writing round. */
static bool is_control_char(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static size_t count_char_columns(uint32_t c)
{
	static const struct {
		uint32_t from, to;
		size_t columns;
	} row[] = {
		{ 0x300, 0x36f, 0 },   { 0x1100, 0x115f, 2 },	{ 0x200b, 0x200d, 0 },
		{ 0x2e80, 0xa4cf, 2 }, { 0xac00, 0xd7a3, 2 },	{ 0xf900, 0xfaff, 2 },
		{ 0xfe00, 0xfe0f, 0 }, { 0xfe30, 0xfe6f, 2 },	{ 0xff00, 0xff60, 2 },
		{ 0xffe0, 0xffe6, 2 }, { 0x1f300, 0x1faff, 2 }, { 0x20000, 0x3fffd, 2 },
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		if (c >= row[i].from && c <= row[i].to)
			return row[i].columns;
	return 1;
}

void cryo_text_clean(struct cryo_str *out, const char *text)
{
	while (*text) {
		uint32_t c;
		size_t n = decode_utf8_char(text, &c);

		if (n == 0 || (is_control_char(c) && c != '\t'))
			cryo_str_add(out, "?");
		else if (c == '\t')
			cryo_str_add(out, " ");
		else
			cryo_str_addn(out, text, n);
		text += n ? n : 1;
	}
}

size_t cryo_text_width(const char *text)
{
	size_t width = 0, n;
	uint32_t c;

	for (; *text && (n = decode_utf8_char(text, &c)) > 0; text += n)
		width += count_char_columns(c);
	return width;
}

void cryo_text_cut(struct cryo_str *out, const char *text, size_t columns)
{
	const char *end = text;
	size_t used = 0, n;
	uint32_t c;

	if (cryo_text_width(text) <= columns) {
		cryo_str_add(out, text);
		return;
	}
	if (columns == 0)
		return;
	while (*end && (n = decode_utf8_char(end, &c)) > 0 &&
	       used + count_char_columns(c) <= columns - 1) {
		used += count_char_columns(c);
		end += n;
	}
	cryo_str_addn(out, text, (size_t)(end - text));
	cryo_str_add(out, "…");
}
