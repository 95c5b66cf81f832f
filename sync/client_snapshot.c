/* client_snapshot.c: fetches a snapshot chunk by chunk, and loads it when it is whole.
 *
 * What came of a chunk is on disk at once, and all of a chunk stays only if it is what its hash
 * says; nobody sees anything of it until the last one is here. Then all of it, and our place in the
 * feed, is one transaction. */
#include "client_core.h"

#include "planted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char META_FETCHING[] = "fetching"; /* not empty: a snapshot was promised, not loaded */

static hf_status out_of_turn(hf_client *client, unsigned frame)
{
    hf_session_fail(&client->session, HF_CODE_TURN, "frame out of turn: %u", frame);
    return HF_ERR_PROTOCOL;
}

static void forget(hf_fetch *fetch)
{
    free(fetch->chunks);
    free(fetch->progress);
    fetch->chunks = NULL;
    fetch->progress = NULL;
    fetch->count = fetch->staged = fetch->asked_count = 0;
    hf_buffer_free(&fetch->raw); /* a device keeps no megabyte for what it needs once a year */
}

void hf_client_fetch_drop(hf_client *client)
{
    forget(&client->fetch);
}

/* ---- what we say of it ---- */

/* A station serves devices the entries themselves: state without them is of no use to it. */
hf_status hf_client_capabilities(hf_client *client, uint64_t *out)
{
    *out = HF_CARRIES;
    bool refused = client->wall_now_ms < client->fetch.refused_until_ms;
    if (hf_store_is_hub(client->store) || refused) return HF_OK;
    bool outdated;
    hf_buffer fetching = {0};
    hf_status status = hf_snapshot_is_outdated(client->store, &outdated);
    if (status == HF_OK) status = hf_meta_get(client->store, META_FETCHING, &fetching);
    *out += HF_TAKES_SNAPSHOTS;
    if (fetching.size > 0) *out += HF_HAS_CHUNKS;
    if (outdated) *out += HF_NEEDS_SNAPSHOT;
    hf_buffer_free(&fetching);
    return status;
}

hf_status hf_client_expect_snapshot(hf_client *client, bool expected)
{
    static const uint8_t yes = 1;
    hf_buffer fetching = {0};
    hf_status status = hf_meta_get(client->store, META_FETCHING, &fetching);
    bool known = fetching.size > 0;
    hf_buffer_free(&fetching);
    if (status != HF_OK || known == expected) return status;
    return hf_meta_set(client->store, META_FETCHING, (hf_bytes){&yes, expected ? 1 : 0});
}

bool hf_client_fetching(const hf_client *client, size_t *staged, size_t *count)
{
    hf_phase phase = client->download.phase;
    *staged = client->fetch.staged;
    *count = client->fetch.count;
    return phase == HF_PHASE_OFFER || (phase == HF_PHASE_VECTORS && *count > 0) ||
           phase == HF_PHASE_FETCH;
}

/* ---- OFFER ---- */

static hf_status twice(hf_client *client)
{
    hf_session_fail(&client->session, HF_CODE_MALFORMED, "a chunk stands twice in an offer");
    return HF_ERR_PROTOCOL;
}

static hf_status take_scope(hf_client *client, const hf_offered_scope *scope)
{
    hf_download *download = &client->download;
    size_t at = 0;
    while (at < download->scope_count && download->scopes[at] != scope->scope) at++;
    if (at == download->scope_count) {
        hf_session_fail(&client->session, HF_CODE_SCOPE, "a snapshot of scope %u, not ours",
                        scope->scope);
        return HF_ERR_PROTOCOL;
    }
    download->offered[at] = true;
    hf_fetch *fetch = &client->fetch;
    hf_chunk_name chunk;
    for (hf_list walk = scope->chunks; hf_next_chunk(&walk, &chunk);) {
        chunk.scope = scope->scope;
        for (size_t i = 0; i < fetch->count; i++)
            if (memcmp(fetch->chunks[i].hash, chunk.hash, HF_HASH_SIZE) == 0) return twice(client);
        fetch->chunks[fetch->count++] = chunk;
    }
    return HF_OK;
}

