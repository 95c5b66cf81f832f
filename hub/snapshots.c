/* snapshots.c: what new devices are given in place of all that was ever written.
 *
 * Why per scope and cached: a thousand devices that enrol on one morning hold the same few scopes.
 * Each scope is read and packed once, a little in every turn, and a chunk that is the same as in
 * the snapshot before is not packed again. */
#include "snapshots.h"

#include "fanout.h"

#include "sync/planted.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { OFFERS_MAX = 64 };

typedef struct packed { /* one chunk; of however many snapshots */
    struct packed *next;
    uint8_t hash[HF_HASH_SIZE];
    size_t raw_size, size, users;
    uint8_t bytes[];
} packed;

typedef struct snapshot { /* of one scope */
    struct snapshot *next;
    uint32_t scope;
    uint64_t cut, begun_turn;
    uint64_t seqs; /* the sum over its logs: has anything been written since? */
    packed **chunks;
    size_t count, capacity;
    uint64_t used_turn;
    bool whole, failed; /* failed: too large, or its chunks too many */
} snapshot;

typedef struct raw_chunk { /* made, and not packed yet */
    struct raw_chunk *next;
    snapshot *of;
    size_t at; /* which of its chunks */
    uint8_t hash[HF_HASH_SIZE];
    size_t size;
    uint8_t bytes[];
} raw_chunk;

struct hf_snapshots {
    hf_hub *hub;
    size_t chunk_size, behind_min;
    snapshot *cached;   /* at most one of a scope */
    packed *chunks[64]; /* by the hash's first byte */
    size_t bytes;       /* of all of them */
    hf_making *making;
    snapshot *made[HF_SNAPSHOT_SCOPES_AT_ONCE]; /* by it */
    size_t made_count;
    raw_chunk *first, *last;
    hf_packer *packer;
    bool packing;   /* `first` is being packed */
    size_t waiting; /* peers that an OFFER is due to */
};

hf_status hf_snapshots_new(hf_hub *hub, const hf_hub_options *options, hf_snapshots **out)
{
    *out = calloc(1, sizeof **out);
    if (!*out) return HF_ERR_NOMEM;
    (*out)->hub = hub;
    (*out)->chunk_size = options->snapshot_chunk_size;
    (*out)->behind_min =
        options->snapshot_behind_min ? options->snapshot_behind_min : HF_SNAPSHOT_BEHIND_MIN;
    return HF_OK;
}

/* ---- chunks ---- */

static packed **chunk_place(hf_snapshots *all, const uint8_t hash[HF_HASH_SIZE])
{
    packed **at = &all->chunks[hash[0] & 63];
    while (*at && memcmp((*at)->hash, hash, HF_HASH_SIZE) != 0) at = &(*at)->next;
    return at;
}

static void chunk_release(hf_snapshots *all, packed *chunk)
{
    if (!chunk || --chunk->users > 0) return;
    packed **at = chunk_place(all, chunk->hash);
    *at = chunk->next;
    all->bytes -= chunk->size;
    free(chunk);
}

static void snapshot_free(hf_snapshots *all, snapshot *one)
{
    for (size_t i = 0; i < one->count; i++) chunk_release(all, one->chunks[i]);
    free(one->chunks);
    free(one);
}

static snapshot *cached_of(hf_snapshots *all, uint32_t scope)
{
    for (snapshot *at = all->cached; at; at = at->next)
        if (at->scope == scope) return at;
    return NULL;
}

static void drop_cached(hf_snapshots *all, snapshot *one)
{
    snapshot **at = &all->cached;
    while (*at != one) at = &(*at)->next;
    *at = one->next;
    snapshot_free(all, one);
}

/* The longest unused go, until what is kept is within its bound. */
static void make_room(hf_snapshots *all)
{
    while (all->bytes > HF_SNAPSHOT_CACHE_BYTES) {
        snapshot *oldest = NULL;
        for (snapshot *at = all->cached; at; at = at->next)
            if (at->count > 0 && (!oldest || at->used_turn < oldest->used_turn)) oldest = at;
        if (!oldest) return;
        drop_cached(all, oldest);
    }
}

