/* SPDX-License-Identifier: Apache-2.0 */
/* What is installed into an RKE2 node: the programs of a stack that is built here, or of a bundle.
 */
#ifndef CRYO_CLI_PRODUCTS_H
#define CRYO_CLI_PRODUCTS_H

#include "rke2/plan.h"

#include <jansson.h>

/*
 * Programs of a stack (NULL: upstream), which has to be built. *components: what they are made of,
 * for an SBOM: [{name, version, source, licence, patches}]; new reference.
 *   -CRYO_E_PROVISION   not built (and how it gets built)
 *   -CRYO_E_USAGE       this is the program for nodes, which builds nothing (products_node.c)
 */
int cryo_cli_products(const char *stack, struct cryo_rke2_build *b, json_t **components,
		      struct cryo_err *err);

#endif
