/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/local/local_world.h"

#include <sys/stat.h>

static const struct local_service *find_service(const char *name)
{
	const struct local_service *s = local_services;

	while (s->name && strcmp(s->name, name) != 0)
		s++;
	return s;
}

static void read_file(const char *path, struct cryo_str *out)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	cryo_str_clear(out);
	assert_int_equal(cryo_fs_read(path, 65536, out, &world.err), 0);
}

/*
 * The third line as execlineb reads it: words of what is quoted, a backslash
 * makes the next character an ordinary one. Anything else is a mistake.
 */
static void parse_words(const char *script, struct cryo_strv *words)
{
	const char *at = strstr(script, "fdmove -c 2 1\n");

	assert_non_null(at);
	at += strlen("fdmove -c 2 1\n");
	while (*at != '\n') {
		cryo_auto(cryo_str_release) struct cryo_str word = { 0 };

		assert_int_equal(*at++, ' ');
		assert_int_equal(*at++, '"');
		for (; *at != '"'; at++) {
			at += *at == '\\';
			assert_int_not_equal(*at, '\0');
			cryo_str_addn(&word, at, 1);
		}
		at++;
		cryo_strv_add(words, cryo_str_get(&word));
	}
	assert_string_equal(at, "\n");
}

static void each_has_its_scripts(void **state)
{
	cryo_auto(cryo_free) char *scan = world_path("service");
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	(void)state;
	world.l->node->services = true;
	assert_int_equal(local_services_write(world.l->node, scan, &world.err), 0);
	for (const struct local_service *s = local_services; s->name; s++) {
		cryo_auto(cryo_free) char *run = cryo_asprintf("%s/%s/run", scan, s->name);
		cryo_auto(cryo_free) char *log = cryo_asprintf("%s/%s/log/run", scan, s->name);
		cryo_auto(cryo_free) char *down = cryo_asprintf("%s/%s/down", scan, s->name);
		cryo_auto(cryo_free) char *dir = cryo_asprintf("/log/%s\n", s->name);
		cryo_auto(cryo_strv_release) struct cryo_strv want = { 0 }, words = { 0 };

		print_message("# %s\n", s->name);
		read_file(run, &text);
		assert_true(cryo_starts_with(text.p, "#!/usr/bin/execlineb -P\n"));
		s->argv(world.l->node, &want);
		parse_words(text.p, &words);
		assert_int_equal(words.n, want.n);
		assert_string_equal(words.v[0], s->name);
		for (size_t i = 0; i < want.n; i++)
			assert_string_equal(words.v[i], want.v[i]);
		read_file(log, &text);
		assert_true(cryo_ends_with(text.p, dir));
		assert_int_equal(cryo_fs_exists(down), s->waits);
	}
}

/* What the API server needs must not wait for it. */
static void who_waits(void **state)
{
	static const struct {
		const char *name;
		bool waits;
	} row[] = {
		{ "etcd", false },	 { "kube-apiserver", false },
		{ "kubelet", false },	 { "kube-controller-manager", true },
		{ "containerd", false }, { "kube-scheduler", true },
		{ "kube-proxy", true },	 { "coredns", true },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		assert_int_equal(find_service(row[i].name)->waits, row[i].waits);
}

/* `up --minimal`: what is only there for Services is not, and the API server knows. */
static void minimal_node(void **state)
{
	static const char *const none = "--endpoint-reconciler-type=none";
	cryo_auto(cryo_free) char *scan = world_path("service");
	struct local_node n = *world.l->node;

	(void)state;
	n.services = false;
	assert_int_equal(local_services_write(&n, scan, &world.err), 0);
	for (const struct local_service *s = local_services; s->name; s++) {
		cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/%s", scan, s->name);
		bool net = strcmp(s->name, "kube-proxy") == 0 || strcmp(s->name, "coredns") == 0;

		assert_int_equal(s->net, net);
		assert_int_equal(cryo_fs_is_dir(dir), !net);
		assert_true(local_service_is_in(s, true, true));
	}
	for (int with = 0; with < 2; with++) {
		cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };

		n.services = with;
		find_service("kube-apiserver")->argv(&n, &argv);
		assert_int_equal(cryo_strv_has(&argv, none), !with);
	}
}