/* ---- being made ---- */

static void stop_making(hf_snapshots *all)
{
    hf_making_free(all->making);
    all->making = NULL;
    for (size_t i = 0; i < all->made_count; i++) snapshot_free(all, all->made[i]);
    all->made_count = 0;
    while (all->first) {
        raw_chunk *raw = all->first;
        all->first = raw->next;
        free(raw);
    }
    all->last = NULL;
    all->packing = false;
}

void hf_snapshots_free(hf_snapshots *all)
{
    if (!all) return;
    stop_making(all);
    while (all->cached) drop_cached(all, all->cached);
    hf_packer_free(all->packer);
    free(all);
}

static snapshot *made_of(hf_snapshots *all, uint32_t scope)
{
    for (size_t i = 0; i < all->made_count; i++)
        if (all->made[i]->scope == scope) return all->made[i];
    return NULL;
}

static hf_status add_place(snapshot *one)
{
    if (one->count == one->capacity) {
        size_t capacity = one->capacity ? one->capacity * 2 : 8;
        packed **chunks = realloc(one->chunks, capacity * sizeof(packed *));
        if (!chunks) return HF_ERR_NOMEM;
        one->chunks = chunks;
        one->capacity = capacity;
    }
    one->chunks[one->count++] = NULL;
    return HF_OK;
}

/* hf_chunk_sink */
static hf_status on_raw(void *context, uint32_t scope, hf_bytes bytes)
{
    hf_snapshots *all = context;
    snapshot *one = made_of(all, scope);
    uint8_t hash[HF_HASH_SIZE];
    if (one->failed || one->count >= HF_SNAPSHOT_CHUNKS_MAX) {
        one->failed = true;
        return HF_OK;
    }
    hf_status status = add_place(one);
    if (status != HF_OK) return status;
    hf_chunk_hash(hf_store_crypto(all->hub->store), bytes, hash);
    packed *known = *chunk_place(all, hash);
    if (known) {
        known->users++;
        one->chunks[one->count - 1] = known;
        return HF_OK;
    }
    raw_chunk *raw = malloc(sizeof *raw + bytes.size);
    if (!raw) return HF_ERR_NOMEM;
    *raw = (raw_chunk){.of = one, .at = one->count - 1, .size = bytes.size};
    memcpy(raw->hash, hash, sizeof raw->hash);
    memcpy(raw->bytes, bytes.data, bytes.size); /* a chunk has at least its head */
    if (all->last)
        all->last->next = raw;
    else
        all->first = raw;
    all->last = raw;
    return HF_OK;
}

static hf_status keep_packed(hf_snapshots *all, const raw_chunk *raw, hf_bytes bytes)
{
    packed *chunk = malloc(sizeof *chunk + bytes.size);
    if (!chunk) return HF_ERR_NOMEM;
    *chunk = (packed){.raw_size = raw->size, .size = bytes.size, .users = 1};
    memcpy(chunk->hash, raw->hash, sizeof chunk->hash);
    memcpy(chunk->bytes, bytes.data, bytes.size);
    packed **at = chunk_place(all, raw->hash);
    if (*at) { /* two of the same were waiting */
        free(chunk);
        (*at)->users++;
        raw->of->chunks[raw->at] = *at;
        return HF_OK;
    }
    *at = chunk;
    all->bytes += chunk->size;
    raw->of->chunks[raw->at] = chunk;
    make_room(all);
    return HF_OK;
}

static hf_status pack_some(hf_snapshots *all)
{
    raw_chunk *raw = all->first;
    bool done;
    hf_bytes bytes;
    hf_status status = all->packer ? HF_OK : hf_packer_new(&all->packer);
    if (status == HF_OK && !all->packing)
        status = hf_packer_begin(all->packer, (hf_bytes){raw->bytes, raw->size});
    if (status != HF_OK) return status;
    all->packing = true;
    status = hf_packer_step(all->packer, HF_SNAPSHOT_PACK_BYTES, &done, &bytes);
    if (status == HF_OK && done) status = keep_packed(all, raw, bytes);
    if (status != HF_OK || !done) return status;
    /* Alone above what may be kept: there is none of this scope, and the feed it is. */
    if (all->bytes > HF_SNAPSHOT_CACHE_BYTES) raw->of->failed = true;
    all->packing = false;
    all->first = raw->next;
    if (!all->first) all->last = NULL;
    free(raw);
    return HF_OK;
}

