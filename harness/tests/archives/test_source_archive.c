/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of sources: what may be in them, and how they come over the network. */
#include "base/clock.h"
#include "tests/net/fake_http.h"
#include "net/download.h"
#include "archives/archive.h"
#include "archives/debian.h"
#include "source/tree.h"
#include "sys/fs.h"
#include "tests/scratch.h"

#include <archive.h>
#include <archive_entry.h>
#include <git2.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct cryo_err err;
static struct cryo_tree tree;
static struct cryo_fetch_opts opts;

static int setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	scratch_setenv_path("CRYOPOD_CACHE_DIR", "cache");
	scratch_setenv("XDG_CONFIG_HOME", scratch_dir);
	opts = (struct cryo_fetch_opts){ .quiet_ms = 20000 };
	return 0;
}

static int teardown(void **state)
{
	cryo_tree_release(&tree);
	return scratch_teardown(state);
}

struct member {
	const char *name, *text;
	unsigned type; /* 0: file */
	const char *link;
	bool hard;
};

static char *make(const struct member *m, size_t n, char sum[CRYO_HASH_HEX])
{
	char *path = scratch_path("a.tar.gz");
	struct archive *a = archive_write_new();

	archive_write_add_filter_gzip(a);
	archive_write_set_format_pax_restricted(a);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	for (size_t i = 0; i < n && m[i].name; i++) {
		struct archive_entry *e = archive_entry_new();
		size_t len = m[i].text ? strlen(m[i].text) : 0;

		archive_entry_set_pathname(e, m[i].name);
		archive_entry_set_filetype(e, m[i].type ? m[i].type : AE_IFREG);
		archive_entry_set_perm(e, 06755);
		archive_entry_set_size(e, (la_int64_t)len);
		if (m[i].hard)
			archive_entry_set_hardlink(e, m[i].link);
		else if (m[i].link)
			archive_entry_set_symlink(e, m[i].link);
		assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
		if (len)
			archive_write_data(a, m[i].text, len);
		archive_entry_free(e);
	}
	archive_write_free(a);
	assert_int_equal(cryo_hash_file(path, sum, &err), 0);
	return path;
}

static int sync_to(const char *archive, const char *sum, const char *outside)
{
	struct cryo_source src = { .kind = CRYO_SOURCE_ARCHIVE,
				   .archive = (char *)archive,
				   .sha256 = (char *)sum };
	int rc;

	if (outside)
		cryo_strv_add(&src.links_outside, outside);
	cryo_tree_release(&tree);
	rc = cryo_source_tree(&src, "comp", &opts, &tree, &err);
	cryo_strv_release(&src.links_outside);
	return rc;
}

static void becomes_a_tree(void **state)
{
	static const struct member m[] = {
		{ .name = "top-1.0/", .type = AE_IFDIR },
		{ .name = "top-1.0/f", .text = "hello\n" },
		{ .name = "top-1.0/.gitignore", .text = "*.o\n" },
		{ .name = "top-1.0/kept.o", .text = "o" },
		{ .name = "top-1.0/d/l", .type = AE_IFLNK, .link = "../f" },
		{ .name = "top-1.0/h", .link = "top-1.0/f", .hard = true }
	};
	cryo_auto(cryo_git_state_release) struct cryo_git_state s = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str got = { 0 };
	cryo_auto(cryo_free) char *file = NULL, *path = NULL;
	char sum[CRYO_HASH_HEX], head[CRYO_COMMIT_HEX];
	struct stat st;

	(void)state;
	path = make(m, CRYO_ARRAY_LEN(m), sum);
	assert_int_equal(sync_to(path, sum, NULL), 0);
	assert_true(tree.made);
	file = cryo_asprintf("%s/d/l", tree.dir);
	assert_int_equal(cryo_fs_read(file, 100, &got, &err), 0);
	assert_string_equal(cryo_str_get(&got), "hello\n");
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(cryo_git_state(tree.dir, &s, &err), 0);
	assert_int_equal(s.changed, 0);
	assert_string_equal(s.head, tree.commit);
	memcpy(head, tree.commit, sizeof(head));
	assert_int_equal(sync_to(path, sum, NULL), 0);
	assert_false(tree.made);
	/* The same archive is the same commit, on any day. */
	assert_int_equal(cryo_fs_rmtree(tree.dir, &err), 0);
	assert_int_equal(sync_to(path, sum, NULL), 0);
	assert_string_equal(tree.commit, head);
}