static void which_mode(void **state)
{
	static const struct {
		const char *kernel;
		bool nft;
		const char *mode;
	} row[] = {
		{ "6.18.44-fc", true, "nftables" }, { "5.13.0", true, "nftables" },
		{ "5.12.19", true, "iptables" },    { "4.19.0-27-amd64", true, "iptables" },
		{ "6.1.0-9", false, "iptables" },   { "", true, "iptables" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		assert_string_equal(local_proxy_mode(row[i].kernel, row[i].nft), row[i].mode);
}

static void read_node_file(const char *path, struct cryo_str *out)
{
	cryo_auto(cryo_free) char *full = cryo_asprintf("%s/upper%s", world.l->node->dir, path);

	cryo_str_clear(out);
	assert_int_equal(cryo_fs_read(full, 65536, out, &world.err), 0);
}

/* In one block `template` would come before `kubernetes` and deny all names. */
static void files_of_dns(void **state)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	const char *rest;

	(void)state;
	assert_int_equal(local_net_config(world.l->node, &world.err), 0);
	read_node_file("/etc/coredns/Corefile", &text);
	rest = strstr(text.p, "\n.:10053 {");
	assert_non_null(rest);
	assert_non_null(strstr(text.p, "kubernetes cluster.local"));
	assert_true(strstr(text.p, "kubernetes cluster.local") < rest);
	assert_true(strstr(text.p, "template ANY ANY") > rest);
	read_node_file("/etc/resolv.conf", &text);
	assert_non_null(strstr(text.p, "nameserver 10.96.0.10\n"));
	/* A namespace in it would be searched by the pods of all others. */
	assert_non_null(strstr(text.p, "search svc.cluster.local cluster.local\n"));
}

/* What iptables-save printed, as an order to empty the same tables. */
static void empty_tables(void **state)
{
	static const struct {
		const char *saved, *nothing;
	} row[] = {
		{ "", "" },
		{ "# Table `kube-proxy' is incompatible, use 'nft' tool.\n", "" },
		{ "# made by\n*nat\n:PREROUTING ACCEPT [0:0]\n:X - [0:0]\n-A X -j ACCEPT\nCOMMIT\n",
		  "*nat\nCOMMIT\n" },
		{ "*nat\nCOMMIT\n*filter\n-A INPUT -m comment --comment \"*raw\"\nCOMMIT\n",
		  "*nat\nCOMMIT\n*filter\nCOMMIT\n" },
		{ "*mangle", "*mangle\nCOMMIT\n" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_str_release) struct cryo_str out = { 0 };

		local_rules_nothing(row[i].saved, &out);
		assert_string_equal(cryo_str_get(&out), row[i].nothing);
	}
}

static void flags_of_people(void **state)
{
	static const char *const good[] = { "kubelet.v=4",
					    "kube-apiserver.feature-gates=A=true,B=false",
					    "etcd.x=", "kubelet.node-labels=a=b c\"d", NULL };
	static const char *const bad[] = {
		"kubelet",
		"kubelet.",
		"kubelet.v",
		"kubelet.=4",
		"kubelet.--v=4",
		"kubelet.V=4",
		"kubelt.v=4",
		"v=4",
		"",
		".v=4",
		"kubelet=4",
		"kubelet.a b=4",
		"kubelet.-v=4",
		"kube-proxy-x.v=4",
	};
	cryo_auto(cryo_free) char *scan = world_path("service");
	cryo_auto(cryo_free) char *run = cryo_asprintf("%s/kubelet/run", scan);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_strv_release) struct cryo_strv words = { 0 };
	struct local_node n = *world.l->node;
	json_t *flags = local_flags_of(good);
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

	(void)state;
	for (const struct local_service *s = local_services; s->name; s++)
		cryo_strv_add(&names, s->name);
	assert_int_equal(local_flags_check(NULL, &names, &world.err), 0);
	assert_int_equal(local_flags_check(good, &names, &world.err), 0);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(bad); i++) {
		const char *const one[] = { bad[i], NULL };

		print_message("# '%s'\n", bad[i]);
		assert_int_equal(local_flags_check(one, &names, &world.err), -CRYO_E_USAGE);
		assert_non_null(strstr(world.err.msg, bad[i]));
	}
	n.flags = flags;
	assert_int_equal(local_services_write(&n, scan, &world.err), 0);
	read_file(run, &text);
	parse_words(text.p, &words);
	assert_true(cryo_strv_has(&words, "--v=4"));
	assert_string_equal(words.v[words.n - 1], "--node-labels=a=b c\"d");
	assert_false(cryo_strv_has(&words, "--x="));
	json_decref(flags);
	assert_null(local_flags_of(NULL));
}

