/* render.h: names, times and values as people read and type them: text in, CBOR out, and back.
 *
 * The pack says what kind a field is; a person types "2019-10-21T09:00:00Z" and the log holds
 * milliseconds. Both ends, the import and every screen must agree on that to the letter. */
#ifndef HF_RENDER_H
#define HF_RENDER_H

#include "json.h"
#include "pack.h"

enum { HF_TIME_TEXT_SIZE = 32, HF_DOT_TEXT_SIZE = 80 };

/* "crime_01k…"; of a type that the pack does not know: "type21_01k…". */
void hf_record_id_format(const hf_pack *pack, const hf_record_id *id,
                         char out[HF_RECORD_TEXT_SIZE]);
/* HF_ERR_INPUT, when it is not one. Upper case is taken too. */
HF_MUST_CHECK hf_status hf_record_id_parse(const hf_pack *pack, hf_bytes text, hf_record_id *out);

/* "0f3a…(32 digits)/3/17", and "/2" behind it when the ordinal is not 0. */
void hf_dot_format(const hf_dot *dot, char out[HF_DOT_TEXT_SIZE]);

/* RFC 3339 in UTC with milliseconds. Years 1 to 9999; what lies outside is clamped. */
void hf_time_format(int64_t unix_ms, char out[HF_TIME_TEXT_SIZE]);
/* RFC 3339; seconds may be left out, the zone may not. HF_ERR_INPUT. */
HF_MUST_CHECK hf_status hf_time_parse(hf_bytes text, int64_t *unix_ms);
/* "2019", "2019-10" or "2019-10-21": its first moment in UTC. HF_ERR_INPUT. */
HF_MUST_CHECK hf_status hf_date_parse(hf_bytes text, int64_t *unix_ms);

/* A value as one JSON item. What does not suit the field's kind is shown as what it is; `data` NULL
 * is null. */
void hf_value_json(hf_json *json, const char *key, const hf_pack *pack, const hf_field *field,
                   hf_bytes value);
/* What a person typed for `field`, encoded onto `out`. Whether the field takes it is for
 * hf_field_check. HF_ERR_INPUT with a sentence in `why` that says what to enter. */
HF_MUST_CHECK hf_status hf_value_parse(const hf_pack *pack, const hf_field *field, hf_bytes text,
                                       hf_buffer *out, char *why, size_t why_size);

/* In sentences: "2019-10-08 09:00:12 UTC", "not yet" for 0; "6 h 10 min", "42 s". */
enum { HF_WORDS_SIZE = 64 };
void hf_words_time(uint64_t wall_ms, char out[HF_WORDS_SIZE]);
void hf_words_lasting(uint64_t ms, char out[HF_WORDS_SIZE]);

uint64_t hf_hlc_wall_ms(hf_hlc hlc); /* its upper 48 bits */

#endif