/* As `git sparse-checkout` marks what it leaves out: git does not miss it (libgit2 1.5 does). */
static void mark_left_out(const char *repository, const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", repository, name);
	git_repository *repo = NULL;
	git_index *index = NULL;
	git_index_entry entry;

	assert_int_equal(git_repository_open(&repo, repository), 0);
	assert_int_equal(git_repository_index(&index, repo), 0);
	entry = *git_index_get_bypath(index, name, 0);
	entry.flags_extended |= GIT_INDEX_ENTRY_SKIP_WORKTREE;
	assert_int_equal(git_index_add(index, &entry), 0);
	assert_int_equal(git_index_write(index), 0);
	git_index_free(index);
	git_repository_free(repo);
	assert_int_equal(unlink(path), 0);
}

static void a_sparse_checkout_is_not_a_change(void **state)
{
	static const struct member m[] = { { .name = "t/a", .text = "a" },
					   { .name = "t/b", .text = "b" },
					   { .name = "t/c", .text = "c" } };
	cryo_auto(cryo_git_state_release) struct cryo_git_state s = { 0 }, gone = { 0 };
	char sum[CRYO_HASH_HEX];
	cryo_auto(cryo_free) char *archive = make(m, CRYO_ARRAY_LEN(m), sum), *file = NULL;

	(void)state;
	assert_int_equal(sync_to(archive, sum, NULL), 0);
	mark_left_out(tree.dir, "b");
	assert_int_equal(cryo_git_state(tree.dir, &s, &err), 0);
	assert_int_equal(s.changed, 0);
	file = cryo_asprintf("%s/c", tree.dir);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(cryo_git_state(tree.dir, &gone, &err), 0);
	assert_int_equal(gone.changed, 1);
	assert_string_equal(gone.first, "c");
}

/* Whatever its .gitattributes would have git do with them. */
static void bytes_are_taken_as_they_are(void **state)
{
	static const struct member m[] = { { .name = "t/.gitattributes",
					     .text = "* text eol=crlf ident\n" },
					   { .name = "t/empty" },
					   { .name = "t/f", .text = "a\r\nb\n" } };
	cryo_auto(cryo_git_state_release) struct cryo_git_state s = { 0 };
	char sum[CRYO_HASH_HEX];
	cryo_auto(cryo_free) char *path = make(m, CRYO_ARRAY_LEN(m), sum);
	git_repository *repo = NULL;
	git_object *blob = NULL;

	(void)state;
	assert_int_equal(sync_to(path, sum, NULL), 0);
	assert_int_equal(cryo_git_state(tree.dir, &s, &err), 0);
	assert_int_equal(s.changed, 0);
	assert_int_equal(git_repository_open(&repo, tree.dir), 0);
	assert_int_equal(git_revparse_single(&blob, repo, "HEAD:f"), 0);
	assert_int_equal(git_blob_rawsize((git_blob *)blob), 5);
	git_object_free(blob);
	git_repository_free(repo);
}

