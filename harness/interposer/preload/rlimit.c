/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where root lacks CAP_SYS_RESOURCE (in most containers that builds run in) the kernel
 * does not tell it the limits of another user's process, and CRIU gives up on that. They
 * stand in /proc as well, for everybody. CRIU asks by syscall(2), so that is what this takes
 * the place of; all other calls go on to the kernel as they are.
 */
#include "interposer/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static long call_kernel(long n, const long a[6])
{
	long rc;
#if defined(__x86_64__)
	register long r10 __asm__("r10") = a[3];
	register long r8 __asm__("r8") = a[4];
	register long r9 __asm__("r9") = a[5];

	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(n), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a[0];
	register long x1 __asm__("x1") = a[1];
	register long x2 __asm__("x2") = a[2];
	register long x3 __asm__("x3") = a[3];
	register long x4 __asm__("x4") = a[4];
	register long x5 __asm__("x5") = a[5];

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	rc = x0;
#else
#error "how is the kernel called here?"
#endif
	if (rc >= 0 || rc < -4095)
		return rc;
	errno = (int)-rc;
	return -1;
}

static int read_limits_file(pid_t pid, unsigned resource, struct rlimit64 *out)
{
	char path[64], text[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	return cryo_limits_parse(text, resource, out) ? 0 : -1;
}

long syscall(long n, ...)
{
	long a[6], rc;
	va_list ap;

	va_start(ap, n);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	rc = call_kernel(n, a);
	if (n != SYS_prlimit64 || rc == 0 || errno != EPERM || a[2] || !a[3])
		return rc;
	if (read_limits_file((pid_t)a[0], (unsigned)a[1], (struct rlimit64 *)a[3]) == 0)
		return 0;
	errno = EPERM;
	return -1;
}