static void all_made(hf_snapshots *all)
{
    for (size_t i = 0; i < all->made_count; i++) {
        snapshot *one = all->made[i], *former = cached_of(all, one->scope);
        if (former) drop_cached(all, former);
        if (one->failed) { /* remembered, so that it is not made again for each device */
            for (size_t j = 0; j < one->count; j++) chunk_release(all, one->chunks[j]);
            one->count = 0;
        }
        one->whole = true;
        one->used_turn = all->hub->turn;
        one->next = all->cached;
        all->cached = one;
    }
    all->made_count = 0;
    hf_making_free(all->making);
    all->making = NULL;
    make_room(all);
}

/* ---- is one still good? ---- */

static hf_status add_seq(void *context, const hf_vector_item *item)
{
    *(uint64_t *)context += item->seq;
    return HF_OK;
}

static hf_status seqs_of(hf_hub *hub, uint32_t scope, uint64_t *out)
{
    *out = 0;
    return hf_vector_read(hub->store, scope, NULL, 0, UINT32_MAX, add_seq, out);
}

/* Up to which position of the feed the snapshot tells all of its scope; 0: it is to be made anew,
 * as for who knows a verdict that it may lack, wherever that came from.
 * One that was begun for this peer is young enough, however much has been written meanwhile. */
static hf_status good_to(hf_hub *hub, const hf_peer *peer, const snapshot *one, uint64_t *position)
{
    uint64_t end = hf_feed_position(hub->store), seqs;
    hf_status status = seqs_of(hub, one->scope, &seqs);
    bool aged = (end - one->cut > HF_SNAPSHOT_AGE_MAX || peer->snapshot_needed) &&
                one->begun_turn < peer->snapshot_turn;
    *position = seqs == one->seqs ? end : aged ? 0 : one->cut;
    if (*position < peer->snapshot_from) *position = 0; /* it would take it back */
    return status;
}

static bool is_offered(const hf_peer *peer, uint32_t scope)
{
    return scope != HF_SCOPE_COMMON && scope != peer->home && scope != HF_SCOPE_CONTROL;
}

/* ---- who waits, and for what ---- */

static hf_status add_missing(hf_hub *hub, const hf_peer *peer, uint32_t *scopes, size_t *count)
{
    hf_snapshots *all = hub->snapshots;
    for (size_t i = 0; i < peer->scope_count && *count < HF_SNAPSHOT_SCOPES_AT_ONCE; i++) {
        uint32_t scope = peer->scopes[i];
        uint64_t position = 0;
        bool twice = !is_offered(peer, scope);
        for (size_t j = 0; j < *count; j++)
            if (scopes[j] == scope) twice = true;
        if (twice) continue;
        const snapshot *one = cached_of(all, scope);
        hf_status status = one ? good_to(hub, peer, one, &position) : HF_OK;
        if (status != HF_OK) return status;
        if (!one || position == 0) scopes[(*count)++] = scope;
    }
    return HF_OK;
}

static hf_status begin(hf_hub *hub, const uint32_t *scopes, size_t count)
{
    hf_snapshots *all = hub->snapshots;
    hf_making_options options = {.scopes = scopes,
                                 .scope_count = count,
                                 .chunk_size = all->chunk_size,
                                 .sink = on_raw,
                                 .context = all};
    hf_status status = HF_OK;
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        snapshot *one = calloc(1, sizeof *one);
        if (!one) return HF_ERR_NOMEM;
        all->made[all->made_count++] = one;
        one->scope = scopes[i];
        one->cut = hf_feed_position(hub->store);
        one->begun_turn = hub->turn;
        status = seqs_of(hub, scopes[i], &one->seqs);
    }
    return status == HF_OK ? hf_making_begin(hub->store, &options, &all->making) : status;
}

