/* test_messages.c: frames against the frozen vectors, both ways, and what is refused. */
#include "sync/messages.h"

#include "hex.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- a message as the JSON of the vectors ---- */

static json_t *hex_of(hf_bytes bytes)
{
    char text[2 * HEX_MAX + 1] = "";
    assert_true(bytes.size <= HEX_MAX);
    for (size_t i = 0; i < bytes.size; i++) snprintf(text + 2 * i, 3, "%02x", bytes.data[i]);
    return json_string(text);
}

#define HEX(array) hex_of((hf_bytes){(array), sizeof(array)})

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *text_of(hf_bytes text)
{
    return json_stringn((const char *)text.data, text.size);
}

static json_t *log_name(const hf_log_name *name)
{
    return name->set ? json_pack("[o,i]", HEX(name->origin.bytes), name->lane) : json_null();
}

static json_t *reach_json(const hf_receipt_reach *reach)
{
    json_t *logs = json_array();
    hf_receipted one;
    for (hf_list list = reach->logs; hf_next_receipted(&list, &one);)
        json_array_append_new(logs,
                              json_pack("[o,i,o]", number(one.origin), one.lane, number(one.seq)));
    return json_pack("[o,o]", HEX(reach->hub.bytes), logs);
}

static json_t *uints_json(const hf_list *list)
{
    json_t *out = json_array();
    hf_reader reader = hf_reader_open(list->items);
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(out, number(hf_read_uint(&reader)));
    return out;
}

static json_t *elsewhere_json(hf_list list)
{
    json_t *out = json_array();
    for (hf_elsewhere group; hf_next_elsewhere(&list, &group);)
        json_array_append_new(out, json_pack("[i,o,o,o,o,o]", group.scope, hex_of(group.origins),
                                             hex_of(group.lanes), uints_json(&group.seqs),
                                             uints_json(&group.heads), HEX(group.check)));
    return out;
}

static json_t *hello_json(const hf_hello *hello)
{
    json_t *origins = json_array(), *resume = json_null();
    hf_claim claim;
    hf_claimed_log log;
    for (hf_list list = hello->origins; hf_next_claim(&list, &claim);) {
        json_t *logs = json_array();
        for (hf_list inner = claim.logs; hf_next_claimed_log(&inner, &log);)
            json_array_append_new(logs,
                                  json_pack("[i,o,o]", log.lane, number(log.seq), HEX(log.chain)));
        json_array_append_new(
            origins, json_pack("{s:o,s:o}", "incarnation", HEX(claim.incarnation), "logs", logs));
    }
    const hf_cursor *at = &hello->resume;
    if (hello->resuming)
        resume = json_pack("{s:o,s:o,s:o,s:o,s:o}", "hub", HEX(at->hub.bytes), "epoch",
                           HEX(at->epoch), "position", number(at->position), "chain",
                           HEX(at->chain), "scopes", HEX(at->scopes));
    json_t *out = json_pack("{s:s,s:[o,o],s:o,s:o,s:o,s:o,s:o,s:o}", "type", "HELLO", "protocol",
                            number(hello->protocol_min), number(hello->protocol_max),
                            "implementation", text_of(hello->implementation), "origins", origins,
                            "pack", number(hello->pack_version), "resume", resume, "wall_ms",
                            number(hello->wall_ms), "heads", number(hello->heads));
    if (hello->receipts.set) json_object_set_new(out, "receipts", reach_json(&hello->receipts));
    if (hello->passed.set) {
        json_object_set_new(out, "capabilities", number(hello->capabilities));
        json_object_set_new(out, "passed", reach_json(&hello->passed));
    }
    if (hello->elsewhere.count)
        json_object_set_new(out, "elsewhere", elsewhere_json(hello->elsewhere));
    return out;
}

static json_t *receipt_json(const hf_receipt_frame *frame)
{
    json_t *logs = json_array();
    hf_receipt_item one;
    for (hf_list list = frame->logs; hf_next_receipt(&list, &one);) {
        json_t *path = json_array();
        for (size_t i = 0; i < one.receipt.path_count; i++)
            json_array_append_new(path, HEX(one.receipt.path[i]));
        json_array_append_new(logs, json_pack("[i,i,o,o,o,o]", one.origin, one.receipt.lane,
                                              number(one.receipt.seq), number(one.receipt.index),
                                              number(one.receipt.count), path));
    }
    return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o}", "type", "RECEIPT", "hub", number(frame->hub),
                     "epoch", HEX(frame->epoch), "time_ms", number(frame->time_ms), "signature",
                     HEX(frame->signature), "logs", logs);
}

