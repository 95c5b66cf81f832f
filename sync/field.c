/* field.c: does a value suit its field, and if not, what should the person enter?
 *
 * Only our own writers ask this. What arrives from others is stored and merged whatever it holds:
 * another node may know a newer list of codes. */
#include "pack.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static hf_status refuse(char *why, size_t why_size, const char *sentence)
{
    snprintf(why, why_size, "%s", sentence);
    return HF_ERR_INPUT;
}

/* ---- dates ---- */

/* Two or four digits, or as many question marks (-1). False when it is neither. */
static bool date_part(const uint8_t *at, size_t digits, int *out)
{
    int number = 0;
    size_t unknown = 0;
    for (size_t i = 0; i < digits; i++) {
        if (at[i] == '?')
            unknown++;
        else if (at[i] >= '0' && at[i] <= '9')
            number = number * 10 + (at[i] - '0');
        else
            return false;
    }
    *out = unknown == digits ? -1 : number;
    return unknown == 0 || unknown == digits;
}

/* The longest the month can be, given what is known of it and the year. */
static int last_day(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 0) return 31;
    if (month != 2) return days[month - 1];
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year < 0 || leap ? 29 : 28;
}

/* "2019", "2019-10", "2019-10-21"; any part may be question marks. */
static bool is_date(hf_bytes text)
{
    int year = 0, month = -1, day = -1;
    const uint8_t *at = text.data;
    if (text.size != 4 && text.size != 7 && text.size != 10) return false;
    if (!date_part(at, 4, &year) || year == 0) return false;
    if (text.size >= 7) {
        if (at[4] != '-' || !date_part(at + 5, 2, &month)) return false;
        if (month == 0 || month > 12) return false;
    }
    if (text.size == 10) {
        if (at[7] != '-' || !date_part(at + 8, 2, &day)) return false;
        if (day == 0 || day > last_day(year, month)) return false;
    }
    return true;
}

/* ---- the kinds ---- */

static hf_status check_code(const hf_field *field, hf_bytes value, char *why, size_t why_size)
{
    for (size_t i = 0; i < field->code_count; i++) {
        if (hf_bytes_equal(field->code_values[i], value)) return HF_OK;
    }
    snprintf(why, why_size, "Enter one of:");
    for (size_t i = 0; i < field->code_count; i++) {
        size_t used = strlen(why);
        size_t needed = strlen(field->codes[i]) + sizeof ", …";
        if (used + needed >= why_size) {
            snprintf(why + used, why_size - used, "…");
            break;
        }
        snprintf(why + used, why_size - used, "%s %s", i > 0 ? "," : "", field->codes[i]);
    }
    return HF_ERR_INPUT;
}

/* [type, 16 bytes] */
static bool is_ref(hf_bytes value)
{
    hf_reader reader = hf_reader_open(value);
    uint8_t id[HF_RECORD_ID_SIZE];
    if (hf_read_array(&reader, 2) != 2) return false;
    (void)hf_read_uint_max(&reader, UINT16_MAX);
    hf_read_bytes_exact(&reader, id, sizeof id);
    return hf_reader_end(&reader) == HF_OK;
}

/* A whole number that every node can hold; `years` also asks for a time between 0001 and 9999. */
static bool is_number(hf_bytes value, bool years)
{
    static const int64_t first_ms = INT64_C(-62135596800000), last_ms = INT64_C(253402300799999);
    hf_reader reader = hf_reader_open(value);
    int64_t number = hf_read_int(&reader);
    if (hf_reader_end(&reader) != HF_OK) return false;
    return !years || (number >= first_ms && number <= last_ms);
}

hf_status hf_field_check(const hf_field *field, hf_bytes value, char *why, size_t why_size)
{
    assert(why_size > 0);
    why[0] = '\0';
    if (hf_cbor_check_profile(value) != HF_OK) {
        return refuse(why, why_size,
                      "Enter a plain value: text, a whole number, or a list of them.");
    }
    hf_reader reader = hf_reader_open(value);
    hf_kind found = hf_reader_kind(&reader);
    switch (field->kind) {
    case HF_VALUE_TEXT: return found == HF_KIND_TEXT ? HF_OK : refuse(why, why_size, "Enter text.");
    case HF_VALUE_INT:
        return is_number(value, false) ? HF_OK : refuse(why, why_size, "Enter a whole number.");
    case HF_VALUE_BOOL:
        return found == HF_KIND_BOOL ? HF_OK : refuse(why, why_size, "Enter yes or no.");
    case HF_VALUE_TIME:
        if (is_number(value, true)) return HF_OK;
        return refuse(why, why_size, "Enter a time as 2019-10-21T14:30Z.");
    case HF_VALUE_DATE:
        if (found == HF_KIND_TEXT && is_date(hf_read_text(&reader))) return HF_OK;
        return refuse(why, why_size, "Enter a date as 2019-10-21; parts may be ??.");
    case HF_VALUE_DECIMAL:
        if (is_number(value, false)) return HF_OK;
        snprintf(why, why_size, "Enter a number with at most %u digits after the point.",
                 (unsigned)field->scale);
        return HF_ERR_INPUT;
    case HF_VALUE_CODE: return check_code(field, value, why, why_size);
    case HF_VALUE_REF:
        if (is_ref(value)) return HF_OK;
        return refuse(why, why_size, "Enter the id of a record.");
    case HF_VALUE_BYTES:
        return found == HF_KIND_BYTES ? HF_OK : refuse(why, why_size, "Enter bytes.");
    default: return HF_OK;
    }
}
