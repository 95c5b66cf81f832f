/* log.h: one line per event on standard error, for the person who reads the journal at night.
 *
 *     2026-11-21T10:00:00.000Z warn peer-refused key=9f31c0de reason="revoked"
 *
 * Ids only: no name, no text that an officer typed, no key material ever stands in a log. */
#ifndef HF_PLATFORM_LOG_H
#define HF_PLATFORM_LOG_H

typedef enum hf_log_level {
    HF_LOG_ERROR, /* a person is needed */
    HF_LOG_WARN,  /* something was refused or will be tried again */
    HF_LOG_INFO,  /* what normally happens, seldom */
    HF_LOG_DEBUG  /* what normally happens, often */
} hf_log_level;

/* Writes `<time> <level> <event> <fields>` and a newline in one write, so that lines of several
 * processes do not mix. `format` gives the fields as `key=value`; for none, `"%s", ""`. What is
 * longer than 1,000 bytes is cut, ending in "…"; control characters become '?', so that no peer can
 * forge a line. The environment variable HOLDFAST_LOG (error, warn, info, debug) sets the lowest
 * level that is written; without it, info. Cannot fail: a log that nobody can take is dropped. */
void hf_log(hf_log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
