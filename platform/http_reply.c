/* http_reply.c: just enough HTTP to read an enrolment listener's answer: no chunks, no folding. */
#include "http_reply.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { LENGTH_DIGITS_MAX = 9 };

typedef struct text {
    const char *at, *end;
} text;

/* Takes one line up to CR LF, which is not part of it. */
static bool line_take(text *rest, text *line)
{
    for (const char *p = rest->at; p + 1 < rest->end; p++) {
        if (p[0] != '\r' || p[1] != '\n') continue;
        *line = (text){rest->at, p};
        rest->at = p + 2;
        return true;
    }
    return false;
}

static bool number_take(const char *at, const char *end, size_t digits_max, size_t *out)
{
    size_t value = 0, digits = 0;
    while (at < end && *at == ' ') at++;
    for (; at < end && *at >= '0' && *at <= '9'; at++, digits++) {
        if (digits == digits_max) return false;
        value = value * 10 + (size_t)(*at - '0');
    }
    while (at < end && *at == ' ') at++;
    *out = value;
    return digits > 0 && at == end;
}

/* "HTTP/1.1 200 OK" */
static bool status_read(text line, int *http_status)
{
    static const char version[] = "HTTP/1.";
    size_t value = 0;
    if (line.end - line.at < 12 || memcmp(line.at, version, sizeof version - 1) != 0) return false;
    if (line.at[8] != ' ' || (line.end - line.at > 12 && line.at[12] != ' ')) return false;
    if (!number_take(line.at + 9, line.at + 12, 3, &value) || value < 100) return false;
    *http_status = (int)value;
    return true;
}

hf_status hf_http_reply_read(hf_bytes bytes, int *http_status, hf_bytes *body)
{
    static const char length_name[] = "content-length:";
    text rest = {(const char *)bytes.data, (const char *)bytes.data + bytes.size}, line;
    size_t length = 0;
    bool has_length = false;
    if (bytes.size == 0 || !line_take(&rest, &line)) return HF_ERR_PROTOCOL;
    if (!status_read(line, http_status)) return HF_ERR_PROTOCOL;
    for (;;) {
        if (!line_take(&rest, &line)) return HF_ERR_PROTOCOL;
        if (line.at == line.end) break;
        const size_t name_size = sizeof length_name - 1;
        if ((size_t)(line.end - line.at) < name_size) continue;
        if (strncasecmp(line.at, length_name, name_size) != 0) continue;
        if (has_length) return HF_ERR_PROTOCOL; /* two lengths: two readers, two answers */
        has_length = true;
        if (!number_take(line.at + name_size, line.end, LENGTH_DIGITS_MAX, &length)) {
            return HF_ERR_PROTOCOL;
        }
    }
    if (!has_length || length != (size_t)(rest.end - rest.at)) return HF_ERR_PROTOCOL;
    *body = (hf_bytes){(const uint8_t *)rest.at, length};
    return HF_OK;
}
