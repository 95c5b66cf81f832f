/* enrolment.c: the token's text, and the one request and its answer.
 *
 * Why in sync/: the hub writes what the device reads and the other way round, and two copies of a
 * format become two formats. */
#include "enrolment.h"

#include "render.h"

#include <stdio.h>
#include <string.h>

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* Crockford's base32 */

static const char *const names[] = {"address", "ca", "hub", "secret", "expires"};
enum { NAME_COUNT = 5, ALL_NAMES = (1 << NAME_COUNT) - 1 };

static void write_text(hf_buffer *out, const char *text)
{
    hf_write_raw(out, (hf_bytes){(const uint8_t *)text, strlen(text)});
}

static void write_hex(hf_buffer *out, const uint8_t *bytes, size_t size)
{
    char pair[3];
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(pair, sizeof pair, "%02x", bytes[i]);
        write_text(out, pair);
    }
}

static void write_base32(hf_buffer *out, const uint8_t *bytes, size_t size)
{
    for (size_t bit = 0; bit < size * 8; bit += 5) {
        unsigned value = 0;
        for (size_t i = bit; i < bit + 5; i++) {
            value = value << 1 | (i < size * 8 ? (bytes[i / 8] >> (7 - i % 8) & 1u) : 0);
        }
        char digit[2] = {alphabet[value], 0};
        write_text(out, digit);
    }
}

static bool read_hex(hf_bytes text, uint8_t *out, size_t size)
{
    if (text.size != size * 2) return false;
    memset(out, 0, size);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return false;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | digit);
    }
    return true;
}

static bool read_base32(hf_bytes text, uint8_t *out, size_t size)
{
    if (text.size != (size * 8 + 4) / 5) return false;
    memset(out, 0, size);
    for (size_t i = 0; i < text.size; i++) {
        const char *at = text.data[i] ? strchr(alphabet, text.data[i]) : NULL;
        if (!at) return false;
        unsigned value = (unsigned)(at - alphabet);
        for (size_t j = 0; j < 5; j++) {
            size_t bit = i * 5 + j;
            unsigned one = value >> (4 - j) & 1u;
            if (bit >= size * 8 && one) return false;
            if (bit < size * 8) out[bit / 8] = (uint8_t)(out[bit / 8] | one << (7 - bit % 8));
        }
    }
    return true;
}

void hf_token_write(const hf_token *token, const char *comment, hf_buffer *out)
{
    char expires[HF_TIME_TEXT_SIZE];
    hf_time_format((int64_t)token->expires_ms, expires);
    write_text(out, "# ");
    write_text(out, comment);
    write_text(out, "\nholdfast-token 1\naddress ");
    write_text(out, token->address);
    write_text(out, "\nca ");
    write_hex(out, token->ca, sizeof token->ca);
    write_text(out, "\nhub ");
    write_hex(out, token->hub, sizeof token->hub);
    write_text(out, "\nsecret ");
    write_base32(out, token->secret, sizeof token->secret);
    write_text(out, "\nexpires ");
    write_text(out, expires);
    write_text(out, token->is_station ? "\nstation yes\n" : "\n");
}

void hf_address_join(const char *host, uint16_t port, char out[HF_ADDRESS_SIZE])
{
    bool is_v6 = strchr(host, ':') != NULL;
    (void)snprintf(out, HF_ADDRESS_SIZE, is_v6 ? "[%s]:%u" : "%s:%u", host, port);
}

hf_status hf_address_split(const char *address, char *host, size_t host_size, uint16_t *port)
{
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address) return HF_ERR_INPUT;
    const char *first = address, *last = colon;
    bool has_brackets = *first == '[';
    if (has_brackets && last[-1] != ']') return HF_ERR_INPUT;
    if (has_brackets) first++;
    if (has_brackets) last--;
    if (!has_brackets && memchr(first, ':', (size_t)(last - first))) return HF_ERR_INPUT;
    if (first >= last || (size_t)(last - first) >= host_size) return HF_ERR_INPUT;
    for (const char *at = first; at < last; at++) {
        if (*at <= 0x20 || *at >= 0x7f) return HF_ERR_INPUT;
    }
    unsigned long number = 0;
    const char *digit = colon + 1;
    for (; *digit >= '0' && *digit <= '9' && number < 65536; digit++) {
        number = number * 10 + (unsigned long)(*digit - '0');
    }
    if (*digit || digit == colon + 1 || number > 65535) return HF_ERR_INPUT;
    memcpy(host, first, (size_t)(last - first));
    host[last - first] = 0;
    *port = (uint16_t)number;
    return HF_OK;
}

static bool token_value(hf_token *token, size_t name, hf_bytes value)
{
    char host[HF_ADDRESS_SIZE];
    uint16_t port;
    int64_t ms = 0;
    switch (name) {
    case 0:
        if (value.size >= sizeof token->address || memchr(value.data, 0, value.size)) return false;
        memcpy(token->address, value.data, value.size);
        token->address[value.size] = 0;
        return hf_address_split(token->address, host, sizeof host, &port) == HF_OK;
    case 1: return read_hex(value, token->ca, sizeof token->ca);
    case 2: return read_hex(value, token->hub, sizeof token->hub);
    case 3: return read_base32(value, token->secret, sizeof token->secret);
    default:
        if (hf_time_parse(value, &ms) != HF_OK || ms < 0) return false;
        token->expires_ms = (uint64_t)ms;
        return true;
    }
}