static json_t *welcome_json(const hf_welcome *welcome)
{
    json_t *yours = json_array(), *scopes = json_array();
    hf_yours one;
    hf_scope_item scope;
    for (hf_list list = welcome->yours; hf_next_yours(&list, &one);)
        json_array_append_new(yours,
                              json_pack("[i,i,o,o,o]", one.origin, one.lane, number(one.durable),
                                        number(one.central), HEX(one.chain)));
    for (hf_list list = welcome->scopes; hf_next_scope(&list, &scope);)
        json_array_append_new(scopes, json_pack("[o,o,b]", number(scope.number),
                                                text_of(scope.name), scope.may_write));
    json_t *out = json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:i,s:[o,o],s:o}", "type",
                            "WELCOME", "protocol", number(welcome->protocol), "implementation",
                            text_of(welcome->implementation), "hub", HEX(welcome->hub.bytes),
                            "epoch", HEX(welcome->epoch), "position", number(welcome->position),
                            "chain", HEX(welcome->chain), "wall_ms", number(welcome->wall_ms),
                            "yours", yours, "scopes", scopes, "verdict", welcome->verdict, "window",
                            number(welcome->window_entries), number(welcome->window_bytes), "pack",
                            number(welcome->pack_version));
    json_t *former = json_array();
    hf_origin_id name;
    for (hf_list list = welcome->former; hf_next_origin_id(&list, &name);)
        json_array_append_new(former, HEX(name.bytes));
    if (welcome->former.count || welcome->has_centre) json_object_set(out, "former", former);
    if (welcome->has_centre) json_object_set_new(out, "centre", HEX(welcome->centre.bytes));
    json_decref(former);
    return out;
}

static json_t *vector_json(const hf_vector *vector)
{
    json_t *logs = json_array();
    hf_held held;
    for (hf_list list = vector->logs; hf_next_held(&list, &held);)
        json_array_append_new(logs, json_pack("[o,i,o]", HEX(held.log.origin.bytes), held.log.lane,
                                              number(held.seq)));
    json_t *out =
        json_pack("{s:s,s:o,s:o,s:o,s:o}", "type", "VECTOR", "scope", number(vector->scope), "from",
                  log_name(&vector->from), "to", log_name(&vector->to), "logs", logs);
    if (vector->heads.count) json_object_set_new(out, "heads", uints_json(&vector->heads));
    return out;
}

static json_t *runs_json(const hf_list *runs)
{
    json_t *out = json_array(), *run = NULL;
    size_t left = SIZE_MAX;
    for (hf_bodies walk = hf_bodies_of_runs(runs); hf_next_body(&walk); left = walk.runs) {
        if (walk.runs != left) {
            run = json_pack("[o,i,[]]", number(walk.origin), walk.lane);
            json_array_append_new(out, run);
        }
        json_array_append_new(json_array_get(run, 2), hex_of(walk.body));
    }
    return out;
}

static json_t *push_json(const hf_push *push)
{
    json_t *bodies = json_array();
    for (hf_bodies walk = hf_bodies_of_push(push); hf_next_body(&walk);)
        json_array_append_new(bodies, hex_of(walk.body));
    return json_pack("{s:s,s:i,s:i,s:o}", "type", "PUSH", "origin", push->origin, "lane",
                     push->lane, "bodies", bodies);
}

static json_t *relay_json(const hf_relay *relay)
{
    const hf_head *head = &relay->head;
    json_t *bodies = json_array(), *withheld = json_array();
    uint64_t seq;
    for (hf_bodies walk = hf_bodies_of_relay(relay); hf_next_body(&walk);)
        json_array_append_new(bodies, hex_of(walk.body));
    for (hf_list list = relay->withheld; hf_next_seq(&list, &seq);)
        json_array_append_new(withheld, number(seq));
    return json_pack("{s:s,s:o,s:i,s:o,s:o,s:o,s:o,s:o,s:o}", "type", "RELAY", "origin",
                     number(relay->origin), "lane", relay->lane, "bodies", bodies, "withheld",
                     withheld, "seq", number(head->seq), "hlc", number(head->hlc), "root",
                     HEX(head->root), "signature", HEX(head->signature));
}

static json_t *ack_json(const hf_ack *ack)
{
    json_t *logs = json_array(), *notices = json_array();
    hf_acked one;
    hf_notice notice;
    for (hf_list list = ack->logs; hf_next_acked(&list, &one);)
        json_array_append_new(logs,
                              json_pack("[i,i,o,o,o]", one.origin, one.lane, number(one.durable),
                                        number(one.central), number(one.head)));
    for (hf_list list = ack->notices; hf_next_notice(&list, &notice);)
        json_array_append_new(notices, json_pack("[i,i,o,o,o]", notice.origin, notice.lane,
                                                 number(notice.seq), number(notice.code),
                                                 text_of(notice.text)));
    return json_pack("{s:s,s:o,s:o}", "type", "ACK", "logs", logs, "notices", notices);
}

