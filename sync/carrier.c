/* carrier.c: see carrier.h. */
#include "carrier.h"

#include "bundle.h"

#include <stdio.h>
#include <string.h>

typedef struct theirs { /* one bundle, as the other end has it */
    uint8_t id[HF_HASH_SIZE];
    uint8_t stage;
} theirs;

void hf_carrier_open(hf_carrier *carrier, hf_store *store, const uint8_t *peer, bool dials)
{
    hf_carrier_close(carrier);
    *carrier =
        (hf_carrier){.store = store, .dials = dials, .offers = dials, .most = HF_CARRY_ROWS_HUB};
    if (peer) memcpy(carrier->peer, peer, HF_HASH_SIZE);
}

void hf_carrier_close(hf_carrier *carrier)
{
    hf_buffer_free(&carrier->theirs);
    hf_buffer_free(&carrier->wants);
    hf_buffer_free(&carrier->coming);
    hf_buffer_free(&carrier->said);
    carrier->on = carrier->fetching = carrier->is_asked = false;
}

void hf_carrier_offer(hf_carrier *carrier, bool offers)
{
    if (offers && !carrier->offers) carrier->looked = 0;
    carrier->offers = offers;
}

/* ---- what the other end has ---- */

static theirs *find(const hf_carrier *carrier, const uint8_t id[HF_HASH_SIZE])
{
    theirs *all = (theirs *)(void *)carrier->theirs.data;
    for (size_t i = 0; i < carrier->theirs.size / sizeof *all; i++)
        if (memcmp(all[i].id, id, HF_HASH_SIZE) == 0) return &all[i];
    return NULL;
}

/* A device that says more than it may carry is believed as far as that. */
static hf_status note(hf_carrier *carrier, const uint8_t id[HF_HASH_SIZE], uint8_t stage)
{
    theirs *known = find(carrier, id);
    if (known) {
        if (stage > known->stage) known->stage = stage;
        return HF_OK;
    }
    if (carrier->theirs.size / sizeof *known >= carrier->most) return HF_OK;
    theirs added = {.stage = stage};
    memcpy(added.id, id, HF_HASH_SIZE);
    hf_write_raw(&carrier->theirs, (hf_bytes){(const uint8_t *)&added, sizeof added});
    return carrier->theirs.status;
}

static bool is_ours(const hf_carrier *carrier, const uint8_t station[HF_HASH_SIZE])
{
    return memcmp(hf_store_crypto(carrier->store)->own_key_id, station, HF_HASH_SIZE) == 0;
}

static hf_status say(hf_carrier *carrier, const uint8_t id[HF_HASH_SIZE], uint8_t stage)
{
    hf_carried item = {.stage = stage};
    /* To one who does not listen there is only so much to say; it can ask again. */
    if (carrier->said.size / sizeof item >= carrier->most) return HF_OK;
    memcpy(item.id, id, HF_HASH_SIZE);
    hf_write_raw(&carrier->said, (hf_bytes){(const uint8_t *)&item, sizeof item});
    return carrier->said.status;
}

static hf_status want(hf_carrier *carrier, const hf_carried *item)
{
    const hf_carried *all = (const hf_carried *)(const void *)carrier->wants.data;
    size_t count = carrier->wants.size / sizeof *all;
    for (size_t i = 0; i < count; i++)
        if (memcmp(all[i].id, item->id, HF_HASH_SIZE) == 0 && all[i].stage == item->stage)
            return HF_OK;
    if (count >= carrier->most) return HF_OK;
    hf_write_raw(&carrier->wants, (hf_bytes){(const uint8_t *)item, sizeof *item});
    return carrier->wants.status;
}

static hf_status consider(hf_carrier *carrier, const hf_carried *item, uint64_t wall_ms)
{
    hf_carry_row row;
    bool found;
    bool ours = is_ours(carrier, item->station);
    hf_status status = hf_carry_get(carrier->store, item->id, &row, &found);
    if (status == HF_OK) status = note(carrier, item->id, item->stage);
    if (status != HF_OK) return status;
    if (ours && (!found || row.stage == HF_CARRY_SETTLED))
        return say(carrier, item->id, HF_CARRY_SETTLED);
    if (!found) return item->stage == HF_CARRY_BUNDLE ? want(carrier, item) : HF_OK;
    if (row.stage == HF_CARRY_BUNDLE && item->stage == HF_CARRY_ANSWER) return want(carrier, item);
    /* A row of long ago, and news to the other end. */
    if (row.stage == HF_CARRY_ANSWER && item->stage == HF_CARRY_BUNDLE) carrier->looked = 0;
    if (!ours || item->stage != HF_CARRY_BUNDLE) return HF_OK;
    return hf_carry_took(carrier->store, item->id, carrier->peer, wall_ms);
}

