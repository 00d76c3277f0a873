/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FACES_H
#define FACES_H

/* Be a process in that state for ever; an exit code if it cannot be. */
int refuse(const char *name);

#endif