static json_t *head_json(const hf_head_item *item)
{
    return json_pack("{s:o,s:i,s:o,s:o,s:o,s:o}", "origin", number(item->origin), "lane",
                     item->head.lane, "seq", number(item->head.seq), "hlc", number(item->head.hlc),
                     "root", HEX(item->head.root), "signature", HEX(item->head.signature));
}

static json_t *heads_json(const hf_heads *heads)
{
    json_t *out = json_array();
    hf_head_item item;
    hf_head_leaf leaf;
    for (hf_list list = heads->heads; hf_next_head(&list, &item);) {
        json_t *head = head_json(&item), *leaves = json_array();
        for (hf_list inner = item.leaves; hf_next_leaf(&inner, &leaf);) {
            json_t *path = json_array();
            for (size_t i = 0; i < leaf.path_count; i++)
                json_array_append_new(path, HEX(leaf.path[i]));
            json_array_append_new(leaves,
                                  json_pack("[o,o,o,o,o]", number(leaf.scope), number(leaf.seq),
                                            number(leaf.index), number(leaf.count), path));
        }
        json_object_set_new(head, "leaves", leaves);
        json_array_append_new(out, head);
    }
    return json_pack("{s:s,s:o,s:o}", "type", "HEADS", "heads", out, "number",
                     number(heads->number));
}

static json_t *ping_json(const hf_message *message)
{
    char nonce[17];
    snprintf(nonce, sizeof nonce, "%016llx", (unsigned long long)message->as.ping.nonce);
    if (message->type == HF_FRAME_PING)
        return json_pack("{s:s,s:s}", "type", "PING", "nonce", nonce);
    return json_pack("{s:s,s:s,s:o}", "type", "PONG", "nonce", nonce, "wall_ms",
                     number(message->as.ping.wall_ms));
}

static json_t *outage_json(const hf_outage *outage)
{
    size_t count;
    hf_outage_log log;
    json_t *logs = json_array();
    hf_reader reader = hf_outage_logs(outage->logs, &count);
    for (size_t i = 0; i < count && hf_outage_next_log(&reader, &log); i++)
        json_array_append_new(logs, json_pack("[o,i,o,o]", HEX(log.origin.bytes), log.lane,
                                              number(log.from), number(log.to)));
    return json_pack("[o,o,o,o,i,o]", number(outage->reason), number(outage->last_ms),
                     number(outage->noticed_ms), number(outage->ended_ms), outage->quality, logs);
}

static json_t *probed_json(const hf_probe_frame *probed)
{
    json_t *out = json_pack("{s:s,s:o,s:o}", "type", "PROBED", "number", number(probed->number),
                            "wall_ms", number(probed->wall_ms));
    if (probed->has_held) json_object_set_new(out, "held", number(probed->held));
    return out;
}

static json_t *probe_json(const hf_probe_frame *probe)
{
    hf_outage outage;
    uint8_t window[HF_RECORD_ID_SIZE];
    json_t *outages = json_array(), *windows = json_array();
    for (hf_list list = probe->outages; hf_next_outage(&list, &outage);)
        json_array_append_new(outages, outage_json(&outage));
    for (hf_list list = probe->windows; hf_next_window(&list, window);)
        json_array_append_new(windows, HEX(window));
    return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "type", "PROBE", "number",
                     number(probe->number), "wall_ms", number(probe->wall_ms), "waiting",
                     number(probe->waiting), "oldest_ms", number(probe->oldest_ms), "free_mib",
                     number(probe->free_mib), "pack", number(probe->pack_version), "outages",
                     outages, "windows", windows);
}

static json_t *feed_json(const hf_feed *feed)
{
    return json_pack("{s:s,s:o,s:o,s:o,s:o}", "type", "FEED", "from", number(feed->from), "to",
                     number(feed->to), "chain", HEX(feed->chain), "runs", runs_json(&feed->runs));
}

static json_t *origin_json(const hf_origin_frame *origin)
{
    return json_pack("{s:s,s:o,s:o,s:o,s:o}", "type", "ORIGIN", "index", number(origin->index),
                     "key_id", HEX(origin->key_id), "incarnation", HEX(origin->incarnation),
                     "certificate", hex_of(origin->certificate));
}

