/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours that are looked at from outside, one a process: what it prints tells. */
#include "alone.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>

#define LOCK "/lock"

static void rest(void)
{
	usleep(100000);
}

static int lock_file(void)
{
	int fd = open(LOCK, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return perror("flock"), 3;
	for (;;) {
		printf("locked\n");
		rest();
	}
}

static int try_lock(void)
{
	int fd = open(LOCK, O_RDWR | O_CREAT, 0600);

	return puts(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 ? "held" : "free") == EOF;
}

static int connect_tcp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM, 0);
	char byte;

	if (bind(l, (void *)&a, n) < 0 || listen(l, 1) < 0 || getsockname(l, (void *)&a, &n) < 0 ||
	    connect(s, (void *)&a, n) < 0 || accept(l, NULL, NULL) < 0)
		return perror("tcp"), 3;
	for (;;) {
		printf("%s\n",
		       recv(s, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN ? "open" : "closed");
		rest();
	}
}

static int write_root(void)
{
	for (;;) {
		int fd = open("/written", O_WRONLY | O_CREAT, 0600);
		const char *how = fd >= 0 ? "writable" : errno == EROFS ? "read-only" : "failed";

		if (puts(how) == EOF)
			return 3;
		close(fd);
		rest();
	}
}

static int wait_once(void)
{
	struct timespec t = { 3600, 0 };

	printf("waiting\n");
	nanosleep(&t, NULL);
	return 0;
}

/* Random numbers without a system call, as Go and newer C libraries draw them. */
typedef ssize_t (*draw_fn)(void *buf, size_t n, unsigned flags, void *state, size_t state_size);
struct opaque {
	uint32_t size, prot, flags, reserved[13];
};

static draw_fn find_vdso_getrandom(void)
{
	const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *elf = (const void *)base;
	const Elf64_Shdr *s = base ? (const void *)(base + elf->e_shoff) : NULL;

	for (int i = 0; s && i < elf->e_shnum; i++) {
		const Elf64_Sym *sym = (const void *)(base + s[i].sh_offset);
		const char *names = base + s[s[i].sh_link].sh_offset;

		if (s[i].sh_type != SHT_DYNSYM)
			continue;
		for (size_t k = 0; k < s[i].sh_size / sizeof(*sym); k++)
			if (strcmp(names + sym[k].st_name, "__vdso_getrandom") == 0)
				return (draw_fn)(uintptr_t)(base + sym[k].st_value);
	}
	return NULL;
}

static int draw(void)
{
	draw_fn vdso = find_vdso_getrandom();
	struct opaque o = { 0 };
	void *state = NULL;
	uint64_t number;

	if (vdso && vdso(NULL, 0, 0, &o, ~0UL) == 0)
		state = mmap(NULL, 4096, (int)o.prot, (int)o.flags, -1, 0);
	printf("drawn by %s\n", state && state != MAP_FAILED ? "vdso" : "system call");
	for (;;) {
		if (state && state != MAP_FAILED)
			vdso(&number, sizeof(number), 0, state, o.size);
		else if (getrandom(&number, sizeof(number), 0) < 0)
			return perror("getrandom"), 3;
		printf("random %016llx\n", (unsigned long long)number);
		rest();
	}
}

int alone(const char *name)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} row[] = { { "lock", lock_file },   { "try-lock", try_lock }, { "tcp", connect_tcp },
		    { "write", write_root }, { "wait", wait_once },    { "random", draw } };

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (strcmp(row[i].name, name) == 0)
			return row[i].run();
	fprintf(stderr, "nothing is called '%s'\n", name);
	return 2;
}
