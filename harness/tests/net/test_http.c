/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "net/http.h"
#include "net/pki.h"
#include "sys/intr.h"
#include "tests/net/fake_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct cryo_http *client(const struct fake_http *f)
{
	const struct cryo_http_opts opts = { .base_url = f->url, .netns_fd = -1, .direct = true };

	return cryo_http_new(&opts);
}

static void answers(void **state)
{
	static const struct {
		const char *name;
		struct fake_step step;
		int rc;
		long code;
		const char *body, *message;
	} row[] = {
		{ "plain", { "GET /x HTTP/1.1\r\n", 200, "{}", 0, 0 }, 0, 200, "{}", "" },
		{ "pieces",
		  { 0, 200, "a" FAKE_PIECE "b" FAKE_PIECE "c", true, 0 },
		  0,
		  200,
		  "abc",
		  "" },
		{ "no body", { 0, 0, "HTTP/1.1 204 No\r\n\r\n", 0, 0 }, 0, 204, "", "" },
		{ "not found", { 0, 404, "nowhere", 0, 0 }, 0, 404, "nowhere", "" },
		{ "redirect",
		  { 0, 0, "HTTP/1.1 302 Go\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n", 0, 0 },
		  0,
		  302,
		  "",
		  "" },
		{ "cut short",
		  { 0, 0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab" FAKE_CUT, 0, 0 },
		  -CRYO_E_REMOTE,
		  200,
		  "ab",
		  "request to 'http://127.0.0.1:" },
		{ "cut chunk",
		  { 0, 200, "ab" FAKE_CUT, true, 0 },
		  -CRYO_E_REMOTE,
		  200,
		  "ab",
		  "failed: " },
		{ "nothing", { 0, 0, FAKE_CUT, 0, 0 }, -CRYO_E_REMOTE, 0, "", "failed: " },
		{ "no HTTP",
		  { 0, 0, "SSH-2.0-x\r\n\r\n" FAKE_CUT, 0, 0 },
		  -CRYO_E_REMOTE,
		  0,
		  "",
		  "failed: " },
		{ "huge",
		  { 0, 200, "0123456789", 0, 7000 },
		  -CRYO_E_REMOTE,
		  200,
		  NULL,
		  "is larger than 65536 bytes" },
		{ "huge chunks",
		  { 0, 200, "0123456789", true, 7000 },
		  -CRYO_E_REMOTE,
		  200,
		  NULL,
		  "is larger than 65536 bytes" },
		{ "silence",
		  { 0, 0, "HTTP/1.1 200 OK\r\n" FAKE_STALL, 0, 0 },
		  -CRYO_E_TIMEOUT,
		  200,
		  "",
		  "within 300 ms" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const struct cryo_http_req req = { .path = "/x",
						   .timeout_ms = 300,
						   .max_body = 65536 };
		struct fake_http f = { 0 };
		struct cryo_http_resp resp = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_http *h;

		print_message("# %s\n", row[i].name);
		fake_start(&f, &row[i].step, 1);
		h = client(&f);
		assert_int_equal(cryo_http_do(h, &req, &resp, &err), row[i].rc);
		assert_false(cryo_http_refused(h));
		assert_int_equal(resp.code, row[i].code);
		if (row[i].body)
			assert_string_equal(cryo_str_get(&resp.body), row[i].body);
		assert_non_null(strstr(err.msg, row[i].message));
		cryo_http_free(h);
		fake_stop(&f);
		cryo_http_resp_release(&resp);
	}
}

static void requests_as_sent(void **state)
{
	static const struct fake_step steps[] = {
		{ "POST /checkpoint?timeout=3 HTTP/1.1\r\n", 200, "1", false, 0 },
		{ "PATCH /p HTTP/1.1\r\n", 200, "22", false, 0 },
		{ "DELETE /d HTTP/1.1\r\n", 200, "333", false, 0 },
	};
	static const struct cryo_http_req req[] = {
		{ .method = "POST", .path = "/checkpoint?timeout=3" },
		{ .method = "PATCH",
		  .path = "/p",
		  .body = "a\0b",
		  .body_len = 3,
		  .content_type = "text/x" },
		{ .method = "DELETE", .path = "/d", .accept = "text/plain" },
	};
	static const char *const sent[] = { "Content-Length: 0\r\n", "Content-Length: 3\r\n",
					    "Content-Type: text/x\r\n", "Accept: text/plain\r\n",
					    "Accept: application/json\r\n" };
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	struct fake_http f = { 0 };
	struct cryo_http *h;

	(void)state;
	fake_start(&f, steps, CRYO_ARRAY_LEN(steps));
	h = client(&f);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(req); i++) {
		assert_int_equal(cryo_http_do(h, &req[i], &resp, &err), 0);
		assert_int_equal(resp.code, 200);
		assert_int_equal(resp.body.len, i + 1);
		assert_string_equal(resp.content_type, "application/json");
	}
	for (size_t i = 0; i < CRYO_ARRAY_LEN(sent); i++)
		assert_non_null(memmem(f.seen.p, f.seen.len, sent[i], strlen(sent[i])));
	assert_null(memmem(f.seen.p, f.seen.len, "Expect", 6));
	assert_int_equal(f.connections, 1); /* kept alive */
	cryo_http_free(h);
	fake_stop(&f);
}

/* In the file system, where only who may enter the directory can connect. */
static void unix_socket(void **state)
{
	static const struct fake_step step = { "GET /x HTTP/1.1\r\n", 200, "{}", false, 0 };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct fake_http f = { .step = &step, .n = 1 };
	struct cryo_http_opts opts = { .base_url = "http://localhost",
				       .unix_path = a.sun_path,
				       .netns_fd = -1,
				       .direct = true };
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_http *h;

	(void)state;
	snprintf(a.sun_path, sizeof(a.sun_path), "/tmp/cryo-http-%d.socket", getpid());
	f.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f.listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(f.listen_fd, 8), 0);
	assert_int_equal(pthread_create(&f.thread, NULL, fake_main, &f), 0);
	h = cryo_http_new(&opts);
	assert_int_equal(
	    cryo_http_do(h, &(struct cryo_http_req){ .path = "/x", .header = "X-Word: a b" }, &resp,
			 &err),
	    0);
	assert_string_equal(resp.body.p, "{}");
	assert_non_null(strstr(f.seen.p, "\r\nHost: localhost\r\n"));
	assert_non_null(strstr(f.seen.p, "\r\nX-Word: a b\r\n"));
	cryo_http_free(h);
	fake_stop(&f);
	unlink(a.sun_path);
	h = cryo_http_new(&opts);
	assert_int_equal(cryo_http_do(h, &(struct cryo_http_req){ .path = "/x" }, &resp, &err),
			 -CRYO_E_REMOTE);
	assert_true(cryo_http_refused(h));
	cryo_http_free(h);
}

