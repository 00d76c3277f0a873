/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/reseed.h"

#include "base/event.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEVICE "/dev/urandom"

int cryo_random_reseed(struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(DEVICE, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot open '" DEVICE "'");
	if (ioctl(fd, RNDRESEEDCRNG) < 0)
		return cryo_err_sys(err, errno, "cannot make the kernel reseed its random numbers");
	return 0;
}

void cryo_random_reseed_or_warn(const char *restored)
{
	struct cryo_err err = CRYO_ERR_INIT;

	if (cryo_random_reseed(&err) < 0)
		cryo_warn(
		    "%s: %s may draw the same random numbers as its source for up to a minute",
		    err.msg, restored);
}
