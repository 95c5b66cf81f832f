/* compile.h: a pack's JSON, checked and turned into deterministic CBOR (protocol.md 6).
 *
 * Only the build tool, the hub's `publish` command and tests use this; nodes read the result. */
#ifndef HF_PACK_COMPILE_H
#define HF_PACK_COMPILE_H

#include "../codec.h"

/* Appends the compiled pack to `out`. The same types, fields and rules give the same bytes, however
 * the JSON is laid out or ordered. `file` is named in errors.
 * Errors: HF_ERR_INPUT, and then `why` says file, place in the JSON, what is wrong and what to do;
 * HF_ERR_NOMEM. Either way `out` is as before. */
HF_MUST_CHECK hf_status hf_pack_compile(hf_bytes json, const char *file, hf_buffer *out, char *why,
                                        size_t why_size);

#endif