struct stream {
	struct cryo_str got;
	size_t end_at;
};

static int on_data(const char *data, size_t n, void *arg)
{
	struct stream *s = arg;

	cryo_str_addn(&s->got, data, n);
	return s->end_at && s->got.len >= s->end_at;
}

static void streams(void **state)
{
	static const struct {
		struct fake_step step;
		size_t end_at;
		int rc;
		const char *got, *body;
	} row[] = {
		{ { 0, 200, "ab" FAKE_PIECE "cd", true, 0 }, 0, 0, "abcd", "" },
		{ { 0, 200, "ab" FAKE_PIECE "cd" FAKE_STALL, true, 0 }, 4, 0, "abcd", "" },
		{ { 0, 200, "ab" FAKE_PIECE FAKE_CUT, true, 0 }, 0, -CRYO_E_REMOTE, "ab", "" },
		{ { 0, 410, "gone", false, 0 }, 0, 0, "", "gone" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct stream s = { .end_at = row[i].end_at };
		const struct cryo_http_req req = { .path = "/",
						   .timeout_ms = -1,
						   .max_body = 4,
						   .on_data = on_data,
						   .on_data_arg = &s };
		struct cryo_http_resp resp = { 0 };
		struct cryo_err err = CRYO_ERR_INIT;
		struct fake_http f = { 0 };
		struct cryo_http *h;

		fake_start(&f, &row[i].step, 1);
		h = client(&f);
		assert_int_equal(cryo_http_do(h, &req, &resp, &err), row[i].rc);
		assert_string_equal(cryo_str_get(&s.got), row[i].got);
		assert_string_equal(cryo_str_get(&resp.body), row[i].body);
		cryo_http_free(h);
		fake_stop(&f);
		cryo_str_release(&s.got);
		cryo_http_resp_release(&resp);
	}
}

static void nobody_listens(void **state)
{
	const struct cryo_http_req req = { .path = "/" };
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	struct fake_http f = { 0 };
	struct cryo_http *h;

	(void)state;
	fake_start(&f, NULL, 0);
	h = client(&f);
	fake_stop(&f);
	assert_int_equal(cryo_http_do(h, &req, &resp, &err), -CRYO_E_REMOTE);
	assert_true(cryo_http_refused(h));
	assert_true(cryo_starts_with(err.msg, "cannot connect to 'http://127.0.0.1:"));
	assert_true(cryo_ends_with(err.msg, "Connection refused"));
	assert_int_equal(err.sys_errno, 0);
	cryo_http_free(h);
}

static void proxy_of_the_environment(void **state)
{
	static const struct fake_step step = { "GET / ", 200, "", false, 0 };
	const struct cryo_http_req req = { .path = "/" };
	struct cryo_http_opts opts = { .netns_fd = -1 };
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	struct fake_http f = { 0 };
	struct cryo_http *h;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	unsetenv("no_proxy");
	fake_start(&f, &step, 1);
	opts.base_url = f.url;
	h = cryo_http_new(&opts);
	assert_int_equal(cryo_http_do(h, &req, &resp, &err), -CRYO_E_REMOTE);
	cryo_http_free(h);
	h = client(&f);
	assert_int_equal(cryo_http_do(h, &req, &resp, &err), 0);
	cryo_http_free(h);
	fake_stop(&f);
	unsetenv("http_proxy");
}

/* In a child: the handlers and the caught signal stay for the rest of a process' life. */
static int interrupted_child(const char *url)
{
	const struct cryo_http_opts opts = { .base_url = url, .netns_fd = -1, .direct = true };
	const struct cryo_http_req req = { .path = "/", .timeout_ms = -1 };
	cryo_auto(cryo_http_free) struct cryo_http *h = cryo_http_new(&opts);
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	cryo_intr_install();
	if (fork() == 0) {
		usleep(100000);
		kill(getppid(), SIGINT);
		_exit(0);
	}
	return cryo_http_do(h, &req, &resp, &err) == -CRYO_E_INTERRUPTED && err.signal == SIGINT;
}

static void interrupt_ends_a_wait(void **state)
{
	static const struct fake_step step = { NULL, 0, FAKE_STALL, false, 0 };
	struct fake_http f = { 0 };
	int wstatus = -1;
	pid_t pid;

	(void)state;
	fake_start(&f, &step, 1);
	pid = fork();
	if (pid == 0)
		_exit(interrupted_child(f.url) ? 0 : 1);
	assert_int_equal(waitpid(pid, &wstatus, 0), pid);
	assert_int_equal(wstatus, 0);
	fake_stop(&f);
}

static bool lo_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;

	close(fd);
	return up;
}

