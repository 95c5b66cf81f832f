/* messages_write.c: frames written. The mirror of messages.c, item for item. */
#include "messages.h"

#include <assert.h>

/* A frame is an array of `count` items, its type the first. */
static void begin(hf_buffer *out, uint8_t type, size_t count)
{
    hf_write_array(out, count);
    hf_write_uint(out, type);
}

static void write_list(hf_buffer *out, const hf_list *list)
{
    hf_write_array(out, list->count);
    hf_write_raw(out, list->items);
}

void hf_write_claim(hf_buffer *out, const hf_claim *claim)
{
    hf_write_array(out, 2);
    hf_write_bytes(out, claim->incarnation, HF_INCARNATION_SIZE);
    write_list(out, &claim->logs);
}

void hf_write_claimed_log(hf_buffer *out, const hf_claimed_log *log)
{
    hf_write_array(out, 3);
    hf_write_uint(out, log->lane);
    hf_write_uint(out, log->seq);
    hf_write_bytes(out, log->chain, HF_HASH_SIZE);
}

void hf_write_yours(hf_buffer *out, const hf_yours *yours)
{
    hf_write_array(out, 5);
    hf_write_uint(out, yours->origin);
    hf_write_uint(out, yours->lane);
    hf_write_uint(out, yours->durable);
    hf_write_uint(out, yours->central);
    hf_write_bytes(out, yours->chain, HF_HASH_SIZE);
}

void hf_write_scope_item(hf_buffer *out, const hf_scope_item *scope)
{
    hf_write_array(out, 3);
    hf_write_uint(out, scope->number);
    hf_write_text(out, (const char *)scope->name.data, scope->name.size);
    hf_write_bool(out, scope->may_write);
}

