/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/shape.h"

#include "base/str.h"

#include <openssl/asn1.h>
#include <string.h>

#define NONCE 12
#define TAG   16

struct der {
	const unsigned char *p, *end;
};

/* The next element, which must have this tag (class and number; definite length). */
static bool take_der_element(struct der *in, int class, int tag, struct der *body)
{
	const unsigned char *p = in->p;
	int found_tag, found_class, flags;
	long len;

	if (p >= in->end)
		return false;
	flags = ASN1_get_object(&p, &len, &found_tag, &found_class, in->end - p);
	if ((flags & 0x80) || (flags & 1) || found_tag != tag || found_class != class)
		return false;
	*body = (struct der){ p, p + len };
	in->p = p + len;
	return true;
}

static bool is_der_equal(struct der d, const void *bytes, size_t n)
{
	return (size_t)(d.end - d.p) == n && memcmp(d.p, bytes, n) == 0;
}

/* AES-256-GCM with a nonce of 12 bytes and a tag of 16. */
static bool is_algorithm_ok(struct der alg)
{
	static const unsigned char gcm[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2e };
	static const unsigned char tag[] = { TAG };
	struct der oid, params, nonce, icv;

	return take_der_element(&alg, V_ASN1_UNIVERSAL, V_ASN1_OBJECT, &oid) &&
	       is_der_equal(oid, gcm, sizeof(gcm)) &&
	       take_der_element(&alg, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &params) &&
	       alg.p == alg.end &&
	       take_der_element(&params, V_ASN1_UNIVERSAL, V_ASN1_OCTET_STRING, &nonce) &&
	       nonce.end - nonce.p == NONCE &&
	       take_der_element(&params, V_ASN1_UNIVERSAL, V_ASN1_INTEGER, &icv) &&
	       is_der_equal(icv, tag, sizeof(tag)) && params.p == params.end;
}

/* Each costs an operation with the private key: there are not many. */
struct ids {
	struct cryo_str der;
	unsigned n;
};

/* Issuer and serial number, or [0] a key identifier: notes it, and says which. */
static bool take_identifier(struct der *in, bool *by_key, struct ids *ids)
{
	const unsigned char *begin = in->p;
	struct der skip;

	*by_key = !take_der_element(in, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &skip);
	if (*by_key && !take_der_element(in, V_ASN1_CONTEXT_SPECIFIC, 0, &skip))
		return false;
	cryo_str_addn(&ids->der, begin, (size_t)(in->p - begin));
	return ++ids->n <= CRYO_SEAL_RECIPIENTS_MAX;
}

static bool is_key_transport_ok(struct der ri, struct ids *ids)
{
	struct der version, skip;
	bool by_key;

	return take_der_element(&ri, V_ASN1_UNIVERSAL, V_ASN1_INTEGER, &version) &&
	       take_identifier(&ri, &by_key, ids) && is_der_equal(version, by_key ? "\2" : "", 1) &&
	       take_der_element(&ri, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &skip) &&
	       take_der_element(&ri, V_ASN1_UNIVERSAL, V_ASN1_OCTET_STRING, &skip) &&
	       ri.p == ri.end;
}

/* The sender's public key: an uncompressed point. */
static bool is_originator_ok(struct der originator)
{
	struct der key, skip, point;

	return take_der_element(&originator, V_ASN1_CONTEXT_SPECIFIC, 1, &key) &&
	       originator.p == originator.end &&
	       take_der_element(&key, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &skip) &&
	       take_der_element(&key, V_ASN1_UNIVERSAL, V_ASN1_BIT_STRING, &point) &&
	       key.p == key.end && point.end - point.p > 2 && point.p[0] == 0 && point.p[1] == 4;
}

static bool is_key_agreement_ok(struct der ri, struct ids *ids)
{
	struct der version, originator, keys, key, skip;
	bool by_key;

	if (!take_der_element(&ri, V_ASN1_UNIVERSAL, V_ASN1_INTEGER, &version) ||
	    !is_der_equal(version, "\3", 1) ||
	    !take_der_element(&ri, V_ASN1_CONTEXT_SPECIFIC, 0, &originator) ||
	    !is_originator_ok(originator))
		return false;
	take_der_element(&ri, V_ASN1_CONTEXT_SPECIFIC, 1,
			 &skip); /* keying material of the sender */
	if (!take_der_element(&ri, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &skip) ||
	    !take_der_element(&ri, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &keys) || ri.p != ri.end)
		return false;
	while (keys.p < keys.end)
		if (!take_der_element(&keys, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &key) ||
		    !take_identifier(&key, &by_key, ids) ||
		    !take_der_element(&key, V_ASN1_UNIVERSAL, V_ASN1_OCTET_STRING, &skip) ||
		    key.p != key.end)
			return false;
	return true;
}

static bool are_recipients_ok(struct der all, struct ids *ids)
{
	struct der ri;

	while (all.p < all.end) {
		if (take_der_element(&all, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &ri)) {
			if (!is_key_transport_ok(ri, ids))
				return false;
		} else if (!take_der_element(&all, V_ASN1_CONTEXT_SPECIFIC, 1, &ri) ||
			   !is_key_agreement_ok(ri, ids)) {
			return false;
		}
	}
	return true;
}

static bool is_envelope_shape_ok(const void *data, size_t len, struct ids *ids)
{
	static const unsigned char data_oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7,
						  0x0d, 0x01, 0x07, 0x01 };
	struct der in = { data, (const unsigned char *)data + len };
	struct der info, body, seq, skip, recipients, content, alg, tag;

	return take_der_element(&in, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &info) && in.p == in.end &&
	       take_der_element(&info, V_ASN1_UNIVERSAL, V_ASN1_OBJECT, &skip) &&
	       take_der_element(&info, V_ASN1_CONTEXT_SPECIFIC, 0, &body) && info.p == info.end &&
	       take_der_element(&body, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &seq) &&
	       body.p == body.end &&
	       take_der_element(&seq, V_ASN1_UNIVERSAL, V_ASN1_INTEGER, &skip) &&
	       is_der_equal(skip, "", 1) &&
	       take_der_element(&seq, V_ASN1_UNIVERSAL, V_ASN1_SET, &recipients) &&
	       are_recipients_ok(recipients, ids) &&
	       take_der_element(&seq, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &content) &&
	       take_der_element(&seq, V_ASN1_UNIVERSAL, V_ASN1_OCTET_STRING, &tag) &&
	       tag.end - tag.p == TAG && seq.p == seq.end &&
	       take_der_element(&content, V_ASN1_UNIVERSAL, V_ASN1_OBJECT, &skip) &&
	       is_der_equal(skip, data_oid, sizeof(data_oid)) &&
	       take_der_element(&content, V_ASN1_UNIVERSAL, V_ASN1_SEQUENCE, &alg) &&
	       is_algorithm_ok(alg) &&
	       take_der_element(&content, V_ASN1_CONTEXT_SPECIFIC, 0, &skip) &&
	       content.p == content.end;
}

bool cryo_seal_shape(const void *der, size_t len, char recipient[CRYO_HASH_HEX])
{
	struct ids ids = { 0 };
	bool ok = is_envelope_shape_ok(der, len, &ids) && ids.n > 0;

	if (ok)
		cryo_hash_bytes(cryo_str_get(&ids.der), ids.der.len, recipient);
	cryo_str_release(&ids.der);
	return ok;
}
