/* tls_identity.h: how OpenSSL is set up, and whom it found at the far end.
 *
 * The one door to OpenSSL. Contexts and connections pass as void pointers, so that a build with
 * another TLS library replaces tls_identity.c and nothing else. */
#ifndef HF_PLATFORM_TLS_IDENTITY_H
#define HF_PLATFORM_TLS_IDENTITY_H

#include "keys.h"

/* Who is told, with the peer's descriptor, when we send a fatal alert, that is, refuse a peer. */
typedef struct hf_tls_listener {
    void (*refused)(void *context, int fd, const char *reason);
    void *context;
} hf_tls_listener;

/* Makes a server's context refuse all it must. With `mutual`, a client must present a certificate
 * by our CA, for client authentication, whatever its dates. `listener` outlives the context.
 * Errors: HF_ERR_NOT_FOUND, HF_ERR_CORRUPT: files that are not there or do not fit each other. */
HF_MUST_CHECK hf_status hf_tls_serve(void *ssl_ctx, const hf_key_paths *paths, bool mutual,
                                     const hf_tls_listener *listener);

/* The certificate in `paths`, for the key that the context has, is shown to whoever comes next; a
 * session that is taken up goes on with the one that it began with. A failed call changes nothing.
 * Errors: HF_ERR_CORRUPT: the files cannot be read or do not fit each other; HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_tls_show_renewed(void *ssl_ctx, const hf_key_paths *paths);

/* Called for a server's connection that is ending: keeps its session for the device's return, even
 * when the link broke without a farewell, as an officer's do. */
void hf_tls_keep_session(void *ssl);

/* Whether the three files are there and fit each other: what hf_tls_serve would say. */
HF_MUST_CHECK hf_status hf_tls_check(const hf_key_paths *paths);

typedef struct hf_tls_client hf_tls_client;

/* A client's context: trusts the one CA, whatever the dates; insists that the server's certificate
 * names `host` (a name or an IP address); presents our own; resumes sessions.
 * Errors: as hf_tls_serve; HF_ERR_INPUT for a host that cannot be checked; HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_tls_client_new(const hf_key_paths *paths, const char *host,
                                          hf_tls_client **out);
void hf_tls_client_free(hf_tls_client *client);
void *hf_tls_client_context(hf_tls_client *client);

/* Why a connection that is dead already failed, or NULL when TLS has no complaint. */
const char *hf_tls_client_failure(const hf_tls_client *client, void *ssl);

/* Forgets the last handshake's complaint and the ticket, before or after a dial. */
void hf_tls_client_reset(hf_tls_client *client);
void hf_tls_client_forget(hf_tls_client *client);

typedef struct hf_tls_peer {
    uint8_t key_id[HF_HASH_SIZE];
    uint8_t *certificate; /* DER; free with hf_tls_peer_free */
    size_t certificate_size;
    hf_validity valid;
    bool resumed;
} hf_tls_peer;

/* Whom `ssl` is connected to. Reads the verdict and the certificate of this connection, which a
 * resumed session carries along, and never a callback's, which it would skip. Its dates are read
 * and not judged.
 * Errors: HF_ERR_DENIED when there is no certificate, it was not verified, or it does not say that
 *         it is for this end's use; HF_ERR_NOMEM. */
HF_MUST_CHECK hf_status hf_tls_peer_read(void *ssl, hf_tls_peer *out);
void hf_tls_peer_free(hf_tls_peer *peer);

#endif
