/* messages.c: frames read. Every byte of a frame is checked here, once, before anyone acts on it.
 *
 * Why lists are walked twice: the first walk proves that each item is what protocol.md 4 says, so
 * that whoever acts on the frame later cannot meet a malformed item half way through. */
#include "messages.h"

#include "frame.h"
#include "planted.h"

#include <string.h>

enum { CODE_MAX = 0xffff, MORE_MAX = 4 };

typedef bool (*item_reader)(hf_reader *reader, void *out);

/* A count above its bound is the peer's limit, not its malformation: ERROR 103, not 101. */
static size_t read_count(hf_reader *reader, size_t max)
{
    size_t count = hf_read_array(reader, SIZE_MAX);
    if (count > max) hf_reader_fail(reader, HF_ERR_LIMIT);
    return reader->status == HF_OK ? count : 0;
}

/* An array of exactly `count` items. */
static void read_tuple(hf_reader *reader, size_t count)
{
    if (hf_read_array(reader, SIZE_MAX) != count) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static uint8_t read_lane(hf_reader *reader)
{
    return (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
}

static uint8_t read_own_index(hf_reader *reader)
{
    return (uint8_t)hf_read_uint_max(reader, HF_HELLO_ORIGINS_MAX - 1);
}

static uint32_t read_u32(hf_reader *reader)
{
    return (uint32_t)hf_read_uint_max(reader, UINT32_MAX);
}

/* Seqs and positions are stored as signed 64-bit; one above that was never ours or anyone's. */
static uint64_t read_seq(hf_reader *reader)
{
    return hf_read_uint_max(reader, INT64_MAX);
}

static hf_bytes read_short_text(hf_reader *reader, size_t max)
{
    hf_bytes text = hf_read_text(reader);
    if (text.size > max) hf_reader_fail(reader, HF_ERR_LIMIT);
    return text;
}

/* Reads a list to its end and leaves in `list` where its items lie. `item` is scratch for one. */
static void read_list(hf_reader *reader, size_t max, hf_list *list, item_reader read, void *item)
{
    list->count = read_count(reader, max);
    const uint8_t *start = reader->at;
    for (size_t i = 0; i < list->count && reader->status == HF_OK; i++)
        if (!read(reader, item)) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    list->items.data = start;
    list->items.size = reader->status == HF_OK ? (size_t)(reader->at - start) : 0;
}

bool hf_list_begin(const hf_list *list, hf_reader *reader)
{
    *reader = hf_reader_open(list->items);
    return list->count > 0;
}

bool hf_list_end(hf_list *list, const hf_reader *reader)
{
    list->count = reader->status == HF_OK ? list->count - 1 : 0;
    list->items = (hf_bytes){reader->at, (size_t)(reader->end - reader->at)};
    return reader->status == HF_OK;
}

/* Takes the first item off a list that read_list has checked. */
static bool list_next(hf_list *list, item_reader read, void *item)
{
    hf_reader reader;
    if (!hf_list_begin(list, &reader)) return false;
    if (!read(&reader, item)) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    return hf_list_end(list, &reader);
}

/* ---- items ---- */

static bool read_claimed_log(hf_reader *reader, void *out)
{
    hf_claimed_log *log = out;
    read_tuple(reader, 3);
    log->lane = read_lane(reader);
    log->seq = read_seq(reader);
    hf_read_bytes_exact(reader, log->chain, HF_HASH_SIZE);
    return log->seq > 0;
}

static bool read_claim(hf_reader *reader, void *out)
{
    hf_claim *claim = out;
    read_tuple(reader, 2);
    hf_read_bytes_exact(reader, claim->incarnation, HF_INCARNATION_SIZE);
    hf_claimed_log log;
    read_list(reader, HF_LANE_COUNT, &claim->logs, read_claimed_log, &log);
    int last_lane = -1;
    for (hf_list walk = claim->logs; hf_next_claimed_log(&walk, &log); last_lane = log.lane)
        if (log.lane <= last_lane) return false;
    return true;
}

static bool read_yours(hf_reader *reader, void *out)
{
    hf_yours *yours = out;
    read_tuple(reader, 5);
    yours->origin = read_own_index(reader);
    yours->lane = read_lane(reader);
    yours->durable = read_seq(reader);
    yours->central = read_seq(reader);
    hf_read_bytes_exact(reader, yours->chain, HF_HASH_SIZE);
    return true;
}

static bool read_scope_item(hf_reader *reader, void *out)
{
    hf_scope_item *scope = out;
    read_tuple(reader, 3);
    scope->number = read_u32(reader);
    scope->name = read_short_text(reader, HF_TEXT_MAX);
    scope->may_write = hf_read_bool(reader);
    return true;
}

static void read_log_name(hf_reader *reader, hf_log_name *name)
{
    name->set = true;
    hf_read_bytes_exact(reader, name->origin.bytes, HF_ORIGIN_SIZE);
    name->lane = read_lane(reader);
}

static void read_range_end(hf_reader *reader, hf_log_name *name)
{
    memset(name, 0, sizeof *name);
    if (hf_reader_kind(reader) == HF_KIND_NULL) {
        hf_read_null(reader);
        return;
    }
    read_tuple(reader, 2);
    read_log_name(reader, name);
}

static bool read_held(hf_reader *reader, void *out)
{
    hf_held *held = out;
    read_tuple(reader, 3);
    read_log_name(reader, &held->log);
    held->seq = read_seq(reader);
    return true;
}

static bool read_acked(hf_reader *reader, void *out)
{
    hf_acked *acked = out;
    read_tuple(reader, 5);
    acked->origin = (uint32_t)hf_read_uint_max(reader, HF_ORIGIN_INDEX_MAX);
    acked->lane = read_lane(reader);
    acked->durable = read_seq(reader);
    acked->central = read_seq(reader);
    acked->head = read_seq(reader);
    return true;
}

static bool read_notice(hf_reader *reader, void *out)
{
    hf_notice *notice = out;
    read_tuple(reader, 5);
    notice->origin = (uint32_t)hf_read_uint_max(reader, HF_ORIGIN_INDEX_MAX);
    notice->lane = read_lane(reader);
    notice->seq = read_seq(reader);
    notice->code = (uint32_t)hf_read_uint_max(reader, CODE_MAX);
    notice->text = read_short_text(reader, HF_TEXT_MAX);
    return true;
}

static bool read_leaf(hf_reader *reader, void *out)
{
    hf_head_leaf *leaf = out;
    memset(leaf, 0, sizeof *leaf);
    read_tuple(reader, 5);
    leaf->scope = read_u32(reader);
    leaf->seq = read_seq(reader);
    leaf->index = (uint32_t)hf_read_uint_max(reader, HF_LOG_SCOPES_MAX - 1);
    leaf->count = (uint32_t)hf_read_uint_max(reader, HF_LOG_SCOPES_MAX);
    leaf->path_count = read_count(reader, sizeof leaf->path / sizeof leaf->path[0]);
    for (size_t i = 0; i < leaf->path_count; i++)
        hf_read_bytes_exact(reader, leaf->path[i], HF_HASH_SIZE);
    return leaf->index < leaf->count && leaf->seq > 0;
}

/* What HEAD and an item of HEADS share. */
static void read_head_fields(hf_reader *reader, hf_head_item *out)
{
    memset(out, 0, sizeof *out);
    out->origin = (uint32_t)hf_read_uint_max(reader, HF_ORIGIN_INDEX_MAX);
    out->head.lane = read_lane(reader);
    out->head.seq = read_seq(reader);
    out->head.hlc = hf_read_uint(reader);
    hf_read_bytes_exact(reader, out->head.root, HF_HASH_SIZE);
    hf_read_bytes_exact(reader, out->head.signature, HF_SIGNATURE_SIZE);
    if (out->head.seq == 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static bool read_head_item(hf_reader *reader, void *out)
{
    hf_head_item *item = out;
    read_tuple(reader, 7);
    read_head_fields(reader, item);
    hf_head_leaf leaf;
    read_list(reader, HF_LOG_SCOPES_MAX, &item->leaves, read_leaf, &leaf);
    return true;
}

static bool read_receipted(hf_reader *reader, void *out)
{
    hf_receipted *receipted = out;
    read_tuple(reader, 3);
    receipted->origin = read_own_index(reader);
    receipted->lane = read_lane(reader);
    receipted->seq = read_seq(reader);
    return receipted->seq > 0;
}

static bool read_receipt_item(hf_reader *reader, void *out)
{
    hf_receipt_item *item = out;
    hf_receipt *receipt = &item->receipt;
    memset(item, 0, sizeof *item);
    read_tuple(reader, 6);
    item->origin = (uint32_t)hf_read_uint_max(reader, HF_ORIGIN_INDEX_MAX);
    receipt->lane = read_lane(reader);
    receipt->seq = read_seq(reader);
    receipt->index = read_u32(reader);
    receipt->count = read_u32(reader);
    if (receipt->count > HF_RECEIPT_LOGS_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    receipt->path_count = read_count(reader, HF_RECEIPT_PATH_MAX);
    for (size_t i = 0; i < receipt->path_count; i++)
        hf_read_bytes_exact(reader, receipt->path[i], HF_HASH_SIZE);
    return receipt->index < receipt->count && receipt->seq > 0;
}

static bool read_body(hf_reader *reader, void *out)
{
    (void)out;
    hf_bytes body = hf_read_item(reader);
    if (body.size > HF_ENTRY_SIZE_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    return true;
}

typedef struct run_item {
    uint32_t origin;
    uint8_t lane;
    hf_list bodies;
    size_t total; /* over the runs so far: a frame's bound is on their sum */
} run_item;

static bool read_run(hf_reader *reader, void *out)
{
    run_item *run = out;
    read_tuple(reader, 3);
    run->origin = (uint32_t)hf_read_uint_max(reader, HF_ORIGIN_INDEX_MAX);
    run->lane = read_lane(reader);
    read_list(reader, HF_FRAME_ENTRIES_MAX, &run->bodies, read_body, NULL);
    run->total += run->bodies.count;
    if (run->total > HF_FRAME_ENTRIES_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    return run->bodies.count > 0;
}

/* Each list's own name for list_next. */
#define NEXT(name, type, read)                                                                     \
    bool name(hf_list *list, type *out)                                                            \
    {                                                                                              \
        return list_next(list, read, out);                                                         \
    }
NEXT(hf_next_claim, hf_claim, read_claim)
NEXT(hf_next_claimed_log, hf_claimed_log, read_claimed_log)
NEXT(hf_next_yours, hf_yours, read_yours)
NEXT(hf_next_scope, hf_scope_item, read_scope_item)
NEXT(hf_next_held, hf_held, read_held)
NEXT(hf_next_acked, hf_acked, read_acked)
NEXT(hf_next_notice, hf_notice, read_notice)
NEXT(hf_next_head, hf_head_item, read_head_item)
NEXT(hf_next_receipted, hf_receipted, read_receipted)
NEXT(hf_next_receipt, hf_receipt_item, read_receipt_item)
NEXT(hf_next_leaf, hf_head_leaf, read_leaf)

/* ---- frames ---- */

static void read_resume(hf_reader *reader, hf_hello *hello)
{
    memset(&hello->resume, 0, sizeof hello->resume);
    hello->resuming = hf_reader_kind(reader) != HF_KIND_NULL;
    if (!hello->resuming) {
        hf_read_null(reader);
        return;
    }
    read_tuple(reader, 5);
    hf_read_bytes_exact(reader, hello->resume.hub.bytes, HF_ORIGIN_SIZE);
    hf_read_bytes_exact(reader, hello->resume.epoch, sizeof hello->resume.epoch);
    hello->resume.position = read_seq(reader);
    hf_read_bytes_exact(reader, hello->resume.chain, sizeof hello->resume.chain);
    hf_read_bytes_exact(reader, hello->resume.scopes, sizeof hello->resume.scopes);
}

static void read_hello(hf_reader *reader, hf_message *out)
{
    hf_hello *hello = &out->as.hello;
    *hello = (hf_hello){.capabilities = 0};
    hello->protocol_min = read_u32(reader);
    hello->protocol_max = read_u32(reader);
    hello->implementation = read_short_text(reader, HF_TEXT_MAX);
    hf_claim claim;
    read_list(reader, HF_HELLO_ORIGINS_MAX, &hello->origins, read_claim, &claim);
    hello->pack_version = read_u32(reader);
    read_resume(reader, hello);
    hello->wall_ms = hf_read_uint(reader);
    hello->heads = read_seq(reader);
    if (hello->protocol_min > hello->protocol_max || hello->origins.count == 0)
        hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static void read_welcome(hf_reader *reader, hf_message *out)
{
    hf_welcome *welcome = &out->as.welcome;
    welcome->protocol = read_u32(reader);
    welcome->implementation = read_short_text(reader, HF_TEXT_MAX);
    hf_read_bytes_exact(reader, welcome->hub.bytes, HF_ORIGIN_SIZE);
    hf_read_bytes_exact(reader, welcome->epoch, sizeof welcome->epoch);
    welcome->position = read_seq(reader);
    hf_read_bytes_exact(reader, welcome->chain, sizeof welcome->chain);
    welcome->wall_ms = hf_read_uint_max(reader, INT64_MAX);
    hf_yours yours;
    read_list(reader, HF_HELLO_ORIGINS_MAX * HF_LANE_COUNT, &welcome->yours, read_yours, &yours);
    hf_scope_item scope;
    read_list(reader, HF_SCOPES_MAX, &welcome->scopes, read_scope_item, &scope);
    welcome->verdict = (uint8_t)hf_read_uint_max(reader, HF_REFILLING);
    read_tuple(reader, 2);
    welcome->window_entries = read_u32(reader);
    welcome->window_bytes = read_u32(reader);
    welcome->pack_version = read_u32(reader);
    welcome->former = (hf_list){.count = 0};
    welcome->has_centre = false;
    int64_t last = -1;
    for (hf_list walk = welcome->scopes; hf_next_scope(&walk, &scope); last = scope.number)
        if ((int64_t)scope.number <= last) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static void read_vector(hf_reader *reader, hf_message *out)
{
    hf_vector *vector = &out->as.vector;
    *vector = (hf_vector){.scope = read_u32(reader)};
    read_range_end(reader, &vector->from);
    read_range_end(reader, &vector->to);
    hf_held held;
    read_list(reader, HF_VECTOR_LOGS_MAX, &vector->logs, read_held, &held);
    hf_log_name last = vector->from;
    for (hf_list walk = vector->logs; hf_next_held(&walk, &held); last = held.log)
        if (last.set && hf_log_name_compare(&held.log, &last) <= 0)
            hf_reader_fail(reader, HF_ERR_PROTOCOL);
    if (last.set && vector->to.set && hf_log_name_compare(&last, &vector->to) > 0)
        hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static void read_runs(hf_reader *reader, hf_list *runs)
{
    run_item run = {0};
    read_list(reader, HF_FRAME_ENTRIES_MAX, runs, read_run, &run);
}

static void read_entries(hf_reader *reader, hf_message *out)
{
    memset(&out->as.feed, 0, sizeof out->as.feed);
    read_runs(reader, &out->as.feed.runs);
}

static void read_vector_done(hf_reader *reader, hf_message *out)
{
    out->as.done = (hf_vector_done){.scope = read_u32(reader)};
    read_range_end(reader, &out->as.done.to);
}

static void read_start(hf_reader *reader, hf_message *out)
{
    out->as.start.position = read_seq(reader);
    hf_read_bytes_exact(reader, out->as.start.chain, sizeof out->as.start.chain);
}

static void read_push(hf_reader *reader, hf_message *out)
{
    hf_push *push = &out->as.push;
    push->origin = read_own_index(reader);
    push->lane = read_lane(reader);
    read_list(reader, HF_PUSH_ENTRIES_MAX, &push->bodies, read_body, NULL);
    if (push->bodies.count == 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static void read_ack(hf_reader *reader, hf_message *out)
{
    hf_acked acked;
    read_list(reader, HF_HELLO_ORIGINS_MAX * HF_LANE_COUNT, &out->as.ack.logs, read_acked, &acked);
    hf_notice notice;
    read_list(reader, HF_FRAME_ENTRIES_MAX, &out->as.ack.notices, read_notice, &notice);
}

static void read_feed(hf_reader *reader, hf_message *out)
{
    hf_feed *feed = &out->as.feed;
    feed->from = read_seq(reader);
    feed->to = read_seq(reader);
    hf_read_bytes_exact(reader, feed->chain, sizeof feed->chain);
    read_runs(reader, &feed->runs);
    if (feed->to < feed->from) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static void read_fed(hf_reader *reader, hf_message *out)
{
    out->as.position = read_seq(reader);
}

static void read_head(hf_reader *reader, hf_message *out)
{
    read_head_fields(reader, &out->as.head);
    if (out->as.head.origin >= HF_HELLO_ORIGINS_MAX) hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static void read_heads(hf_reader *reader, hf_message *out)
{
    hf_head_item item;
    read_list(reader, HF_FRAME_ENTRIES_MAX, &out->as.heads.heads, read_head_item, &item);
    out->as.heads.number = read_seq(reader);
}

static void read_receipt(hf_reader *reader, hf_message *out)
{
    hf_receipt_frame *frame = &out->as.receipt;
    hf_receipt_item item;
    frame->hub = (uint32_t)hf_read_uint_max(reader, HF_ORIGIN_INDEX_MAX);
    hf_read_bytes_exact(reader, frame->epoch, sizeof frame->epoch);
    frame->time_ms = hf_read_uint_max(reader, INT64_MAX);
    hf_read_bytes_exact(reader, frame->signature, HF_SIGNATURE_SIZE);
    read_list(reader, HF_RECEIPT_LOGS_MAX, &frame->logs, read_receipt_item, &item);
}

static bool read_withheld(hf_reader *reader, void *out)
{
    uint64_t *seq = out;
    *seq = read_seq(reader);
    return *seq > 0;
}

NEXT(hf_next_seq, uint64_t, read_withheld)

static void read_relay(hf_reader *reader, hf_message *out)
{
    hf_relay *relay = &out->as.relay;
    memset(relay, 0, sizeof *relay);
    relay->origin = (uint32_t)hf_read_uint_max(reader, HF_ORIGIN_INDEX_MAX);
    relay->lane = relay->head.lane = read_lane(reader);
    read_list(reader, HF_FRAME_ENTRIES_MAX, &relay->bodies, read_body, NULL);
    uint64_t seq, last = 0;
    read_list(reader, HF_FRAME_ENTRIES_MAX, &relay->withheld, read_withheld, &seq);
    relay->head.seq = read_seq(reader);
    relay->head.hlc = hf_read_uint(reader);
    hf_read_bytes_exact(reader, relay->head.root, HF_HASH_SIZE);
    hf_read_bytes_exact(reader, relay->head.signature, HF_SIGNATURE_SIZE);
    for (hf_list walk = relay->withheld; hf_next_seq(&walk, &seq); last = seq)
        if (seq <= last) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    if (relay->origin < HF_HELLO_ORIGINS_MAX || relay->withheld.count > relay->bodies.count)
        hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

/* HELLO's ninth item. Left out, or null: the device is sent no receipts. */
static void read_reach(hf_reader *reader, hf_receipt_reach *out)
{
    hf_receipted receipted;
    out->set = hf_reader_kind(reader) != HF_KIND_NULL;
    if (!out->set) return hf_read_null(reader);
    read_tuple(reader, 2);
    hf_read_bytes_exact(reader, out->hub.bytes, HF_ORIGIN_SIZE);
    read_list(reader, HF_HELLO_ORIGINS_MAX * HF_LANE_COUNT, &out->logs, read_receipted, &receipted);
}

static void read_hello_receipts(hf_reader *reader, hf_message *out)
{
    read_reach(reader, &out->as.hello.receipts);
}

static void read_hello_passed(hf_reader *reader, hf_message *out)
{
    read_reach(reader, &out->as.hello.passed);
}

/* By its sender's clock, when it was made. */
static void read_time(hf_reader *reader, hf_message *out)
{
    out->timed = true;
    out->at_ms = read_u32(reader);
}

typedef struct frame_kind {
    uint8_t type, items; /* items after the type; more may follow */
    void (*read)(hf_reader *reader, hf_message *out);
    void (*more[MORE_MAX])(hf_reader *reader, hf_message *out); /* those, in their order */
} frame_kind;

static const frame_kind KINDS[] = {
    {HF_FRAME_HELLO,
     8,
     read_hello,
     {read_hello_receipts, hf_capabilities_read, read_hello_passed, hf_read_elsewhere}},
    {HF_FRAME_WELCOME, 12, read_welcome, {hf_read_former, hf_read_centre}},
    {HF_FRAME_VECTOR, 4, read_vector, {hf_read_vector_heads}},
    {HF_FRAME_ENTRIES, 1, read_entries, {NULL}},
    {HF_FRAME_VECTOR_DONE, 2, read_vector_done, {hf_read_vector_had}},
    {HF_FRAME_START, 2, read_start, {NULL}},
    {HF_FRAME_ORIGIN, 4, hf_read_origin, {NULL}},
    {HF_FRAME_LACK, 2, hf_read_lack, {NULL}},
    {HF_FRAME_REFILL, 6, hf_read_refill, {NULL}},
    {HF_FRAME_PUSH, 3, read_push, {NULL}},
    {HF_FRAME_ACK, 2, read_ack, {read_time}},
    {HF_FRAME_FEED, 4, read_feed, {NULL}},
    {HF_FRAME_FEED_ACK, 1, read_fed, {read_time}},
    {HF_FRAME_HEAD, 6, read_head, {NULL}},
    {HF_FRAME_HEADS, 2, read_heads, {NULL}},
    {HF_FRAME_RENEW, 0, NULL, {NULL}}, /* that it came says it all */
    {HF_FRAME_CERTIFICATE, 2, hf_read_certificate, {NULL}},
    {HF_FRAME_RELAY, 8, read_relay, {NULL}},
    {HF_FRAME_RENEW_FOR, 1, hf_read_renew_for, {NULL}},
    {HF_FRAME_OFFER, 4, hf_read_offer, {NULL}},
    {HF_FRAME_WANT, 3, hf_read_want, {NULL}},
    {HF_FRAME_CHUNK, 3, hf_read_chunk, {NULL}},
    {HF_FRAME_TAKEN, 1, read_fed, {read_time}},
    {HF_FRAME_ASK, 1, hf_ask_read, {hf_ask_held_read}},
    {HF_FRAME_LEASE, 1, hf_lease_read, {NULL}},
    {HF_FRAME_HAD, 1, hf_read_had, {NULL}},
    {HF_FRAME_RECEIPT, 5, read_receipt, {NULL}},
    {HF_FRAME_RECEIPT_FOR, 3, hf_read_receipt_for, {NULL}},
    {HF_FRAME_ASK_FOR, 2, hf_ask_for_read, {NULL}},
    {HF_FRAME_CREDIT, 3, hf_read_credit, {NULL}},
    {HF_FRAME_HUBS, 1, hf_read_hubs, {NULL}},
    {HF_FRAME_CARRY, 1, hf_carry_read, {NULL}},
    {HF_FRAME_FETCH, 3, hf_fetch_read, {NULL}},
    {HF_FRAME_PIECE, 4, hf_piece_read, {NULL}},
    {HF_FRAME_CARRIED, 1, hf_carried_read, {NULL}},
    {HF_FRAME_PING, 1, hf_read_ping, {NULL}},
    {HF_FRAME_PONG, 2, hf_read_pong, {NULL}},
    {HF_FRAME_PROBE, 8, hf_probe_read, {NULL}},
    {HF_FRAME_PROBED, 2, hf_probed_read, {hf_probed_held_read}},
    {HF_FRAME_ERROR, 2, hf_read_error, {NULL}},
    {HF_FRAME_BYE, 2, hf_read_bye, {NULL}},
};

static const frame_kind *kind_of(uint64_t type)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (KINDS[i].type == type) return &KINDS[i];
    return NULL;
}

hf_status hf_message_read(hf_bytes raw, hf_message *out)
{
    out->type = HF_FRAME_NONE;
    out->timed = false;
    hf_reader reader;
    uint64_t type;
    size_t items;
    hf_status status = hf_frame_head(raw, &type, &reader, &items);
    if (status != HF_OK) return status;
    const frame_kind *kind = kind_of(type);
    if (!kind && type < 128) return HF_ERR_PROTOCOL;
    if (kind && items < kind->items) return HF_ERR_PROTOCOL;
    if (kind && kind->read) kind->read(&reader, out);
    size_t known = kind ? kind->items : 0;
    for (size_t i = 0; kind && i < MORE_MAX && kind->more[i] && known < items; i++, known++)
        kind->more[i](&reader, out);
    if (HF_PLANTED(LATER_REFUSED) && known < items) return HF_ERR_PROTOCOL;
    /* What a later version adds is skipped, but is still checked to be the CBOR we speak. */
    for (size_t i = known; i < items && reader.status == HF_OK; i++) (void)hf_read_item(&reader);
    status = hf_reader_end(&reader);
    if (status == HF_OK && kind) out->type = kind->type;
    return status;
}
