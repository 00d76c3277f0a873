/* SPDX-License-Identifier: Apache-2.0 */
/* The mails of a series, read by `git mailsplit` and `git mailinfo` as `git am` does it. */
#ifndef CRYO_PATCHES_MAIL_H
#define CRYO_PATCHES_MAIL_H

#include "git/box.h"
#include "patches/series.h"

/* Those of the patches that have none yet. -CRYO_E_CONFIG with file and line for a file without
 * mails, a mail without author, subject or diff. */
int cryo_mails_read(struct cryo_gitbox *box, const struct cryo_series *s, struct cryo_err *err);
void cryo_mails_release(struct cryo_mails *m);

/* As `git stripspace`: no blanks at the ends of lines, no more than one empty line in a row, none
 * at the beginning or the end. */
void cryo_message_strip(const char *text, struct cryo_str *out);

/* The line of the patch file that reads `line`, from 1; 0: none (the mail was encoded). */
unsigned cryo_mail_find_line(const struct cryo_patch *p, const char *line, size_t n, unsigned from);
/* The line of the patch file where the diff begins; 1 if it is not found. */
unsigned cryo_mail_diff_line(const struct cryo_patch *p, const struct cryo_mail *m);

#endif