static void inside_another_netns(void **state)
{
	static const struct fake_step step = { "GET /in ", 200, "inside", false, 0 };
	const struct cryo_http_req req = { .path = "/in" };
	cryo_auto(cryo_http_resp_release) struct cryo_http_resp resp = { 0 };
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there;
	struct cryo_http_opts opts = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;
	struct fake_http f = { 0 };
	struct cryo_http *h;

	(void)state;
	if (unshare(CLONE_NEWNET) < 0) {
		print_message("# skipped: needs the right to make a network namespace\n");
		close(here);
		skip();
	}
	assert_true(lo_up());
	there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	fake_start(&f, &step, 1);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	h = client(&f);
	assert_int_equal(cryo_http_do(h, &req, &resp, &err), -CRYO_E_REMOTE);
	cryo_http_free(h);
	opts = (struct cryo_http_opts){ .base_url = f.url, .netns_fd = there };
	h = cryo_http_new(&opts);
	assert_int_equal(cryo_http_do(h, &req, &resp, &err), 0);
	assert_string_equal(resp.body.p, "inside");
	cryo_http_free(h);
	fake_stop(&f);
	opts.netns_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	h = cryo_http_new(&opts);
	assert_int_equal(cryo_http_do(h, &req, &resp, &err), -CRYO_E_SYSTEM);
	assert_int_equal(err.sys_errno, EINVAL);
	cryo_http_free(h);
	close(opts.netns_fd);
	close(there);
	close(here);
}

/* TLS side of the fake: the server's pair, and a CA that clients must come from (or NULL). */
static SSL_CTX *tls_context(const struct cryo_pki_pair *pair, const char *client_ca)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	BIO *bio = BIO_new_mem_buf(pair->cert_pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	EVP_PKEY *key;

	BIO_free(bio);
	bio = BIO_new_mem_buf(pair->key_pem, -1);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	SSL_CTX_use_certificate(ctx, cert);
	SSL_CTX_use_PrivateKey(ctx, key);
	X509_free(cert);
	EVP_PKEY_free(key);
	if (client_ca) {
		bio = BIO_new_mem_buf(client_ca, -1);
		cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		BIO_free(bio);
		X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert);
		X509_free(cert);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	return ctx;
}

static void *tls_accept(int fd, void *arg)
{
	SSL *ssl = SSL_new(arg);

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		return ssl;
	SSL_free(ssl);
	return NULL;
}

static ssize_t tls_read(void *session, void *buf, size_t n)
{
	return SSL_read(session, buf, (int)n);
}

static ssize_t tls_write(void *session, const void *buf, size_t n)
{
	return SSL_write(session, buf, (int)n);
}

static void tls_close(void *session)
{
	SSL_shutdown(session);
	SSL_free(session);
}

