/* json.h: JSON text written straight into a buffer: strict, in order, without a tree.
 *
 * Both ends answer people and scripts in JSON; the parser they use for what comes in allocates a
 * node per value, which a list of ten thousand records does not need on its way out.
 * Numbers are integers. Text is escaped by RFC 8259; bytes that are not UTF-8 become U+FFFD, so
 * that what is written always parses. */
#ifndef HF_JSON_H
#define HF_JSON_H

#include "codec.h"

enum { HF_JSON_DEPTH_MAX = 31 };

/* Start with {.out = &buffer}; failures are the buffer's: check its status once, at the end. */
typedef struct hf_json {
    hf_buffer *out;
    uint32_t filled; /* bit per depth: something stands there already, so a comma comes first */
    uint32_t arrays; /* bit per depth: it closes with ']' */
    uint8_t depth;
} hf_json;

/* `key` is the member's name in an object (plain ASCII), NULL in an array and at the top. */
void hf_json_object(hf_json *json, const char *key);
void hf_json_array(hf_json *json, const char *key);
void hf_json_end(hf_json *json); /* closes the innermost one */
void hf_json_text(hf_json *json, const char *key, hf_bytes text);
void hf_json_string(hf_json *json, const char *key, const char *text); /* NUL-terminated */
void hf_json_int(hf_json *json, const char *key, int64_t value);
/* Above INT64_MAX, which few parsers take, as text. */
void hf_json_uint(hf_json *json, const char *key, uint64_t value);
void hf_json_bool(hf_json *json, const char *key, bool value);
void hf_json_null(hf_json *json, const char *key);
void hf_json_hex(hf_json *json, const char *key, hf_bytes bytes); /* as lower-case hex text */
/* Milliseconds since; null when `since_ms` is 0: it never was. */
void hf_json_lasting(hf_json *json, const char *key, uint64_t since_ms, uint64_t now_ms);
void hf_json_time(hf_json *json, const char *key, uint64_t wall_ms); /* RFC 3339; null for 0 */

#endif
