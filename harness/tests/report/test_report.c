/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/event.h"
#include "base/str.h"
#include "base/text.h"
#include "report/report.h"
#include "report/sink.h"
#include "report/summary.h"
#include "sys/fs.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const struct cryo_event story[] = {
	{ CRYO_EVENT_BEGIN, "counter", "", 0, 0, 0 },
	{ CRYO_EVENT_NOTE, "counter", "making a namespace", 0, 0, 0 },
	{ CRYO_EVENT_BEGIN, "apply #1", "", 0, 1, 0 },
	{ CRYO_EVENT_OK, "apply #1", "", 12, 1, 0 },
	{ CRYO_EVENT_BEGIN, "restore", "", 0, 1, 0 },
	{ CRYO_EVENT_BEGIN, "import image", "", 0, 2, 0 },
	{ CRYO_EVENT_OK, "import image", "", 300, 2, 0 },
	{ CRYO_EVENT_FAIL, "restore", "no \"space\"\033[2J", 1200, 1, 0 },
	{ CRYO_EVENT_INFO, "", "log line\n\xff", 0, 1, 0 },
	{ CRYO_EVENT_FAIL, "counter", "restore: no \"space\"\033[2J", 4000, 0, 0 },
	{ CRYO_EVENT_BEGIN, "second", "", 0, 0, 0 },
	{ CRYO_EVENT_SKIP, "second", "no luck", 0, 0, 0 },
	{ CRYO_EVENT_BEGIN, "third", "", 0, 0, 0 },
	{ CRYO_EVENT_SAME, "third", "is there", 0, 0, 0 },
	{ CRYO_EVENT_WARN, "", "careful", 0, 0, 0 },
	{ CRYO_EVENT_DEBUG, "", "detail", 0, 0, 0 },
};

static void read_all(int fd, struct cryo_str *out)
{
	char buf[4096];
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		cryo_str_addn(out, buf, (size_t)n);
}

static void plain(void **state)
{
	int fd = memfd_create("plain", MFD_CLOEXEC);
	struct cryo_report_opts opts = { .fd = fd };
	struct cryo_plain *p = cryo_plain_new(&opts);
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(story); i++)
		cryo_plain_event(p, &story[i]);
	cryo_plain_free(p);
	read_all(fd, &out);
	close(fd);
	/* Stamps are as wide as "hh:mm:ss". */
	for (char *l = out.p; *l; l = strchr(l, '\n') + 1)
		memcpy(l, "hh:mm:ss", 8);
	assert_string_equal(out.p, "hh:mm:ss .... counter\n"
				   "hh:mm:ss ....   apply #1\n"
				   "hh:mm:ss ok     apply #1 (12 ms)\n"
				   "hh:mm:ss ....   restore\n"
				   "hh:mm:ss FAIL   restore: no \"space\"?[2J (1.2 s)\n"
				   "hh:mm:ss        log line??\n"
				   "hh:mm:ss FAIL counter: restore: no \"space\"?[2J (4.0 s)\n"
				   "hh:mm:ss .... second\n"
				   "hh:mm:ss skip second: no luck\n"
				   "hh:mm:ss .... third\n"
				   "hh:mm:ss same third: is there\n"
				   "hh:mm:ss WARN careful\n");
}

static void tap(void **state)
{
	int fd = memfd_create("tap", MFD_CLOEXEC);
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };
	struct cryo_tap *t = cryo_tap_new(fd);

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(story); i++)
		cryo_tap_event(t, &story[i]);
	cryo_tap_free(t, NULL);
	read_all(fd, &out);
	close(fd);
	assert_string_equal(out.p, "TAP version 14\n"
				   "# Subtest: counter\n"
				   "    ok 1 - apply \\#1\n"
				   "      ---\n"
				   "      duration_ms: 12\n"
				   "      ...\n"
				   "    not ok 2 - restore\n"
				   "      ---\n"
				   "      duration_ms: 1200\n"
				   "      message: \"no \\\"space\\\"?[2J\"\n"
				   "      ...\n"
				   "    # log line??\n"
				   "    1..2\n"
				   "not ok 1 - counter\n"
				   "  ---\n"
				   "  duration_ms: 4000\n"
				   "  message: \"restore: no \\\"space\\\"?[2J\"\n"
				   "  ...\n"
				   "ok 2 - second # SKIP no luck\n"
				   "ok 3 - third\n"
				   "  ---\n"
				   "  duration_ms: 0\n"
				   "  message: \"is there\"\n"
				   "  ...\n"
				   "# careful\n"
				   "1..3\n");
}

