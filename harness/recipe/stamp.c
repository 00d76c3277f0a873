/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/build.h"
#include "recipe/recipe.h"

void cryo_build_stamp(const struct cryo_build *b, char out[CRYO_HASH_HEX])
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();

	for (size_t i = 0; i < b->n; i++) {
		if (!cryo_recipe_in_nodes(b->item[i].component))
			continue;
		cryo_hash_item(h, b->item[i].component->name);
		cryo_hash_item(h, b->item[i].stamp);
	}
	cryo_hash_hex(h, out);
}
