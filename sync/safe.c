/* safe.c: where an entry is known to be durable. Acks decide what is said; receipts say since when,
 * and prove it. */
#include "safe.h"

#include "client.h"
#include "render.h"
#include "store_core.h"

#include <string.h>

const char *hf_place_name(hf_place place)
{
    static const char *const names[] = {"device", "station", "hub"};
    return names[place];
}

static bool is_own_key(hf_store *store, const hf_origin_row *origin)
{
    return origin && memcmp(origin->key_id, store->crypto->own_key_id, HF_HASH_SIZE) == 0;
}

hf_status hf_safe_place(hf_store *store, const hf_dot *dot, hf_place *out)
{
    const hf_origin_row *origin = hf_origin_by_id(store, &dot->origin);
    hf_log_state log;
    *out = HF_PLACE_HUB;
    if ((store->is_hub && !store->relays) || !origin || dot->lane == HF_LANE_CONTROL) return HF_OK;
    hf_status status = hf_log_state_get(store, origin->no, dot->lane, &log);
    if (status != HF_OK || dot->seq <= log.central) return status;
    *out = HF_PLACE_STATION;
    if (store->relays || dot->seq <= log.acked) return HF_OK;
    /* What others wrote came here from a hub: of a station's there is a row. */
    *out = is_own_key(store, origin) ? HF_PLACE_DEVICE : HF_PLACE_HUB;
    return HF_OK;
}

hf_status hf_safe_station(hf_store *store, const hf_dot *dot, char out[HF_NAME_SIZE])
{
    const hf_origin_row *origin = hf_origin_by_id(store, &dot->origin);
    hf_origin_id hub;
    out[0] = 0;
    if (!origin) return HF_OK;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ACK_WHO);
    sqlite3_bind_int64(statement, 1, hf_log_no(origin->no, dot->lane));
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)dot->seq);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status != HF_OK || !row) return status;
    status = hf_column_exact(store, statement, 0, hub.bytes, sizeof hub.bytes);
    sqlite3_reset(statement);
    if (status != HF_OK) return status;
    return hf_client_station_name(store, &hub, out, HF_NAME_SIZE);
}

static void take_receipt(hf_store *store, const hf_receipt *receipt, hf_safe *out)
{
    const hf_origin_row *hub = hf_origin_by_id(store, &receipt->hub);
    out->is_signed = true;
    out->since_ms = receipt->time_ms;
    if (hub) memcpy(out->by, hub->name, sizeof out->by);
}

static hf_status find_receipts(hf_store *store, const hf_origin_row *origin, const hf_dot *dot,
                               hf_safe *out)
{
    hf_receipt receipt;
    bool found = false;
    hf_status status = HF_OK;
    if (out->place == HF_PLACE_HUB)
        status = hf_receipt_by(store, origin->no, dot->lane, dot->seq, true, &receipt, &found);
    if (status == HF_OK && found) take_receipt(store, &receipt, out);
    found = false;
    if (status == HF_OK && out->place != HF_PLACE_DEVICE)
        status = hf_receipt_by(store, origin->no, dot->lane, dot->seq, false, &receipt, &found);
    if (status == HF_OK && found) {
        const hf_origin_row *station = hf_origin_by_id(store, &receipt.hub);
        if (station) memcpy(out->station, station->name, sizeof out->station);
        out->station_ms = receipt.time_ms;
        if (out->place == HF_PLACE_STATION) take_receipt(store, &receipt, out);
    }
    if (status == HF_OK && !found && out->place == HF_PLACE_STATION)
        status = hf_safe_station(store, dot, out->station);
    if (status == HF_OK)
        status = hf_receipt_find(store, origin->no, dot->lane, dot->seq, true, &receipt, &found);
    /* One that stands from before it covers this entry: what was lost came behind. */
    bool stood = out->is_signed && out->since_ms <= receipt.time_ms;
    if (status == HF_OK && found && !stood) {
        out->said_ms = receipt.time_ms;
        out->undone_ms = receipt.undone_ms;
    }
    return status;
}

hf_status hf_safe_find(hf_store *store, const hf_dot *dot, hf_hlc hlc, hf_safe *out)
{
    const hf_origin_row *origin = hf_origin_by_id(store, &dot->origin);
    *out = (hf_safe){.is_own = !store->is_hub && is_own_key(store, origin)};
    hf_status status = hf_safe_place(store, dot, &out->place);
    if (status != HF_OK || !out->is_own) return status;
    if (out->place == HF_PLACE_DEVICE) out->since_ms = hf_hlc_wall_ms(hlc);
    return find_receipts(store, origin, dot, out);
}

/* ---- references ---- */

static const char DIGITS[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* none sounds like a 1 or a 0 */

/* In the field of 32 elements (x^5 + x^2 + 1): doubling is one to one, and so is doubling and
 * adding; hence no single error, and no two digits that changed places, leave the check as it was.
 */
static unsigned check_digit(const unsigned digits[7])
{
    unsigned sum = 0;
    for (size_t i = 0; i < 7; i++) {
        sum = (sum << 1 ^ (sum & 16 ? 0x25 : 0)) & 31;
        sum ^= digits[i];
    }
    return (sum << 1 ^ (sum & 16 ? 0x25 : 0)) & 31;
}

static void write_digits(const unsigned digits[8], char out[HF_SPOKEN_SIZE])
{
    for (size_t i = 0; i < 8; i++) out[i + (i >= 4)] = DIGITS[digits[i]];
    out[4] = '-';
    out[9] = 0;
}

void hf_reference(const uint8_t hash[HF_HASH_SIZE], char out[HF_SPOKEN_SIZE])
{
    unsigned digits[8];
    uint64_t bits = 0;
    for (size_t i = 0; i < 5; i++) bits = bits << 8 | hash[i];
    for (size_t i = 0; i < 7; i++) digits[i] = (unsigned)(bits >> (35 - 5 * i)) & 31;
    digits[7] = check_digit(digits);
    write_digits(digits, out);
}

static int digit_of(uint8_t c)
{
    if (c >= 'a' && c <= 'z') c = (uint8_t)(c - 'a' + 'A');
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    const char *found = c ? strchr(DIGITS, c) : NULL;
    return found ? (int)(found - DIGITS) : -1;
}

hf_status hf_reference_parse(hf_bytes text, char out[HF_SPOKEN_SIZE])
{
    unsigned digits[8];
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '-' || text.data[i] == ' ') continue;
        int digit = digit_of(text.data[i]);
        if (digit < 0 || count == 8) return HF_ERR_INPUT;
        digits[count++] = (unsigned)digit;
    }
    if (count != 8 || check_digit(digits) != digits[7]) return HF_ERR_INPUT;
    write_digits(digits, out);
    return HF_OK;
}

hf_status hf_reference_of(hf_store *store, const hf_dot *dot, char out[HF_SPOKEN_SIZE])
{
    hf_entry entry;
    hf_entry_body body;
    uint8_t hash[HF_HASH_SIZE];
    const hf_origin_row *origin = hf_origin_by_id(store, &dot->origin);
    out[0] = 0;
    if (!origin) return HF_ERR_NOT_FOUND;
    hf_status status = hf_entry_by_dot(store, hf_log_no(origin->no, dot->lane), dot->seq, &entry);
    if (status == HF_OK) status = hf_entry_parse(entry.body, &body);
    if (status == HF_OK)
        status = hf_entry_hash(store->crypto, &dot->origin, dot->lane, &body, hash);
    if (status == HF_OK) hf_reference(hash, out);
    return status;
}