static void tap_bails_out(void **state)
{
	int fd = memfd_create("tap", MFD_CLOEXEC);
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	(void)state;
	cryo_tap_free(cryo_tap_new(fd), "no\ncluster");
	read_all(fd, &out);
	close(fd);
	assert_string_equal(out.p, "TAP version 14\nBail out! no?cluster\n");
}

/* What a terminal shows after these bytes: \r, \n, a line up, "erase to the end of the line" and
 * colours. */
static void screen(const char *bytes, struct cryo_str *out)
{
	struct cryo_str line[100] = { 0 };
	size_t at = 0, last = 0;

	for (const char *c = bytes; *c; c++) {
		if (*c == '\r' && c[1] != '\n')
			cryo_str_clear(&line[at]);
		else if (*c == '\033') {
			c += strcspn(c, "AmK");
			at -= *c == 'A';
		} else if (*c == '\n')
			at++;
		else if (*c != '\r')
			cryo_str_addn(&line[at], c, 1);
		assert_in_range(at, 0, 98);
		last = at > last ? at : last;
	}
	/* Lines below the cursor were erased on the way up. */
	for (size_t i = 0; i <= last; i++) {
		if (i <= at || line[i].len > 0)
			cryo_str_addf(out, "%s%s", i ? "\n" : "", cryo_str_get(&line[i]));
		cryo_str_release(&line[i]);
	}
}

static void drain(int fd, struct cryo_str *out)
{
	char buf[4096];
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		cryo_str_addn(out, buf, (size_t)n);
}

static void live(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str bytes = { 0 }, out = { 0 };
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	struct cryo_report_opts opts = { .color = CRYO_COLOR_ALWAYS };
	struct cryo_live *l;
	int master, slave;

	(void)state;
	setenv("LC_ALL", "C.UTF-8", 1);
	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	opts.fd = slave;
	l = cryo_live_new(&opts);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(story); i++)
		cryo_live_event(l, &story[i]);
	cryo_live_free(l);
	drain(master, &bytes);
	close(slave);
	close(master);
	screen(bytes.p, &out);
	assert_string_equal(out.p, "counter\n"
				   "  ✓ apply #1  12 ms\n"
				   "  ✗ restore  no \"space\"?[2J  1.2 s\n"
				   "    log line??\n"
				   "✗ counter  4.0 s\n"
				   "– second  no luck\n"
				   "✓ third  is there\n"
				   "! careful\n");
	assert_non_null(strstr(bytes.p, "\033[32m✓\033[0m"));
}

/* The open step's line: redrawn while nothing happens, never wider than the terminal. */
static void live_line(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str bytes = { 0 }, out = { 0 };
	struct winsize size = { .ws_row = 24, .ws_col = 21 };
	struct cryo_report_opts opts = { .color = CRYO_COLOR_NEVER };
	struct cryo_live *l;
	int64_t begin, took;
	size_t drawn = 0;
	int master, slave;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	opts.fd = slave;
	l = cryo_live_new(&opts);
	cryo_live_event(l, &story[0]);
	cryo_live_event(l, &story[1]);
	begin = cryo_now_ms();
	while (drawn < 3 && cryo_now_ms() - begin < 30000) {
		usleep(10000);
		drain(master, &bytes);
		drawn = 0;
		for (const char *c = cryo_str_get(&bytes); (c = strstr(c, "\r\033[K")); c++)
			drawn++;
	}
	took = cryo_now_ms() - begin;
	screen(bytes.p, &out);
	assert_int_equal(cryo_text_width(out.p), 20);
	assert_true(cryo_ends_with(out.p, "…"));
	assert_in_range(drawn, 3, 3 + took / 50);
	cryo_live_free(l);
	drain(master, &bytes);
	cryo_str_clear(&out);
	screen(bytes.p, &out);
	assert_string_equal(cryo_str_get(&out), "");
	close(slave);
	close(master);
}

