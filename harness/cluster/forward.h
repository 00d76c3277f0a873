/* SPDX-License-Identifier: Apache-2.0 */
/* A forwarder's own program: `cryopod internal-forward` runs this and nothing else. */
#ifndef CRYO_CLUSTER_FORWARD_H
#define CRYO_CLUSTER_FORWARD_H

/*
 * Takes connections from the listening socket at descriptor 3 and carries them
 * to 127.0.0.1:port in the network namespace at descriptor 4, until the process
 * of the pidfd at descriptor 5 ends. Returns the exit code.
 */
int cryo_forward_main(unsigned port);

#endif
