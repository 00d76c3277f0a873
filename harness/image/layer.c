/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layer.h"

#include "image/tar.h"
#include "image/walk.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct cryo_layer {
	struct cryo_tar_writer *w;
	struct cryo_strv dirs; /* those that are in it */
	int fd;
};

int cryo_layer_new(const char *path, struct cryo_layer **out, struct cryo_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct cryo_layer *l;

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", path);
	l = cryo_alloc(sizeof(*l));
	l->fd = fd;
	l->w = cryo_tar_writer_new(fd);
	*out = l;
	return 0;
}

void cryo_layer_free(struct cryo_layer *l)
{
	if (!l)
		return;
	cryo_tar_writer_free(l->w);
	cryo_strv_release(&l->dirs);
	cryo_fd_closep(&l->fd);
	free(l);
}

static int add_layer_parents(struct cryo_layer *l, const char *name, struct cryo_err *err)
{
	int rc = 0;

	for (const char *s = strchr(name, '/'); rc == 0 && s; s = strchr(s + 1, '/')) {
		cryo_auto(cryo_free) char *dir = cryo_strndup(name, (size_t)(s - name));

		if (!cryo_strv_has(&l->dirs, dir))
			rc = cryo_layer_dir(l, dir, 0755, err);
	}
	return rc;
}

int cryo_layer_dir(struct cryo_layer *l, const char *name, mode_t mode, struct cryo_err *err)
{
	int rc = add_layer_parents(l, name, err);

	if (rc == 0)
		rc = cryo_tar_add_dir(l->w, name, mode, err);
	cryo_strv_add(&l->dirs, name);
	return rc;
}

int cryo_layer_file(struct cryo_layer *l, const char *name, mode_t mode, const char *path,
		    struct cryo_err *err)
{
	int rc = add_layer_parents(l, name, err);

	return rc < 0 ? rc : cryo_tar_add_file(l->w, name, mode, path, err);
}

int cryo_layer_data(struct cryo_layer *l, const char *name, mode_t mode, const void *data,
		    size_t len, struct cryo_err *err)
{
	int rc = add_layer_parents(l, name, err);

	return rc < 0 ? rc : cryo_tar_add_data(l->w, name, mode, data, len, err);
}

int cryo_layer_link(struct cryo_layer *l, const char *name, const char *target,
		    struct cryo_err *err)
{
	int rc = add_layer_parents(l, name, err);

	return rc < 0 ? rc : cryo_tar_add_link(l->w, name, target, err);
}

int cryo_layer_finish(struct cryo_layer *l, struct cryo_err *err)
{
	int rc = cryo_tar_finish(l->w, err);

	if (rc == 0 && fsync(l->fd) < 0)
		return cryo_err_sys(err, errno, "cannot write a layer");
	return rc;
}

int cryo_layer_borrow(struct cryo_layer *l, const char *tar, const char *const *patterns,
		      struct cryo_err *err)
{
	return cryo_tar_add_members(l->w, tar, patterns, err);
}

struct files_walk {
	struct cryo_layer *layer;
	const char *prefix;
	const struct cryo_strv *except;
};

/* A module's files come from a zip, which keeps no modes. */
static bool is_script(const char *path)
{
	cryo_auto(cryo_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char begin[2];

	return fd >= 0 && pread(fd, begin, 2, 0) == 2 && memcmp(begin, "#!", 2) == 0;
}

static int add_layer_member(const struct cryo_walk_entry *e, void *arg, struct cryo_err *err)
{
	struct files_walk *walk = arg;
	cryo_auto(cryo_free) char *name =
	    *walk->prefix ? cryo_asprintf("%s/%s", walk->prefix, e->name) : cryo_strdup(e->name);
	bool left_out = walk->except && cryo_strv_has(walk->except, e->name);
	bool program = (e->st.st_mode & 0111) || is_script(e->path);

	if (left_out)
		return 0;
	if (S_ISREG(e->st.st_mode))
		return cryo_layer_file(walk->layer, name, program ? 0755 : 0644, e->path, err);
	if (!S_ISLNK(e->st.st_mode))
		return 0;
	return cryo_tar_add_as_is(walk->layer->w, name, e->path, NULL, err);
}

int cryo_layer_files(struct cryo_layer *l, const char *prefix, const char *dir,
		     const struct cryo_strv *except, struct cryo_err *err)
{
	struct files_walk walk = { l, prefix, except };

	return cryo_walk_tree(dir, add_layer_member, &walk, err);
}

/* --- a whole tree --- */

/* Left out with all below; with a star at its end: only what is below. */
static const char *const volatile_paths[] = {
	"dev/*",
	"etc/.pwd.lock",
	"etc/group-",
	"etc/gshadow-",
	"etc/hostname",
	"etc/machine-id",
	"etc/passwd-",
	"etc/resolv.conf",
	"etc/shadow-",
	"etc/subgid-",
	"etc/subuid-",
	"proc/*",
	"run/*",
	"sys/*",
	"tmp/*",
	"usr/share/doc/*",
	"usr/share/locale/*",
	"usr/share/man/*",
	"var/cache/*",
	"var/lib/apt/lists/*",
	"var/lib/dbus/machine-id",
	"var/lib/dpkg/available",
	"var/lib/dpkg/lock",
	"var/lib/dpkg/lock-frontend",
	"var/lib/dpkg/status-old",
	"var/lib/systemd/catalog/*",
	"var/log/*",
	"var/tmp/*",
};

static bool is_volatile(const char *name)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(volatile_paths); i++) {
		const char *path = volatile_paths[i];
		size_t n = strlen(path);

		if (path[n - 1] == '*' ? strncmp(name, path, n - 1) == 0 : strcmp(name, path) == 0)
			return true;
	}
	return false;
}

/* Which member a file of several names is, by its inode. */
struct tree_walk {
	struct cryo_layer *layer;
	struct seen {
		dev_t dev;
		ino_t ino;
		char *name;
	} * seen;
	size_t n;
};

static const char *find_first_name(struct tree_walk *walk, const struct cryo_walk_entry *e)
{
	if (!S_ISREG(e->st.st_mode) || e->st.st_nlink < 2)
		return NULL;
	for (size_t i = 0; i < walk->n; i++)
		if (walk->seen[i].dev == e->st.st_dev && walk->seen[i].ino == e->st.st_ino)
			return walk->seen[i].name;
	walk->seen = cryo_realloc(walk->seen, walk->n + 1, sizeof(*walk->seen));
	walk->seen[walk->n++] = (struct seen){ e->st.st_dev, e->st.st_ino, cryo_strdup(e->name) };
	return NULL;
}

static int add_tree_member(const struct cryo_walk_entry *e, void *arg, struct cryo_err *err)
{
	struct tree_walk *walk = arg;

	if (is_volatile(e->name) || S_ISSOCK(e->st.st_mode) || S_ISFIFO(e->st.st_mode))
		return CRYO_WALK_SKIP;
	return cryo_tar_add_as_is(walk->layer->w, e->name, e->path, find_first_name(walk, e), err);
}

int cryo_layer_from_tree(const char *tree, const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_layer_free) struct cryo_layer *l = NULL;
	struct tree_walk walk = { 0 };
	int rc = cryo_layer_new(path, &l, err);

	if (rc < 0)
		return rc;
	walk.layer = l;
	rc = cryo_walk_tree(tree, add_tree_member, &walk, err);
	for (size_t i = 0; i < walk.n; i++)
		free(walk.seen[i].name);
	free(walk.seen);
	return rc < 0 ? rc : cryo_layer_finish(l, err);
}