static void quiet(void **state)
{
	static const struct {
		int verbosity;
		enum cryo_event_kind kind;
		unsigned depth;
		bool wanted;
	} row[] = {
		{ -1, CRYO_EVENT_OK, 0, false },   { -1, CRYO_EVENT_FAIL, 5, true },
		{ -1, CRYO_EVENT_WARN, 0, true },  { -1, CRYO_EVENT_INFO, 0, false },
		{ 0, CRYO_EVENT_OK, 1, true },	   { 0, CRYO_EVENT_OK, 2, false },
		{ 0, CRYO_EVENT_DEBUG, 0, false }, { 1, CRYO_EVENT_OK, 7, true },
		{ 1, CRYO_EVENT_DEBUG, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_report_opts opts = { .verbosity = row[i].verbosity };
		struct cryo_event ev = { row[i].kind, "", "", 0, row[i].depth, 0 };

		print_message("# row %zu\n", i);
		assert_int_equal(cryo_report_wants(&opts, &ev), row[i].wanted);
	}
}

static void texts(void **state)
{
	static const struct {
		const char *text;
		size_t columns;
		const char *clean, *cut;
	} row[] = {
		{ "abc", 3, "abc", "abc" },
		{ "abcd", 3, "abcd", "ab…" },
		{ "abcd", 1, "abcd", "…" },
		{ "abcd", 0, "abcd", "" },
		{ "äöü", 3, "äöü", "äöü" },
		{ "äöüß", 3, "äöüß", "äö…" },
		{ "日本語", 5, "日本語", "日本…" },
		{ "日本語", 4, "日本語", "日…" },
		{ "e\xcc\x81x", 2, "e\xcc\x81x", "e\xcc\x81x" },
		{ "a\tb\nc\x7f", 9, "a b?c?", "a b?c?" },
		{ "\xff\xc3", 9, "??", "??" },
		{ "\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80", 9, "?????????", "?????????" },
		{ "\xc2\x9b"
		  "2J",
		  9, "?2J", "?2J" },
		{ "\xe2\x80\xae"
		  "evil",
		  9, "?evil", "?evil" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str clean = { 0 }, cut = { 0 };

		print_message("# row %zu\n", i);
		cryo_text_clean(&clean, row[i].text);
		assert_string_equal(clean.p, row[i].clean);
		cryo_text_cut(&cut, clean.p, row[i].columns);
		assert_string_equal(cryo_str_get(&cut), row[i].cut);
	}
}

static void colors(void **state)
{
	struct cryo_err err = CRYO_ERR_INIT;
	int pipe_fd[2];

	(void)state;
	assert_int_equal(cryo_report_start("red", false, false, &err), -CRYO_E_USAGE);
	assert_string_equal(err.msg,
			    "--color: 'red' is not valid (valid values: auto, always, never)");
	assert_int_equal(cryo_report_start("never", false, true, &err), 0);
	assert_false(cryo_report_colored_stdout());
	cryo_report_stop();
	assert_int_equal(pipe(pipe_fd), 0);
	assert_false(cryo_report_colored(pipe_fd[1], CRYO_COLOR_AUTO));
	assert_true(cryo_report_colored(pipe_fd[1], CRYO_COLOR_ALWAYS));
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

/* The whole way: events of this process, plain for people and TAP beside it. */
static void both(void **state)
{
	int people = memfd_create("people", MFD_CLOEXEC), fd = memfd_create("tap", MFD_CLOEXEC);
	struct cryo_report_opts opts = { .fd = people };
	cryo_auto(cryo_str_release) struct cryo_str talk = { 0 }, points = { 0 };

	(void)state;
	cryo_report_open(&opts);
	cryo_info("before");
	cryo_report_tap_begin(fd);
	cryo_step_begin("one");
	cryo_step_ok("");
	cryo_report_tap_end(NULL);
	cryo_info("after");
	cryo_report_stop();
	cryo_info("nobody hears this");
	read_all(people, &talk);
	read_all(fd, &points);
	assert_non_null(strstr(talk.p, "before\n"));
	assert_non_null(strstr(talk.p, "ok   one"));
	assert_true(cryo_ends_with(talk.p, "after\n"));
	assert_true(cryo_starts_with(points.p, "TAP version 14\nok 1 - one\n"));
	assert_true(cryo_ends_with(points.p, "1..1\n"));
	assert_null(strstr(points.p, "after"));
	close(people);
	close(fd);
}

/* Three at once: one that fails, one that ends first, one with a warning. */
static const struct cryo_event mixed[] = {
	{ CRYO_EVENT_BEGIN, "a", "", 0, 0, 1 },
	{ CRYO_EVENT_BEGIN, "b[x=1]", "", 0, 0, 2 },
	{ CRYO_EVENT_BEGIN, "apply", "", 0, 1, 1 },
	{ CRYO_EVENT_BEGIN, "apply", "", 0, 1, 2 },
	{ CRYO_EVENT_OK, "apply", "", 20, 1, 2 },
	{ CRYO_EVENT_OK, "b[x=1]", "", 200, 0, 2 },
	{ CRYO_EVENT_BEGIN, "c", "", 0, 0, 3 },
	{ CRYO_EVENT_WARN, "", "careful", 0, 1, 3 },
	{ CRYO_EVENT_INFO, "", "a word of our own", 0, 0, 0 },
	{ CRYO_EVENT_FAIL, "apply", "no <space> & \"such\"", 10, 1, 1 },
	{ CRYO_EVENT_INFO, "", "log \033[1m]]>\xef\xbf\xbf\xff", 0, 2, 1 },
	{ CRYO_EVENT_SKIP, "c", "no luck", 0, 0, 3 },
	{ CRYO_EVENT_FAIL, "a", "apply: no <space> & \"such\"", 1100, 0, 1 },
};

static void lanes_plain(void **state)
{
	int fd = memfd_create("plain", MFD_CLOEXEC);
	struct cryo_report_opts opts = { .fd = fd };
	struct cryo_plain *p = cryo_plain_new(&opts);
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(mixed) - 1; i++)
		cryo_plain_event(p, &mixed[i]);
	/* What has not ended is not lost. */
	cryo_plain_free(p);
	read_all(fd, &out);
	close(fd);
	for (char *l = out.p; *l; l = strchr(l, '\n') + 1)
		memcpy(l, "hh:mm:ss", 8);
	assert_string_equal(out.p, "hh:mm:ss .... a\n"
				   "hh:mm:ss .... b[x=1]\n"
				   "hh:mm:ss ok     apply (20 ms)\n"
				   "hh:mm:ss ok   b[x=1] (200 ms)\n"
				   "hh:mm:ss .... c\n"
				   "hh:mm:ss      a word of our own\n"
				   "hh:mm:ss .... c\n"
				   "hh:mm:ss WARN   careful\n"
				   "hh:mm:ss skip c: no luck\n"
				   "hh:mm:ss .... a\n"
				   "hh:mm:ss FAIL   apply: no <space> & \"such\" (10 ms)\n"
				   "hh:mm:ss          log ?[1m]]>\xef\xbf\xbf?\n");
}

static void lanes_tap(void **state)
{
	int fd = memfd_create("tap", MFD_CLOEXEC);
	struct cryo_tap *t = cryo_tap_new(fd);
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };
	static const char points[] = "    not ok 1 - apply\n";

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(mixed); i++)
		cryo_tap_event(t, &mixed[i]);
	cryo_tap_free(t, NULL);
	read_all(fd, &out);
	close(fd);
	assert_true(cryo_starts_with(out.p, "TAP version 14\n# a word of our own\n# Subtest: a\n"));
	assert_non_null(strstr(out.p, points));
	assert_non_null(strstr(out.p, "\nnot ok 1 - a\n"));
	assert_true(strstr(out.p, "\nnot ok 1 - a\n") < strstr(out.p, "# Subtest: b[x=1]\n"));
	assert_non_null(strstr(out.p, "\nok 2 - b[x=1]\n"));
	assert_true(cryo_ends_with(out.p, "# careful\nok 3 - c # SKIP no luck\n1..3\n"));
}