/* Peers whose snapshots are all there are told; of what is missing, the next is begun. */
static hf_status look_at_waiting(hf_hub *hub)
{
    hf_snapshots *all = hub->snapshots;
    uint32_t missing[HF_SNAPSHOT_SCOPES_AT_ONCE];
    size_t count = 0;
    hf_status status = HF_OK;
    all->waiting = 0;
    for (hf_peer *peer = hub->peers; peer && status == HF_OK; peer = peer->next) {
        if (peer->snapshot != HF_PEER_SNAPSHOT_WAITS || !hf_session_live(&peer->session)) continue;
        size_t before = count;
        if (count < HF_SNAPSHOT_SCOPES_AT_ONCE) status = add_missing(hub, peer, missing, &count);
        bool ready = count == before && count < HF_SNAPSHOT_SCOPES_AT_ONCE;
        if (ready) peer->snapshot = HF_PEER_SNAPSHOT_DUE;
        if (ready) hf_peer_wake(peer);
        if (!ready) all->waiting++;
    }
    return status == HF_OK && count > 0 ? begin(hub, missing, count) : status;
}

/* Out of memory, or the store's trouble: nobody waits for it; they are fed. */
static void give_up(hf_hub *hub)
{
    stop_making(hub->snapshots);
    hub->snapshots->waiting = 0;
    for (hf_peer *peer = hub->peers; peer; peer = peer->next) {
        if (peer->snapshot != HF_PEER_SNAPSHOT_WAITS) continue;
        peer->snapshot = HF_PEER_SNAPSHOT_NONE_DUE;
        hf_peer_wake(peer);
    }
}

void hf_snapshots_turn(hf_hub *hub)
{
    hf_snapshots *all = hub->snapshots;
    bool done = false;
    hf_status status = HF_OK;
    if (all->first)
        status = pack_some(all);
    else if (all->making)
        status = hf_making_step(all->making, &done);
    else if (all->waiting > 0)
        status = look_at_waiting(hub);
    if (status == HF_OK && done && !all->first) all_made(all);
    if (status != HF_OK) give_up(hub);
}

bool hf_snapshots_busy(const hf_hub *hub)
{
    const hf_snapshots *all = hub->snapshots;
    return all->first || all->making || all->waiting > 0;
}

/* ---- whom it suits ---- */

hf_status hf_snapshots_suit(const hf_peer *peer, const hf_hello *hello, bool *suits)
{
    hf_hub *hub = peer->hub;
    hf_resume_verdict verdict = peer->verdict;
    uint64_t end = hf_feed_position(hub->store), from = hello->resume.position;
    *suits = false;
    /* A station judges provisionally: who holds the entries can be told better, who has only their
     * effect cannot. */
    bool takes = hello->capabilities & HF_TAKES_SNAPSHOTS || HF_PLANTED(OLDER_OFFERED);
    if (hub->upstream || !takes) return HF_OK;
    if (verdict != HF_RESUME && verdict != HF_VECTORS) return HF_OK;
    static const hf_origin_id nobody;
    bool fetching = hello->capabilities & HF_HAS_CHUNKS &&
                    memcmp(&hello->resume.hub, &nobody, sizeof nobody) == 0;
    *suits = fetching || hello->capabilities & HF_NEEDS_SNAPSHOT;
    /* By vectors, what it holds is not known yet. */
    if (*suits || verdict != HF_RESUME) return HF_OK;
    *suits = !hello->resuming && end >= hub->snapshots->behind_min;
    if (!hello->resuming || end - from < hub->snapshots->behind_min) return HF_OK;
    uint64_t behind = end - from, bytes;
    /* One that was served elsewhere meanwhile lacks less than the positions say. */
    hf_status status = peer->had ? hf_fanout_sample(peer, from, &behind, &bytes) : HF_OK;
    *suits = behind >= hub->snapshots->behind_min && behind * HF_SNAPSHOT_BEHIND_SHARE >= end;
    return status;
}

