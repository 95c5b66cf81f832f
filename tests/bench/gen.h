/* gen.h: the records that every measurement, ours and the peers', is made with.
 *
 * The same 20,000 made-up records, to the byte, that the other systems were measured with, so that
 * figures can be set side by side. About 420 bytes each as JSON. */
#ifndef HF_BENCH_GEN_H
#define HF_BENCH_GEN_H

#include "holdfast/crypto.h"
#include "holdfast/store.h"

#include "sync/codec.h"

enum { GEN_COUNT = 20000, GEN_JSON_MAX = 1024 };

typedef struct gen_record {
    char id[40], type[12], name[48], dob[12], address[64], city[16], postcode[16], phone[16];
    char status[8], officer[12], station[8], updated[24];
    uint64_t updated_ms;                 /* the same moment, Unix time */
    int32_t latitude_1e5, longitude_1e5; /* in degrees / 100,000 */
    const char *notes;
} gen_record;

typedef struct gen {
    uint32_t state;
    uint32_t index;
} gen;

gen gen_start(void);
void gen_next(gen *g, gen_record *out);

/* The record as one line of JSON; returns its size. */
size_t gen_json(const gen_record *record, char out[GEN_JSON_MAX]);

/* True when all GEN_COUNT records as lines of JSON have the hash that the peers' had. */
bool gen_is_the_peers(const hf_crypto *crypto);

/* Writes the record as a crime of the police pack in `scope`: 13 fields in one entry. The crime
 * takes a new id of our own; the record's type and status share one field. `value` is scratch. */
HF_MUST_CHECK hf_status gen_write(hf_txn *txn, const gen_record *record, uint32_t scope,
                                  hf_buffer *value);

#endif
