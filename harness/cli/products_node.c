/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/products.h"

int cryo_cli_products(const char *stack, struct cryo_rke2_build *b, json_t **components,
		      struct cryo_err *err)
{
	(void)stack, (void)b, (void)components;
	return cryo_err_set(err, CRYO_E_USAGE, "this program cannot build: use --bundle FILE");
}
