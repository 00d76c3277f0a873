/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/contents.h"

#include "criu/entry.h"
#include "criu/images.pb-c.h"
#include "image/tar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PROCESSES 4096

#define PAGE_BYTES 4096
#define MAX_PAGES  ((uint64_t)1 << 40)
#define PE_PRESENT 4u /* in pages-*.img; criu/include/pagemap.h */

struct name {
	uint32_t pid;
	char text[32];
};

struct memory {
	uint32_t pid;
	uint64_t bytes;
};

struct load {
	struct cryo_contents *out;
	struct cryo_str pstree;
	struct name *name; /* of core-*.img */
	size_t names;
	struct memory *memory; /* of pagemap-*.img */
	size_t memories;
};

static void take_core_image(struct load *l, uint32_t pid, const struct cryo_str *image)
{
	size_t at = 0, n;
	const uint8_t *entry = cryo_criu_entry_next(image, &at, &n);
	CoreEntry *core = entry ? core_entry__unpack(NULL, n, entry) : NULL;

	if (core && core->tc && core->tc->has_comm && l->names < MAX_PROCESSES) {
		l->name = cryo_realloc(l->name, l->names + 1, sizeof(*l->name));
		l->name[l->names].pid = pid;
		cryo_criu_entry_name(l->name[l->names].text, sizeof(l->name->text),
				     core->tc->comm.data, core->tc->comm.len);
		l->names++;
	}
	if (core)
		core_entry__free_unpacked(core, NULL);
}

/* Pages of an entry that the archive holds; 0: elsewhere, or nobody needs them. */
static uint64_t count_present_pages(const PagemapEntry *e)
{
	bool present = e->has_flags ? e->flags & PE_PRESENT : !(e->has_in_parent && e->in_parent);
	uint64_t n = e->has_nr_pages ? e->nr_pages : e->compat_nr_pages;

	if (!present)
		return 0;
	return n < MAX_PAGES ? n : MAX_PAGES;
}

static void take_pagemap_image(struct load *l, uint32_t pid, const struct cryo_str *image)
{
	const uint8_t *entry;
	uint64_t pages = 0;
	size_t at = 0, n;

	if (!cryo_criu_entry_next(image, &at, &n) || l->memories >= MAX_PROCESSES)
		return;
	while (pages < MAX_PAGES && (entry = cryo_criu_entry_next(image, &at, &n))) {
		PagemapEntry *e = pagemap_entry__unpack(NULL, n, entry);

		if (!e)
			break;
		pages += count_present_pages(e);
		pagemap_entry__free_unpacked(e, NULL);
	}
	l->memory = cryo_realloc(l->memory, l->memories + 1, sizeof(*l->memory));
	l->memory[l->memories++] = (struct memory){ .pid = pid, .bytes = pages * PAGE_BYTES };
}

static uint64_t find_process_memory(const struct load *l, uint32_t pid)
{
	for (size_t i = 0; i < l->memories; i++)
		if (l->memory[i].pid == pid)
			return l->memory[i].bytes;
	return 0;
}

static const char *find_process_name(const struct load *l, uint32_t pid)
{
	for (size_t i = 0; i < l->names; i++)
		if (l->name[i].pid == pid)
			return l->name[i].text;
	return "";
}

static void take_processes(struct load *l)
{
	struct cryo_contents *out = l->out;
	const uint8_t *entry;
	size_t at = 0, n;

	while (out->n < MAX_PROCESSES && (entry = cryo_criu_entry_next(&l->pstree, &at, &n))) {
		PstreeEntry *e = pstree_entry__unpack(NULL, n, entry);
		struct cryo_process *p;

		if (!e)
			return;
		out->process = cryo_realloc(out->process, out->n + 1, sizeof(*out->process));
		p = &out->process[out->n++];
		*p = (struct cryo_process){ .pid = e->pid,
					    .ppid = e->ppid,
					    .threads = e->n_threads,
					    .page_bytes = find_process_memory(l, e->pid) };
		snprintf(p->name, sizeof(p->name), "%s", find_process_name(l, e->pid));
		pstree_entry__free_unpacked(e, NULL);
	}
}

static void take_criu_image(struct load *l, struct cryo_tar_reader *r,
			    const struct cryo_tar_entry *e, const char *name)
{
	struct cryo_contents *out = l->out;
	cryo_auto(cryo_str_release) struct cryo_str image = { 0 };
	uint32_t pid;

	if (strcmp(name, "seal.cms") == 0)
		out->encryption = "seal";
	if (!cryo_ends_with(name, ".img"))
		return;
	out->images++;
	out->image_bytes += e->size;
	if (strcmp(name, "cipher.img") == 0 && e->size > 0)
		out->encryption = "criu";
	if (cryo_starts_with(name, "pages-"))
		out->page_bytes += e->size;
	cryo_tar_read_most(r, CRYO_FORKED_HEAD, &image);
	cryo_forked_take(&out->forked, name, cryo_str_get(&image), image.len, e->size);
	if (e->size > CRYO_CRIU_IMAGE_MAX)
		return;
	if (strcmp(name, "pstree.img") == 0 && l->pstree.len == 0)
		cryo_str_addn(&l->pstree, cryo_str_get(&image), image.len);
	else if (cryo_criu_entry_is_of(name, "core-", &pid))
		take_core_image(l, pid, &image);
	else if (cryo_criu_entry_is_of(name, "pagemap-", &pid))
		take_pagemap_image(l, pid, &image);
}

static int contents_on_member(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
			      struct cryo_err *err)
{
	const char *image = cryo_criu_image_of(e->name);
	struct load *l = arg;

	(void)err;
	if (e->is_dir)
		return 0;
	if (image)
		take_criu_image(l, r, e, image);
	else if (strcmp(e->name, "rootfs-diff.tar") == 0)
		l->out->rootfs_bytes = e->size;
	return 0;
}

int cryo_contents_load(const char *path, struct cryo_contents *out, struct cryo_err *err)
{
	struct load l = { .out = out };
	int rc;

	*out = (struct cryo_contents){ 0 };
	rc = cryo_tar_walk(path, contents_on_member, &l, err);
	/* What is encrypted may look like anything. */
	if (rc == 0 && !out->encryption)
		take_processes(&l);
	if (!cryo_streq(out->encryption, "criu"))
		cryo_forked_release(&out->forked);
	cryo_str_release(&l.pstree);
	free(l.name);
	free(l.memory);
	if (rc < 0)
		cryo_contents_release(out);
	return rc;
}

void cryo_contents_release(struct cryo_contents *c)
{
	free(c->process);
	cryo_forked_release(&c->forked);
	*c = (struct cryo_contents){ 0 };
}