/* The next line without its end; false when there is none. */
static bool next_line(hf_bytes *text, hf_bytes *line)
{
    if (text->size == 0) return false;
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t size = end ? (size_t)(end - text->data) : text->size;
    *line = (hf_bytes){text->data, size};
    text->data += size + (end != NULL);
    text->size -= size + (end != NULL);
    if (line->size && line->data[line->size - 1] == '\r') line->size--;
    return true;
}

static bool has_name(hf_bytes line, const char *name, hf_bytes *value)
{
    size_t size = strlen(name);
    if (line.size <= size || memcmp(line.data, name, size) != 0 || line.data[size] != ' ')
        return false;
    *value = (hf_bytes){line.data + size + 1, line.size - size - 1};
    return true;
}

hf_status hf_token_read(hf_bytes text, hf_token *out, char *why, size_t why_size)
{
    hf_token token = {.expires_ms = 0};
    hf_bytes line, value;
    unsigned seen = 0;
    bool is_token = false, is_known = false, is_changed = false;
    if (text.size > HF_TOKEN_TEXT_MAX) text.size = 0;
    while (next_line(&text, &line)) {
        if (has_name(line, "holdfast-token", &value)) {
            is_token = true;
            is_known = value.size == 1 && value.data[0] == '1';
        }
        if (has_name(line, "station", &value)) token.is_station = true;
        for (size_t i = 0; i < NAME_COUNT; i++) {
            if (!has_name(line, names[i], &value)) continue;
            bool is_good = !(seen >> i & 1) && token_value(&token, i, value);
            if (!is_good) is_changed = true; /* or named twice: which one was meant? */
            seen |= 1u << i;
        }
    }
    *out = token;
    if (is_known && seen == ALL_NAMES && !is_changed) return HF_OK;
    const char *sentence =
        !is_token   ? "This is not an enrolment token. Give the file that \"holdfast-hub token\" "
                      "wrote, whole."
        : !is_known ? "This token is of a newer kind than this program knows. Install the newer "
                      "program, then enrol again."
                    : "This token is incomplete or was changed on its way. Give the file that "
                      "\"holdfast-hub token\" wrote, whole.";
    (void)snprintf(why, why_size, "%s", sentence);
    return HF_ERR_INPUT;
}

/* ---- the request and its answer ---- */

void hf_enrol_request_write(const hf_enrol_request *request, hf_buffer *out)
{
    hf_write_array(out, 4);
    hf_write_uint(out, 1);
    hf_write_bytes(out, request->hub, sizeof request->hub);
    hf_write_bytes(out, request->secret, sizeof request->secret);
    hf_write_bytes(out, request->csr.data, request->csr.size);
}

hf_status hf_enrol_request_read(hf_bytes bytes, hf_enrol_request *out)
{
    memset(out, 0, sizeof *out);
    if (bytes.size > HF_ENROL_MESSAGE_MAX) return HF_ERR_LIMIT;
    hf_reader reader = hf_reader_open(bytes);
    if (hf_read_array(&reader, 4) != 4) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    if (hf_read_uint(&reader) != 1) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    hf_read_bytes_exact(&reader, out->hub, sizeof out->hub);
    hf_read_bytes_exact(&reader, out->secret, sizeof out->secret);
    out->csr = hf_read_bytes(&reader);
    return hf_reader_end(&reader);
}

void hf_enrol_answer_write(const hf_enrol_answer *answer, hf_buffer *out)
{
    hf_write_array(out, answer->code == HF_ENROL_OK ? 5 : 3);
    hf_write_uint(out, 1);
    hf_write_uint(out, (uint64_t)answer->code);
    if (answer->code != HF_ENROL_OK) {
        hf_write_text(out, (const char *)answer->text.data, answer->text.size);
        return;
    }
    hf_write_bytes(out, answer->certificate.data, answer->certificate.size);
    hf_write_text(out, (const char *)answer->name.data, answer->name.size);
    hf_write_text(out, (const char *)answer->address.data, answer->address.size);
}

hf_status hf_enrol_answer_read(hf_bytes bytes, hf_enrol_answer *out)
{
    memset(out, 0, sizeof *out);
    if (bytes.size > HF_ENROL_MESSAGE_MAX) return HF_ERR_LIMIT;
    hf_reader reader = hf_reader_open(bytes);
    size_t count = hf_read_array(&reader, 5);
    if (hf_read_uint(&reader) != 1) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    out->code = (hf_enrol_code)hf_read_uint_max(&reader, 65535);
    if (count != (out->code == HF_ENROL_OK ? 5u : 3u)) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    if (out->code != HF_ENROL_OK) {
        out->text = hf_read_text(&reader);
    } else {
        out->certificate = hf_read_bytes(&reader);
        out->name = hf_read_text(&reader);
        out->address = hf_read_text(&reader);
    }
    return hf_reader_end(&reader);
}