/* Would the feed be shorter? By a sample of what it would hold. */
static hf_status feed_is_shorter(const hf_peer *peer, size_t bytes, bool *shorter)
{
    uint64_t entries, feed;
    *shorter = false;
    if (peer->snapshot_from == 0) return HF_OK; /* a new one: all that there is, and more */
    hf_status status = hf_fanout_sample(peer, peer->snapshot_from, &entries, &feed);
    *shorter = status == HF_OK && feed / HF_SNAPSHOT_FEED_RATIO < bytes;
    return status;
}

/* ---- OFFER ---- */

typedef struct offering {
    uint64_t position;
    size_t count, chunks, bytes;
} offering;

static void write_scope(hf_hub *hub, const snapshot *one, offering *offer)
{
    hf_offered_scope scope = {.scope = one->scope, .chunks = {.count = one->count}};
    hf_buffer_clear(&hub->bytes);
    for (size_t i = 0; i < one->count; i++) {
        const packed *chunk = one->chunks[i];
        hf_chunk_name name = {.raw_size = (uint32_t)chunk->raw_size,
                              .packed_size = (uint32_t)chunk->size};
        memcpy(name.hash, chunk->hash, HF_HASH_SIZE);
        hf_write_chunk_name(&hub->bytes, &name);
        offer->bytes += chunk->size;
    }
    scope.chunks.items = hf_buffer_bytes(&hub->bytes);
    hf_write_offered_scope(&hub->items, &scope);
    offer->count++;
    offer->chunks += one->count;
}

static hf_status gather(hf_hub *hub, hf_peer *peer, offering *offer)
{
    hf_status status = HF_OK;
    hf_buffer_clear(&hub->items);
    *offer = (offering){.position = hf_feed_position(hub->store)};
    for (size_t i = 0; i < peer->scope_count && status == HF_OK; i++) {
        uint64_t position;
        if (!is_offered(peer, peer->scopes[i])) continue;
        snapshot *one = cached_of(hub->snapshots, peer->scopes[i]);
        if (!one || one->count == 0) continue;
        if (offer->chunks + one->count > HF_SNAPSHOT_CHUNKS_MAX) continue;
        status = good_to(hub, peer, one, &position);
        if (status != HF_OK || position == 0) continue; /* by its vector, then */
        one->used_turn = hub->turn;
        if (position < offer->position) offer->position = position;
        write_scope(hub, one, offer);
    }
    if (status == HF_OK && hub->bytes.status != HF_OK) status = hub->bytes.status;
    return status == HF_OK ? hub->items.status : status;
}

static hf_status write_offer(hf_hub *hub, hf_peer *peer)
{
    offering offer = {.count = 0};
    bool shorter = false;
    hf_status status = HF_OK;
    if (peer->snapshot == HF_PEER_SNAPSHOT_DUE) status = gather(hub, peer, &offer);
    if (status == HF_OK && offer.count > 0 && !peer->snapshot_needed)
        status = feed_is_shorter(peer, offer.bytes, &shorter);
    if (status == HF_OK && (shorter || offer.count == 0)) {
        offer = (offering){.position = hf_feed_position(hub->store)};
        hf_buffer_clear(&hub->items);
    }
    hf_message message = {.type = HF_FRAME_OFFER};
    message.as.offer.number = ++peer->offers;
    message.as.offer.position = offer.position;
    if (status == HF_OK)
        status = hf_feed_chain_at(hub->store, offer.position, message.as.offer.chain);
    if (status != HF_OK) return status;
    message.as.offer.scopes = (hf_list){hf_buffer_bytes(&hub->items), offer.count};
    hf_message_write(&hub->raw, &message);
    peer->snapshot = HF_PEER_SNAPSHOT_OFFERED;
    peer->offered = offer.count > 0;
    peer->offer_position = offer.position;
    memcpy(peer->offer_chain, message.as.offer.chain, sizeof peer->offer_chain);
    peer->want_count = 0;
    return HF_OK;
}

