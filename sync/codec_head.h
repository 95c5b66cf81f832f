/* codec_head.h: one head of CBOR, between the files of the codec. No one else includes it. */
#ifndef HF_CODEC_HEAD_H
#define HF_CODEC_HEAD_H

#include "codec.h"

enum { HF_CBOR_MAJOR_TAG = 6 };

typedef struct hf_cbor_head {
    hf_kind kind;
    uint8_t initial;     /* first byte */
    uint64_t argument;   /* value, length or count; of a float its bits, of a nint -1 - value */
    const uint8_t *data; /* content of a string */
} hf_cbor_head;

/* Takes the next head, and with a string's head its content, in any legal shortest form. False when
 * the reader has failed, now or before. Does not check UTF-8, nor what a container holds. */
bool hf_take_head(hf_reader *reader, hf_cbor_head *out);
bool hf_take_kind(hf_reader *reader, hf_kind kind, hf_cbor_head *out); /* and of this kind */
/* Every item is at least one byte, so a count that the rest cannot hold is a lie. */
bool hf_count_is_possible(const hf_reader *reader, const hf_cbor_head *container);

static inline size_t hf_reader_left(const hf_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

#endif