static hf_status on_carried(hf_carrier *carrier, const hf_carried *item, uint64_t wall_ms)
{
    hf_carry_row row;
    bool found;
    hf_status status = hf_carry_get(carrier->store, item->id, &row, &found);
    if (status != HF_OK || !found) return status;
    status = note(carrier, item->id, item->stage);
    if (status == HF_OK && item->stage == HF_CARRY_BUNDLE && is_ours(carrier, row.station))
        status = hf_carry_took(carrier->store, item->id, carrier->peer, wall_ms);
    /* Only its own station can say that nobody need carry it. */
    bool by_maker = memcmp(row.station, carrier->peer, HF_HASH_SIZE) == 0;
    if (status == HF_OK && item->stage == HF_CARRY_SETTLED && by_maker)
        status = hf_carry_settle(carrier->store, item->id);
    return status;
}

/* ---- what comes ---- */

static hf_carried *wanted(const hf_carrier *carrier)
{
    return carrier->wants.size ? (hf_carried *)(void *)carrier->wants.data : NULL;
}

static void next_want(hf_carrier *carrier)
{
    size_t rest = carrier->wants.size - sizeof(hf_carried);
    memmove(carrier->wants.data, carrier->wants.data + sizeof(hf_carried), rest);
    carrier->wants.size = rest;
    carrier->fetching = false;
    hf_buffer_free(&carrier->coming);
}

/* Whose it is and what it is, by its own bytes. HF_ERR_PROTOCOL: not what was promised. */
static hf_status judge(const hf_carrier *carrier, const hf_carried *item, uint64_t *serial)
{
    const hf_crypto *crypto = hf_store_crypto(carrier->store);
    hf_bytes bytes = hf_buffer_bytes(&carrier->coming);
    hf_certificate signer;
    hf_bundle bundle;
    hf_answer answer;
    uint8_t id[HF_HASH_SIZE];
    hf_status status;
    *serial = 0;
    if (item->stage == HF_CARRY_ANSWER) {
        status = hf_answer_read(bytes, &answer);
        if (status == HF_OK) status = hf_answer_check(crypto, &answer, &signer);
        bool same = status == HF_OK && memcmp(answer.bundle, item->id, sizeof id) == 0;
        return status == HF_OK && !same ? HF_ERR_PROTOCOL : status;
    }
    hf_bundle_id(crypto, bytes, id);
    if (memcmp(id, item->id, sizeof id) != 0) return HF_ERR_PROTOCOL;
    status = hf_bundle_read(bytes, &bundle);
    if (status == HF_OK) status = hf_bundle_check(crypto, &bundle, &signer);
    if (status != HF_OK) return status;
    *serial = bundle.serial;
    bool same = bundle.lane == item->lane && memcmp(signer.key_id, item->station, sizeof id) == 0;
    return same ? HF_OK : HF_ERR_PROTOCOL;
}

/* All of it is here. What is not what was promised is dropped, with a sentence, and the session
 * goes on: who carries it cannot know, and others may bring it whole. */
static hf_status take(hf_carrier *carrier, uint64_t wall_ms)
{
    const hf_carried item = *wanted(carrier);
    hf_carry_row row = {
        .stage = item.stage, .lane = item.lane, .since_ms = wall_ms, .size = item.size};
    memcpy(row.id, item.id, HF_HASH_SIZE);
    memcpy(row.station, item.station, HF_HASH_SIZE);
    bool has_room = true;
    hf_status status = judge(carrier, &item, &row.serial);
    if (status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT) {
        (void)snprintf(carrier->refusal, sizeof carrier->refusal,
                       "%s %02x%02x%02x%02x is not as it was sealed, or not by whom it says",
                       item.stage == HF_CARRY_ANSWER ? "the answer to bundle" : "bundle",
                       item.id[0], item.id[1], item.id[2], item.id[3]);
        next_want(carrier);
        return HF_OK;
    }
    if (status == HF_OK) status = hf_carry_age(carrier->store, wall_ms);
    if (status == HF_OK) status = hf_carry_room(carrier->store, &row, &has_room);
    if (status == HF_OK && has_room)
        status = hf_carry_put(carrier->store, &row, (hf_bytes){NULL, 0},
                              hf_buffer_bytes(&carrier->coming));
    if (status != HF_OK) return status;
    next_want(carrier);
    if (!has_room) return HF_OK; /* it stays where it is */
    return say(carrier, item.id, item.stage);
}