static void what_is_refused(void **state)
{
	static const struct {
		struct member m[4];
		const char *why;
	} row[] = {
		{ { { .name = "../x", .text = "x" } }, "leads out" },
		{ { { .name = "/etc/x", .text = "x" } }, "leads out" },
		{ { { .name = "t/../../x", .text = "x" } }, "leads out" },
		{ { { .name = "t/.git/config", .text = "x" } }, "is reserved" },
		{ { { .name = "t/a", .text = "x" }, { .name = "u/a", .text = "x" } },
		  "beside the one directory" },
		{ { { .name = "t/l", .type = AE_IFLNK, .link = "/etc/passwd" } }, "'l' is a link" },
		{ { { .name = "t/l", .type = AE_IFLNK, .link = "../x" } }, "'l' is a link" },
		{ { { .name = "t/d/l", .type = AE_IFLNK, .link = "a/../../../x" } },
		  "is a link that leads out of it ('linksOutside' of the source names" },
		/* Each of the two stays inside, taken as a text. */
		{ { { .name = "t/d/e/f", .text = "x" },
		    { .name = "t/d/e/up", .type = AE_IFLNK, .link = "../.." },
		    { .name = "t/d/e/out", .type = AE_IFLNK, .link = "up/.." } },
		  "'d/e/out' is a link that leads out" },
		/* Written through a link. */
		{ { { .name = "t/d/x", .text = "x" },
		    { .name = "t/l", .type = AE_IFLNK, .link = "d" },
		    { .name = "t/l/y", .text = "y" } },
		  "'l/y' is behind a link" },
		{ { { .name = "t/h", .link = "/etc/passwd", .hard = true } }, "leads out" },
		{ { { .name = "t/h", .link = "t/../../x", .hard = true } }, "leads out" },
		/* A name of it where the same words lead elsewhere, to a file that is not there. */
		{ { { .name = "t/d/e/l", .type = AE_IFLNK, .link = "../../none" },
		    { .name = "t/h", .link = "t/d/e/l", .hard = true } },
		  "'h' is a link that leads out" },
		{ { { .name = "t/d/up", .type = AE_IFLNK, .link = ".." },
		    { .name = "t/l", .type = AE_IFLNK, .link = "d/up/../../tmp/none" } },
		  "'l' is a link that leads out" },
		{ { { .name = "t/p", .type = AE_IFIFO } }, "neither file, directory nor link" },
		{ { { .name = "t/", .type = AE_IFDIR } }, "is empty" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		char sum[CRYO_HASH_HEX];
		cryo_auto(cryo_free) char *path = make(row[i].m, 4, sum), *place = NULL;
		int rc = sync_to(path, sum, NULL);

		print_message("# %s\n", rc < 0 ? err.msg : "not refused");
		assert_int_equal(rc, -CRYO_E_CONFIG);
		assert_non_null(strstr(err.msg, row[i].why));
		place = cryo_source_tree_dir("comp", sum);
		assert_false(cryo_fs_exists(place));
	}
}

/* libarchive's writer gives hard links no data: headers of our own. */
static void add_header(struct cryo_str *out, const char *name, char type, const char *link,
		       unsigned mode, size_t size)
{
	char h[512] = { 0 };
	unsigned sum = 0;

	snprintf(h, 100, "%s", name);
	snprintf(h + 100, 8, "%07o", mode);
	snprintf(h + 108, 8, "%07o", (unsigned)geteuid());
	snprintf(h + 116, 8, "%07o", (unsigned)getegid());
	snprintf(h + 124, 12, "%011zo", size);
	snprintf(h + 136, 12, "%011o", 0);
	h[156] = type;
	snprintf(h + 157, 100, "%s", link);
	memcpy(h + 257, "ustar\0\60\60", 8);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	cryo_str_addn(out, h, sizeof(h));
}

static void add_data(struct cryo_str *out, const char *text)
{
	char block[512] = { 0 };

	snprintf(block, sizeof(block), "%s", text);
	cryo_str_addn(out, block, sizeof(block));
}

/* A second name of a file brings neither other bits nor other bytes. */
static void a_hard_link_is_only_a_name(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str tar = { 0 }, got = { 0 };
	cryo_auto(cryo_free) char *path = scratch_path("a.tar"), *file = NULL;
	char sum[CRYO_HASH_HEX];
	char end[1024] = { 0 };
	struct stat st;

	(void)state;
	add_header(&tar, "t/f", '0', "", 0755, 5);
	add_data(&tar, "first");
	/* Only in this format a link has data. */
	add_header(&tar, "x", 'x', "", 0644, 13);
	add_data(&tar, "13 comment=x\n");
	add_header(&tar, "t/h", '1', "t/f", 06777, 5);
	add_data(&tar, "other");
	add_header(&tar, "t/g", '0', "", 0644, 1);
	add_data(&tar, "g");
	cryo_str_addn(&tar, end, sizeof(end));
	assert_int_equal(cryo_fs_write(path, tar.p, tar.len, 0644, &err), 0);
	cryo_hash_bytes(tar.p, tar.len, sum);
	assert_int_equal(sync_to(path, sum, NULL), 0);
	file = cryo_asprintf("%s/f", tree.dir);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(cryo_fs_read(file, 100, &got, &err), 0);
	assert_string_equal(cryo_str_get(&got), "first");
}

static void links_that_may_lead_out(void **state)
{
	static const struct member m[] = {
		{ .name = "t/i/l", .type = AE_IFLNK, .link = "/usr/include/stdio.h" },
	};
	char sum[CRYO_HASH_HEX];
	cryo_auto(cryo_free) char *path = make(m, 1, sum);

	(void)state;
	assert_int_equal(sync_to(path, sum, "other"), -CRYO_E_CONFIG);
	assert_int_equal(sync_to(path, sum, "i/l"), 0);
}

static void wrong_files(void **state)
{
	static const struct member m[] = { { .name = "t/f", .text = "x" } };
	char sum[CRYO_HASH_HEX], other[CRYO_HASH_HEX];
	cryo_auto(cryo_free) char *path = make(m, 1, sum);
	cryo_auto(cryo_free) char *nothing = scratch_path("nothing");

	(void)state;
	cryo_hash_bytes("other", 5, other);
	assert_int_equal(sync_to(path, other, NULL), -CRYO_E_CONFIG);
	print_message("# %s\n", err.msg);
	assert_non_null(strstr(err.msg, sum));
	assert_non_null(strstr(err.msg, other));
	assert_int_equal(sync_to(nothing, sum, NULL), -CRYO_E_CONFIG);
	assert_int_equal(cryo_fs_write(nothing, "no tar", 6, 0644, &err), 0);
	cryo_hash_bytes("no tar", 6, sum);
	assert_int_equal(sync_to(nothing, sum, NULL), -CRYO_E_CONFIG);
	print_message("# %s\n", err.msg);
	assert_non_null(strstr(err.msg, "not a tar archive"));
}

/* --- over the network: text will do, it is only the checksum that counts --- */

static int obtain(struct fake_http *f, const struct fake_step *step, size_t n, const char *sum)
{
	cryo_auto(cryo_free) char *address = NULL;
	struct cryo_tarball a = { .sha256 = sum };
	char *path = NULL;
	int rc;

	fake_start(f, step, n);
	a.address = address = cryo_asprintf("%s/a.tar", f->url);
	rc = cryo_tarball_obtain(&a, &opts, &path, &err);
	if (rc < 0)
		print_message("# %s\n", err.msg);
	free(path);
	return rc;
}

static void end(struct fake_http *f)
{
	fake_stop(f);
	cryo_str_release(&f->seen);
}

static void goes_on_after_a_cut(void **state)
{
	static const struct fake_step cut[] = {
		{ "GET /a.tar", 0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234" FAKE_CUT,
		  false, 0 },
	};
	static const struct fake_step rest[] = {
		{ "GET /a.tar", 0,
		  "HTTP/1.1 206 Partial\r\nContent-Range: bytes 5-9/10\r\n"
		  "Content-Length: 5\r\n\r\n56789" FAKE_CUT,
		  false, 0 },
	};
	struct fake_http f = { 0 }, g = { 0 };
	char sum[CRYO_HASH_HEX];

	(void)state;
	cryo_hash_bytes("0123456789", 10, sum);
	assert_int_equal(obtain(&f, cut, 1, sum), -CRYO_E_PROVISION);
	end(&f);
	assert_int_equal(obtain(&g, rest, 1, sum), 0);
	assert_non_null(strstr(cryo_str_get(&g.seen), "Range: bytes=5-"));
	end(&g);
}

static void a_server_that_cannot_go_on(void **state)
{
	static const struct fake_step cut[] = {
		{ NULL, 0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234" FAKE_CUT, false,
		  0 },
	};
	static const struct fake_step whole[] = { { NULL, 200, "0123456789", false, 0 },
						  { NULL, 200, "0123456789", false, 0 } };
	struct fake_http f = { 0 }, g = { 0 };
	char sum[CRYO_HASH_HEX];

	(void)state;
	cryo_hash_bytes("0123456789", 10, sum);
	assert_int_equal(obtain(&f, cut, 1, sum), -CRYO_E_PROVISION);
	end(&f);
	assert_int_equal(obtain(&g, whole, 2, sum), 0);
	end(&g);
}

/* The first half of another file lies there: the whole is fetched once more. */
static void a_mixture_is_thrown_away(void **state)
{
	static const struct fake_step cut[] = {
		{ NULL, 0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxxxxx" FAKE_CUT, false,
		  0 },
	};
	static const struct fake_step then[] = {
		{ NULL, 0,
		  "HTTP/1.1 206 Partial\r\nContent-Range: bytes 5-9/10\r\n"
		  "Content-Length: 5\r\n\r\n56789" FAKE_CUT,
		  false, 0 },
		{ NULL, 200, "0123456789", false, 0 },
	};
	struct fake_http f = { 0 }, g = { 0 };
	char sum[CRYO_HASH_HEX];

	(void)state;
	cryo_hash_bytes("0123456789", 10, sum);
	assert_int_equal(obtain(&f, cut, 1, sum), -CRYO_E_PROVISION);
	end(&f);
	assert_int_equal(obtain(&g, then, 2, sum), 0);
	end(&g);
}

static void downloads_that_fail(void **state)
{
	static const struct fake_step gone[] = { { NULL, 404, "no", false, 0 } };
	static const struct fake_step wrong[] = { { NULL, 200, "another", false, 0 } };
	static const struct fake_step stall[] = {
		{ NULL, 0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01" FAKE_STALL, false, 0 },
	};
	struct fake_http f = { 0 }, g = { 0 }, h = { 0 };
	char sum[CRYO_HASH_HEX];

	(void)state;
	cryo_hash_bytes("0123456789", 10, sum);
	assert_int_equal(obtain(&f, gone, 1, sum), -CRYO_E_PROVISION);
	assert_non_null(strstr(err.msg, "404"));
	end(&f);
	assert_int_equal(obtain(&g, wrong, 1, sum), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "the stack wants"));
	end(&g);
	opts.quiet_ms = 200;
	assert_int_equal(obtain(&h, stall, 1, sum), -CRYO_E_TIMEOUT);
	end(&h);
	opts.offline = true;
	{
		const struct cryo_tarball a = { "http://127.0.0.1:1/x", sum };
		char *path = NULL;

		assert_int_equal(cryo_tarball_obtain(&a, &opts, &path, &err), -CRYO_E_PROVISION);
		assert_non_null(strstr(err.msg, "--offline"));
	}
}

static void too_large(void **state)
{
	static const struct fake_step much[] = { { NULL, 200, "0123456789", false, 0 } };
	cryo_auto(cryo_free) char *path = scratch_path("part"), *url = NULL;
	struct fake_http f = { 0 };
	struct cryo_download d = { .path = path, .max = 9, .quiet_ms = 20000 };

	(void)state;
	fake_start(&f, much, 1);
	d.url = url = cryo_asprintf("%s/x", f.url);
	assert_int_equal(cryo_download(&d, &err), -CRYO_E_REMOTE);
	assert_non_null(strstr(err.msg, "larger than 9 bytes"));
	end(&f);
	/* A full disk, played by a device that is one. */
	if (access("/dev/full", W_OK) == 0) {
		struct fake_http g = { 0 };

		fake_start(&g, much, 1);
		free(url);
		d.url = url = cryo_asprintf("%s/x", g.url);
		d.path = "/dev/full";
		d.max = 100;
		assert_int_equal(cryo_download(&d, &err), -CRYO_E_UNFIT);
		print_message("# %s\n", err.msg);
		end(&g);
	}
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* Debian's archive is where the packages of the build root came from. */
static void debian_is_where_packages_come_from(void **state)
{
	static const char address[] = "debian://pool/main/c/criu/a.tar.xz";
	static const struct {
		const char *list, *want; /* NULL: not known */
	} row[] = {
		{ "", NULL },
		{ "# deb http://no.invalid/debian trixie main\n", NULL },
		{ "deb copy:/srv/debian trixie main\n", NULL },
		{ "deb http://d.invalid/debian trixie main\ndeb http://s.invalid/x y z\n",
		  "http://d.invalid/debian/pool/main/c/criu/a.tar.xz" },
		{ "deb [arch=amd64 signed-by=/k] https://d.invalid/ trixie main\n",
		  "https://d.invalid/pool/main/c/criu/a.tar.xz" },
		{ "deb [arch=amd64", NULL },
		{ "deb ", NULL },
	};
	cryo_auto(cryo_free) char *file =
	    scratch_path("cache/roots/make-0123/etc/apt/sources.list");

	(void)state;
	assert_int_equal(cryo_fs_mkparents(file, 0700, &err), 0);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *got = NULL;
		int rc;

		print_message("# %s\n", row[i].list);
		assert_int_equal(cryo_fs_write(file, row[i].list, strlen(row[i].list), 0600, &err),
				 0);
		rc = cryo_debian_resolve(address, &got, &err);
		assert_int_equal(rc, row[i].want ? 0 : -CRYO_E_PROVISION);
		assert_true(cryo_streq(got, row[i].want));
	}
	assert_non_null(strstr(err.msg, "--mirror debian://=URL"));
}

static void versions_in_a_list(void **state)
{
	static const char text[] =
	    " 680c 2901 criu_4.2.1-1.dsc\n 15af 103 criu_4.2.1.orig.tar.xz\n"
	    " 15af 103 criu_3.17.1.orig.tar.gz\n 1 2 criu_4.2.1.orig.tar.xz.asc\n"
	    " 1 2 xcriu_9.1.orig.tar.xz\n 1 2 criu_4.10.orig.tar.xz\n"
	    " criu_.orig.tar.xz criu_4.x.orig.tar.xz criu_";
	cryo_auto(cryo_strv_release) struct cryo_strv versions = { 0 }, none = { 0 };
	cryo_auto(cryo_free) char *all = NULL;

	(void)state;
	cryo_debian_read_versions(text, "criu_", ".orig.tar", &versions);
	all = cryo_strv_join(&versions, " ");
	assert_string_equal(all, "v4.2.1 v3.17.1 v4.10");
	cryo_debian_read_versions("", "criu_", ".orig.tar", &none);
	/* Without the version in its name there is nothing to ask for. */
	assert_int_equal(cryo_debian_versions("debian://pool/c/criu.tar.xz", "v1.2", &none, &err),
			 0);
	assert_int_equal(cryo_debian_versions("debian://pool/c/criu_1.2", "v", &none, &err), 0);
	assert_int_equal(none.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_in_a_list),
		cmocka_unit_test_setup_teardown(debian_is_where_packages_come_from, setup,
						teardown),
		TEST(becomes_a_tree),
		TEST(a_sparse_checkout_is_not_a_change),
		TEST(bytes_are_taken_as_they_are),
		TEST(what_is_refused),
		TEST(a_hard_link_is_only_a_name),
		TEST(links_that_may_lead_out),
		TEST(wrong_files),
		TEST(goes_on_after_a_cut),
		TEST(a_server_that_cannot_go_on),
		TEST(a_mixture_is_thrown_away),
		TEST(downloads_that_fail),
		TEST(too_large),
	};

	signal(SIGPIPE, SIG_IGN);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	return cmocka_run_group_tests_name("source_archive", tests, NULL, NULL) ? EXIT_FAILURE
										: EXIT_SUCCESS;
}