/* One that never came to its end does not hold back what others said. */
static void lanes_tap_bails_out(void **state)
{
	int fd = memfd_create("tap", MFD_CLOEXEC);
	struct cryo_tap *t = cryo_tap_new(fd);
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	(void)state;
	for (size_t i = 0; i < 6; i++)
		cryo_tap_event(t, &mixed[i]);
	cryo_tap_free(t, "interrupted");
	read_all(fd, &out);
	close(fd);
	assert_non_null(strstr(out.p, "\nok 2 - b[x=1]\n"));
	assert_true(cryo_ends_with(out.p, "\nBail out! interrupted\n"));
}

static void lanes_live(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str bytes = { 0 }, out = { 0 };
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	struct cryo_report_opts opts = { .color = CRYO_COLOR_NEVER };
	struct cryo_live *l;
	int master, slave;

	(void)state;
	setenv("LC_ALL", "C.UTF-8", 1);
	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	opts.fd = slave;
	l = cryo_live_new(&opts);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(mixed); i++)
		cryo_live_event(l, &mixed[i]);
	cryo_live_free(l);
	drain(master, &bytes);
	close(slave);
	close(master);
	screen(bytes.p, &out);
	assert_string_equal(out.p, "✓ b[x=1]  200 ms\n"
				   "  a word of our own\n"
				   "  ! careful\n"
				   "– c  no luck\n"
				   "a\n"
				   "  ✗ apply  no <space> & \"such\"  10 ms\n"
				   "      log ?[1m]]>\xef\xbf\xbf?\n"
				   "✗ a  1.1 s\n");
}

