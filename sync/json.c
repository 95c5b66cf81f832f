/* json.c: the JSON writer.
 *
 * Why its own file: every command, screen and script reads what comes out of here, and one place
 * that escapes is one place that can be wrong. */
#include "json.h"

#include "render.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put(hf_json *json, const char *text, size_t size)
{
    hf_write_raw(json->out, (hf_bytes){(const uint8_t *)text, size});
}

static void put_string(hf_json *json, const char *text)
{
    put(json, text, strlen(text));
}

/* Length of the well-formed UTF-8 sequence at `at`, 0 when there is none. */
static size_t sequence_size(const uint8_t *at, size_t left)
{
    size_t size = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
    if (!size || *at > 0xf4 || size > left) return 0;
    return hf_utf8_valid((hf_bytes){at, size}) ? size : 0;
}

static void put_escaped(hf_json *json, uint8_t c)
{
    char code[8];
    const char *shorter = c == '"'    ? "\\\""
                          : c == '\\' ? "\\\\"
                          : c == '\n' ? "\\n"
                          : c == '\r' ? "\\r"
                          : c == '\t' ? "\\t"
                                      : NULL;
    (void)snprintf(code, sizeof code, "\\u%04x", c);
    put_string(json, shorter ? shorter : code);
}

static void put_quoted(hf_json *json, hf_bytes text)
{
    size_t done = 0; /* what is plain goes out in runs */
    put(json, "\"", 1);
    for (size_t i = 0; i < text.size;) {
        uint8_t c = text.data[i];
        size_t size = sequence_size(text.data + i, text.size - i);
        bool is_plain = size && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
        if (is_plain) {
            i += size;
            continue;
        }
        put(json, (const char *)text.data + done, i - done);
        if (size) put_escaped(json, c);
        if (!size) put_string(json, "\xef\xbf\xbd");
        done = ++i;
    }
    if (text.size > done) put(json, (const char *)text.data + done, text.size - done);
    put(json, "\"", 1);
}

static void begin(hf_json *json, const char *key)
{
    uint32_t bit = UINT32_C(1) << json->depth;
    if (json->filled & bit) put(json, ",", 1);
    json->filled |= bit;
    if (!key) return;
    put_quoted(json, (hf_bytes){(const uint8_t *)key, strlen(key)});
    put(json, ":", 1);
}

static void open_level(hf_json *json, const char *key, bool is_array)
{
    begin(json, key);
    assert(json->depth < HF_JSON_DEPTH_MAX); /* depth is the documents', never a peer's */
    put(json, is_array ? "[" : "{", 1);
    uint32_t bit = UINT32_C(1) << ++json->depth;
    json->filled &= ~bit;
    json->arrays = is_array ? json->arrays | bit : json->arrays & ~bit;
}

void hf_json_object(hf_json *json, const char *key)
{
    open_level(json, key, false);
}

void hf_json_array(hf_json *json, const char *key)
{
    open_level(json, key, true);
}

void hf_json_end(hf_json *json)
{
    assert(json->depth > 0);
    put(json, json->arrays >> json->depth & 1 ? "]" : "}", 1);
    json->depth--;
}

void hf_json_text(hf_json *json, const char *key, hf_bytes text)
{
    begin(json, key);
    put_quoted(json, text);
}

void hf_json_string(hf_json *json, const char *key, const char *text)
{
    hf_json_text(json, key, (hf_bytes){(const uint8_t *)text, strlen(text)});
}

void hf_json_int(hf_json *json, const char *key, int64_t value)
{
    char digits[24];
    begin(json, key);
    (void)snprintf(digits, sizeof digits, "%" PRId64, value);
    put_string(json, digits);
}

void hf_json_uint(hf_json *json, const char *key, uint64_t value)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%" PRIu64, value);
    if (value > INT64_MAX) {
        hf_json_string(json, key, digits);
        return;
    }
    begin(json, key);
    put_string(json, digits);
}

void hf_json_bool(hf_json *json, const char *key, bool value)
{
    begin(json, key);
    put_string(json, value ? "true" : "false");
}

void hf_json_null(hf_json *json, const char *key)
{
    begin(json, key);
    put_string(json, "null");
}

void hf_json_hex(hf_json *json, const char *key, hf_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    begin(json, key);
    put(json, "\"", 1);
    for (size_t i = 0; i < bytes.size; i++) {
        char pair[2] = {digits[bytes.data[i] >> 4], digits[bytes.data[i] & 15]};
        put(json, pair, 2);
    }
    put(json, "\"", 1);
}

void hf_json_lasting(hf_json *json, const char *key, uint64_t since_ms, uint64_t now_ms)
{
    if (since_ms)
        hf_json_uint(json, key, now_ms > since_ms ? now_ms - since_ms : 0);
    else
        hf_json_null(json, key);
}

void hf_json_time(hf_json *json, const char *key, uint64_t wall_ms)
{
    char text[HF_TIME_TEXT_SIZE];
    if (wall_ms == 0) {
        hf_json_null(json, key);
        return;
    }
    hf_time_format((int64_t)wall_ms, text);
    hf_json_string(json, key, text);
}
