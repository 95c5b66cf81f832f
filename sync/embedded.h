/* embedded.h: files that travel inside the program; the build makes arrays of them. */
#ifndef HF_EMBEDDED_H
#define HF_EMBEDDED_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t hf_schema_sql[]; /* sync/schema.sql, no NUL */
extern const size_t hf_schema_sql_size;
extern const uint8_t hf_dictionary_1[]; /* sync/dictionary.bin */
extern const size_t hf_dictionary_1_size;
extern const uint8_t hf_pack_police[]; /* sync/pack/police.json, compiled */
extern const size_t hf_pack_police_size;

#endif