static void nobody_to_release(void **state)
{
	(void)state;
	assert_int_equal(local_services_release(world.l, true, &world.err), -CRYO_E_CHECK);
	assert_true(cryo_starts_with(world.err.msg, "services: cluster "));
}

/* A word can hold anything: it stays one word, and starts no other program. */
static void hostile_words(void **state)
{
	static const char *const name[] = {
		"plain",     "two words", "quo\"te",	   "back\\slash", "\\\"",     "$HOME ${x}",
		"new\nline", "{ block }", "`id` ; rm -rf", "tab\there",	  "'single'", "#comment",
	};
	struct local_node n = *world.l->node;
	cryo_auto(cryo_free) char *scan = world_path("service");
	cryo_auto(cryo_free) char *run = cryo_asprintf("%s/kubelet/run", scan);

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(name); i++) {
		cryo_auto(cryo_strv_release) struct cryo_strv words = { 0 };
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
		cryo_auto(cryo_free) char *want = cryo_asprintf("--hostname-override=%s", name[i]);

		print_message("# %zu\n", i);
		n.name = (char *)name[i];
		assert_int_equal(local_services_write(&n, scan, &world.err), 0);
		read_file(run, &text);
		parse_words(text.p, &words);
		assert_true(cryo_strv_has(&words, want));
	}
}

static void write_failure(void **state)
{
	cryo_auto(cryo_free) char *scan = world_path("file/service");

	(void)state;
	world_put("file", "not a directory");
	assert_true(local_services_write(world.l->node, scan, &world.err) < 0);
	assert_true(cryo_starts_with(world.err.msg, "services: "));
}

/* A gate too many and the kubelet does not start. */
static void gates_of_a_kubelet(void **state)
{
	static const struct {
		const char *version;
		bool reload;
	} row[] = { { NULL, false },	{ "", false },	     { "1.30.9", false },
		    { "1.31.0", true }, { "1.33.13", true }, { "1.35.4", true },
		    { "1.37.2", true }, { "1.38.0", false }, { "2.1", false },
		    { "master", false } };

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		const char *gates = cryo_node_kubelet_gates(row[i].version);

		print_message("# %s: %s\n", row[i].version ? row[i].version : "?", gates);
		assert_true(cryo_starts_with(gates, "ContainerCheckpoint: true"));
		assert_int_equal(strstr(gates, "ReloadKubelet") != NULL, row[i].reload);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_has_its_scripts, world_setup, world_teardown),
		cmocka_unit_test(gates_of_a_kubelet),
		cmocka_unit_test_setup_teardown(hostile_words, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(write_failure, world_setup, world_teardown),
		cmocka_unit_test(who_waits),
		cmocka_unit_test(which_mode),
		cmocka_unit_test_setup_teardown(flags_of_people, world_setup, world_teardown),
		cmocka_unit_test(empty_tables),
		cmocka_unit_test_setup_teardown(minimal_node, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(files_of_dns, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(nobody_to_release, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
