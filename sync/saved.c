/* saved.c: see saved.h.
 *
 * Why its own file: these words are what a person goes by, and one place decides them: from the
 * acknowledgements, which stand in the store beside what they speak of. */
#include "saved.h"

#include "client.h"
#include "log.h"
#include "store_core.h"

#include <string.h>

const char *hf_place_word(hf_place place)
{
    return place == HF_AT_HUB ? "hub" : place == HF_AT_STATION ? "station" : "device";
}

/* Of those who have it and are not the centre, any. */
static hf_status name_holder(hf_store *store, int64_t log, uint64_t seq, hf_saved *out)
{
    hf_origin_id hub;
    sqlite3_stmt *statement = hf_sql(store, HF_SQL_ACK_WHO);
    sqlite3_bind_int64(statement, 1, log);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)seq);
    bool row;
    hf_status status = hf_sql_row(store, statement, &row);
    if (status != HF_OK || !row) return status;
    status = hf_column_exact(store, statement, 0, hub.bytes, sizeof hub.bytes);
    sqlite3_reset(statement);
    if (status != HF_OK) return status;
    return hf_client_station_name(store, &hub, out->station, sizeof out->station);
}

hf_status hf_saved_where(hf_store *store, const hf_dot *dot, hf_saved *out)
{
    hf_log_state log;
    const hf_origin_row *origin = hf_origin_by_id(store, &dot->origin);
    *out = (hf_saved){.place = HF_AT_HUB};
    if ((store->is_hub && !store->relays) || !origin) return HF_OK;
    hf_status status = hf_log_state_get(store, origin->no, dot->lane, &log);
    if (status != HF_OK || dot->seq <= log.central || dot->lane == HF_LANE_CONTROL) return status;
    bool ours = memcmp(origin->key_id, store->crypto->own_key_id, HF_HASH_SIZE) == 0;
    if (store->relays) { /* here, and no further as far as is known */
        out->place = HF_AT_STATION;
        return HF_OK;
    }
    /* What others wrote came from a hub; of a station's there is a row. */
    if (dot->seq > log.acked) {
        out->place = ours ? HF_AT_DEVICE : HF_AT_HUB;
        return HF_OK;
    }
    out->place = HF_AT_STATION;
    return name_holder(store, hf_log_no(origin->no, dot->lane), dot->seq, out);
}
