/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Makefile runs as root, in a root file system that other builds use, too. What it
 * says is a stranger's: it gets its own directory to write to, and nothing else.
 */
#include "recipe/confine.h"

#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Only what a node would have to be made for: no disk, no console, no /dev/mem. */
static const char *const devices[] = { "null", "zero", "full", "random", "urandom" };

static int hold_devices(int fd[], struct cryo_err *err)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(devices); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("/dev/%s", devices[i]);

		fd[i] = open(path, O_PATH | O_CLOEXEC);
		if (fd[i] < 0)
			return cryo_err_sys(err, errno, "cannot open '%s'", path);
	}
	return 0;
}

static int lay_out_devices(const int fd[], struct cryo_err *err)
{
	if (mount("dev", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k,mode=755") < 0)
		return cryo_err_sys(err, errno, "cannot mount '/dev'");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(devices); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("/dev/%s", devices[i]);
		cryo_auto(cryo_free) char *held = cryo_asprintf("/proc/self/fd/%d", fd[i]);
		cryo_auto(cryo_fd_close) int at = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		if (at < 0 || mount(held, path, NULL, MS_BIND, NULL) < 0)
			return cryo_err_sys(err, errno, "cannot make '%s'", path);
	}
	return 0;
}

static int make_path_read_only(const char *path, struct cryo_err *err)
{
	if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL) < 0)
		return cryo_err_sys(err, errno, "cannot make '%s' read-only", path);
	return 0;
}

/* Without this, root writes what it likes to /proc/sys, and to a disk that it makes a node of. */
static int drop_capabilities(struct cryo_err *err)
{
	const unsigned long kept = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER;

	for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c) >= 0; c++) {
		if (c < 32 && kept & 1u << c)
			continue;
		if (prctl(PR_CAPBSET_DROP, c) < 0)
			return cryo_err_sys(err, errno, "cannot drop capability %lu", c);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return cryo_err_sys(err, errno, "cannot set no_new_privs");
	return 0;
}

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#endif

/*
 * What no namespace keeps apart: the keyrings of root's sessions, sockets to a hypervisor, and
 * io_uring, which opens and connects past this filter. Other calls of a compiler's are as they
 * were.
 */
#define LOAD(field)   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define REFUSE	      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define REFUSE_IF(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), REFUSE

static struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 1, 0),
	REFUSE,
	LOAD(nr),
#ifdef __x86_64__
	/* The x32 calls: the same under other numbers. */
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
	REFUSE,
#endif
	REFUSE_IF(SYS_add_key),
	REFUSE_IF(SYS_request_key),
	REFUSE_IF(SYS_keyctl),
	REFUSE_IF(SYS_io_uring_setup),
	REFUSE_IF(SYS_io_uring_enter),
	REFUSE_IF(SYS_io_uring_register),
	REFUSE_IF(SYS_bpf),
	REFUSE_IF(SYS_perf_event_open),
	REFUSE_IF(SYS_userfaultfd),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5),
	LOAD(args[0]),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 3, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static int refuse_calls(struct cryo_err *err)
{
	const struct sock_fprog program = { CRYO_ARRAY_LEN(filter), filter };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return cryo_err_sys(err, errno, "cannot filter system calls");
	return 0;
}

int cryo_build_confine(void *read_only, struct cryo_err *err)
{
	int fd[CRYO_ARRAY_LEN(devices)], rc;

	if (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return cryo_err_sys(err, errno, "cannot detach from the network");
	rc = hold_devices(fd, err);
	if (rc == 0)
		rc = lay_out_devices(fd, err);
	if (rc == 0 && umount2("/sys", MNT_DETACH) < 0)
		rc = cryo_err_sys(err, errno, "cannot hide '/sys'");
	if (rc == 0)
		rc = make_path_read_only("/proc", err);
	if (rc == 0 && read_only && access(read_only, F_OK) == 0)
		rc = make_path_read_only(read_only, err);
	if (rc == 0)
		rc = make_path_read_only("/", err);
	if (rc == 0)
		rc = drop_capabilities(err);
	return rc < 0 ? rc : refuse_calls(err);
}
