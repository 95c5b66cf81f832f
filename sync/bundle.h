/* bundle.h: what a station seals for the centre and devices carry, and what the centre answers.
 * Protocol.md 13, byte by byte. Logic alone: no store.
 *
 * Inside a bundle lie the very frames that the station would have sent in a session, so the centre
 * believes them for the same reason: each author's own signature. What is outside says whose it is
 * and for whom, so that whoever carries it can tell a bundle from a heap of bytes. */
#ifndef HF_BUNDLE_H
#define HF_BUNDLE_H

#include "messages.h"
#include "receipt.h"

typedef struct hf_bundle {
    hf_bytes certificate;         /* of the station that sealed it */
    uint64_t serial;              /* it counts its bundles */
    uint8_t lane;                 /* the most urgent in it */
    uint64_t made_ms;             /* Unix time, by the station's clock */
    uint8_t centre[HF_HASH_SIZE]; /* id of the key that opens it */
    hf_bytes sealed;
    uint8_t signature[HF_SIGNATURE_SIZE]; /* the station's */
    hf_bytes beside, signed_part;         /* of its bytes: what is not hidden; what is signed */
} hf_bundle;

/* Two hashes of one whole: what a bundle is called. */
void hf_bundle_id(const hf_crypto *crypto, hf_bytes bundle, uint8_t id[HF_HASH_SIZE]);
/* Borrows from `bytes`. HF_ERR_PROTOCOL, HF_ERR_LIMIT. */
HF_MUST_CHECK hf_status hf_bundle_read(hf_bytes bytes, hf_bundle *out);
/* Is it by a station of our CA, and as that station made it? HF_ERR_PROTOCOL: it is not. */
HF_MUST_CHECK hf_status hf_bundle_check(const hf_crypto *crypto, const hf_bundle *bundle,
                                        hf_certificate *station);
/* Seals `plain` (items of hf_write_message_item, `count` of them) with our own key's name on it,
 * for the holder of `centre`. Of `parts` serial, lane and made_ms count. */
HF_MUST_CHECK hf_status hf_bundle_seal(const hf_crypto *crypto, const hf_bundle *parts,
                                       const hf_certificate *centre, hf_list plain, hf_buffer *out);
/* Opens one that is for us: `plain` holds what `messages` borrows from. HF_ERR_PROTOCOL: it does
 * not open, or what is in it is not a list of frames. */
HF_MUST_CHECK hf_status hf_bundle_open(const hf_crypto *crypto, const hf_bundle *bundle,
                                       hf_buffer *plain, hf_list *messages);
/* One message, as it would have gone over a link. */
bool hf_next_message_item(hf_list *list, hf_bytes *out);
void hf_write_message_item(hf_buffer *out, hf_bytes message);

typedef struct hf_answer { /* the centre's, to one bundle */
    uint8_t bundle[HF_HASH_SIZE];
    hf_bytes certificate; /* the centre's */
    uint8_t incarnation[HF_INCARNATION_SIZE];
    uint8_t epoch[16];
    uint64_t time_ms; /* Unix time, by the centre's clock */
    uint16_t code;    /* 0: it was opened; else why not, and no logs */
    hf_bytes text;
    hf_list logs; /* hf_next_answered: of each log in the bundle, how far the centre has it */
    hf_bytes
        receipt;   /* its signature as a receipt of these logs; empty where it has none of them */
    hf_bytes hubs; /* the list of hubs, for one who takes another hub for the centre; or empty */
    uint8_t signature[HF_SIGNATURE_SIZE];
    hf_bytes signed_part;
} hf_answer;
typedef struct hf_answered {
    hf_origin_id origin;
    uint8_t lane;
    uint64_t seq;               /* all up to here, durably */
    uint8_t root[HF_HASH_SIZE]; /* that a head of the log at `seq` would have */
    uint16_t code;              /* why what came of it was refused; 0: it was not */
} hf_answered;
bool hf_next_answered(hf_list *list, hf_answered *out);
void hf_write_answered(hf_buffer *out, const hf_answered *log);
HF_MUST_CHECK hf_status hf_answer_read(hf_bytes bytes, hf_answer *out);
/* Did the centre say this, and sign for these logs? HF_ERR_PROTOCOL: no hub of our CA did. */
HF_MUST_CHECK hf_status hf_answer_check(const hf_crypto *crypto, const hf_answer *answer,
                                        hf_certificate *centre);
/* The receipts that it comes to, one for each log of which `seq` is not 0, in their order: as the
 * centre would have sent them over a link. `out` has room for HF_BUNDLE_GROUPS_MAX. */
HF_MUST_CHECK hf_status hf_answer_receipts(const hf_crypto *crypto, const hf_answer *answer,
                                           const uint8_t centre[HF_HASH_SIZE], hf_receipt *out,
                                           size_t *count);
/* Signs it with our own key; `certificate`, `receipt` and `signature` are filled in here. */
HF_MUST_CHECK hf_status hf_answer_write(const hf_crypto *crypto, const hf_answer *answer,
                                        hf_buffer *out);

#endif
