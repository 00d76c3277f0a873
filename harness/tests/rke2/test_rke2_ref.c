/* SPDX-License-Identifier: Apache-2.0 */
/* Names of data directories: what RKE2 1.33 and 1.36.4 did with these references when they were
 * run. */
#include "rke2/ref.h"
#include "rke2/release.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *ref, *name, *why; /* name NULL: refused */
} ref_rows[] = {
	/* 12 digits of `printf %s REF | sha256sum` */
	{ "rancher/rke2-runtime:v1.33.5-rke2r1", "v1.33.5-rke2r1-", NULL },
	{ "cryopod/rke2-runtime:v1.33.13-cryopod1", "v1.33.13-cryopod1-", NULL },
	{ "docker.io/cryopod/rke2-runtime:v1.33.13-cryopod1", "v1.33.13-cryopod1-", NULL },
	{ "localhost/x2:v1", "v1-", NULL },
	{ "localhost:5000/x2:v1.2", "v1.2-", NULL },
	{ "cryopod/rke2-runtime@sha256:" HEX64, HEX64, NULL },
	{ "cryopod/rke2-runtime:v1@sha256:" HEX64, HEX64, NULL },
	{ "cryopod/rke2-runtime", NULL, "without a tag" },
	{ "cryopod/rke2-runtime:latest", NULL, "tags that begin with 'v'" },
	{ "cryopod/rke2-runtime:1.33", NULL, "tags that begin with 'v'" },
	{ "cryopod/rke2-runtime:V1", NULL, "tags that begin with 'v'" },
	{ "cryopod/rke2-runtime:v1.33.5+rke2r1", NULL, "tags that begin with 'v'" },
	{ "Cryopod/rke2-runtime:v1", NULL, "lower-case" },
	{ "x:v1", NULL, "two or more" },
	{ "cryopod/rke2-runtime@sha256:123", NULL, "64 digits" },
};

static void names_are_those_of_rke2(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(ref_rows); i++) {
		cryo_auto(cryo_free) char *name = NULL;
		struct cryo_err err = CRYO_ERR_INIT;
		int rc = cryo_rke2_data_name(ref_rows[i].ref, &name, &err);

		if (!ref_rows[i].name) {
			assert_int_equal(rc, -CRYO_E_CONFIG);
			if (!strstr(err.msg, ref_rows[i].why))
				fail_msg("%s: %s", ref_rows[i].ref, err.msg);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_memory_equal(name, ref_rows[i].name, strlen(ref_rows[i].name));
		assert_int_equal(strlen(name), strlen(ref_rows[i].name) +
						   (strchr(ref_rows[i].ref, '@') ? 0 : 12));
	}
}

static void the_string_as_written_counts(void **state)
{
	cryo_auto(cryo_free) char *a = NULL, *b = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_rke2_data_name("cryopod/rke2-runtime:v1", &a, &err), 0);
	assert_int_equal(cryo_rke2_data_name("docker.io/cryopod/rke2-runtime:v1", &b, &err), 0);
	assert_string_not_equal(a, b);
	/* printf %s cryopod/rke2-runtime:v1 | sha256sum | cut -c1-12 */
	assert_string_equal(a, "v1-908415dc90e9");
}

/* What RKE2 looks at when it removes directories of other releases. */
static bool is_cleaned(const char *name)
{
	return name[0] == 'v' && name[1] >= '0' && name[1] <= '9';
}

static void only_names_of_releases_are_cleaned(void **state)
{
	(void)state;
	assert_true(is_cleaned("v1.33.5-rke2r1-0123456789ab"));
	assert_false(is_cleaned(CRYO_RKE2_KEPT "v1.33.5-rke2r1-0123456789ab"));
	assert_false(is_cleaned(CRYO_RKE2_TMP "v1.33.5-rke2r1-0123456789ab"));
	assert_false(is_cleaned(HEX64));
}

/* From release notes: what an install has to know of the releases between 1.31 and 1.36. */
static const struct {
	const char *release, *containerd, *template;
} release_rows[] = {
	{ "v1.31.0+rke2r1", "1.7", "config.toml.tmpl" },
	{ "v1.31.5+rke2r1", "1.7", "config.toml.tmpl" },
	{ "v1.31.6+rke2r1", "2.0.2", "config-v3.toml.tmpl" },
	{ "v1.31.8+rke2r1", "2.0.4", "config-v3.toml.tmpl" },
	{ "v1.31.12+rke2r1", "2.0.5", "config-v3.toml.tmpl" },
	{ "v1.31.14+rke2r1", "2.1.5", "config-v3.toml.tmpl" },
	{ "v1.32.2+rke2r1", "2.0.2", "config-v3.toml.tmpl" },
	{ "v1.33.5+rke2r1", "2.1.4", "config-v3.toml.tmpl" },
	{ "v1.34.1+rke2r1", "2.1.4", "config-v3.toml.tmpl" },
	{ "v1.35.0+rke2r1", "2.1.5", "config-v3.toml.tmpl" },
	{ "v1.36.4+rke2r1", "2.3.4", "config-v3.toml.tmpl" },
	{ "v1.36.0+rke2r1", NULL, NULL },
	{ "v1.30.1+rke2r1", NULL, NULL },
	{ "nonsense", NULL, NULL },
};

static void releases_differ_as_their_notes_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(release_rows); i++) {
		const struct cryo_rke2_release *r = cryo_rke2_release_find(release_rows[i].release);

		if (!release_rows[i].containerd) {
			assert_null(r);
			continue;
		}
		assert_non_null(r);
		assert_string_equal(r->containerd, release_rows[i].containerd);
		assert_string_equal(r->template, release_rows[i].template);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_rke2),
		cmocka_unit_test(the_string_as_written_counts),
		cmocka_unit_test(only_names_of_releases_are_cleaned),
		cmocka_unit_test(releases_differ_as_their_notes_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
