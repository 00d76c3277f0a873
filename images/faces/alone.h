/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FACES_ALONE_H
#define FACES_ALONE_H

/* `/faces alone NAME`: one behaviour that shows in what it prints. An exit code. */
int alone(const char *name);

#endif
