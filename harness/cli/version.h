/* SPDX-License-Identifier: Apache-2.0 */
/* The one place of the version number; CHANGELOG.md tells what is in it. */
#ifndef CRYO_CLI_VERSION_H
#define CRYO_CLI_VERSION_H

#define CRYOPOD_VERSION "0.1.0"

#endif
