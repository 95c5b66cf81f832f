/* render.c: text to values and values to text.
 *
 * Why not libc's time and number calls: they read the process's zone and locale, and a date that an
 * officer typed must mean the same on every device. */
#include "render.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ID_TEXT_SIZE = 26 };

static const char crockford[] = "0123456789abcdefghjkmnpqrstvwxyz";
static const int64_t DAY_MS = 86400000;
static const int64_t TIME_MIN_MS = INT64_C(-62135596800000); /* 0001-01-01 */
static const int64_t TIME_MAX_MS = INT64_C(253402300799999); /* the end of 9999 */

static hf_status refuse(char *why, size_t why_size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static hf_status refuse(char *why, size_t why_size, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    (void)vsnprintf(why, why_size, format, values);
    va_end(values);
    return HF_ERR_INPUT;
}

uint64_t hf_hlc_wall_ms(hf_hlc hlc)
{
    return hlc >> 16;
}

/* ---- record ids and dots ---- */

void hf_record_id_format(const hf_pack *pack, const hf_record_id *id, char out[HF_RECORD_TEXT_SIZE])
{
    const hf_type *type = hf_pack_type(pack, id->type);
    enum { PREFIX_SIZE_MAX = HF_RECORD_TEXT_SIZE - ID_TEXT_SIZE - 2 };
    int used = type && strlen(type->name) <= PREFIX_SIZE_MAX
                   ? snprintf(out, HF_RECORD_TEXT_SIZE, "%s_", type->name)
                   : snprintf(out, HF_RECORD_TEXT_SIZE, "type%" PRIu32 "_", id->type);
    char *digit = out + used;
    for (int i = 0; i < ID_TEXT_SIZE; i++) { /* 130 bits, the first two are 0 */
        int from = i * 5 - 2, value = 0;
        for (int bit = from; bit < from + 5; bit++) {
            int one = bit < 0 ? 0 : id->bytes[bit / 8] >> (7 - bit % 8) & 1;
            value = value << 1 | one;
        }
        digit[i] = crockford[value];
    }
    digit[ID_TEXT_SIZE] = 0;
}

static int digit_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') c = (uint8_t)(c - 'A' + 'a');
    const char *at = c ? strchr(crockford, c) : NULL;
    return at ? (int)(at - crockford) : -1;
}

static bool type_parse(const hf_pack *pack, hf_bytes name, uint32_t *out)
{
    const hf_type *type = hf_pack_type_named(pack, name);
    if (type) *out = type->number;
    if (type) return true;
    uint64_t number = 0;
    if (name.size < 5 || name.size > 14 || memcmp(name.data, "type", 4) != 0) return false;
    for (size_t i = 4; i < name.size; i++) {
        if (name.data[i] < '0' || name.data[i] > '9') return false;
        number = number * 10 + (uint64_t)(name.data[i] - '0');
    }
    *out = (uint32_t)number;
    return number <= UINT32_MAX && number > 0;
}

hf_status hf_record_id_parse(const hf_pack *pack, hf_bytes text, hf_record_id *out)
{
    hf_record_id id = {0};
    if (text.size < ID_TEXT_SIZE + 2 || text.size >= HF_RECORD_TEXT_SIZE) return HF_ERR_INPUT;
    size_t name_size = text.size - ID_TEXT_SIZE - 1;
    if (text.data[name_size] != '_') return HF_ERR_INPUT;
    if (!type_parse(pack, (hf_bytes){text.data, name_size}, &id.type)) return HF_ERR_INPUT;
    for (int i = 0; i < ID_TEXT_SIZE; i++) {
        int value = digit_value(text.data[name_size + 1 + (size_t)i]);
        if (value < 0 || (i == 0 && value > 7)) return HF_ERR_INPUT;
        for (int j = 0; j < 5; j++) {
            int bit = i * 5 - 2 + j;
            if (bit < 0 || !(value >> (4 - j) & 1)) continue;
            id.bytes[bit / 8] = (uint8_t)(id.bytes[bit / 8] | 1 << (7 - bit % 8));
        }
    }
    *out = id;
    return HF_OK;
}

