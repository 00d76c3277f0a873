/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scenario's matrix: {ballast: [1Mi, 64Mi], key: [rsa, ec]} makes four
 * scenarios of one file, called rows; the last key changes fastest. In each
 * "${matrix.ballast}" is replaced before anything else looks at the file, so that
 * it may stand wherever a value may. One that is all of a text is of the value's
 * kind, whether it stands in quotes or not: {atLeast: "${matrix.n}"}.
 */
#ifndef CRYO_SCENARIO_MATRIX_H
#define CRYO_SCENARIO_MATRIX_H

#include "conf/yaml.h"
#include "scenario/vars.h"

#define CRYO_MATRIX_MAX_ROWS 64
#define CRYO_MATRIX_MAX_KEYS 8

struct cryo_matrix_row {
	struct cryo_vars vars;		  /* "matrix.ballast" and its value */
	bool plain[CRYO_MATRIX_MAX_KEYS]; /* the value stood without quotes */
};

/* Checks all of it; `matrix` NULL is one row without keys. */
int cryo_matrix_rows(const struct cryo_node *matrix, size_t *rows, struct cryo_err *err);
/* Of a matrix that was checked; `out` is zeroed. */
void cryo_matrix_row(const struct cryo_node *matrix, size_t row, struct cryo_matrix_row *out);
void cryo_matrix_row_release(struct cryo_matrix_row *row);
#define cryo_matrix_row_releasep cryo_matrix_row_release
/* "[ballast=64Mi,key=ec]", "" without keys; appended. */
void cryo_matrix_show(const struct cryo_matrix_row *row, struct cryo_str *out);
/* Puts a row's values into all texts below `n`. -CRYO_E_CONFIG: no such key, with FILE:LINE. */
int cryo_matrix_apply(struct cryo_node *n, const struct cryo_matrix_row *row, struct cryo_err *err);

#endif