static json_t *offer_json(const hf_offer *offer)
{
    json_t *scopes = json_array();
    hf_offered_scope scope;
    hf_chunk_name chunk;
    for (hf_list list = offer->scopes; hf_next_offered(&list, &scope);) {
        json_t *chunks = json_array();
        while (hf_next_chunk(&scope.chunks, &chunk))
            json_array_append_new(chunks,
                                  json_pack("[o,o,o]", HEX(chunk.hash), number(chunk.raw_size),
                                            number(chunk.packed_size)));
        json_array_append_new(scopes, json_pack("[o,o]", number(scope.scope), chunks));
    }
    return json_pack("{s:s,s:o,s:o,s:o,s:o}", "type", "OFFER", "number", number(offer->number),
                     "position", number(offer->position), "chain", HEX(offer->chain), "scopes",
                     scopes);
}

static json_t *chunk_json(const hf_message *message)
{
    const hf_chunk_frame *chunk = &message->as.chunk;
    if (message->type == HF_FRAME_WANT)
        return json_pack("{s:s,s:o,s:o,s:o}", "type", "WANT", "offer", number(chunk->offer), "hash",
                         HEX(chunk->hash), "offset", number(chunk->offset));
    return json_pack("{s:s,s:o,s:o,s:o}", "type", "CHUNK", "hash", HEX(chunk->hash), "offset",
                     number(chunk->offset), "bytes", hex_of(chunk->bytes));
}

static json_t *carried_json(const hf_message *message)
{
    json_t *bundles = json_array();
    hf_carried item;
    hf_list list = message->as.carried;
    bool is_whole = message->type == HF_FRAME_CARRY;
    while (is_whole ? hf_next_carried(&list, &item) : hf_next_settled(&list, &item)) {
        json_t *found = is_whole ? json_pack("[o,o,i,i,o]", HEX(item.id), HEX(item.station),
                                             item.stage, item.lane, number(item.size))
                                 : json_pack("[o,i]", HEX(item.id), item.stage);
        json_array_append_new(bundles, found);
    }
    return json_pack("{s:s,s:o}", "type", is_whole ? "CARRY" : "CARRIED", "bundles", bundles);
}

static json_t *piece_json(const hf_message *message)
{
    const hf_piece *piece = &message->as.piece;
    bool is_fetch = message->type == HF_FRAME_FETCH;
    json_t *out = json_pack("{s:s,s:o,s:i,s:o}", "type", is_fetch ? "FETCH" : "PIECE", "bundle",
                            HEX(piece->id), "stage", piece->stage, "offset", number(piece->offset));
    if (!is_fetch) json_object_set_new(out, "bytes", hex_of(piece->bytes));
    return out;
}

static json_t *lack_json(const hf_lack *lack)
{
    json_t *logs = json_array();
    hf_held held;
    for (hf_list list = lack->logs; hf_next_held(&list, &held);)
        json_array_append_new(logs, json_pack("[o,i,o]", HEX(held.log.origin.bytes), held.log.lane,
                                              number(held.seq)));
    return json_pack("{s:s,s:o,s:o}", "type", "LACK", "scope", number(lack->scope), "logs", logs);
}

static json_t *refill_json(const hf_refill *refill)
{
    const hf_head *head = &refill->head;
    const hf_head_leaf *leaf = &refill->leaf;
    json_t *bodies = json_array(), *path = json_array();
    for (hf_bodies walk = hf_bodies_of_refill(refill); hf_next_body(&walk);)
        json_array_append_new(bodies, hex_of(walk.body));
    for (size_t i = 0; i < leaf->path_count; i++) json_array_append_new(path, HEX(leaf->path[i]));
    json_t *proof = json_pack(
        "[o,o,o,o,o,o,o,o,o,o,o]", HEX(refill->key_id), HEX(refill->incarnation),
        hex_of(refill->certificate), number(head->seq), number(head->hlc), HEX(head->root),
        HEX(head->signature), number(leaf->seq), number(leaf->index), number(leaf->count), path);
    if (!refill->proven) json_decref(proof);
    return json_pack("{s:s,s:o,s:i,s:o,s:o,s:o,s:o}", "type", "REFILL", "origin",
                     HEX(refill->origin.bytes), "lane", refill->lane, "scope",
                     number(refill->scope), "proof", refill->proven ? proof : json_null(), "bodies",
                     bodies, "hashes", hex_of(refill->hashes));
}

static json_t *asked_list(hf_list list)
{
    json_t *items = json_array();
    for (hf_asked asked; hf_next_asked(&list, &asked);)
        json_array_append_new(items, json_pack("[o,o]", text_of(asked.series), number(asked.last)));
    return items;
}

