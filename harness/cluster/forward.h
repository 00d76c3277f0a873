/* SPDX-License-Identifier: Apache-2.0 */
/* A forwarder's own program: `cryopod internal-forward` runs this and nothing else. */
#ifndef CRYO_CLUSTER_FORWARD_H
#define CRYO_CLUSTER_FORWARD_H

#include "sys/proc.h"

/*
 * Takes connections from the listening socket at descriptor 3 and carries them
 * to 127.0.0.1:port in the network namespace at descriptor 4, until the process
 * of the pidfd at descriptor 5 ends. Returns the exit code.
 */
int cryo_forward_main(unsigned port);

/*
 * Starts such a process in the control group `group`/host: from *port of this machine's 127.0.0.1
 * (0: any free one, then set) to `to` in the network of `init`. -CRYO_E_UNFIT: the port is taken.
 */
int cryo_forward_start(const char *group, const struct cryo_pid *init, unsigned to, unsigned *port,
		       struct cryo_pid *out, struct cryo_err *err);

#endif