void hf_dot_format(const hf_dot *dot, char out[HF_DOT_TEXT_SIZE])
{
    for (size_t i = 0; i < HF_ORIGIN_SIZE; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", dot->origin.bytes[i]);
    }
    size_t used = 2 * HF_ORIGIN_SIZE;
    int more = snprintf(out + used, HF_DOT_TEXT_SIZE - used, "/%u/%" PRIu64, dot->lane, dot->seq);
    used += (size_t)more;
    if (dot->ordinal)
        (void)snprintf(out + used, HF_DOT_TEXT_SIZE - used, "/%" PRIu32, dot->ordinal);
}

/* ---- times ---- */

/* Days since 1970 of a date in the proleptic Gregorian calendar, and back; years begin in March. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_from_days(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = (int)(y + era * 400 + (*month <= 2));
}

void hf_time_format(int64_t unix_ms, char out[HF_TIME_TEXT_SIZE])
{
    if (unix_ms < TIME_MIN_MS) unix_ms = TIME_MIN_MS;
    if (unix_ms > TIME_MAX_MS) unix_ms = TIME_MAX_MS;
    int64_t days = (unix_ms < 0 ? unix_ms - DAY_MS + 1 : unix_ms) / DAY_MS;
    int year, month, day, ms = (int)(unix_ms - days * DAY_MS);
    date_from_days(days, &year, &month, &day);
    (void)snprintf(out, HF_TIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day,
                   ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

typedef struct scan {
    const uint8_t *at, *end;
    bool failed;
} scan;

static bool scan_char(scan *s, char a, char b)
{
    if (s->at == s->end || (*s->at != (uint8_t)a && *s->at != (uint8_t)b)) return false;
    s->at++;
    return true;
}

static int scan_digits(scan *s, int count, int min, int max)
{
    int value = 0;
    if (s->end - s->at < count) s->failed = true;
    for (int i = 0; i < count && !s->failed; i++) {
        if (*s->at < '0' || *s->at > '9') s->failed = true;
        if (!s->failed) value = value * 10 + (*s->at++ - '0');
    }
    if (value < min || value > max) s->failed = true;
    return s->failed ? min : value;
}

static int64_t scan_date(scan *s, bool whole)
{
    int year = scan_digits(s, 4, 1, 9999), month = 1, day = 1;
    bool has_month = scan_char(s, '-', '-');
    if (has_month) month = scan_digits(s, 2, 1, 12);
    bool has_day = has_month && scan_char(s, '-', '-');
    if (has_day) day = scan_digits(s, 2, 1, 31);
    if (whole && !has_day) s->failed = true;
    int64_t days = days_from_date(year, month, day);
    int same_year, same_month, same_day;
    date_from_days(days, &same_year, &same_month, &same_day);
    if (same_day != day) s->failed = true; /* 31 June */
    return days * DAY_MS;
}

hf_status hf_date_parse(hf_bytes text, int64_t *unix_ms)
{
    scan s = {text.data, text.data + text.size, text.size == 0};
    int64_t ms = scan_date(&s, false);
    if (s.failed || s.at != s.end) return HF_ERR_INPUT;
    *unix_ms = ms;
    return HF_OK;
}

/* "Z" or "+01:00": how far ahead of UTC, in minutes. */
static int scan_zone(scan *s)
{
    if (scan_char(s, 'Z', 'z')) return 0;
    bool is_minus = s->at < s->end && *s->at == '-';
    if (!scan_char(s, '+', '-')) s->failed = true;
    int minutes = scan_digits(s, 2, 0, 23) * 60;
    if (!scan_char(s, ':', ':')) s->failed = true;
    minutes += scan_digits(s, 2, 0, 59);
    return is_minus ? -minutes : minutes;
}