static hf_status take_scopes(hf_client *client, const hf_offer *offer)
{
    hf_fetch *fetch = &client->fetch;
    hf_offered_scope scope;
    fetch->chunks = calloc(HF_SNAPSHOT_CHUNKS_MAX, sizeof *fetch->chunks);
    fetch->progress = calloc(HF_SNAPSHOT_CHUNKS_MAX, sizeof *fetch->progress);
    if (!fetch->chunks || !fetch->progress) return HF_ERR_NOMEM;
    hf_status status = HF_OK;
    for (hf_list walk = offer->scopes; status == HF_OK && hf_next_offered(&walk, &scope);)
        status = take_scope(client, &scope);
    fetch->offer = offer->number;
    fetch->position = offer->position;
    memcpy(fetch->chain, offer->chain, sizeof fetch->chain);
    return status;
}

/* How far is each of them? More than all of it was packed by another hub, otherwise. */
static hf_status look_for_staged(hf_client *client, hf_batch *batch)
{
    hf_fetch *fetch = &client->fetch;
    size_t keep = fetch->rotten ? 0 : fetch->count;
    hf_status status = hf_staged_keep(batch, fetch->chunks, keep);
    fetch->rotten = false;
    for (size_t i = 0; i < fetch->count && status == HF_OK; i++) {
        const hf_chunk_name *chunk = &fetch->chunks[i];
        hf_chunk_progress *progress = &fetch->progress[i];
        status = hf_staged_size(client->store, chunk->hash, &progress->here);
        if (status == HF_OK && progress->here > chunk->packed_size) {
            status = hf_staged_drop(batch, chunk->hash);
            progress->here = 0;
        }
        bool whole = progress->here == chunk->packed_size;
        progress->state = whole ? HF_CHUNK_STAGED : HF_CHUNK_NEEDED;
        if (whole) fetch->staged++;
    }
    return status;
}

bool hf_client_next_scope(hf_download *download)
{
    while (download->scope_at < download->scope_count && download->offered[download->scope_at])
        download->scope_at++;
    return download->scope_at < download->scope_count;
}

hf_status hf_client_on_offer(hf_client *client, hf_batch *batch, const hf_offer *offer)
{
    hf_download *download = &client->download;
    if (!hf_session_live(&client->session)) return HF_OK; /* what came is applied up to there */
    if (download->phase != HF_PHASE_OFFER && download->phase != HF_PHASE_FETCH)
        return out_of_turn(client, HF_FRAME_OFFER);
    forget(&client->fetch);
    memset(download->offered, 0, sizeof download->offered);
    hf_status status = HF_OK;
    if (offer->scopes.count > 0) status = take_scopes(client, offer);
    if (status == HF_OK) status = look_for_staged(client, batch);
    if (status != HF_OK) return status;
    /* First what is not in it: the pack is, by which the records will be read. */
    download->phase = HF_PHASE_VECTORS;
    download->scope_at = 0;
    download->pass = 0;
    download->gap = download->asked = false;
    download->from = (hf_log_name){.set = false};
    return hf_client_next_scope(download) ? HF_OK : hf_client_vectors_done(client, batch);
}

/* ---- whole ---- */

static hf_status load_failed(hf_client *client, hf_status status)
{
    hf_fetch *fetch = &client->fetch;
    if (status == HF_ERR_NOT_FOUND) {
        fetch->rotten = true;
        hf_session_fail(&client->session, HF_CODE_BUSY,
                        "a staged part of the snapshot was damaged here");
        return HF_ERR_PROTOCOL;
    }
    if (status != HF_ERR_DENIED && status != HF_ERR_PROTOCOL && status != HF_ERR_LIMIT)
        return status;
    /* Else the next session would end in the same way. A hub that was set back has more later. */
    fetch->refused_until_ms =
        status == HF_ERR_DENIED ? client->wall_now_ms + HF_SNAPSHOT_AGAIN_MS : UINT64_MAX;
    hf_session_fail(&client->session,
                    status == HF_ERR_DENIED  ? HF_CODE_GAP
                    : status == HF_ERR_LIMIT ? HF_CODE_LIMIT
                                             : HF_CODE_MALFORMED,
                    status == HF_ERR_DENIED ? "the snapshot does not go with what is held here"
                                            : "the snapshot is not as it should be");
    return HF_ERR_PROTOCOL;
}

static hf_status load(hf_client *client, hf_batch *batch)
{
    hf_fetch *fetch = &client->fetch;
    hf_download *download = &client->download;
    hf_status status =
        hf_snapshot_load(batch, client->deflater, fetch->chunks,
                         HF_PLANTED(SNAPSHOT_HALF) ? (fetch->count + 1) / 2 : fetch->count);
    if (status != HF_OK) return load_failed(client, status);
    download->cursor.position = fetch->position;
    memcpy(download->cursor.chain, fetch->chain, sizeof fetch->chain);
    download->cursor_moved = true;
    download->phase = HF_PHASE_START;
    download->heads = 0; /* they are told again: chains are known, heads were not among them */
    fetch->outdated_told = false; /* of the next one that is, it is told again */
    forget(fetch);
    return hf_client_expect_snapshot(client, false);
}

