/* client_upload.c: where the upload of our own logs begins, by what WELCOME says the hub holds; and
 * over which of them we sign heads. */
#include "client_core.h"

#include "planted.h"
#include "relay.h"

static hf_status upload_log(void *context, const hf_log_state *log)
{
    hf_upload_log *logs = context;
    bool goes = !logs[log->lane].stopped && log->seq > logs[log->lane].last;
    if (goes) logs[log->lane].last = log->seq;
    return HF_OK;
}

/* Of a former life that came back from a hub we have what we may see, and no head over all of it.
 */
static hf_status is_whole(hf_client *client, size_t index, uint64_t last, bool *whole)
{
    hf_relay_log log = {client->own[index / HF_LANE_COUNT]->no, (uint8_t)(index % HF_LANE_COUNT),
                        last};
    uint64_t count = 0;
    hf_status status = hf_relay_count(client->store, &log, 0, &count);
    *whole = count == last;
    return status;
}

/* A planted mistake: whoever acknowledged an entry, it need not be sent again. */
static hf_status sent_elsewhere(hf_client *client, const hf_yours *yours, uint64_t *sent)
{
    hf_log_state log;
    int64_t no = client->own[yours->origin]->no;
    hf_status status = hf_log_state_get(client->store, no, yours->lane, &log);
    if (status == HF_OK && log.acked > *sent) *sent = log.acked;
    return status;
}

static hf_status upload_from(hf_client *client, const hf_welcome *welcome)
{
    hf_yours yours;
    hf_status status = HF_OK;
    for (hf_list walk = welcome->yours; status == HF_OK && hf_next_yours(&walk, &yours);) {
        size_t index = (size_t)yours.origin * HF_LANE_COUNT + yours.lane;
        hf_upload_log *log = &client->upload.logs[index];
        log->sent = log->durable = yours.durable;
        log->central = client->centre_void ? 0 : yours.central;
        if (HF_PLANTED(REFILL_NOT_SENT)) status = sent_elsewhere(client, &yours, &log->sent);
        /* A former life's heads are wanted only where its entries have a way to go, and are ours to
         * sign only where we hold what the hub does. */
        bool held_better = log->last < yours.durable, whole = true;
        if (yours.origin > 0 && status == HF_OK)
            status = is_whole(client, index, log->last, &whole);
        if (held_better) log->last = yours.durable;
        if (yours.origin > 0 && (held_better || yours.central >= yours.durable))
            log->head_sent = yours.durable;
        log->headless = !whole;
    }
    for (size_t lane = 0; lane < HF_LANE_COUNT; lane++) {
        hf_upload_log *log = &client->upload.logs[lane];
        log->head_sent = log->head_durable = client->download.heads_up[lane];
    }
    return status;
}

hf_status hf_client_look_at_formers(hf_client *client)
{
    hf_status status = HF_OK;
    size_t from = HF_LANE_COUNT, to = client->own_count * HF_LANE_COUNT;
    for (size_t i = 1; i < client->own_count && status == HF_OK; i++)
        status = hf_log_each(client->store, client->own[i]->no, upload_log,
                             &client->upload.logs[i * HF_LANE_COUNT]);
    for (size_t index = from; index < to && status == HF_OK; index++) {
        hf_upload_log *log = &client->upload.logs[index];
        bool whole = !log->headless;
        if (!whole) status = is_whole(client, index, log->last, &whole);
        log->headless = !whole;
    }
    client->former_came = status != HF_OK;
    return status;
}

hf_status hf_client_begin_upload(hf_client *client, const hf_welcome *welcome)
{
    hf_upload_free(&client->upload);
    client->looked_position = UINT64_MAX;
    if (client->download.phase == HF_PHASE_RENEW) return HF_OK;
    hf_status status = hf_upload_open(&client->upload, client->own_count);
    for (size_t i = 0; i < client->own_count && status == HF_OK; i++) {
        hf_upload_log *logs = &client->upload.logs[i * HF_LANE_COUNT];
        bool is_other;
        status = hf_client_has_left(client->store, &client->own[i]->id, &is_other);
        for (size_t lane = 0; lane < HF_LANE_COUNT; lane++) logs[lane].stopped = is_other;
        if (status == HF_OK && !is_other)
            status = hf_log_each(client->store, client->own[i]->no, upload_log, logs);
    }
    if (status != HF_OK) return status;
    status = upload_from(client, welcome);
    for (uint8_t lane = 0; lane < HF_LANE_COUNT; lane++)
        hf_upload_window(&client->upload, lane, welcome->window_entries, welcome->window_bytes);
    client->carrier.on = client->download.phase != HF_PHASE_EXPIRED;
    return status;
}
