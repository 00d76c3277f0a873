/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/rpc.h"

#include "criu/rpc.pb-c.h"

#include <stdio.h>
#include <stdlib.h>

static const char *get_text_or_empty(const char *text)
{
	return text && *text ? text : NULL;
}

static void read_criu_opts(const CriuOpts *o, struct cryo_rpc_req *out)
{
	out->images_dir = o->has_images_dir_fd ? o->images_dir_fd : -1;
	out->work_dir = o->has_work_dir_fd ? o->work_dir_fd : -1;
	out->status_fd = o->has_status_fd ? o->status_fd : -1;
	out->pid = o->has_pid ? o->pid : 0;
	out->leave_running = o->has_leave_running && o->leave_running;
	out->notify_scripts = o->has_notify_scripts && o->notify_scripts;
	out->track_mem = o->has_track_mem && o->track_mem;
	out->auto_dedup = o->has_auto_dedup && o->auto_dedup;
	out->lazy_pages = o->has_lazy_pages && o->lazy_pages;
	out->page_server = o->has_ps;
	out->encrypt = o->has_encrypt && o->encrypt;
	out->encrypt_later = o->has_encrypt_later && o->encrypt_later;
	out->log_file = get_text_or_empty(o->log_file);
	out->parent_img = get_text_or_empty(o->parent_img);
	out->config_file = get_text_or_empty(o->config_file);
	out->root = get_text_or_empty(o->root);
	out->tls_cert = get_text_or_empty(o->tls_cert);
	out->tls_key = get_text_or_empty(o->tls_key);
	out->images_path = get_text_or_empty(o->images_dir);
}

/*
 * libprotobuf-c takes messages that it does not read any more once it has
 * written them (a field number 0 in two bytes). Nothing is one of those that
 * would only turn out as such at the other end.
 */
static bool survives_repacking(const CriuReq *req)
{
	size_t n = criu_req__get_packed_size(req);
	cryo_auto(cryo_free) uint8_t *packed = cryo_alloc(n + 1);
	CriuReq *again = criu_req__unpack(NULL, criu_req__pack(req, packed), packed);

	criu_req__free_unpacked(again, NULL);
	return again != NULL;
}

int cryo_rpc_req_parse(const void *data, size_t n, struct cryo_rpc_req *out, struct cryo_err *err)
{
	CriuReq *req = n <= CRYO_RPC_MAX ? criu_req__unpack(NULL, n, data) : NULL;

	if (req && !survives_repacking(req)) {
		criu_req__free_unpacked(req, NULL);
		req = NULL;
	}
	if (!req)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "%zu bytes are not a request of CRIU's protocol", n);
	*out = (struct cryo_rpc_req){ .images_dir = -1, .work_dir = -1, .status_fd = -1 };
	out->type = req->has_type ? req->type : 0;
	out->keep_open = req->has_keep_open && req->keep_open;
	out->notify_success = req->has_notify_success && req->notify_success;
	if (req->opts)
		read_criu_opts(req->opts, out);
	out->message = req;
	return 0;
}

static void set_optional_number(protobuf_c_boolean *has, int32_t *value, int number)
{
	*has = number >= 0;
	*value = number;
}

void cryo_rpc_req_pack(const struct cryo_rpc_req *r, struct cryo_str *out)
{
	CriuReq req = *(const CriuReq *)r->message;
	CriuOpts opts = CRIU_OPTS__INIT;
	uint8_t *packed;
	size_t n;

	if (req.opts) {
		opts = *req.opts;
		set_optional_number(&opts.has_images_dir_fd, &opts.images_dir_fd, r->images_dir);
		set_optional_number(&opts.has_work_dir_fd, &opts.work_dir_fd, r->work_dir);
		set_optional_number(&opts.has_status_fd, &opts.status_fd, r->status_fd);
		opts.has_notify_scripts = true;
		opts.notify_scripts = r->notify_scripts;
		opts.has_auto_dedup |= r->auto_dedup;
		opts.auto_dedup = r->auto_dedup;
		opts.has_encrypt = opts.has_encrypt_later = false;
		opts.config_file = (char *)r->config_file;
		req.opts = &opts;
	}
	n = criu_req__get_packed_size(&req);
	packed = cryo_alloc(n + 1);
	criu_req__pack(&req, packed);
	cryo_str_addn(out, packed, n);
	free(packed);
}

void cryo_rpc_req_release(struct cryo_rpc_req *r)
{
	if (r->message)
		criu_req__free_unpacked(r->message, NULL);
	*r = (struct cryo_rpc_req){ .images_dir = -1, .work_dir = -1, .status_fd = -1 };
}

int cryo_rpc_resp_parse(const void *data, size_t n, struct cryo_rpc_resp *out, struct cryo_err *err)
{
	CriuResp *resp = n <= CRYO_RPC_MAX ? criu_resp__unpack(NULL, n, data) : NULL;

	if (!resp)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "%zu bytes are not an answer of CRIU's protocol", n);
	*out = (struct cryo_rpc_resp){ .type = resp->has_type ? resp->type : 0 };
	out->success = resp->has_success && resp->success;
	out->cr_errno = resp->has_cr_errno ? resp->cr_errno : 0;
	if (resp->notify && resp->notify->script)
		snprintf(out->script, sizeof(out->script), "%s", resp->notify->script);
	if (resp->cr_errmsg)
		snprintf(out->errmsg, sizeof(out->errmsg), "%s", resp->cr_errmsg);
	criu_resp__free_unpacked(resp, NULL);
	return 0;
}

void cryo_rpc_pack_refusal(int type, int cr_errno, const char *errmsg, struct cryo_str *out)
{
	CriuResp resp = CRIU_RESP__INIT;
	uint8_t packed[2048];

	resp.has_type = resp.has_success = resp.has_cr_errno = true;
	resp.type = type;
	resp.cr_errno = cr_errno;
	resp.cr_errmsg = cryo_strndup(errmsg, 1024);
	cryo_str_addn(out, packed, criu_resp__pack(&resp, packed));
	free(resp.cr_errmsg);
}

void cryo_rpc_pack_notified(bool success, struct cryo_str *out)
{
	CriuReq req = CRIU_REQ__INIT;
	uint8_t packed[16];

	req.has_type = req.has_notify_success = true;
	req.type = CRYO_RPC_NOTIFY;
	req.notify_success = success;
	cryo_str_addn(out, packed, criu_req__pack(&req, packed));
}