static hf_status on_piece(hf_carrier *carrier, const hf_piece *piece, uint64_t wall_ms)
{
    const hf_carried *item = wanted(carrier);
    bool in_turn = item && carrier->fetching && piece->stage == item->stage &&
                   piece->offset == carrier->coming.size &&
                   memcmp(piece->id, item->id, HF_HASH_SIZE) == 0;
    if (!in_turn || piece->bytes.size > item->size - carrier->coming.size) return HF_ERR_PROTOCOL;
    carrier->fetching = false;
    if (piece->bytes.size == 0) { /* it is not there any more */
        next_want(carrier);
        return HF_OK;
    }
    hf_write_raw(&carrier->coming, piece->bytes);
    if (carrier->coming.status != HF_OK) return carrier->coming.status;
    return carrier->coming.size == item->size ? take(carrier, wall_ms) : HF_OK;
}

hf_status hf_carrier_on(hf_carrier *carrier, const hf_message *message, uint64_t wall_ms)
{
    hf_status status = HF_OK;
    hf_carried item;
    hf_list walk = message->as.carried;
    carrier->on = true;
    switch (message->type) {
    case HF_FRAME_CARRY:
        while (status == HF_OK && hf_next_carried(&walk, &item))
            status = consider(carrier, &item, wall_ms);
        return status;
    case HF_FRAME_CARRIED:
        while (status == HF_OK && hf_next_settled(&walk, &item))
            status = on_carried(carrier, &item, wall_ms);
        return status;
    case HF_FRAME_FETCH:
        if (carrier->is_asked) return HF_ERR_PROTOCOL;
        carrier->is_asked = true;
        carrier->asked = message->as.piece;
        return HF_OK;
    case HF_FRAME_PIECE: return on_piece(carrier, &message->as.piece, wall_ms);
    default: return HF_OK;
    }
}

/* ---- what goes ---- */

static void write_said(hf_carrier *carrier, hf_buffer *raw)
{
    const hf_carried *all = (const hf_carried *)(const void *)carrier->said.data;
    size_t count = carrier->said.size / sizeof *all, some = count;
    hf_buffer items = {0};
    if (some > HF_CARRY_LIST_MAX) some = HF_CARRY_LIST_MAX;
    for (size_t i = 0; i < some; i++) hf_write_settled(&items, &all[i]);
    hf_message message = {.type = HF_FRAME_CARRIED};
    message.as.carried = (hf_list){hf_buffer_bytes(&items), some};
    hf_message_write(raw, &message);
    if (items.status != HF_OK) raw->status = items.status;
    hf_buffer_free(&items);
    memmove(carrier->said.data, carrier->said.data + some * sizeof *all,
            (count - some) * sizeof *all);
    carrier->said.size = (count - some) * sizeof *all;
}

static hf_status write_piece(hf_carrier *carrier, size_t piece_max, hf_buffer *raw)
{
    hf_buffer bytes = {0};
    hf_message message = {.type = HF_FRAME_PIECE, .as.piece = carrier->asked};
    hf_piece *piece = &message.as.piece;
    hf_status status = hf_carry_bytes(carrier->store, piece->id, piece->stage, &bytes);
    if (status == HF_ERR_NOT_FOUND) { /* it has gone on, or to waste: an empty piece says so */
        hf_buffer_clear(&bytes);
        status = HF_OK;
    }
    if (bytes.size > piece->offset) {
        size_t left = bytes.size - piece->offset;
        if (piece_max > HF_PIECE_SIZE_MAX) piece_max = HF_PIECE_SIZE_MAX;
        piece->bytes = (hf_bytes){bytes.data + piece->offset, left < piece_max ? left : piece_max};
    }
    if (status == HF_OK) {
        hf_message_write(raw, &message);
        carrier->is_asked = false;
    }
    hf_buffer_free(&bytes);
    return status;
}