static json_t *asked_json(const hf_message *message)
{
    const hf_ask *ask = &message->as.ask;
    if (message->type == HF_FRAME_ASK_FOR)
        return json_pack("{s:s,s:o,s:o}", "type", "ASK_FOR", "origin",
                         number(message->as.ask_for.origin), "series",
                         asked_list(message->as.ask_for.asked));
    json_t *out = json_pack("{s:s,s:o}", "type", "ASK", "series", asked_list(ask->asked));
    if (ask->held.count) json_object_set_new(out, "held", asked_list(ask->held));
    return out;
}

static json_t *leased_json(const hf_message *message)
{
    json_t *items = json_array();
    hf_leased leased;
    for (hf_list list = message->as.leased; hf_next_leased(&list, &leased);)
        json_array_append_new(items, json_pack("[o,o,o]", text_of(leased.series),
                                               number(leased.first), number(leased.last)));
    return json_pack("{s:s,s:o}", "type", "LEASE", "blocks", items);
}

static json_t *receipt_for_json(const hf_receipted *reach)
{
    return json_pack("{s:s,s:o,s:i,s:o}", "type", "RECEIPT_FOR", "origin", number(reach->origin),
                     "lane", reach->lane, "seq", number(reach->seq));
}

static json_t *done_json(const hf_vector_done *done)
{
    json_t *out = json_pack("{s:s,s:o,s:o}", "type", "VECTOR_DONE", "scope", number(done->scope),
                            "to", log_name(&done->to));
    if (done->had.size) json_object_set_new(out, "had", hex_of(done->had));
    return out;
}

static json_t *small_json(const hf_message *message)
{
    const hf_credit *credit = &message->as.credit;
    const hf_farewell *farewell = &message->as.farewell;
    switch (message->type) {
    case HF_FRAME_VECTOR_DONE: return done_json(&message->as.done);
    case HF_FRAME_START:
        return json_pack("{s:s,s:o,s:o}", "type", "START", "position",
                         number(message->as.start.position), "chain", HEX(message->as.start.chain));
    case HF_FRAME_FEED_ACK:
        return json_pack("{s:s,s:o}", "type", "FEED_ACK", "position", number(message->as.position));
    case HF_FRAME_TAKEN:
        return json_pack("{s:s,s:o}", "type", "TAKEN", "frames", number(message->as.position));
    case HF_FRAME_RENEW: return json_pack("{s:s}", "type", "RENEW");
    case HF_FRAME_CERTIFICATE:
        return json_pack("{s:s,s:o,s:o}", "type", "CERTIFICATE", "certificate",
                         hex_of(message->as.certificate.certificate), "text",
                         text_of(message->as.certificate.text));
    case HF_FRAME_HUBS:
        return json_pack("{s:s,s:o}", "type", "HUBS", "list", hex_of(message->as.hubs));
    case HF_FRAME_CREDIT:
        return json_pack("{s:s,s:i,s:o,s:o}", "type", "CREDIT", "lane", credit->lane, "entries",
                         number(credit->entries), "bytes", number(credit->bytes));
    case HF_FRAME_ERROR:
        return json_pack("{s:s,s:o,s:o}", "type", "ERROR", "code", number(farewell->code), "text",
                         text_of(farewell->text));
    case HF_FRAME_BYE:
        return json_pack("{s:s,s:o,s:o}", "type", "BYE", "code", number(farewell->code),
                         "retry_after_ms", number(farewell->retry_after_ms));
    case HF_FRAME_PROBE: return probe_json(&message->as.probe);
    case HF_FRAME_PROBED: return probed_json(&message->as.probe);
    default: return ping_json(message);
    }
}