hf_status hf_time_parse(hf_bytes text, int64_t *unix_ms)
{
    scan s = {text.data, text.data + text.size, text.size == 0};
    int64_t ms = scan_date(&s, true);
    if (!scan_char(&s, 'T', 't') && !scan_char(&s, ' ', ' ')) s.failed = true;
    ms += scan_digits(&s, 2, 0, 23) * INT64_C(3600000);
    if (!scan_char(&s, ':', ':')) s.failed = true;
    ms += scan_digits(&s, 2, 0, 59) * INT64_C(60000);
    if (scan_char(&s, ':', ':')) {
        ms += scan_digits(&s, 2, 0, 59) * INT64_C(1000);
        bool has_fraction = scan_char(&s, '.', '.');
        if (has_fraction && (s.at == s.end || *s.at < '0' || *s.at > '9')) s.failed = true;
        for (int unit = 100; has_fraction && s.at < s.end; unit /= 10) {
            if (*s.at < '0' || *s.at > '9') break;
            ms += (*s.at++ - '0') * unit;
        }
    }
    ms -= scan_zone(&s) * INT64_C(60000);
    if (s.failed || s.at != s.end) return HF_ERR_INPUT;
    *unix_ms = ms;
    return HF_OK;
}

/* ---- values to JSON ---- */

static void json_bytes(hf_json *json, const char *key, const char *name, hf_bytes bytes)
{
    hf_json_object(json, key);
    hf_json_hex(json, name, bytes);
    hf_json_end(json);
}

static void json_scalar(hf_json *json, const char *key, hf_reader *reader)
{
    hf_bytes item = hf_read_item(reader);
    hf_reader inner = hf_reader_open(item);
    int64_t number;
    switch (hf_reader_kind(&inner)) {
    case HF_KIND_UINT: hf_json_uint(json, key, hf_read_uint(&inner)); return;
    case HF_KIND_NINT:
        number = hf_read_int(&inner);
        if (inner.status == HF_OK)
            hf_json_int(json, key, number);
        else
            json_bytes(json, key, "cbor", item);
        return;
    case HF_KIND_TEXT: hf_json_text(json, key, hf_read_text(&inner)); return;
    case HF_KIND_BYTES: json_bytes(json, key, "bytes", hf_read_bytes(&inner)); return;
    case HF_KIND_BOOL: hf_json_bool(json, key, hf_read_bool(&inner)); return;
    case HF_KIND_NULL: hf_json_null(json, key); return;
    default: json_bytes(json, key, "cbor", item); return;
    }
}

/* Any item, as it is. A map becomes {"map": [key, value, ...]}: its keys may be of any kind. */
static void json_any(hf_json *json, const char *key, hf_bytes value)
{
    size_t left[HF_CBOR_DEPTH_MAX + 1] = {1};
    bool is_map[HF_CBOR_DEPTH_MAX + 1] = {false};
    size_t depth = 0;
    hf_reader reader = hf_reader_open(value);
    if (hf_cbor_check_profile(value) != HF_OK) {
        json_bytes(json, key, "cbor", value);
        return;
    }
    for (;;) {
        while (depth > 0 && left[depth] == 0) {
            hf_json_end(json);
            if (is_map[depth]) hf_json_end(json);
            depth--;
        }
        if (left[depth] == 0) return;
        left[depth]--;
        const char *name = depth ? NULL : key;
        hf_kind kind = hf_reader_kind(&reader);
        bool opens = kind == HF_KIND_ARRAY || kind == HF_KIND_MAP;
        if (!opens || depth == HF_CBOR_DEPTH_MAX) {
            json_scalar(json, name, &reader);
            continue;
        }
        is_map[++depth] = kind == HF_KIND_MAP;
        if (is_map[depth]) hf_json_object(json, name);
        hf_json_array(json, is_map[depth] ? "map" : name);
        left[depth] = kind == HF_KIND_MAP ? 2 * hf_read_map(&reader, value.size)
                                          : hf_read_array(&reader, value.size);
    }
}

