/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of a process that is forked off and stays. */
#ifndef CRYO_INTERPOSER_FDS_H
#define CRYO_INTERPOSER_FDS_H

#include <stddef.h>

/* Close all but these (-1: none), and open 0 to 2 on /dev/null: nothing must wait for the end of
 * a pipe or a socket that only this process still holds. */
void cryo_fds_close_others(const int *keep, size_t n);

#endif
