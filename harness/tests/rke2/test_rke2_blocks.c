/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts below the file system. The node lies on an ext4 of its own; at each sync and each
 * change of a name the image of its disk is copied as it is: what was written but not synced is not
 * in it. Mounted as in data=writeback without the kernel's help for programs that forget to sync
 * before they rename, so a forgotten sync leaves an empty file. Each copy is mounted (its journal
 * replayed), RKE2 may or may not start, `install` or `rollback` is run.
 */
#include "tests/rke2/rke2_power.h"
#include "tests/scratch.h"

#include "sys/proc.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define TOOL_MS 60000
#define OPTIONS "loop,noauto_da_alloc,data=writeback,commit=300"

static struct {
	char *dir, *live, *cut; /* images: of the disk that is worked on, and of one that was cut */
	unsigned n;		/* copies made */
	bool fit;
} disk;

static int run_tool(const char *const *argv)
{
	struct cryo_proc p = { .argv = argv, .timeout_ms = TOOL_MS };

	return cryo_proc_run(&p, NULL, &node.err);
}

static int mount_disk(const char *image)
{
	return run_tool(
	    (const char *const[]){ "mount", "-t", "ext4", "-o", OPTIONS, image, node.dir, NULL });
}

static void must_mount(const char *image)
{
	if (mount_disk(image) < 0)
		fail_msg("%s", node.err.msg);
}

static void unmount_disk(void)
{
	if (umount(node.dir) < 0)
		fail_msg("umount: %s", strerror(errno));
}

static char *copy_path(unsigned number)
{
	return cryo_asprintf("%s/cut-%u", disk.dir, number);
}

static void copy_image(const char *from, const char *to)
{
	if (cryo_fs_copy(from, to, 0600, &node.err) < 0)
		fail_msg("%s", node.err.msg);
}

/* In the child that works: the disk as it would be found if the power failed now. */
static void copy_at_point(const char *what, void *arg)
{
	cryo_auto(cryo_free) char *to = copy_path(disk.n++);
	struct cryo_err err = CRYO_ERR_INIT;

	(void)what;
	(void)arg;
	if (cryo_fs_copy(disk.live, to, 0600, &err) < 0)
		_exit(2);
}

static void work_and_copy(const char *image, int (*work)(void))
{
	pid_t pid;
	int status;

	copy_image(image, disk.live);
	must_mount(disk.live);
	pid = fork();
	if (pid == 0) {
		cryo_rke2_set_hook(copy_at_point, NULL);
		_exit(work() == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unmount_disk();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Every way on is taken from every second point of each kind of work. */
static void go_on_from_copies(void)
{
	for (unsigned i = 0;; i++) {
		cryo_auto(cryo_free) char *copy = copy_path(i);

		if (!cryo_fs_exists(copy))
			return;
		for (unsigned way = i % 2; way < 4; way += 2) {
			copy_image(copy, disk.cut);
			must_mount(disk.cut);
			recover((long)i, way < 2, way == 0 || way == 3);
			unmount_disk();
		}
		assert_int_equal(unlink(copy), 0);
	}
}

static void cut_blocks(const char *method)
{
	cryo_auto(cryo_free) char *old = cryo_asprintf("%s/old", disk.dir);
	cryo_auto(cryo_free) char *new = cryo_asprintf("%s/new", disk.dir);

	node.opts.method = method;
	points_cut = 0;
	copy_image(old, new);
	must_mount(new);
	picture_old = node_picture();
	must_be_done(node_install());
	picture_new = node_picture();
	unmount_disk();
	work_and_copy(old, node_install);
	go_on_from_copies();
	work_and_copy(new, node_roll_back);
	go_on_from_copies();
	print_message("# %s: %u cuts of the disk, 0 mixed states\n", method, points_cut);
	assert_true(points_cut >= 100);
	free(picture_old);
	free(picture_new);
}

static void need_disks(void)
{
	if (disk.fit)
		return;
	print_message("# skipped: no loop device with an ext4 on it can be mounted here\n");
	skip();
}

static void runtime_image_on_a_cut_disk(void **state)
{
	(void)state;
	need_disks();
	cut_blocks(CRYO_RKE2_RUNTIME_IMAGE);
}

static void swap_on_a_cut_disk(void **state)
{
	(void)state;
	need_disks();
	cut_blocks(CRYO_RKE2_SWAP);
}

/* If a file that was renamed unsynced is not empty after a cut, the rest here is worth nothing. */
static void a_forgotten_sync_is_seen(void **state)
{
	cryo_auto(cryo_free) char *old = cryo_asprintf("%s/old", disk.dir);
	cryo_auto(cryo_free) char *tmp = node_path("tmp"), *path = node_path("renamed");
	FILE *f;

	(void)state;
	need_disks();
	copy_image(old, disk.live);
	must_mount(disk.live);
	f = fopen(tmp, "w");
	assert_non_null(f);
	fputs("text\n", f);
	fclose(f);
	assert_int_equal(rename(tmp, path), 0);
	assert_int_equal(rke2_sync_dir(node.dir, &node.err), 0);
	copy_image(disk.live, disk.cut);
	unmount_disk();
	must_mount(disk.cut);
	assert_int_equal(cryo_fs_size(path), 0);
	unmount_disk();
}

/* The world of node_setup as an ext4, in a mount namespace of our own. */
static int disk_setup(void **state)
{
	const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	cryo_auto(cryo_free) char *old = NULL;

	if (node_setup(state) < 0)
		return -1;
	memset(&disk, 0, sizeof(disk));
	if (scratch_make_in(parent, &disk.dir) < 0)
		return -1;
	disk.live = cryo_asprintf("%s/live", disk.dir);
	disk.cut = cryo_asprintf("%s/cut", disk.dir);
	old = cryo_asprintf("%s/old", disk.dir);
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    run_tool((const char *const[]){ "mkfs.ext4", "-q", "-b", "1024", "-J", "size=1", "-d",
					    node.dir, old, "16M", NULL }) < 0)
		return 0;
	disk.fit = mount_disk(old) == 0 && umount(node.dir) == 0;
	return 0;
}

static int disk_teardown(void **state)
{
	while (disk.fit && umount2(node.dir, MNT_DETACH) == 0)
		;
	scratch_remove(&disk.dir);
	free(disk.live);
	free(disk.cut);
	return node_teardown(state);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, disk_setup, disk_teardown)
	const struct CMUnitTest tests[] = {
		T(a_forgotten_sync_is_seen),
		T(runtime_image_on_a_cut_disk),
		T(swap_on_a_cut_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
