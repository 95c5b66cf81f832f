/* tls_identity.c: OpenSSL's settings, and the peer's public key. Only this file and digest.c name
 * OpenSSL.
 *
 * Why not libwebsockets' own settings: its verify callback turns a careless 0 into "accepted", its
 * CA from memory is silently ignored, a client shares contexts by file name, and the common name it
 * reports can be spoofed. Here no callback decides: OpenSSL's verdict is final, the context is
 * complete before the first connection, and identity is a hash of the key. */
#include "tls_identity.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* For TLS 1.2; all keys here are P-256. TLS 1.3 has only good ones. */
#define CIPHERS                                                                                    \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"
#define GROUPS "X25519:P-256"

enum {
    TICKETS = 1,                  /* per handshake */
    SESSIONS_MAX = 16 * 1024,     /* remembered; past it the oldest device sends its own again */
    SESSION_LIFE_S = 24 * 60 * 60 /* in which a device that returns need send no certificate */
};

struct hf_tls_client {
    SSL_CTX *ssl_ctx;
    SSL_SESSION *session; /* the newest ticket: saves the certificates on the next dial */
    const char *alert;    /* the hub's last words, in OpenSSL's constant strings */
};

/* --- what both ends set -------------------------------------------------------------------- */

static hf_status load_own(SSL_CTX *ctx, const hf_key_paths *paths)
{
    if (SSL_CTX_use_certificate_file(ctx, paths->certificate, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, paths->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1) {
        ERR_clear_error();
        return HF_ERR_CORRUPT;
    }
    return HF_OK;
}

/* The CA is the only trust: nothing of the machine's, nothing from the environment. */
static hf_status load_trust(SSL_CTX *ctx, const char *path)
{
    if (SSL_CTX_load_verify_file(ctx, path) != 1) {
        ERR_clear_error();
        return HF_ERR_CORRUPT;
    }
    X509_VERIFY_PARAM *how = SSL_CTX_get0_param(ctx);
    /* A wrong clock must lock nobody out; what dates mean is judged by who has the time. */
    X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_NO_CHECK_TIME);
    X509_VERIFY_PARAM_set_depth(how, 0); /* leaf and CA: no intermediates */
    return HF_OK;
}

static hf_status load_policy(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    /* Whoever is to believe a certificate of ours has the CA's already: it is not sent along. */
    SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS |
                              SSL_MODE_NO_AUTO_CHAIN);
    bool set = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
               SSL_CTX_set_cipher_list(ctx, CIPHERS) == 1 &&
               SSL_CTX_set1_groups_list(ctx, GROUPS) == 1;
    return set ? HF_OK : HF_ERR_NOMEM;
}

/* --- server -------------------------------------------------------------------------------- */

static void on_server_info(const SSL *ssl, int where, int code)
{
    const hf_tls_listener *listener = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    /* Marked, for after an error OpenSSL claims to be in the handshake again. */
    if (where == SSL_CB_HANDSHAKE_DONE) SSL_set_app_data((SSL *)(uintptr_t)ssl, (void *)listener);
    if ((where & SSL_CB_WRITE_ALERT) != SSL_CB_WRITE_ALERT) return;
    if (code >> 8 != SSL3_AL_FATAL) return; /* close_notify is no refusal */
    if (SSL_get_app_data(ssl)) return;      /* nor is a link that breaks later */
    listener->refused(listener->context, SSL_get_fd(ssl), SSL_alert_desc_string_long(code));
}