/* As many lines as the screen has, less one: the last one stands for those that do not fit. */
static void lanes_live_fit(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str bytes = { 0 }, out = { 0 };
	struct winsize size = { .ws_row = 4, .ws_col = 80 };
	struct cryo_report_opts opts = { .color = CRYO_COLOR_NEVER };
	struct cryo_live *l;
	unsigned lines = 1;
	int master, slave;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	opts.fd = slave;
	l = cryo_live_new(&opts);
	for (unsigned i = 1; i <= 7; i++) {
		struct cryo_event ev = { .what = "x", .detail = "", .lane = i };

		cryo_live_event(l, &ev);
	}
	drain(master, &bytes);
	screen(bytes.p, &out);
	assert_true(cryo_ends_with(out.p, "\n  and 5 more"));
	for (const char *c = out.p; (c = strchr(c, '\n')); c++)
		lines++;
	assert_int_equal(lines, 3);
	cryo_live_free(l);
	close(slave);
	close(master);
}

/* Says an XML parser that this is XML? Without one on this machine nobody is asked. */
static void check_xml(const struct cryo_str *xml)
{
	static const char parse[] =
	    "import sys, xml.dom.minidom as m; m.parseString(sys.stdin.buffer.read())";
	const char *const lint[] = { "xmllint", "--noout", "-", NULL };
	const char *const python[] = { "python3", "-c", parse, NULL };
	struct cryo_proc p = { .input = xml->p, .timeout_ms = 60000 };
	cryo_auto(cryo_free) char *have_lint = cryo_fs_which("xmllint");
	cryo_auto(cryo_free) char *have_python = cryo_fs_which("python3");
	struct cryo_err err = CRYO_ERR_INIT;

	p.argv = have_lint ? lint : python;
	if (!have_lint && !have_python)
		print_message("# no XML parser here\n");
	else if (cryo_proc_run(&p, NULL, &err) < 0)
		fail_msg("%s", err.msg);
}