/* ---- WANT and CHUNK ---- */

/* Only among the snapshots of scopes that the peer holds: a hash opens no other door. */
static const packed *chunk_for(hf_hub *hub, const hf_peer *peer, const uint8_t hash[HF_HASH_SIZE])
{
    for (const snapshot *one = hub->snapshots->cached; one; one = one->next) {
        if (!hf_peer_holds(peer, one->scope) || !is_offered(peer, one->scope)) continue;
        for (size_t i = 0; i < one->count; i++)
            if (memcmp(one->chunks[i]->hash, hash, HF_HASH_SIZE) == 0) return one->chunks[i];
    }
    return NULL;
}

void hf_snapshots_wait(hf_peer *peer)
{
    peer->snapshot = HF_PEER_SNAPSHOT_WAITS;
    peer->snapshot_turn = peer->hub->turn;
    peer->want_count = 0;
    peer->hub->snapshots->waiting++;
}

/* What it asks for is not kept any more, or never was for it: it is told what there is. */
static hf_status offer_again(hf_peer *peer)
{
    if (peer->offers >= OFFERS_MAX) {
        hf_session_bye(&peer->session, HF_CODE_BUSY, HF_REDIAL_MIN_MS);
        hf_peer_wake(peer);
        return HF_OK;
    }
    hf_snapshots_wait(peer);
    return HF_OK;
}

hf_status hf_snapshots_on_want(hf_peer *peer, const hf_chunk_frame *want)
{
    bool offered = peer->snapshot == HF_PEER_SNAPSHOT_OFFERED;
    bool crossed = want->offer < peer->offers || (want->offer == peer->offers && !offered);
    if (peer->offers > 0 && peer->fed == HF_FED_VECTORS && crossed) return HF_OK;
    if (peer->fed != HF_FED_VECTORS || !peer->offered || want->offer != peer->offers ||
        peer->want_count == HF_SNAPSHOT_WANTS_MAX) {
        hf_session_fail(&peer->session, HF_CODE_TURN, "WANT out of turn");
        return HF_ERR_PROTOCOL;
    }
    memcpy(peer->wants[peer->want_count].hash, want->hash, HF_HASH_SIZE);
    peer->wants[peer->want_count++].sent = want->offset;
    hf_peer_wake(peer);
    return HF_OK;
}

/* What the link carries in a quarter of a second, as with all bulk. */
static hf_status write_piece(hf_hub *hub, hf_peer *peer, uint64_t now_ms)
{
    if (!hf_fanout_open(hub, peer, now_ms)) return HF_OK;
    const packed *chunk = chunk_for(hub, peer, peer->wants[0].hash);
    size_t sent = peer->wants[0].sent, size = hf_pace_frame(&peer->pace);
    if (!chunk || sent >= chunk->size) return offer_again(peer);
    size_t left = chunk->size - sent;
    if (size > left) size = left;
    hf_message message = {.type = HF_FRAME_CHUNK};
    memcpy(message.as.chunk.hash, chunk->hash, HF_HASH_SIZE);
    message.as.chunk.offset = (uint32_t)sent;
    message.as.chunk.bytes = (hf_bytes){chunk->bytes + sent, size};
    hf_message_write(&hub->raw, &message);
    hub->plain = true; /* it is packed already */
    hf_fanout_flies(peer, peer->told + 1, size);
    peer->wants[0].sent = (uint32_t)(sent + size);
    if (size < left) return HF_OK;
    peer->want_count--;
    memmove(peer->wants, peer->wants + 1, peer->want_count * sizeof *peer->wants);
    return HF_OK;
}

hf_status hf_snapshots_write(hf_hub *hub, hf_peer *peer, uint64_t now_ms)
{
    if (peer->snapshot == HF_PEER_SNAPSHOT_DUE || peer->snapshot == HF_PEER_SNAPSHOT_NONE_DUE)
        return write_offer(hub, peer);
    return peer->want_count > 0 ? write_piece(hub, peer, now_ms) : HF_OK;
}