static void write_range_end(hf_buffer *out, const hf_log_name *name)
{
    if (!name->set) {
        hf_write_null(out);
        return;
    }
    hf_write_array(out, 2);
    hf_write_bytes(out, name->origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(out, name->lane);
}

void hf_write_held(hf_buffer *out, const hf_held *held)
{
    hf_write_array(out, 3);
    hf_write_bytes(out, held->log.origin.bytes, HF_ORIGIN_SIZE);
    hf_write_uint(out, held->log.lane);
    hf_write_uint(out, held->seq);
}

void hf_write_acked(hf_buffer *out, const hf_acked *acked)
{
    hf_write_array(out, 5);
    hf_write_uint(out, acked->origin);
    hf_write_uint(out, acked->lane);
    hf_write_uint(out, acked->durable);
    hf_write_uint(out, acked->central);
    hf_write_uint(out, acked->head);
}

void hf_write_notice(hf_buffer *out, const hf_notice *notice)
{
    hf_write_array(out, 5);
    hf_write_uint(out, notice->origin);
    hf_write_uint(out, notice->lane);
    hf_write_uint(out, notice->seq);
    hf_write_uint(out, notice->code);
    hf_write_text(out, (const char *)notice->text.data, notice->text.size);
}

static void write_head_fields(hf_buffer *out, const hf_head_item *item)
{
    hf_write_uint(out, item->origin);
    hf_write_uint(out, item->head.lane);
    hf_write_uint(out, item->head.seq);
    hf_write_uint(out, item->head.hlc);
    hf_write_bytes(out, item->head.root, HF_HASH_SIZE);
    hf_write_bytes(out, item->head.signature, HF_SIGNATURE_SIZE);
}

void hf_write_head_item(hf_buffer *out, const hf_head_item *item)
{
    hf_write_array(out, 7);
    write_head_fields(out, item);
    write_list(out, &item->leaves);
}

void hf_write_leaf(hf_buffer *out, const hf_head_leaf *leaf)
{
    hf_write_array(out, 5);
    hf_write_uint(out, leaf->scope);
    hf_write_uint(out, leaf->seq);
    hf_write_uint(out, leaf->index);
    hf_write_uint(out, leaf->count);
    hf_write_array(out, leaf->path_count);
    for (size_t i = 0; i < leaf->path_count; i++) hf_write_bytes(out, leaf->path[i], HF_HASH_SIZE);
}

void hf_write_receipted(hf_buffer *out, const hf_receipted *receipted)
{
    hf_write_array(out, 3);
    hf_write_uint(out, receipted->origin);
    hf_write_uint(out, receipted->lane);
    hf_write_uint(out, receipted->seq);
}

void hf_write_receipt_item(hf_buffer *out, const hf_receipt_item *item)
{
    const hf_receipt *receipt = &item->receipt;
    hf_write_array(out, 6);
    hf_write_uint(out, item->origin);
    hf_write_uint(out, receipt->lane);
    hf_write_uint(out, receipt->seq);
    hf_write_uint(out, receipt->index);
    hf_write_uint(out, receipt->count);
    hf_write_array(out, receipt->path_count);
    for (size_t i = 0; i < receipt->path_count; i++)
        hf_write_bytes(out, receipt->path[i], HF_HASH_SIZE);
}

static void write_receipt(hf_buffer *out, const hf_receipt_frame *frame)
{
    begin(out, HF_FRAME_RECEIPT, 6);
    hf_write_uint(out, frame->hub);
    hf_write_bytes(out, frame->epoch, sizeof frame->epoch);
    hf_write_uint(out, frame->time_ms);
    hf_write_bytes(out, frame->signature, HF_SIGNATURE_SIZE);
    write_list(out, &frame->logs);
}

static void write_reach(hf_buffer *out, const hf_receipt_reach *reach)
{
    if (!reach->set) {
        hf_write_null(out);
        return;
    }
    hf_write_array(out, 2);
    hf_write_bytes(out, reach->hub.bytes, HF_ORIGIN_SIZE);
    write_list(out, &reach->logs);
}

static void write_resume(hf_buffer *out, const hf_hello *hello)
{
    if (!hello->resuming) {
        hf_write_null(out);
        return;
    }
    hf_write_array(out, 5);
    hf_write_bytes(out, hello->resume.hub.bytes, HF_ORIGIN_SIZE);
    hf_write_bytes(out, hello->resume.epoch, sizeof hello->resume.epoch);
    hf_write_uint(out, hello->resume.position);
    hf_write_bytes(out, hello->resume.chain, sizeof hello->resume.chain);
    hf_write_bytes(out, hello->resume.scopes, sizeof hello->resume.scopes);
}

/* What says nothing at the end is left out. */
static void write_hello(hf_buffer *out, const hf_hello *hello)
{
    size_t more = hello->passed.set ? 3 : hello->capabilities ? 2 : hello->receipts.set ? 1 : 0;
    if (hello->elsewhere.count) more = 4;
    begin(out, HF_FRAME_HELLO, 9 + more);
    hf_write_uint(out, hello->protocol_min);
    hf_write_uint(out, hello->protocol_max);
    hf_write_text(out, (const char *)hello->implementation.data, hello->implementation.size);
    write_list(out, &hello->origins);
    hf_write_uint(out, hello->pack_version);
    write_resume(out, hello);
    hf_write_uint(out, hello->wall_ms);
    hf_write_uint(out, hello->heads);
    if (more > 0) write_reach(out, &hello->receipts);
    if (more > 1) hf_write_uint(out, hello->capabilities);
    if (more > 2) write_reach(out, &hello->passed);
    if (more > 3) write_list(out, &hello->elsewhere);
}

static void write_welcome(hf_buffer *out, const hf_welcome *welcome)
{
    bool has_former = welcome->former.count > 0 || welcome->has_centre;
    begin(out, HF_FRAME_WELCOME, welcome->has_centre ? 15 : has_former ? 14 : 13);
    hf_write_uint(out, welcome->protocol);
    hf_write_text(out, (const char *)welcome->implementation.data, welcome->implementation.size);
    hf_write_bytes(out, welcome->hub.bytes, HF_ORIGIN_SIZE);
    hf_write_bytes(out, welcome->epoch, sizeof welcome->epoch);
    hf_write_uint(out, welcome->position);
    hf_write_bytes(out, welcome->chain, sizeof welcome->chain);
    hf_write_uint(out, welcome->wall_ms);
    write_list(out, &welcome->yours);
    write_list(out, &welcome->scopes);
    hf_write_uint(out, welcome->verdict);
    hf_write_array(out, 2);
    hf_write_uint(out, welcome->window_entries);
    hf_write_uint(out, welcome->window_bytes);
    hf_write_uint(out, welcome->pack_version);
    if (has_former) write_list(out, &welcome->former);
    if (welcome->has_centre) hf_write_bytes(out, welcome->centre.bytes, HF_ORIGIN_SIZE);
}

static void write_vector(hf_buffer *out, const hf_vector *vector)
{
    begin(out, HF_FRAME_VECTOR, vector->heads.count ? 6 : 5);
    hf_write_uint(out, vector->scope);
    write_range_end(out, &vector->from);
    write_range_end(out, &vector->to);
    write_list(out, &vector->logs);
    if (vector->heads.count) write_list(out, &vector->heads);
}

static void write_vector_done(hf_buffer *out, const hf_vector_done *done)
{
    begin(out, HF_FRAME_VECTOR_DONE, done->had.size ? 4 : 3);
    hf_write_uint(out, done->scope);
    write_range_end(out, &done->to);
    if (done->had.size) hf_write_bytes(out, done->had.data, done->had.size);
}

static void write_start(hf_buffer *out, const hf_start *start)
{
    begin(out, HF_FRAME_START, 3);
    hf_write_uint(out, start->position);
    hf_write_bytes(out, start->chain, sizeof start->chain);
}

static void write_origin(hf_buffer *out, const hf_origin_frame *origin)
{
    begin(out, HF_FRAME_ORIGIN, 5);
    hf_write_uint(out, origin->index);
    hf_write_bytes(out, origin->key_id, HF_HASH_SIZE);
    hf_write_bytes(out, origin->incarnation, HF_INCARNATION_SIZE);
    hf_write_bytes(out, origin->certificate.data, origin->certificate.size);
}

static void write_push(hf_buffer *out, const hf_push *push)
{
    begin(out, HF_FRAME_PUSH, 4);
    hf_write_uint(out, push->origin);
    hf_write_uint(out, push->lane);
    write_list(out, &push->bodies);
}

static void write_relay(hf_buffer *out, const hf_relay *relay)
{
    begin(out, HF_FRAME_RELAY, 9);
    hf_write_uint(out, relay->origin);
    hf_write_uint(out, relay->lane);
    write_list(out, &relay->bodies);
    write_list(out, &relay->withheld);
    hf_write_uint(out, relay->head.seq);
    hf_write_uint(out, relay->head.hlc);
    hf_write_bytes(out, relay->head.root, HF_HASH_SIZE);
    hf_write_bytes(out, relay->head.signature, HF_SIGNATURE_SIZE);
}

static void write_feed(hf_buffer *out, const hf_feed *feed)
{
    begin(out, HF_FRAME_FEED, 5);
    hf_write_uint(out, feed->from);
    hf_write_uint(out, feed->to);
    hf_write_bytes(out, feed->chain, sizeof feed->chain);
    write_list(out, &feed->runs);
}

static void write_head(hf_buffer *out, const hf_head_item *item)
{
    begin(out, HF_FRAME_HEAD, 7);
    write_head_fields(out, item);
}

static void write_certificate(hf_buffer *out, const hf_certificate_frame *frame)
{
    hf_write_array(out, 3);
    hf_write_uint(out, HF_FRAME_CERTIFICATE);
    hf_write_bytes(out, frame->certificate.data, frame->certificate.size);
    hf_write_text(out, (const char *)frame->text.data, frame->text.size);
}

static void write_numbers(hf_buffer *out, uint8_t type, const uint64_t *numbers, size_t count)
{
    begin(out, type, 1 + count);
    for (size_t i = 0; i < count; i++) hf_write_uint(out, numbers[i]);
}

static void write_short_frame(hf_buffer *out, const hf_message *message)
{
    const hf_credit *credit = &message->as.credit;
    const hf_farewell *farewell = &message->as.farewell;
    switch (message->type) {
    case HF_FRAME_RENEW: write_numbers(out, HF_FRAME_RENEW, NULL, 0); break;
    case HF_FRAME_FEED_ACK:
    case HF_FRAME_TAKEN:
        write_numbers(out, message->type, (uint64_t[]){message->as.position, message->at_ms},
                      message->timed ? 2 : 1);
        break;
    case HF_FRAME_CREDIT:
        write_numbers(out, HF_FRAME_CREDIT,
                      (uint64_t[]){credit->lane, credit->entries, credit->bytes}, 3);
        break;
    case HF_FRAME_HUBS:
        begin(out, HF_FRAME_HUBS, 2);
        hf_write_bytes(out, message->as.hubs.data, message->as.hubs.size);
        break;
    case HF_FRAME_PING: write_numbers(out, HF_FRAME_PING, &message->as.ping.nonce, 1); break;
    case HF_FRAME_PONG:
        write_numbers(out, HF_FRAME_PONG,
                      (uint64_t[]){message->as.ping.nonce, message->as.ping.wall_ms}, 2);
        break;
    case HF_FRAME_PROBED:
        write_numbers(out, HF_FRAME_PROBED,
                      (uint64_t[]){message->as.probe.number, message->as.probe.wall_ms,
                                   message->as.probe.held},
                      message->as.probe.has_held ? 3 : 2);
        break;
    case HF_FRAME_RECEIPT_FOR:
        write_numbers(
            out, HF_FRAME_RECEIPT_FOR,
            (uint64_t[]){message->as.reach.origin, message->as.reach.lane, message->as.reach.seq},
            3);
        break;
    case HF_FRAME_BYE:
        write_numbers(out, HF_FRAME_BYE, (uint64_t[]){farewell->code, farewell->retry_after_ms}, 2);
        break;
    case HF_FRAME_ERROR:
        begin(out, HF_FRAME_ERROR, 3);
        hf_write_uint(out, farewell->code);
        hf_write_text(out, (const char *)farewell->text.data, farewell->text.size);
        break;
    default: assert(!"a frame of this type is never written"); break;
    }
}

void hf_message_write(hf_buffer *out, const hf_message *message)
{
    switch (message->type) {
    case HF_FRAME_HELLO: write_hello(out, &message->as.hello); break;
    case HF_FRAME_WELCOME: write_welcome(out, &message->as.welcome); break;
    case HF_FRAME_VECTOR: write_vector(out, &message->as.vector); break;
    case HF_FRAME_ENTRIES:
        begin(out, HF_FRAME_ENTRIES, 2);
        write_list(out, &message->as.feed.runs);
        break;
    case HF_FRAME_VECTOR_DONE: write_vector_done(out, &message->as.done); break;
    case HF_FRAME_HAD:
        begin(out, HF_FRAME_HAD, 2);
        hf_write_bytes(out, message->as.had.data, message->as.had.size);
        break;
    case HF_FRAME_START: write_start(out, &message->as.start); break;
    case HF_FRAME_ORIGIN: write_origin(out, &message->as.origin); break;
    case HF_FRAME_LACK:
        begin(out, HF_FRAME_LACK, 3);
        hf_write_uint(out, message->as.lack.scope);
        write_list(out, &message->as.lack.logs);
        break;
    case HF_FRAME_REFILL: hf_write_refill(out, &message->as.refill); break;
    case HF_FRAME_PUSH: write_push(out, &message->as.push); break;
    case HF_FRAME_RELAY: write_relay(out, &message->as.relay); break;
    case HF_FRAME_ACK:
        begin(out, HF_FRAME_ACK, message->timed ? 4 : 3);
        write_list(out, &message->as.ack.logs);
        write_list(out, &message->as.ack.notices);
        if (message->timed) hf_write_uint(out, message->at_ms);
        break;
    case HF_FRAME_FEED: write_feed(out, &message->as.feed); break;
    case HF_FRAME_HEAD: write_head(out, &message->as.head); break;
    case HF_FRAME_HEADS:
        begin(out, HF_FRAME_HEADS, 3);
        write_list(out, &message->as.heads.heads);
        hf_write_uint(out, message->as.heads.number);
        break;
    case HF_FRAME_RENEW_FOR:
        begin(out, HF_FRAME_RENEW_FOR, 2);
        hf_write_bytes(out, message->as.key_id, HF_HASH_SIZE);
        break;
    case HF_FRAME_ASK:
    case HF_FRAME_ASK_FOR:
    case HF_FRAME_LEASE: hf_lease_write(out, message); break;
    case HF_FRAME_CERTIFICATE: write_certificate(out, &message->as.certificate); break;
    case HF_FRAME_OFFER:
    case HF_FRAME_WANT:
    case HF_FRAME_CHUNK: hf_write_snapshot_frame(out, message); break;
    case HF_FRAME_CARRY:
    case HF_FRAME_FETCH:
    case HF_FRAME_PIECE:
    case HF_FRAME_CARRIED: hf_carry_write(out, message); break;
    case HF_FRAME_RECEIPT: write_receipt(out, &message->as.receipt); break;
    case HF_FRAME_PROBE: hf_probe_write(out, &message->as.probe); break;
    default: write_short_frame(out, message); break;
    }
}

/* ---- runs ---- */

void hf_runs_clear(hf_runs *runs)
{
    hf_buffer_clear(&runs->done);
    hf_buffer_clear(&runs->bodies);
    runs->run_count = runs->body_count = runs->total = runs->bytes = 0;
}

void hf_runs_free(hf_runs *runs)
{
    hf_buffer_free(&runs->done);
    hf_buffer_free(&runs->bodies);
}

static void run_end(hf_runs *runs)
{
    if (runs->body_count == 0) return;
    hf_write_array(&runs->done, 3);
    hf_write_uint(&runs->done, runs->origin);
    hf_write_uint(&runs->done, runs->lane);
    hf_write_array(&runs->done, runs->body_count);
    hf_write_raw(&runs->done, hf_buffer_bytes(&runs->bodies));
    if (runs->bodies.status != HF_OK) runs->done.status = runs->bodies.status;
    hf_buffer_clear(&runs->bodies);
    runs->body_count = 0;
    runs->run_count++;
}

void hf_runs_add(hf_runs *runs, uint32_t origin, uint8_t lane, hf_bytes body)
{
    if (runs->origin != origin || runs->lane != lane) run_end(runs);
    runs->origin = origin;
    runs->lane = lane;
    hf_write_raw(&runs->bodies, body);
    runs->body_count++;
    runs->total++;
    runs->bytes += body.size;
}

hf_list hf_runs_end(hf_runs *runs)
{
    run_end(runs);
    return (hf_list){hf_buffer_bytes(&runs->done), runs->run_count};
}