/* Times of the whole run and when it began differ each time. */
static void blank(struct cryo_str *xml, const char *attribute)
{
	for (char *c = xml->p; (c = strstr(c, attribute)); c++) {
		char *from = c + strlen(attribute), *to = strchr(from, '"');

		memmove(from, to, strlen(to) + 1);
	}
}

static void junit(void **state)
{
	struct cryo_junit *j = cryo_junit_new("a \"suite\"");
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };
	const char *body;

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(mixed); i++)
		cryo_junit_event(j, &mixed[i]);
	cryo_junit_end(j, NULL, &out);
	check_xml(&out);
	assert_true(cryo_starts_with(
	    out.p, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "
		   "tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"0."));
	assert_non_null(strstr(out.p, "<testsuite name=\"a &quot;suite&quot;\" tests=\"3\" "));
	body = strstr(out.p, "    <testcase ");
	assert_string_equal(
	    body, "    <testcase classname=\"a\" name=\"a\" time=\"1.100\">\n"
		  "      <failure message=\"apply: no &lt;space&gt; &amp; &quot;such&quot;\" "
		  "type=\"failure\">"
		  "apply: no &lt;space&gt; &amp; &quot;such&quot;</failure>\n"
		  "      <system-out>FAIL  apply: no &lt;space&gt; &amp; &quot;such&quot; (10 ms)\n"
		  "      log ?[1m]]&gt;??\n"
		  "</system-out>\n"
		  "    </testcase>\n"
		  "    <testcase classname=\"b\" name=\"b[x=1]\" time=\"0.200\">\n"
		  "      <system-out>ok    apply (20 ms)\n"
		  "</system-out>\n"
		  "    </testcase>\n"
		  "    <testcase classname=\"c\" name=\"c\" time=\"0.000\">\n"
		  "      <skipped message=\"no luck\"/>\n"
		  "      <system-out>WARN  careful\n"
		  "</system-out>\n"
		  "    </testcase>\n"
		  "    <system-out>      a word of our own\n"
		  "</system-out>\n"
		  "  </testsuite>\n"
		  "</testsuites>\n");
}

/* Of this process, one after the other; and nobody takes half a run for a good one. */
static void junit_bails_out(void **state)
{
	struct cryo_junit *j = cryo_junit_new("s");
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(story) - 3; i++)
		cryo_junit_event(j, &story[i]);
	cryo_junit_end(j, "interrupted", &out);
	check_xml(&out);
	blank(&out, "time=\"");
	assert_non_null(
	    strstr(out.p, "<testsuites tests=\"4\" failures=\"1\" errors=\"2\" skipped=\"1\""));
	assert_non_null(
	    strstr(out.p, "name=\"third\" time=\"\">\n      <error message=\"it did not finish"));
	assert_non_null(strstr(
	    out.p, "name=\"the whole run\" time=\"\">\n      <error message=\"interrupted\""));
	/* Steps below the second level are not told. */
	assert_null(strstr(out.p, "import image"));
	cryo_str_clear(&out);
	cryo_junit_end(NULL, NULL, &out);
	assert_int_equal(out.len, 0);
}

static void json(void **state)
{
	int fd = memfd_create("json", MFD_CLOEXEC);
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

	(void)state;
	cryo_report_json_begin(fd, false);
	cryo_debug("not told");
	cryo_step_begin("one");
	cryo_step_skip("no luck");
	cryo_report_json_end();
	cryo_report_stop();
	read_all(fd, &out);
	close(fd);
	assert_string_equal(out.p,
			    "{\"event\":\"begin\",\"depth\":0,\"what\":\"one\"}\n"
			    "{\"event\":\"skip\",\"depth\":0,\"what\":\"one\",\"detail\":\"no "
			    "luck\"}\n");
}

