/* SPDX-License-Identifier: Apache-2.0 */
/* The mails of a patch file, read by `git mailsplit` and `git mailinfo` as `git am` does it. */
#ifndef CRYO_PATCHES_MAIL_H
#define CRYO_PATCHES_MAIL_H

#include "patches/git.h"
#include "patches/series.h"

struct cryo_mail {
	char *author, *email;
	char *date;		 /* as it stands there; "" if it has none */
	char *subject;		 /* without "[PATCH 1/3]" */
	struct cryo_str message; /* of the commit */
	struct cryo_str diff;	 /* decoded */
	char *file;		 /* path of the diff */
};

struct cryo_mails {
	struct cryo_mail *v;
	size_t n;
};

/* -CRYO_E_CONFIG with file and line for a file without mails, a mail without author, subject or
 * diff. The files of the diffs live as long as the box. */
int cryo_mails_read(struct cryo_gitbox *box, const struct cryo_patch *p, struct cryo_mails *out,
		    struct cryo_err *err);
void cryo_mails_release(struct cryo_mails *m);
#define cryo_mails_releasep cryo_mails_release

/* As `git stripspace`: no blanks at the ends of lines, no more than one empty line in a row, none
 * at the beginning or the end. */
void cryo_message_strip(const char *text, struct cryo_str *out);

/* The line of the patch file that reads `line`, from 1; 0: none (the mail was encoded). */
unsigned cryo_mail_find_line(const struct cryo_patch *p, const char *line, size_t n, unsigned from);

#endif