hf_status hf_tls_serve(void *ssl_ctx, const hf_key_paths *paths, bool mutual,
                       const hf_tls_listener *listener)
{
    static const unsigned char session_scope[] = "holdfast";
    SSL_CTX *ctx = ssl_ctx;
    hf_status status = load_policy(ctx);
    if (status == HF_OK) status = load_own(ctx, paths);
    if (status == HF_OK) status = load_trust(ctx, paths->ca);
    if (status != HF_OK) return status;
    SSL_CTX_set_app_data(ctx, (void *)listener); /* OpenSSL has no pointer to const */
    SSL_CTX_set_info_callback(ctx, on_server_info);
    /* lws would move a connection to another vhost by the name the client asks for. */
    SSL_CTX_set_tlsext_servername_callback(ctx, NULL);
    /* No callback: OpenSSL's verdict stands. */
    SSL_CTX_set_verify(
        ctx, mutual ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_id_context(ctx, session_scope, sizeof session_scope - 1);
    /* Sessions are kept here and not in tickets, which would carry the device's certificate back
     * and forth, 1,200 bytes a return, under a key that would live as long as this process. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    /* An end without a farewell must not cost the session: a link that dies has no manners, and
     * what it cut short shows in the websocket's own framing. */
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_num_tickets(ctx, mutual ? TICKETS : 0);
    SSL_CTX_set_session_cache_mode(ctx, mutual ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
    SSL_CTX_sess_set_cache_size(ctx, SESSIONS_MAX);
    SSL_CTX_set_timeout(ctx, SESSION_LIFE_S);
    return HF_OK;
}

/* OpenSSL forgets a session that was not shut down properly. */
void hf_tls_keep_session(void *ssl)
{
    if (ssl) SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

hf_status hf_tls_check(const hf_key_paths *paths)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx) return HF_ERR_NOMEM;
    hf_status status = load_own(ctx, paths);
    if (status == HF_OK) status = load_trust(ctx, paths->ca);
    SSL_CTX_free(ctx);
    return status;
}

hf_status hf_tls_show_renewed(void *ssl_ctx, const hf_key_paths *paths)
{
    hf_status status = hf_tls_check(paths);
    return status == HF_OK ? load_own(ssl_ctx, paths) : status;
}

/* --- client -------------------------------------------------------------------------------- */

/* Two jobs that lws has no hook for: the ticket must be set before the hello is built, and an
 * alert after the handshake, which is how TLS 1.3 refuses a client, reaches nobody else. */
static void on_client_info(const SSL *ssl, int where, int code)
{
    hf_tls_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (where == SSL_CB_HANDSHAKE_START && client->session) {
        /* The callback's SSL is const for fear of exactly this; before the hello it is safe. */
        SSL_SESSION *copy = SSL_SESSION_dup(client->session);
        SSL_set_session((SSL *)(uintptr_t)ssl, copy);
        SSL_SESSION_free(copy);
    }
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && code >> 8 == SSL3_AL_FATAL) {
        client->alert = SSL_alert_desc_string_long(code);
        hf_tls_client_forget(client); /* whatever it disliked, do not bring it again */
    }
}

/* Keeps a copy: a connection that ends without a proper farewell, as an officer's do, would mark
 * the original as not to be used again. */
static int on_client_session(SSL *ssl, SSL_SESSION *session)
{
    hf_tls_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL_SESSION *copy = SSL_SESSION_dup(session);
    if (copy) {
        SSL_SESSION_free(client->session);
        client->session = copy;
    }
    return 0; /* the reference stays OpenSSL's */
}