static void json_decimal(hf_json *json, const char *key, const hf_field *field, int64_t number)
{
    char digits[32], text[48];
    bool is_negative = number < 0;
    uint64_t size = is_negative ? 0 - (uint64_t)number : (uint64_t)number;
    int scale = field->scale > 18 ? 18 : field->scale;
    int count = snprintf(digits, sizeof digits, "%0*" PRIu64, scale + 1, size);
    (void)snprintf(text, sizeof text, "%s%.*s%s%s", is_negative ? "-" : "", count - scale, digits,
                   scale ? "." : "", digits + count - scale);
    hf_json_string(json, key, text);
}

static bool json_number(hf_json *json, const char *key, const hf_field *field, hf_reader *reader)
{
    int64_t number = hf_read_int(reader);
    if (hf_reader_end(reader) != HF_OK) return false;
    if (field->kind == HF_VALUE_DECIMAL) {
        json_decimal(json, key, field, number);
        return true;
    }
    char text[HF_TIME_TEXT_SIZE];
    if (number < TIME_MIN_MS || number > TIME_MAX_MS) return false;
    hf_time_format(number, text);
    hf_json_string(json, key, text);
    return true;
}

static bool json_ref(hf_json *json, const char *key, const hf_pack *pack, hf_reader *reader)
{
    hf_record_id id = {0};
    char text[HF_RECORD_TEXT_SIZE];
    if (hf_reader_kind(reader) != HF_KIND_ARRAY || hf_read_array(reader, 2) != 2) return false;
    id.type = (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
    hf_read_bytes_exact(reader, id.bytes, sizeof id.bytes);
    if (hf_reader_end(reader) != HF_OK) return false;
    hf_record_id_format(pack, &id, text);
    hf_json_string(json, key, text);
    return true;
}

void hf_value_json(hf_json *json, const char *key, const hf_pack *pack, const hf_field *field,
                   hf_bytes value)
{
    hf_reader reader = hf_reader_open(value);
    hf_kind kind = hf_reader_kind(&reader);
    bool is_number = kind == HF_KIND_UINT || kind == HF_KIND_NINT;
    if (!value.data) {
        hf_json_null(json, key);
        return;
    }
    bool wants_number = field->kind == HF_VALUE_TIME || field->kind == HF_VALUE_DECIMAL;
    if (wants_number && is_number && json_number(json, key, field, &reader)) return;
    if (field->kind == HF_VALUE_REF && json_ref(json, key, pack, &reader)) return;
    json_any(json, key, value);
}

/* ---- text to values ---- */

static hf_status parse_int(const hf_field *field, hf_bytes text, int scale, hf_buffer *out,
                           char *why, size_t why_size)
{
    size_t i = text.size && text.data[0] == '-' ? 1 : 0;
    bool is_negative = i == 1, has_point = false;
    int64_t number = 0;
    int places = 0;
    size_t digits = 0;
    for (; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '.' && scale && !has_point && digits) {
            has_point = true;
            continue;
        }
        if (c < '0' || c > '9') goto refused;
        if (has_point && ++places > scale) goto refused;
        int64_t digit = is_negative ? -(c - '0') : c - '0';
        if (__builtin_mul_overflow(number, 10, &number)) goto refused;
        if (__builtin_add_overflow(number, digit, &number)) goto refused;
        digits++;
    }
    if (!digits || (has_point && !places)) goto refused;
    for (; places < scale; places++) {
        if (__builtin_mul_overflow(number, 10, &number)) goto refused;
    }
    hf_write_int(out, number);
    return HF_OK;

refused:
    if (!scale)
        return refuse(why, why_size, "%s: enter a whole number, for instance 12", field->name);
    return refuse(why, why_size, "%s: enter a number with at most %d places, for instance 0.5",
                  field->name, scale);
}

static hf_status parse_bool(const hf_field *field, hf_bytes text, hf_buffer *out, char *why,
                            size_t why_size)
{
    bool is_true = text.size == 4 && memcmp(text.data, "true", 4) == 0;
    bool is_false = text.size == 5 && memcmp(text.data, "false", 5) == 0;
    if (!is_true && !is_false) return refuse(why, why_size, "%s: enter true or false", field->name);
    hf_write_bool(out, is_true);
    return HF_OK;
}

