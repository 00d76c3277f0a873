/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be installed. */
#include "rke2/plan.h"

#include "rke2/digest.h"
#include "sys/fs.h"
#include "sys/hash.h"

#include <stdlib.h>
#include <string.h>

void cryo_rke2_build_release(struct cryo_rke2_build *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->product[i].name);
		free(b->product[i].source);
	}
	free(b->product);
	free(b->stack);
	free(b->version);
	free(b->apiserver_image);
	*b = (struct cryo_rke2_build){ 0 };
}

static int check_product_name(const char *name, struct cryo_err *err)
{
	if (*name && *name != '/' && !strstr(name, "..") && strlen(name) < 200)
		return 0;
	return cryo_err_set(err, CRYO_E_CONFIG, "path leads out of 'bin': '%s'", name);
}

int cryo_rke2_build_add(struct cryo_rke2_build *b, const char *name, const char *source,
			const char *sha256, bool image, struct cryo_err *err)
{
	struct cryo_rke2_product p = { .image = image };
	int64_t size = cryo_fs_size(source);
	int rc = check_product_name(name, err);

	if (rc < 0)
		return rc;
	if (size < 0)
		return cryo_err_set(err, CRYO_E_PROVISION, "there is no program '%s'", source);
	if (sha256 && strlen(sha256) == CRYO_HASH_HEX - 1)
		memcpy(p.sha256, sha256, CRYO_HASH_HEX);
	else
		rc = cryo_rke2_digest(source, p.sha256, err);
	if (rc < 0)
		return rc;
	p.name = cryo_strdup(name);
	p.source = cryo_strdup(source);
	p.bytes = (uint64_t)size;
	b->product = cryo_realloc(b->product, b->n + 1, sizeof(*b->product));
	b->product[b->n++] = p;
	return 0;
}
