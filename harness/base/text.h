/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts on their way to a terminal or a log. They may come from a container or a
 * server: control characters, escape sequences and broken UTF-8 become '?'.
 */
#ifndef CRYO_BASE_TEXT_H
#define CRYO_BASE_TEXT_H

#include "base/str.h"

void cryo_text_clean(struct cryo_str *out, const char *text); /* appends */
/* UTF-8 throughout, without surrogates and noncharacters? */
bool cryo_text_is_utf8(const char *text);
/* Columns a clean text takes on a terminal. */
size_t cryo_text_width(const char *text);
/* Appends at most `columns` of a clean text; one that is cut ends in "…". Never half a character.
 */
void cryo_text_cut(struct cryo_str *out, const char *text, size_t columns);

#endif
