/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/kind.h"

struct cryo_proc cryo_exec_process(const struct cryo_exec *x, const char *const *env)
{
	return (struct cryo_proc){ .argv = x->argv,
				   .env = env,
				   .cwd = x->cwd,
				   .input = x->input,
				   .in_fd = x->in_fd,
				   .out_fd = x->out_fd,
				   .timeout_ms = x->timeout_ms,
				   .on_line = x->on_line,
				   .on_line_arg = x->on_line_arg,
				   .capture_max = x->capture_max,
				   .foreground = x->foreground };
}