hf_status hf_client_vectors_done(hf_client *client, hf_batch *batch)
{
    hf_download *download = &client->download;
    if (client->fetch.count == 0) {
        download->phase = HF_PHASE_START; /* all up to the cursor is in this batch or before it */
        download->cursor_moved = true;
        return hf_client_expect_snapshot(client, false);
    }
    download->phase = HF_PHASE_FETCH;
    return client->fetch.staged == client->fetch.count ? load(client, batch) : HF_OK;
}

/* ---- WANT and CHUNK ---- */

void hf_client_write_want(hf_client *client)
{
    hf_fetch *fetch = &client->fetch;
    size_t at = 0;
    if (fetch->asked_count == HF_SNAPSHOT_WANTS_MAX) return;
    while (at < fetch->count && fetch->progress[at].state != HF_CHUNK_NEEDED) at++;
    if (at == fetch->count) return;
    hf_message message = {.type = HF_FRAME_WANT};
    message.as.chunk.offer = fetch->offer;
    memcpy(message.as.chunk.hash, fetch->chunks[at].hash, HF_HASH_SIZE);
    message.as.chunk.offset = fetch->progress[at].here;
    hf_message_write(&client->raw, &message);
    fetch->progress[at].state = HF_CHUNK_ASKED;
    fetch->asked[fetch->asked_count++] = at;
}

/* It is not what its hash says: once more, from its beginning. What ends the session is no error of
 * the batch, which would keep what is dropped here. */
static hf_status spoilt(hf_client *client, hf_batch *batch, size_t at)
{
    hf_fetch *fetch = &client->fetch;
    hf_chunk_progress *progress = &fetch->progress[at];
    progress->here = 0;
    progress->state = HF_CHUNK_NEEDED;
    hf_status status = hf_staged_drop(batch, fetch->chunks[at].hash);
    if (status != HF_OK || ++progress->tries < HF_SNAPSHOT_TRIES_MAX) return status;
    (void)snprintf(client->notice, sizeof client->notice,
                   "part %zu of %zu of the hub's snapshot is damaged; tried %d times", at + 1,
                   fetch->count, HF_SNAPSHOT_TRIES_MAX);
    hf_session_fail(&client->session, HF_CODE_CHAIN, "part %zu of the snapshot is damaged", at + 1);
    return HF_OK;
}

/* All of one chunk is here. */
static hf_status take_chunk(hf_client *client, hf_batch *batch, size_t at)
{
    hf_fetch *fetch = &client->fetch;
    fetch->asked_count--;
    memmove(fetch->asked, fetch->asked + 1, fetch->asked_count * sizeof *fetch->asked);
    hf_status status =
        hf_staged_read(client->store, client->deflater, &fetch->chunks[at], &fetch->raw);
    if (status == HF_ERR_NOT_FOUND) return spoilt(client, batch, at);
    if (status != HF_OK) return status;
    fetch->progress[at].state = HF_CHUNK_STAGED;
    return ++fetch->staged == fetch->count ? load(client, batch) : HF_OK;
}

hf_status hf_client_on_chunk(hf_client *client, hf_batch *batch, const hf_chunk_frame *chunk)
{
    hf_fetch *fetch = &client->fetch;
    if (!hf_session_live(&client->session)) return HF_OK; /* what came is applied up to there */
    if (client->download.phase != HF_PHASE_FETCH || fetch->asked_count == 0)
        return out_of_turn(client, HF_FRAME_CHUNK);
    size_t at = fetch->asked[0];
    const hf_chunk_name *name = &fetch->chunks[at];
    uint32_t *here = &fetch->progress[at].here;
    if (memcmp(chunk->hash, name->hash, HF_HASH_SIZE) != 0 || chunk->offset != *here ||
        chunk->bytes.size > name->packed_size - *here)
        return out_of_turn(client, HF_FRAME_CHUNK);
    hf_status status = hf_staged_put(batch, name->hash, *here, chunk->bytes);
    if (status != HF_OK) return status;
    *here += (uint32_t)chunk->bytes.size;
    client->download.taken++;
    return *here < name->packed_size ? HF_OK : take_chunk(client, batch, at);
}