static json_t *untimed_json(const hf_message *message)
{
    json_t *head;
    switch (message->type) {
    case HF_FRAME_HELLO: return hello_json(&message->as.hello);
    case HF_FRAME_HAD:
        return json_pack("{s:s,s:o}", "type", "HAD", "bits", hex_of(message->as.had));
    case HF_FRAME_WELCOME: return welcome_json(&message->as.welcome);
    case HF_FRAME_VECTOR: return vector_json(&message->as.vector);
    case HF_FRAME_ENTRIES:
        return json_pack("{s:s,s:o}", "type", "ENTRIES", "runs", runs_json(&message->as.feed.runs));
    case HF_FRAME_ORIGIN: return origin_json(&message->as.origin);
    case HF_FRAME_PUSH: return push_json(&message->as.push);
    case HF_FRAME_ACK: return ack_json(&message->as.ack);
    case HF_FRAME_FEED: return feed_json(&message->as.feed);
    case HF_FRAME_HEAD:
        head = head_json(&message->as.head);
        json_object_set_new(head, "type", json_string("HEAD"));
        return head;
    case HF_FRAME_HEADS: return heads_json(&message->as.heads);
    case HF_FRAME_OFFER: return offer_json(&message->as.offer);
    case HF_FRAME_WANT:
    case HF_FRAME_CHUNK: return chunk_json(message);
    case HF_FRAME_RELAY: return relay_json(&message->as.relay);
    case HF_FRAME_RENEW_FOR:
        return json_pack("{s:s,s:o}", "type", "RENEW_FOR", "key_id", HEX(message->as.key_id));
    case HF_FRAME_LACK: return lack_json(&message->as.lack);
    case HF_FRAME_REFILL: return refill_json(&message->as.refill);
    case HF_FRAME_ASK:
    case HF_FRAME_ASK_FOR: return asked_json(message);
    case HF_FRAME_CARRY:
    case HF_FRAME_CARRIED: return carried_json(message);
    case HF_FRAME_FETCH:
    case HF_FRAME_PIECE: return piece_json(message);
    case HF_FRAME_LEASE: return leased_json(message);
    case HF_FRAME_RECEIPT_FOR: return receipt_for_json(&message->as.reach);
    case HF_FRAME_RECEIPT: return receipt_json(&message->as.receipt);
    default: return small_json(message);
    }
}

static json_t *message_json(const hf_message *message)
{
    json_t *out = untimed_json(message);
    if (message->timed) json_object_set_new(out, "at", number(message->at_ms));
    return out;
}

/* ---- the vectors ---- */

typedef struct vector_case {
    const char *name;
    json_t *frame;
    hf_bytes raw;
} vector_case;

typedef void (*vector_check)(const vector_case *one);

static void each_vector(vector_check check)
{
    json_error_t error;
    json_t *vectors = json_load_file(HF_SOURCE_DIR "/tests/vectors/frames.json", 0, &error);
    assert_non_null(vectors);
    assert_true(json_array_size(vectors) >= 30);
    uint8_t bytes[HEX_MAX];
    size_t index;
    json_t *item;
    json_array_foreach(vectors, index, item)
    {
        vector_case one = {.name = json_string_value(json_object_get(item, "name")),
                           .frame = json_object_get(item, "frame"),
                           .raw = unhex(json_string_value(json_object_get(item, "hex")), bytes)};
        check(&one);
    }
    json_decref(vectors);
}

static void check_read(const vector_case *one)
{
    hf_message message;
    assert_int_equal(hf_message_read(one->raw, &message), HF_OK);
    json_t *read = message_json(&message);
    if (!json_equal(read, one->frame)) {
        char *text = json_dumps(read, JSON_COMPACT | JSON_SORT_KEYS);
        print_error("%s was read as %s\n", one->name, text);
        free(text);
        fail();
    }
    json_decref(read);
}

/* Each vector's bytes mean, field by field, what its JSON says. */
static void vectors_read_as_they_say(void **state)
{
    (void)state;
    each_vector(check_read);
}

static void check_write(const vector_case *one)
{
    hf_message message;
    hf_buffer again = {0};
    assert_int_equal(hf_message_read(one->raw, &message), HF_OK);
    hf_message_write(&again, &message);
    assert_int_equal(again.status, HF_OK);
    assert_true(hf_bytes_equal(hf_buffer_bytes(&again), one->raw));
    hf_buffer_free(&again);
}

static void vectors_are_written_to_the_same_bytes(void **state)
{
    (void)state;
    each_vector(check_write);
}

static void check_cut(const vector_case *one)
{
    hf_message message;
    for (size_t size = 0; size < one->raw.size; size++) {
        uint8_t *cut = malloc(size + 1); /* exact room, so that a sanitizer sees a read past it */
        memcpy(cut, one->raw.data, size);
        assert_int_not_equal(hf_message_read((hf_bytes){cut, size}, &message), HF_OK);
        assert_int_equal(message.type, HF_FRAME_NONE);
        free(cut);
    }
    uint8_t longer[HEX_MAX + 1];
    memcpy(longer, one->raw.data, one->raw.size);
    longer[one->raw.size] = 0;
    assert_int_equal(hf_message_read((hf_bytes){longer, one->raw.size + 1}, &message),
                     HF_ERR_PROTOCOL);
}

static void a_frame_cut_anywhere_is_refused(void **state)
{
    (void)state;
    each_vector(check_cut);
}