/* What the server's certificate must name. An address is not a name: each has its own field. */
static hf_status expect_host(SSL_CTX *ctx, const char *host)
{
    if (!host || !*host) return HF_ERR_INPUT; /* an empty name would switch the check off */
    X509_VERIFY_PARAM *how = SSL_CTX_get0_param(ctx);
    /* Our CA writes names into the field for names, one by one; nothing else is one. */
    X509_VERIFY_PARAM_set_hostflags(how, X509_CHECK_FLAG_NO_WILDCARDS |
                                             X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (X509_VERIFY_PARAM_set1_ip_asc(how, host) == 1) return HF_OK;
    ERR_clear_error();
    return X509_VERIFY_PARAM_set1_host(how, host, 0) == 1 ? HF_OK : HF_ERR_INPUT;
}

hf_status hf_tls_client_new(const hf_key_paths *paths, const char *host, hf_tls_client **out)
{
    *out = NULL;
    hf_tls_client *client = calloc(1, sizeof *client);
    if (!client) return HF_ERR_NOMEM;
    client->ssl_ctx = SSL_CTX_new(TLS_client_method());
    hf_status status = client->ssl_ctx ? load_policy(client->ssl_ctx) : HF_ERR_NOMEM;
    if (status == HF_OK) status = load_own(client->ssl_ctx, paths);
    if (status == HF_OK) status = load_trust(client->ssl_ctx, paths->ca);
    if (status == HF_OK) status = expect_host(client->ssl_ctx, host);
    if (status != HF_OK) {
        hf_tls_client_free(client);
        return status;
    }
    SSL_CTX_set_verify(client->ssl_ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_app_data(client->ssl_ctx, client);
    SSL_CTX_set_info_callback(client->ssl_ctx, on_client_info);
    SSL_CTX_set_session_cache_mode(client->ssl_ctx,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client->ssl_ctx, on_client_session);
    *out = client;
    return HF_OK;
}

void hf_tls_client_free(hf_tls_client *client)
{
    if (!client) return;
    SSL_SESSION_free(client->session);
    SSL_CTX_free(client->ssl_ctx);
    free(client);
}

void *hf_tls_client_context(hf_tls_client *client)
{
    return client->ssl_ctx;
}

void hf_tls_client_reset(hf_tls_client *client)
{
    client->alert = NULL;
}

void hf_tls_client_forget(hf_tls_client *client)
{
    SSL_SESSION_free(client->session);
    client->session = NULL;
}

/* A hub that refuses us closes at once, and the loop may hear of that before it has read why. What
 * was received before is still there to be read. */
static void read_last_words(SSL *ssl)
{
    char unused;
    SSL_read(ssl, &unused, sizeof unused); /* on_client_info hears the alert */
    ERR_clear_error();
}

const char *hf_tls_client_failure(const hf_tls_client *client, void *ssl)
{
    if (!client->alert && ssl) read_last_words(ssl);
    if (client->alert) return client->alert;
    if (!ssl) return NULL;
    long verdict = SSL_get_verify_result(ssl);
    return verdict == X509_V_OK ? NULL : X509_verify_cert_error_string(verdict);
}

/* --- identity ------------------------------------------------------------------------------ */

static bool read_time(const ASN1_TIME *time, uint64_t *out_ms)
{
    struct tm utc;
    if (ASN1_TIME_to_tm(time, &utc) != 1) return false;
    time_t seconds = timegm(&utc);
    *out_ms = seconds > 0 ? (uint64_t)seconds * 1000 : 0;
    return true;
}

/* OpenSSL takes a certificate that lists no usage for one that allows every usage. */
static bool has_usage(X509 *certificate, uint32_t usage)
{
    return (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) &&
           (X509_get_extended_key_usage(certificate) & usage);
}

static bool is_fit(X509 *certificate, const SSL *ssl, hf_validity *valid)
{
    return SSL_get_verify_result(ssl) == X509_V_OK &&
           has_usage(certificate, SSL_is_server(ssl) ? XKU_SSL_CLIENT : XKU_SSL_SERVER) &&
           read_time(X509_get0_notBefore(certificate), &valid->from_ms) &&
           read_time(X509_get0_notAfter(certificate), &valid->until_ms);
}

hf_status hf_tls_peer_read(void *ssl, hf_tls_peer *out)
{
    memset(out, 0, sizeof *out);
    if (!ssl) return HF_ERR_DENIED;
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    if (!certificate) return HF_ERR_DENIED;
    unsigned char *spki = NULL, *der = NULL;
    int spki_size = 0, der_size = 0;
    unsigned hash_size = 0;
    hf_status status = is_fit(certificate, ssl, &out->valid) ? HF_OK : HF_ERR_DENIED;
    if (status != HF_OK) goto done;
    spki_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
    der_size = i2d_X509(certificate, &der);
    status = HF_ERR_NOMEM;
    if (spki_size <= 0 || der_size <= 0) goto done;
    if (EVP_Digest(spki, (size_t)spki_size, out->key_id, &hash_size, EVP_sha256(), NULL) != 1) {
        goto done;
    }
    out->certificate = der;
    out->certificate_size = (size_t)der_size;
    out->resumed = SSL_session_reused(ssl) == 1;
    der = NULL;
    status = HF_OK;

done:
    OPENSSL_free(spki);
    OPENSSL_free(der);
    X509_free(certificate);
    return status;
}

void hf_tls_peer_free(hf_tls_peer *peer)
{
    OPENSSL_free(peer->certificate);
    peer->certificate = NULL;
}
