/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX 2.3: a package for each component with its patches, a file for each program. */
#include "rke2/bundle.h"

#include "conf/json.h"

#include <ctype.h>
#include <string.h>

/* The first with the same bytes: kubectl goes into bin and into the image. */
static const struct cryo_rke2_product *find_same(const struct cryo_rke2_build *b, size_t i)
{
	size_t k = 0;

	while (strcmp(b->product[k].sha256, b->product[i].sha256) != 0)
		k++;
	return &b->product[k];
}

char *rke2_member_path(const struct cryo_rke2_build *b, size_t i)
{
	const struct cryo_rke2_product *p = find_same(b, i);

	return cryo_asprintf("files/%s/%s", p->image ? "image" : "bin", p->name);
}

bool rke2_is_member(const struct cryo_rke2_build *b, size_t i)
{
	return find_same(b, i) == &b->product[i];
}

/* Letters, digits, '.' and '-' only. */
static char *spdx_id(const char *kind, const char *name)
{
	char *id = cryo_asprintf("SPDXRef-%s-%s", kind, name);

	for (char *c = id; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '.' && *c != '-')
			*c = '-';
	return id;
}

static json_t *list_patches(const json_t *component)
{
	json_t *all = json_array(), *patch;
	size_t i;

	json_array_foreach(json_object_get(component, "patches"), i, patch) {
		cryo_auto(cryo_free) char *text = cryo_asprintf(
		    "%s sha256:%s", cryo_json_str(patch, "name"), cryo_json_str(patch, "sha256"));

		json_array_append_new(all, json_pack("{ss ss ss ss}", "annotationType", "OTHER",
						     "annotator", "Tool: cryopod", "annotationDate",
						     "1970-01-01T00:00:00Z", "comment", text));
	}
	return all;
}

static const char *download_location(const json_t *component)
{
	const char *const key[] = { "source.git", "source.archive" };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(key); i++)
		if (cryo_json_str(component, key[i]))
			return cryo_json_str(component, key[i]);
	return "NOASSERTION";
}

static json_t *pack_package(const json_t *component)
{
	const char *name = cryo_json_str(component, "name");
	const char *version = cryo_json_str(component, "version");
	const char *module = cryo_json_str(component, "source.module");
	const char *licence = cryo_json_str(component, "licence");
	cryo_auto(cryo_free) char *id = spdx_id("Package", name);
	cryo_auto(cryo_free) char *purl =
	    module && version ? cryo_asprintf("pkg:golang/%s@%s", module, version) : NULL;
	json_t *p = json_pack("{ss ss ss* ss sb ss ss ss}", "SPDXID", id, "name", name,
			      "versionInfo", version, "downloadLocation",
			      download_location(component), "filesAnalyzed", 0, "licenseConcluded",
			      "NOASSERTION", "licenseDeclared", licence ? licence : "NOASSERTION",
			      "copyrightText", "NOASSERTION");

	if (purl)
		json_object_set_new(p, "externalRefs",
				    json_pack("[{ss ss ss}]", "referenceCategory",
					      "PACKAGE-MANAGER", "referenceType", "purl",
					      "referenceLocator", purl));
	if (json_array_size(json_object_get(component, "patches")))
		json_object_set_new(p, "annotations", list_patches(component));
	return p;
}

static json_t *pack_file(const struct cryo_rke2_build *b, size_t i)
{
	const struct cryo_rke2_product *p = &b->product[i];
	cryo_auto(cryo_free) char *member = rke2_member_path(b, i);
	cryo_auto(cryo_free) char *path = cryo_asprintf("./%s", member);
	cryo_auto(cryo_free) char *kind = cryo_asprintf("File-%s", p->image ? "image" : "bin");
	cryo_auto(cryo_free) char *id = spdx_id(kind, p->name);

	return json_pack("{ss ss s[{ss ss}] ss s[s] ss}", "SPDXID", id, "fileName", path,
			 "checksums", "algorithm", "SHA256", "checksumValue", p->sha256,
			 "licenseConcluded", "NOASSERTION", "licenseInfoInFiles", "NOASSERTION",
			 "copyrightText", "NOASSERTION");
}

json_t *rke2_make_sbom(const struct cryo_rke2_build *b, const json_t *components)
{
	json_t *packages = json_array(), *files = json_array(), *relations = json_array(), *c, *f;
	cryo_auto(cryo_free) char *name = cryo_asprintf("cryopod-rke2-%s-%s", b->stack, b->version);
	cryo_auto(cryo_free) char *space = cryo_asprintf("https://cryopod.dev/spdx/%s/%.12s", name,
							 b->n ? b->product[0].sha256 : "0");
	size_t i;

	json_array_foreach((json_t *)components, i, c)
		json_array_append_new(packages, pack_package(c));
	for (i = 0; i < b->n; i++)
		if (rke2_is_member(b, i))
			json_array_append_new(files, pack_file(b, i));
	json_array_foreach(packages, i, c)
		json_array_append_new(relations,
				      json_pack("{ss ss ss}", "spdxElementId", "SPDXRef-DOCUMENT",
						"relationshipType", "DESCRIBES",
						"relatedSpdxElement", cryo_json_str(c, "SPDXID")));
	json_array_foreach(files, i, f)
		json_array_append_new(relations,
				      json_pack("{ss ss ss}", "spdxElementId", "SPDXRef-DOCUMENT",
						"relationshipType", "CONTAINS",
						"relatedSpdxElement", cryo_json_str(f, "SPDXID")));
	return json_pack("{ss ss ss ss ss s{ss s[s]} so so so}", "spdxVersion", "SPDX-2.3",
			 "dataLicense", "CC0-1.0", "SPDXID", "SPDXRef-DOCUMENT", "name", name,
			 "documentNamespace", space, "creationInfo", "created",
			 "1970-01-01T00:00:00Z", "creators", "Tool: cryopod", "packages", packages,
			 "files", files, "relationships", relations);
}