static void check_more(const vector_case *one)
{
    uint8_t more[HEX_MAX + 16 + HF_ORIGIN_SIZE];
    hf_message message;
    size_t size = one->raw.size;
    memcpy(more, one->raw.data, size);
    if (more[0] == 0x89 && more[1] == HF_FRAME_HELLO) { /* without its ninth item: null says so */
        more[0]++;
        more[size++] = 0xf6;
    }
    if (more[0] == 0x8d && more[1] == HF_FRAME_WELCOME) { /* the same: no former names */
        more[0]++;
        more[size++] = 0x80;
    }
    if (more[0] == 0x8e && more[1] == HF_FRAME_WELCOME) { /* this one says more */
        more[0]++;
        more[size++] = 0x50;
        memset(more + size, 7, HF_ORIGIN_SIZE);
        size += HF_ORIGIN_SIZE;
    }
    if (more[0] == 0x85 && more[1] == HF_FRAME_VECTOR) { /* one for each log */
        size_t logs = json_array_size(json_object_get(one->frame, "logs"));
        more[0]++;
        more[size++] = (uint8_t)(0x80 + logs);
        memset(more + size, 0, logs);
        size += logs;
    }
    if (more[0] == 0x83 && more[1] == HF_FRAME_VECTOR_DONE) { /* it says of no log */
        more[0]++;
        more[size++] = 0x40;
    }
    /* The next one of these is known, and a list. */
    bool is_list = (one->raw.data[1] == 0x18 && one->raw.data[2] == HF_FRAME_ASK) ||
                   (more[0] == 0x8c && more[1] == HF_FRAME_HELLO);
    more[0]++; /* one more item in the array */
    more[size++] = is_list ? 0x80 : 0x07;
    assert_int_equal(hf_message_read((hf_bytes){more, size}, &message), HF_OK);
    if (!json_object_get(one->frame, "centre") && message.type == HF_FRAME_WELCOME)
        message.as.welcome.has_centre = false;
    json_t *read = message_json(&message);
    if (!json_object_get(one->frame, "heads")) (void)json_object_del(read, "heads");
    /* In an ACK it is the time, which is one more item already. */
    if (!json_object_get(one->frame, "at")) (void)json_object_del(read, "at");
    if (!json_object_get(one->frame, "held")) (void)json_object_del(read, "held"); /* PROBED's */
    assert_true(json_equal(read, one->frame));
    json_decref(read);
    more[0] = (uint8_t)(one->raw.data[0] - 1); /* one item too few: trailing bytes, or no room */
    assert_int_not_equal(
        hf_message_read(one->raw.size ? (hf_bytes){more, one->raw.size} : one->raw, &message),
        HF_OK);
}

static void items_of_a_later_version_are_ignored(void **state)
{
    (void)state;
    each_vector(check_more);
}

/* Every single-bit change is refused or means another, well-formed frame: never a crash, and what
 * is accepted can be written again to the same bytes. */
static void check_flips(const vector_case *one)
{
    uint8_t *bytes = malloc(one->raw.size);
    for (size_t bit = 0; bit < one->raw.size * 8; bit++) {
        memcpy(bytes, one->raw.data, one->raw.size);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        hf_message message;
        hf_bytes raw = {bytes, one->raw.size};
        if (hf_message_read(raw, &message) != HF_OK || message.type == HF_FRAME_NONE) continue;
        hf_buffer again = {0};
        hf_message_write(&again, &message);
        /* A known frame with a longer array head has items that this version skips. */
        if (again.size == raw.size) assert_true(hf_bytes_equal(hf_buffer_bytes(&again), raw));
        hf_buffer_free(&again);
    }
    free(bytes);
}

static void a_flipped_bit_never_means_two_things(void **state)
{
    (void)state;
    each_vector(check_flips);
}

/* ---- single refusals ---- */

static hf_status read_hex(const char *hex, uint8_t *type)
{
    uint8_t bytes[HEX_MAX];
    hf_message message;
    hf_status status = hf_message_read(unhex(hex, bytes), &message);
    *type = message.type;
    return status;
}

static void unknown_frame_types_below_128_are_errors_and_above_ignored(void **state)
{
    (void)state;
    uint8_t type;
    assert_int_equal(read_hex("821818"
                              "01",
                              &type),
                     HF_ERR_PROTOCOL); /* 24 */
    assert_int_equal(read_hex("82187f"
                              "01",
                              &type),
                     HF_ERR_PROTOCOL); /* 127 */
    assert_int_equal(read_hex("821880"
                              "01",
                              &type),
                     HF_OK); /* 128 */
    assert_int_equal(type, HF_FRAME_NONE);
    assert_int_equal(read_hex("821880"
                              "1801",
                              &type),
                     HF_ERR_PROTOCOL); /* not shortest */
    assert_int_equal(read_hex("82183c"
                              "01",
                              &type),
                     HF_ERR_PROTOCOL); /* a Z in a Z */
}