static void summary(void **state)
{
	struct cryo_scenario_result r[] = {
		{ .name = (char *)"counter",
		  .ms = 8100,
		  .steps = 7,
		  .checkpoint_ms = 400,
		  .restore_ms = 1200,
		  .node = (char *)"node-1",
		  .archive = (char *)"/checkpoints/a.tar",
		  .archive_bytes = 180000,
		  .secrecy = { true, true, 2, 23, true, true },
		  .judged = true,
		  .continuity = { .nonce = "5f3ac0ffee123456",
				  .pause = { .source_ms = 85 },
				  .text = "the same process went on: 70 → 71…73" } },
		{ .name = (char *)"bad",
		  .outcome = CRYO_FAILED,
		  .err = { .msg = "delete x: no" },
		  .checkpoint_ms = -1,
		  .restore_ms = -1,
		  .kept = (char *)"/var/tmp/x" },
	};
	struct cryo_scenario_totals t = { .result = r, .n = 1, .passed = 1 };
	struct cryo_summary_opts opts = { .program = "cryopod",
					  .cluster = "default",
					  .up_ms = 4100 };
	cryo_auto(cryo_str_release) struct cryo_str out = { 0 };
	static const char passed[] =
	    "\n  cluster     default, up after 4.1 s\n"
	    "passed counter: 7 steps in 8.1 s\n"
	    "  checkpoint  400 ms\n"
	    "  archive     180 kB on node-1: /checkpoints/a.tar\n"
	    "  restore     running after 1.2 s\n"
	    "  plain       the canary of the counter's memory is in the archive, 2 times\n"
	    "  encrypted   23 images, and the canary is nowhere in the archive\n"
	    "  no key      restore refused\n"
	    "  with key    restored\n"
	    "  continuity  the same process went on: 70 → 71…73 (nonce 5f3ac0ffee123456)\n";

	(void)state;
	cryo_summary(&t, &opts, &out);
	assert_true(cryo_starts_with(out.p, passed));
	assert_non_null(strstr(out.p, "\n  cryopod status "));
	cryo_str_clear(&out);
	r[0].secrecy = (struct cryo_secrecy){ 0 };
	cryo_summary(&t, &opts, &out);
	assert_null(strstr(out.p, "canary"));
	assert_null(strstr(out.p, "key"));
	cryo_str_clear(&out);
	opts.cluster = NULL;
	opts.all_ms = 5000;
	r[1].cluster = (char *)"a-f2-7";
	cryo_summary(&t, &opts, &out);
	assert_true(cryo_ends_with(
	    out.p, "\neach in a cluster of its own: 5.0 s in all, the sum of theirs is 8.1 s\n"));
	cryo_str_clear(&out);
	t = (struct cryo_scenario_totals){ .result = r, .n = 2, .passed = 1, .failed = 1 };
	cryo_summary(&t, &opts, &out);
	assert_true(cryo_ends_with(out.p,
				   "FAILED bad: delete x: no\n"
				   "  kept        /var/tmp/x\n"
				   "  cluster     a-f2-7 still runs: cryopod --name a-f2-7 "
				   "kubectl get events -A (or shell, logs, down)\n"
				   "\n1 passed, 1 failed, 0 skipped\n"
				   "each in a cluster of its own: 5.0 s in all, the sum of theirs "
				   "is 8.1 s\n"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),	 cmocka_unit_test(tap),
		cmocka_unit_test(tap_bails_out), cmocka_unit_test(live),
		cmocka_unit_test(live_line),	 cmocka_unit_test(quiet),
		cmocka_unit_test(texts),	 cmocka_unit_test(colors),
		cmocka_unit_test(both),		 cmocka_unit_test(summary),
		cmocka_unit_test(lanes_plain),	 cmocka_unit_test(lanes_tap),
		cmocka_unit_test(lanes_live),	 cmocka_unit_test(lanes_live_fit),
		cmocka_unit_test(junit),	 cmocka_unit_test(junit_bails_out),
		cmocka_unit_test(json),		 cmocka_unit_test(lanes_tap_bails_out),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL) ? EXIT_FAILURE
									: EXIT_SUCCESS;
}