static void tls_identities(void **state)
{
	static const char *const good_ip[] = { "127.0.0.1", NULL }, *const other_ip[] = {
		"10.0.0.1", NULL
	};
	struct cryo_pki_spec spec = { .cn = "server", .ip = good_ip, .server = true };
	const struct cryo_pki_spec user = { .cn = "user", .client = true };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair ca = { 0 };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair stranger = { 0 };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair good = { 0 };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair misnamed = { 0 };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair mine = { 0 };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair alien = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_pki_ca("ca", &ca, &err), 0);
	assert_int_equal(cryo_pki_ca("stranger", &stranger, &err), 0);
	assert_int_equal(cryo_pki_issue(&ca, &spec, &good, &err), 0);
	spec.ip = other_ip;
	assert_int_equal(cryo_pki_issue(&ca, &spec, &misnamed, &err), 0);
	assert_int_equal(cryo_pki_issue(&ca, &user, &mine, &err), 0);
	assert_int_equal(cryo_pki_issue(&stranger, &user, &alien, &err), 0);
	const struct {
		const char *name;
		const struct cryo_pki_pair *server;
		const char *trust;
		bool demand, insecure;
		const struct cryo_pki_pair *identity;
		int rc;
	} row[] = {
		{ "right CA", &good, ca.cert_pem, false, false, NULL, 0 },
		{ "wrong CA", &good, stranger.cert_pem, false, false, NULL, -CRYO_E_REMOTE },
		{ "system's CAs", &good, NULL, false, false, NULL, -CRYO_E_REMOTE },
		{ "wrong name", &misnamed, ca.cert_pem, false, false, NULL, -CRYO_E_REMOTE },
		{ "insecure", &misnamed, NULL, false, true, NULL, 0 },
		{ "client certificate", &good, ca.cert_pem, true, false, &mine, 0 },
		{ "none given", &good, ca.cert_pem, true, false, NULL, -CRYO_E_REMOTE },
		{ "of another CA", &good, ca.cert_pem, true, false, &alien, -CRYO_E_REMOTE },
		{ "key not PEM", &good, ca.cert_pem, true, false,
		  &(struct cryo_pki_pair){ mine.cert_pem, (char *)"key" }, -CRYO_E_REMOTE },
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		static const struct fake_step steps[] = { { NULL, 200, "a", false, 0 },
							  { NULL, 200, "b", false, 0 } };
		SSL_CTX *ctx = tls_context(row[i].server, row[i].demand ? ca.cert_pem : NULL);
		struct fake_http f = { .tls_accept = tls_accept,
				       .tls_read = tls_read,
				       .tls_write = tls_write,
				       .tls_close = tls_close,
				       .tls_arg = ctx };
		const struct cryo_http_req req = { .path = "/", .timeout_ms = 5000 };
		struct cryo_http_resp resp = { 0 };
		struct cryo_http_opts opts;
		struct cryo_http *h;

		print_message("# %s\n", row[i].name);
		fake_start(&f, steps, 2);
		opts = (struct cryo_http_opts){
			.base_url = f.url,
			.ca_pem = row[i].trust,
			.insecure = row[i].insecure,
			.netns_fd = -1,
			.direct = true,
			.cert_pem = row[i].identity ? row[i].identity->cert_pem : NULL,
			.key_pem = row[i].identity ? row[i].identity->key_pem : NULL,
		};
		h = cryo_http_new(&opts);
		err.msg[0] = '\0';
		for (int twice = 0; twice < 2; twice++)
			assert_int_equal(cryo_http_do(h, &req, &resp, &err), row[i].rc);
		print_message("#   %s\n", err.msg);
		assert_int_equal(row[i].rc == 0, resp.body.len == 1 && *resp.body.p == 'b');
		assert_true(row[i].rc || f.connections == 1);
		cryo_http_free(h);
		fake_stop(&f);
		cryo_http_resp_release(&resp);
		SSL_CTX_free(ctx);
	}
}

static void escapes(void **state)
{
	static const char *const row[][2] = { { "abc-._~9", "abc-._~9" },
					      { "a/b c", "a%2Fb%20c" },
					      { "", "" },
					      { "ü?&=%", "%C3%BC%3F%26%3D%25" } };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *text = cryo_http_escape(row[i][0]);

		assert_string_equal(text, row[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(requests_as_sent),
		cmocka_unit_test(streams),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(proxy_of_the_environment),
		cmocka_unit_test(interrupt_ends_a_wait),
		cmocka_unit_test(inside_another_netns),
		cmocka_unit_test(unix_socket),
		cmocka_unit_test(tls_identities),
		cmocka_unit_test(escapes),
	};
	int n;

	signal(SIGPIPE, SIG_IGN);
	n = cmocka_run_group_tests(tests, NULL, NULL);
	return n ? EXIT_FAILURE : EXIT_SUCCESS;
}
