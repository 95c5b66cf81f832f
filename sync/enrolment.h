/* enrolment.h: what a hub and a new device say to each other before they know each other.
 *
 * A token goes from the hub's operator to the device by file or by hand. It names the CA by its
 * SHA-256, so that the device knows the hub before it sends the secret; protocol.md 8. */
#ifndef HF_ENROLMENT_H
#define HF_ENROLMENT_H

#include "codec.h"

enum {
    HF_TOKEN_SECRET_SIZE = 32,
    HF_TOKEN_TEXT_MAX = 2048,
    HF_HUB_ID_SIZE = 16,       /* first bytes of the hub's key id */
    HF_ADDRESS_SIZE = 256 + 8, /* "host:port" and its NUL */
    HF_ENROL_MESSAGE_MAX = 16 * 1024
};

typedef enum hf_enrol_code { /* wire format: protocol.md 5 */
                             HF_ENROL_OK = 0,
                             HF_ENROL_MALFORMED = 101,
                             HF_ENROL_REVOKED = 202,
                             HF_ENROL_WRONG = 210, /* no such token here */
                             HF_ENROL_EXPIRED = 211,
                             HF_ENROL_USED = 212,      /* by another key */
                             HF_ENROL_OTHER_HUB = 213, /* made by another hub */
                             HF_ENROL_BUSY = 400,
                             HF_ENROL_INTERNAL = 500
} hf_enrol_code;

typedef struct hf_token {
    char address[HF_ADDRESS_SIZE]; /* the enrolment listener */
    uint8_t ca[HF_HASH_SIZE];      /* SHA-256 of the CA's certificate, DER */
    uint8_t hub[HF_HUB_ID_SIZE];
    uint8_t secret[HF_TOKEN_SECRET_SIZE];
    uint64_t expires_ms; /* by the hub's clock; for people: the hub decides */
    bool is_station;     /* it makes a station of who spends it */
} hf_token;

/* As text, one `name value` a line; `comment` stands first, after a "# ". */
void hf_token_write(const hf_token *token, const char *comment, hf_buffer *out);
/* HF_ERR_INPUT with a sentence in `why`. Unknown names are passed over. */
HF_MUST_CHECK hf_status hf_token_read(hf_bytes text, hf_token *out, char *why, size_t why_size);

typedef struct hf_enrol_request {
    uint8_t hub[HF_HUB_ID_SIZE];
    uint8_t secret[HF_TOKEN_SECRET_SIZE];
    hf_bytes csr; /* DER */
} hf_enrol_request;
void hf_enrol_request_write(const hf_enrol_request *request, hf_buffer *out);
/* Strict. HF_ERR_PROTOCOL or HF_ERR_LIMIT. `csr` borrows from `bytes`. */
HF_MUST_CHECK hf_status hf_enrol_request_read(hf_bytes bytes, hf_enrol_request *out);

typedef struct hf_enrol_answer {
    hf_enrol_code code;
    hf_bytes text;        /* a sentence for people; empty when the code is 0 */
    hf_bytes certificate; /* the device's, DER */
    hf_bytes name;        /* of the device, as the token's row has it */
    hf_bytes address;     /* where sessions are held: "host:port" */
} hf_enrol_answer;
void hf_enrol_answer_write(const hf_enrol_answer *answer, hf_buffer *out);
/* All borrowed from `bytes`. */
HF_MUST_CHECK hf_status hf_enrol_answer_read(hf_bytes bytes, hf_enrol_answer *out);

/* "host:port", "[::1]:port": the host alone has no brackets. Splitting: HF_ERR_INPUT. */
void hf_address_join(const char *host, uint16_t port, char out[HF_ADDRESS_SIZE]);
HF_MUST_CHECK hf_status hf_address_split(const char *address, char *host, size_t host_size,
                                         uint16_t *port);

#endif
