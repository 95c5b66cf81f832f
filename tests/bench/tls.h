/* tls.h: non-blocking mutual TLS 1.3 by OpenSSL alone: the limit that our links are held to, and
 * the wire under bench_fleet.c's ten thousand devices.
 *
 * Nothing of lws or of ours is under it, so that what it costs is what TLS costs. */
#ifndef HF_BENCH_TLS_H
#define HF_BENCH_TLS_H

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A server's context from a data folder's files, and a client's that trusts the folder's CA and,
 * with `own`, shows the folder's certificate. They say on standard error what failed, and exit. */
SSL_CTX *tls_server(const char *folder);
SSL_CTX *tls_client(const char *folder, bool own);

int tls_listen(uint16_t *port);   /* loopback, any free port, non-blocking */
int tls_dial(uint16_t port);      /* a connection that is under way; -1: it was refused at once */
void tls_raise_descriptors(void); /* as many as the system lets us have */

typedef enum tls_step { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_FAILED } tls_step;
tls_step tls_outcome(SSL *ssl, int result); /* what OpenSSL wants after `result` */

uint64_t tls_rss_kib(void); /* of this process */

#endif
