/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/restore_image.h"

#include "base/clock.h"
#include "base/event.h"
#include "checkpoint/node_images.h"
#include "checkpoint/node_pages.h"
#include "criu/archive_pages.h"
#include "image/oci.h"
#include "sys/fs.h"
#include "sys/hash.h"
#include "sys/meminfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANNOTATION "org.criu.checkpoint.container.name"

/* One image on its way. */
struct make {
	struct cryo_cluster *t;
	const struct cryo_cluster_node *node;
	const char *path;
	const struct cryo_archive *archive;
	int fd; /* of the archive */
	uint64_t size;
	char *dir; /* for what is on its way */
	char **ref;
};

static void make_releasep(struct make *m)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (m->dir)
		cryo_fs_rmtree(m->dir, &ignored);
	free(m->dir);
	cryo_fd_closep(&m->fd);
}

static int open_make(struct make *m, struct cryo_err *err)
{
	struct stat st;

	m->fd = open(m->path, O_RDONLY | O_CLOEXEC);
	if (m->fd < 0 || fstat(m->fd, &st) < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", m->path);
	m->size = (uint64_t)st.st_size;
	return cryo_cluster_tmpdir(m->t, ".restore-", &m->dir, err);
}

/*
 * The interposer hands CRIU the pages from memory, beside the memory that they become: where there
 * is not that much, all of it goes through the container runtime, which needs the disk instead.
 */
static bool has_memory_for_pages(uint64_t archive)
{
	return cryo_memory_available() / 5 * 2 > archive;
}

/* *layer: a path, owned; digest: what names the image. */
static int make_whole_layer(const struct make *m, char **layer, char digest[CRYO_HASH_HEX],
			    struct cryo_err *err)
{
	*layer = cryo_strdup(m->path);
	return cryo_hash_file(m->path, digest, err);
}

static int make_light_layer(const struct make *m, const struct cryo_pages *p, char **layer,
			    char digest[CRYO_HASH_HEX], struct cryo_err *err)
{
	int rc;

	*layer = cryo_asprintf("%s/layer.tar", m->dir);
	strcpy(digest, p->source);
	rc = cryo_archive_strip(m->fd, m->size, p, *layer, err);
	return rc < 0 ? rc : cryo_node_pages_keep(m->t, m->node, m->fd, p->source, err);
}

static int make_restore_layer(const struct make *m, char **layer, char digest[CRYO_HASH_HEX],
			      struct cryo_err *err)
{
	cryo_auto(cryo_pages_release) struct cryo_pages p = { 0 };
	int rc = 0;

	if (has_memory_for_pages(m->size) && cryo_node_pages_can(m->t, m->node))
		rc = cryo_archive_pages(m->path, m->fd, m->size, m->archive->sealed, &p, err);
	if (rc < 0)
		return rc;
	return p.n > 0 ? make_light_layer(m, &p, layer, digest, err)
		       : make_whole_layer(m, layer, digest, err);
}

static int load_restore_layer(const struct make *m, const char *layer, const char *digest,
			      struct cryo_err *err)
{
	cryo_auto(cryo_free) char *note = cryo_asprintf(ANNOTATION "=%s", m->archive->container);
	cryo_auto(cryo_free) char *layout = cryo_asprintf("%s/image.tar", m->dir);
	const char *const annotations[] = { note, NULL };
	struct cryo_oci_image image = { .layer_path = layer, .annotations = annotations };
	int rc;

	*m->ref = cryo_asprintf(CRYO_RESTORE_IMAGES "%s:%.*s", m->archive->container,
				CRYO_RESTORE_TAG, digest);
	image.ref = *m->ref;
	rc = cryo_oci_write(&image, layout, err);
	return rc < 0 ? rc : cryo_cluster_load_image(m->t, m->node, layout, err);
}

int cryo_restore_image_make(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			    const char *path, const struct cryo_archive *a, char **ref,
			    struct cryo_err *err)
{
	cryo_auto(make_release) struct make m = {
		.t = t, .node = node, .path = path, .archive = a, .fd = -1, .ref = ref
	};
	cryo_auto(cryo_free) char *layer = NULL;
	char digest[CRYO_HASH_HEX];
	int64_t begin = cryo_now_ms();
	int rc = open_make(&m, err);

	if (rc == 0)
		rc = make_restore_layer(&m, &layer, digest, err);
	cryo_debug("the layer of '%s' was ready after %lld ms", path,
		   (long long)(cryo_now_ms() - begin));
	if (rc == 0)
		rc = load_restore_layer(&m, layer, digest, err);
	cryo_debug("its image after %lld ms", (long long)(cryo_now_ms() - begin));
	return rc;
}