static hf_status parse_ref(const hf_pack *pack, const hf_field *field, hf_bytes text,
                           hf_buffer *out, char *why, size_t why_size)
{
    hf_record_id id;
    if (hf_record_id_parse(pack, text, &id) != HF_OK)
        return refuse(why, why_size, "%s: enter a record's id, as \"list\" shows it", field->name);
    hf_write_array(out, 2);
    hf_write_uint(out, id.type);
    hf_write_bytes(out, id.bytes, sizeof id.bytes);
    return HF_OK;
}

static hf_status parse_hex(const hf_field *field, hf_bytes text, hf_buffer *out, char *why,
                           size_t why_size)
{
    uint8_t bytes[HF_VALUE_SIZE_MAX / 2];
    if (text.size % 2 || text.size / 2 > sizeof bytes) goto refused;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) goto refused;
        uint8_t high = i % 2 ? bytes[i / 2] : 0;
        bytes[i / 2] = (uint8_t)(high << 4 | digit);
    }
    hf_write_bytes(out, bytes, text.size / 2);
    return HF_OK;

refused:
    return refuse(why, why_size, "%s: enter the bytes as pairs of hex digits, lower case",
                  field->name);
}

hf_status hf_value_parse(const hf_pack *pack, const hf_field *field, hf_bytes text, hf_buffer *out,
                         char *why, size_t why_size)
{
    int64_t unix_ms;
    switch (field->kind) {
    case HF_VALUE_INT: return parse_int(field, text, 0, out, why, why_size);
    case HF_VALUE_DECIMAL: return parse_int(field, text, field->scale, out, why, why_size);
    case HF_VALUE_BOOL: return parse_bool(field, text, out, why, why_size);
    case HF_VALUE_REF: return parse_ref(pack, field, text, out, why, why_size);
    case HF_VALUE_BYTES: return parse_hex(field, text, out, why, why_size);
    case HF_VALUE_TIME:
        if (hf_time_parse(text, &unix_ms) != HF_OK)
            return refuse(why, why_size,
                          "%s: enter a time with its zone, for instance 2019-10-21T09:30:00Z",
                          field->name);
        hf_write_int(out, unix_ms);
        return HF_OK;
    case HF_VALUE_ANY:
    case HF_VALUE_TEXT:
    case HF_VALUE_DATE:
    case HF_VALUE_CODE: break;
    }
    if (!hf_utf8_valid(text))
        return refuse(why, why_size, "%s: the text is not UTF-8", field->name);
    hf_write_text(out, (const char *)text.data, text.size);
    return HF_OK;
}

/* ---- words ---- */

void hf_words_time(uint64_t wall_ms, char out[HF_WORDS_SIZE])
{
    char text[HF_TIME_TEXT_SIZE];
    if (wall_ms == 0) {
        (void)snprintf(out, HF_WORDS_SIZE, "not yet");
        return;
    }
    hf_time_format((int64_t)wall_ms, text);
    (void)snprintf(out, HF_WORDS_SIZE, "%.10s %.8s UTC", text, text + 11);
}

void hf_words_lasting(uint64_t ms, char out[HF_WORDS_SIZE])
{
    unsigned long long seconds = (ms + 500) / 1000, minutes = (ms + 30000) / 60000;
    if (ms < 1000)
        (void)snprintf(out, HF_WORDS_SIZE, "%llu ms", (unsigned long long)ms);
    else if (seconds < 120)
        (void)snprintf(out, HF_WORDS_SIZE, "%llu s", seconds);
    else if (minutes < 60)
        (void)snprintf(out, HF_WORDS_SIZE, "%llu min", minutes);
    else if (minutes < 48 * 60)
        (void)snprintf(out, HF_WORDS_SIZE, "%llu h %llu min", minutes / 60, minutes % 60);
    else
        (void)snprintf(out, HF_WORDS_SIZE, "%llu days %llu h", minutes / 1440, minutes / 60 % 24);
}
