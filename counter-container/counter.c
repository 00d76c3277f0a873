/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gets checkpointed: prints one line per interval,
 *
 *   count=17 nonce=5f3ac0ffee123456 mono_ns=123456789012
 *
 * each with one write(2), so that no line is ever torn. The nonce is random and
 * only in memory: the same nonce after a restore is the same process memory. A
 * ballast makes the process as large as wanted, and notices if it comes back
 * changed. One thread, no file, no socket: nothing that is hard to dump.
 *
 * It also keeps a canary that it never prints: "canary-" and 16 hex digits,
 * splitmix64(nonce). Whoever knows the nonce from the log knows the canary, but
 * finds it only in this memory: a dump that does not hold it is unreadable.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define PAGE	   4096
#define PAGE_WORDS (PAGE / sizeof(uint64_t))
/* Pages looked at before each line: a ballast of 1 MiB is seen whole at each of them. */
#define CHECK_PAGES 256

enum kind { RANDOM, ZERO, REPEAT };

struct ballast {
	enum kind kind;
	uint64_t seed;
	uint64_t *word;
	size_t pages;
	size_t next; /* page to be checked next */
	bool damaged;
};

struct options {
	int64_t interval_ns;
	struct ballast ballast;
	/* Volatile: copies that nobody reads would be optimized away. */
	char *volatile marker;
	char *volatile canary;
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* A number and one of the units; the whole text. */
static bool parse_number(const char *text, const char *const *unit, const uint64_t *factor,
			 uint64_t max, uint64_t *out)
{
	unsigned long long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	for (; *unit; unit++, factor++) {
		if (strcmp(end, *unit) != 0)
			continue;
		*out = n * *factor;
		return errno == 0 && n <= max / *factor;
	}
	return false;
}

static bool set_interval(struct options *o, const char *text)
{
	static const char *const unit[] = { "ms", "s", "m", "h", NULL };
	static const uint64_t factor[] = { 1000000, 1000000000, 60000000000, 3600000000000 };
	uint64_t ns;

	if (!parse_number(text, unit, factor, INT64_MAX / 2, &ns) || ns == 0)
		return false;
	o->interval_ns = (int64_t)ns;
	return true;
}

static bool set_ballast(struct options *o, const char *text)
{
	static const char *const unit[] = { "", "Ki", "Mi", "Gi", "k", "M", "G", NULL };
	static const uint64_t factor[] = {
		1, 1 << 10, 1 << 20, 1 << 30, 1000, 1000000, 1000000000
	};
	uint64_t bytes;

	if (!parse_number(text, unit, factor, INT64_MAX, &bytes))
		return false;
	o->ballast.pages = (bytes + PAGE - 1) / PAGE;
	return true;
}

static bool set_kind(struct options *o, const char *text)
{
	static const char *const name[] = { "random", "zero", "repeat" };

	for (size_t i = 0; i < 3; i++) {
		if (strcmp(text, name[i]) != 0)
			continue;
		o->ballast.kind = (enum kind)i;
		return true;
	}
	return false;
}

static bool set_marker(struct options *o, const char *text)
{
	free(o->marker);
	o->marker = strdup(text);
	return o->marker != NULL;
}

static bool set_marker_env(struct options *o, const char *name)
{
	const char *text = getenv(name);

	return text && set_marker(o, text);
}

static const struct {
	const char *name, *env;
	bool (*set)(struct options *o, const char *text);
	const char *help;
} table[] = {
	{ "interval", "COUNTER_INTERVAL", set_interval,
	  "time between two lines: 200ms, 1s, 5m (default 1s)" },
	{ "ballast", "COUNTER_BALLAST", set_ballast,
	  "memory to fill and hold: 64Mi, 1Gi (default 0)" },
	{ "ballast-kind", "COUNTER_BALLAST_KIND", set_kind,
	  "what it is filled with: random, zero, repeat (default random)" },
	{ "marker", "COUNTER_MARKER", set_marker, "text to keep in memory" },
	{ "marker-env", "COUNTER_MARKER_ENV", set_marker_env,
	  "environment variable that holds the marker (one from a Secret, say)" },
};

#define N_OPTIONS (sizeof(table) / sizeof(table[0]))

static void usage(FILE *to)
{
	fprintf(to, "usage: counter [--OPTION VALUE]...\n");
	for (size_t i = 0; i < N_OPTIONS; i++)
		fprintf(to, "  --%-13s %s\n  %15s or $%s\n", table[i].name, table[i].help, "",
			table[i].env);
}

static void set_option(struct options *o, size_t i, const char *from, const char *text)
{
	if (table[i].set(o, text))
		return;
	fprintf(stderr, "counter: %s%s: bad value '%s'\n", from,
		*from == '$' ? table[i].env : table[i].name, text);
	usage(stderr);
	exit(2);
}

static void parse_options(struct options *o, int argc, char **argv)
{
	struct option longopts[N_OPTIONS + 2] = { { 0 } };
	int i;

	for (size_t k = 0; k < N_OPTIONS; k++) {
		const char *text = getenv(table[k].env);

		longopts[k] = (struct option){ table[k].name, required_argument, NULL, (int)k };
		if (text && *text)
			set_option(o, k, "$", text);
	}
	longopts[N_OPTIONS] = (struct option){ "help", no_argument, NULL, 'h' };
	while ((i = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (i >= 0 && (size_t)i < N_OPTIONS) {
			set_option(o, (size_t)i, "--", optarg);
			continue;
		}
		usage(i == 'h' ? stdout : stderr);
		exit(i == 'h' ? 0 : 2);
	}
	if (optind < argc) {
		fprintf(stderr, "counter: '%s' is no option\n", argv[optind]);
		usage(stderr);
		exit(2);
	}
}

/* splitmix64's finisher: each word of the ballast follows from the seed and its place. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static uint64_t expected(const struct ballast *b, size_t page, size_t i)
{
	if (b->kind == ZERO)
		return 0;
	return mix(b->seed + (b->kind == RANDOM ? page * PAGE_WORDS : 0) + i);
}

static void ballast_fill(struct ballast *b)
{
	if (b->pages == 0)
		return;
	b->word =
	    mmap(NULL, b->pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b->word == MAP_FAILED) {
		fprintf(stderr, "counter: no memory for a ballast of %zu bytes: %s\n",
			b->pages * PAGE, strerror(errno));
		exit(1);
	}
	for (size_t p = 0; p < b->pages; p++)
		for (size_t i = 0; i < PAGE_WORDS; i++)
			b->word[p * PAGE_WORDS + i] = expected(b, p, i);
}

/* A few pages in turn, so that the whole ballast is looked at over time. */
static void ballast_check(struct ballast *b)
{
	for (size_t n = 0; n < CHECK_PAGES && n < b->pages; n++) {
		size_t p = b->next;

		for (size_t i = 0; i < PAGE_WORDS; i++)
			if (b->word[p * PAGE_WORDS + i] != expected(b, p, i))
				b->damaged = true;
		b->next = (p + 1) % b->pages;
	}
}

/* splitmix64 whole: the step 0x9e3779b97f4a7c15, then the finisher above (shifts 30, 27, 31). */
static bool set_canary(struct options *o, uint64_t nonce)
{
	char *text = NULL;
	bool done = asprintf(&text, "canary-%016" PRIx64, mix(nonce + 0x9e3779b97f4a7c15)) > 0;

	o->canary = text;
	return done;
}

static void print_line(uint64_t count, uint64_t nonce, bool damaged)
{
	char line[128];
	int n = snprintf(line, sizeof(line),
			 "count=%" PRIu64 " nonce=%016" PRIx64 " mono_ns=%" PRId64 "%s\n", count,
			 nonce, now_ns(), damaged ? " ballast=damaged" : "");

	while (write(STDOUT_FILENO, line, (size_t)n) < 0)
		if (errno != EINTR) {
			perror("counter: cannot write");
			exit(1);
		}
}

/*
 * Sleep until the next tick, on the grid from `tick` on. Slept relative to now:
 * restored on a machine whose clock says less, an absolute time would be hours
 * away. Ticks that went by while we were frozen are left out.
 */
static int64_t sleep_to_tick(int64_t tick, int64_t interval)
{
	int64_t now = now_ns(), next = tick + interval;

	if (now >= next)
		next += (now - next) / interval * interval + interval;
	while ((now = now_ns()) < next) {
		struct timespec ts;

		if (next - now > interval)
			next = now + interval;
		ts.tv_sec = (next - now) / 1000000000;
		ts.tv_nsec = (next - now) % 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
	}
	return next;
}

/* As process 1 of a container we would not see these without a handler. */
static void on_end(int sig)
{
	(void)sig;
	_exit(0);
}

int main(int argc, char **argv)
{
	struct options o = { .interval_ns = 1000000000 };
	struct sigaction sa = { .sa_handler = on_end };
	uint64_t nonce;
	int64_t tick;

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	parse_options(&o, argc, argv);
	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce)) {
		perror("counter: no random numbers");
		return 1;
	}
	if (!set_canary(&o, nonce)) {
		perror("counter: no memory");
		return 1;
	}
	o.ballast.seed = mix(nonce);
	ballast_fill(&o.ballast);
	tick = now_ns();
	for (uint64_t count = 1;; count++) {
		ballast_check(&o.ballast);
		print_line(count, nonce, o.ballast.damaged);
		tick = sleep_to_tick(tick, o.interval_ns);
	}
}