/* What there is no room for stays where it is. */
static hf_status drop_unfit(hf_carrier *carrier)
{
    bool has_room = false;
    hf_status status = HF_OK;
    while (status == HF_OK && !has_room && wanted(carrier)) {
        const hf_carried *item = wanted(carrier);
        has_room = item->stage == HF_CARRY_ANSWER || carrier->coming.size > 0;
        const hf_carry_row row = {.lane = item->lane, .size = item->size};
        if (!has_room) status = hf_carry_room(carrier->store, &row, &has_room);
        if (status == HF_OK && !has_room) next_want(carrier);
    }
    return status;
}

static void write_fetch(hf_carrier *carrier, hf_buffer *raw)
{
    const hf_carried *item = wanted(carrier);
    hf_message message = {.type = HF_FRAME_FETCH};
    message.as.piece = (hf_piece){.stage = item->stage, .offset = (uint32_t)carrier->coming.size};
    memcpy(message.as.piece.id, item->id, HF_HASH_SIZE);
    hf_message_write(raw, &message);
    carrier->fetching = true;
}

typedef struct telling {
    hf_carrier *carrier;
    hf_buffer items;
    size_t count;
} telling;

/* What is worth telling of a row that changed, or that the other end holds at an earlier stage. */
static hf_status tell(void *context, const hf_carry_row *row)
{
    telling *t = context;
    hf_carrier *carrier = t->carrier;
    theirs *known = find(carrier, row->id);
    bool ours = is_ours(carrier, row->station);
    bool to_maker = memcmp(row->station, carrier->peer, HF_HASH_SIZE) == 0;
    if (row->stage == HF_CARRY_SETTLED) {
        if (!ours || !known || known->stage == HF_CARRY_SETTLED) return HF_OK;
        known->stage = HF_CARRY_SETTLED;
        return say(carrier, row->id, HF_CARRY_SETTLED);
    }
    bool tells = row->stage == HF_CARRY_BUNDLE
                     ? !known && carrier->offers && !(ours && carrier->dials)
                     : (known && known->stage == HF_CARRY_BUNDLE) || (!known && to_maker);
    if (!tells || t->count == HF_CARRY_LIST_MAX) {
        if (tells) carrier->looked = 0; /* the rest in the next frame */
        return HF_OK;
    }
    hf_carried item = {.stage = row->stage, .lane = row->lane, .size = row->size};
    memcpy(item.id, row->id, HF_HASH_SIZE);
    memcpy(item.station, row->station, HF_HASH_SIZE);
    hf_write_carried(&t->items, &item);
    t->count++;
    /* It knows now; whether it wants it is its own affair. */
    return note(carrier, row->id, row->stage);
}

static hf_status write_news(hf_carrier *carrier, hf_buffer *raw)
{
    telling t = {.carrier = carrier};
    uint64_t newest, from = carrier->looked;
    hf_status status = hf_carry_newest(carrier->store, &newest);
    if (status != HF_OK || newest <= from) return status;
    carrier->looked = newest;
    status = hf_carry_each(carrier->store, from, tell, &t);
    hf_message message = {.type = HF_FRAME_CARRY};
    message.as.carried = (hf_list){hf_buffer_bytes(&t.items), t.count};
    if (status == HF_OK && t.count > 0) hf_message_write(raw, &message);
    if (status == HF_OK) status = t.items.status;
    hf_buffer_free(&t.items);
    if (status == HF_OK && raw->size == 0 && carrier->said.size > 0) write_said(carrier, raw);
    return status;
}

hf_status hf_carrier_has_news(hf_carrier *carrier, bool *has)
{
    uint64_t newest;
    hf_status status = hf_carry_newest(carrier->store, &newest);
    *has = status == HF_OK && carrier->on &&
           (newest > carrier->looked || carrier->said.size > 0 || carrier->is_asked ||
            (carrier->wants.size > 0 && !carrier->fetching));
    return status;
}

hf_status hf_carrier_write(hf_carrier *carrier, size_t piece_max, hf_buffer *raw)
{
    if (!carrier->on) return HF_OK;
    if (carrier->said.size > 0) {
        write_said(carrier, raw);
        return HF_OK;
    }
    if (carrier->is_asked && piece_max > 0) return write_piece(carrier, piece_max, raw);
    hf_status status = carrier->fetching ? HF_OK : drop_unfit(carrier);
    if (status == HF_OK && carrier->wants.size > 0 && !carrier->fetching) {
        write_fetch(carrier, raw);
        return HF_OK;
    }
    return status == HF_OK ? write_news(carrier, raw) : status;
}