static void non_canonical_frames_are_refused(void **state)
{
    (void)state;
    uint8_t type;
    assert_int_equal(read_hex("820d1864", &type), HF_OK); /* FEED_ACK 100 */
    assert_int_equal(read_hex("820d190064", &type), HF_ERR_PROTOCOL);
    assert_int_equal(read_hex("9f0d1864ff", &type), HF_ERR_PROTOCOL); /* indefinite */
    assert_int_equal(read_hex("820d20", &type), HF_ERR_PROTOCOL);     /* negative */
    assert_int_equal(read_hex("820d1bffffffffffffffff", &type), HF_ERR_PROTOCOL);
}

static void start_runs(hf_runs *runs, size_t count)
{
    static const uint8_t body[] = {0x80};
    for (size_t i = 0; i < count; i++)
        hf_runs_add(runs, (uint32_t)(i / 100), 1, (hf_bytes){body, sizeof body});
}

static void too_many_entries_are_a_limit_and_not_a_malformation(void **state)
{
    (void)state;
    hf_runs runs = {0};
    hf_buffer raw = {0};
    hf_message message = {.type = HF_FRAME_ENTRIES}, read;
    start_runs(&runs, HF_FRAME_ENTRIES_MAX);
    message.as.feed.runs = hf_runs_end(&runs);
    hf_message_write(&raw, &message);
    assert_int_equal(hf_message_read(hf_buffer_bytes(&raw), &read), HF_OK);
    hf_runs_clear(&runs);
    hf_buffer_clear(&raw);
    start_runs(&runs, HF_FRAME_ENTRIES_MAX + 1);
    message.as.feed.runs = hf_runs_end(&runs);
    hf_message_write(&raw, &message);
    assert_int_equal(hf_message_read(hf_buffer_bytes(&raw), &read), HF_ERR_LIMIT);
    hf_runs_free(&runs);
    hf_buffer_free(&raw);
}

static hf_status read_vector_of(const hf_held *held, size_t count, bool to)
{
    hf_buffer items = {0}, raw = {0};
    for (size_t i = 0; i < count; i++) hf_write_held(&items, &held[i]);
    hf_message message = {.type = HF_FRAME_VECTOR}, read;
    message.as.vector = (hf_vector){.logs = {hf_buffer_bytes(&items), count}};
    if (to) message.as.vector.to = (hf_log_name){.set = true, .origin = {{5}}, .lane = 3};
    hf_message_write(&raw, &message);
    hf_status status = hf_message_read(hf_buffer_bytes(&raw), &read);
    hf_buffer_free(&items);
    hf_buffer_free(&raw);
    return status;
}

static void vectors_must_ascend_and_stay_in_their_range(void **state)
{
    (void)state;
    const hf_held two[] = {{{true, {{5}}, 1}, 9}, {{true, {{5}}, 3}, 9}};
    const hf_held twice[] = {{{true, {{5}}, 1}, 9}, {{true, {{5}}, 1}, 9}};
    const hf_held down[] = {{{true, {{6}}, 1}, 9}, {{true, {{5}}, 3}, 9}};
    const hf_held outside[] = {{{true, {{5}}, 4}, 9}};
    assert_int_equal(read_vector_of(two, 2, true), HF_OK);
    assert_int_equal(read_vector_of(twice, 2, false), HF_ERR_PROTOCOL);
    assert_int_equal(read_vector_of(down, 2, false), HF_ERR_PROTOCOL);
    assert_int_equal(read_vector_of(outside, 1, true), HF_ERR_PROTOCOL);
}

static void a_feed_never_runs_backwards(void **state)
{
    (void)state;
    hf_buffer raw = {0};
    hf_message message = {.type = HF_FRAME_FEED}, read;
    message.as.feed = (hf_feed){.from = 9, .to = 8};
    hf_message_write(&raw, &message);
    assert_int_equal(hf_message_read(hf_buffer_bytes(&raw), &read), HF_ERR_PROTOCOL);
    hf_buffer_free(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_read_as_they_say),
        cmocka_unit_test(vectors_are_written_to_the_same_bytes),
        cmocka_unit_test(a_frame_cut_anywhere_is_refused),
        cmocka_unit_test(items_of_a_later_version_are_ignored),
        cmocka_unit_test(a_flipped_bit_never_means_two_things),
        cmocka_unit_test(unknown_frame_types_below_128_are_errors_and_above_ignored),
        cmocka_unit_test(non_canonical_frames_are_refused),
        cmocka_unit_test(too_many_entries_are_a_limit_and_not_a_malformation),
        cmocka_unit_test(vectors_must_ascend_and_stay_in_their_range),
        cmocka_unit_test(a_feed_never_runs_backwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
