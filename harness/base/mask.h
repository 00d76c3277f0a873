/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses in texts that people read: a password or a token in
 * one must not appear in a message, a log or a record.
 */
#ifndef CRYO_BASE_MASK_H
#define CRYO_BASE_MASK_H

/*
 * In place: user and password of "https://user:word@host" become "***", in every address of
 * the text. Of other transports only the password goes: ssh's "git@" is no secret.
 */
void cryo_mask_addresses(char *text);

#endif
