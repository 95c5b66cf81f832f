/* enrol.h: the listener by which a device that has no certificate yet obtains one (DESIGN 7).
 *
 * HTTPS without client certificates: GET /ca gives the CA's certificate, POST /enrol takes one
 * bounded body to the owner and brings its answer back. The device's end is two blocking calls. */
#ifndef HF_PLATFORM_ENROL_H
#define HF_PLATFORM_ENROL_H

#include "keys.h"
#include "loop.h"
#include "strangers.h"

enum {
    HF_ENROL_BODY_MAX = 16 * 1024,  /* longer: 413 */
    HF_ENROL_REPLY_MAX = 64 * 1024, /* of the owner's answer, and what a device will read */
    HF_ENROL_PER_SECOND = 10,       /* POSTs this process answers; more: 429 */
    HF_ENROL_TIMEOUT_MS = 15 * 1000 /* of each blocking call */
};

typedef struct hf_enrol_server hf_enrol_server;

/* Answers one POST /enrol: an HTTP status, and a body written to `reply`.
 * `body` is borrowed for the call; *size is room on entry and bytes used on return. */
typedef int (*hf_enrol_handler)(void *context, hf_bytes body, const char *address, uint8_t *reply,
                                size_t *size);

typedef struct hf_enrol_options {
    const char *address;
    uint16_t port;
    hf_key_paths paths;            /* the hub's; `ca` is what GET /ca gives, as PEM */
    hf_strangers_limits strangers; /* all connections are; when `life_ms` is over, so is theirs */
    void *context;
    hf_enrol_handler on_enrol;
} hf_enrol_options;

/* Errors: as hf_server_open. */
HF_MUST_CHECK hf_status hf_enrol_open(hf_loop *loop, const hf_enrol_options *options,
                                      hf_enrol_server **out);
uint16_t hf_enrol_port(const hf_enrol_server *server);
void hf_enrol_close(hf_enrol_server *server);

/* --- the device's end ------------------------------------------------------------------------ */

typedef struct hf_enrol_peer {
    const char *host;
    uint16_t port;
    char *error; /* where a sentence goes when a call fails; may be NULL */
    size_t error_size;
} hf_enrol_peer;

/* Fetches the hub's CA certificate, DER, trusting nobody: worth nothing until its fingerprint has
 * been compared with the token's.
 * Errors: HF_ERR_IO (nobody there, time-out), HF_ERR_PROTOCOL (not such a listener). */
HF_MUST_CHECK hf_status hf_enrol_fetch_ca(const hf_enrol_peer *peer,
                                          uint8_t out[HF_CERTIFICATE_DER_MAX], size_t *size);

/* Posts `body`, with `ca` as the only trust and the host's name checked. The reply's HTTP status
 * goes to *http_status; *size is room on entry and bytes used on return.
 * Errors: HF_ERR_IO, HF_ERR_PROTOCOL as above; HF_ERR_DENIED when the server's certificate is not
 *         by this CA or not for this host: nothing of `body` was sent. */
HF_MUST_CHECK hf_status hf_enrol_post(const hf_enrol_peer *peer, hf_bytes ca, hf_bytes body,
                                      int *http_status, uint8_t *reply, size_t *size);

#endif
