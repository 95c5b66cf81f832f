/* pair.c: see pair.h. Every failed expectation ends the test where it stands. */
#include "pair.h"

#include "sync/control.h"
#include "sync/embedded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS_MAX = 64 * 1000, T0_MS = 1000000, CRIME = 16, SUMMARY = 27 };

static const uint64_t T0_WALL_MS = 1571659200000;

uint64_t pair_wall_ms(const pair_world *pair)
{
    return T0_WALL_MS + pair->now_ms;
}

hf_status pair_try_open(pair_world *pair, pair_node *node)
{
    char path[128], problem[512] = "";
    bool real = pair->folder != NULL, is_hub = node == &pair->hub_node;
    snprintf(path, sizeof path, "%s%s%s.db", real ? pair->folder : "", real ? "/" : "", node->name);
    hf_store_options options = {.path = path,
                                .vfs = real ? NULL : sim_disk_name(node->disk),
                                .ending = pair->ending,
                                .crypto = &node->crypto.table,
                                .is_hub = is_hub};
    hf_status status = hf_store_open(&options, &node->store, problem, sizeof problem);
    if (status != HF_OK && !pair->faults) print_error("%s: %s\n", node->name, problem);
    hf_hub_options hub = {.implementation = "test hub",
                          .peers_max = PAIR_EDGES_MAX,
                          .authority = &pair->authority,
                          .snapshot_behind_min = pair->behind_min,
                          .snapshot_chunk_size = pair->chunk_size};
    hf_edge_options edge = {.implementation = "test edge"};
    if (status == HF_OK)
        status = is_hub ? hf_hub_new(node->store, &hub, &pair->hub)
                        : hf_edge_new(node->store, &edge, &node->edge);
    if (status != HF_OK) pair_shut(pair, node);
    return status;
}

void pair_open(pair_world *pair, pair_node *node)
{
    assert_int_equal(pair_try_open(pair, node), HF_OK);
}

static hf_status issue(void *context, const hf_certificate_wish *wish, uint8_t *out, size_t *size)
{
    pair_world *pair = context;
    assert_true(*size >= SIM_CERTIFICATE_SIZE);
    if (pair->life_ms == 0) return HF_ERR_IO;
    sim_certify(wish->public_key, wish->name, false,
                (hf_validity){wish->wall_ms, wish->wall_ms + pair->life_ms}, out);
    *size = SIM_CERTIFICATE_SIZE;
    pair->issued++;
    return HF_OK;
}

static void certify(pair_world *pair, pair_node *node)
{
    uint8_t der[SIM_CERTIFICATE_SIZE];
    uint64_t wall_ms = pair_wall_ms(pair);
    sim_certify((hf_bytes){node->crypto.key, SIM_KEY_SIZE}, node->name, false,
                (hf_validity){wall_ms, wall_ms + pair->life_ms}, der);
    sim_crypto_take(&node->crypto, (hf_bytes){der, sizeof der});
}

/* What the platform does with a new certificate. */
static void take_certificate(pair_world *pair, pair_node *node)
{
    hf_bytes der;
    if (!hf_edge_certificate(node->edge, &der)) return;
    if (!pair->disk_is_full) sim_crypto_take(&node->crypto, der);
    hf_edge_certificate_kept(node->edge, !pair->disk_is_full);
}

static void node_init(pair_node *node, const char *name, bool is_hub)
{
    snprintf(node->name, sizeof node->name, "%s", name);
    node->disk = sim_disk_new(name, 7);
    assert_non_null(node->disk);
    sim_crypto_init(&node->crypto, 42, name, is_hub);
}

static const char *const BEAT[] = {"beat"};

pair_world *pair_new(size_t edge_count)
{
    return pair_new_certified(edge_count, 0);
}

pair_world *pair_new_certified(size_t edge_count, uint64_t life_ms)
{
    return pair_new_with(&(pair_options){
        .edge_count = edge_count, .scopes = BEAT, .scope_count = 1, .life_ms = life_ms});
}

pair_world *pair_new_with(const pair_options *options)
{
    size_t edge_count = options->edge_count;
    pair_world *pair = calloc(1, sizeof *pair);
    assert_non_null(pair);
    pair->now_ms = T0_MS;
    pair->edge_count = edge_count;
    pair->folder = options->folder;
    pair->ending = HF_ENDING_QUIET;
    pair->authority = (hf_authority){.context = pair, .issue = issue};
    pair->life_ms = options->life_ms ? options->life_ms : PAIR_WALL_MS_PER_DAY;
    assert_int_equal(hf_deflater_new(&pair->deflater), HF_OK);
    node_init(&pair->hub_node, "hub", true);
    pair_open(pair, &pair->hub_node);
    assert_int_equal(hf_hub_publish_pack(pair->hub, (hf_bytes){hf_pack_police, hf_pack_police_size},
                                         pair_wall_ms(pair)),
                     HF_OK);
    for (size_t i = 0; i < edge_count; i++) {
        char name[32];
        snprintf(name, sizeof name, "edge%zu", i);
        pair_node *node = &pair->nodes[i];
        node_init(node, name, false);
        if (options->life_ms) certify(pair, node);
        const char *const own[] = {node->name};
        hf_registration device = {.name = name,
                                  .force = "Avon",
                                  .unit = "Central",
                                  .scopes = options->apart ? own : options->scopes,
                                  .scope_count = options->apart ? 1 : options->scope_count,
                                  .certificate = node->crypto.table.own_certificate};
        assert_int_equal(
            hf_hub_register(pair->hub, node->crypto.table.own_key_id, &device, pair_wall_ms(pair)),
            HF_OK);
        pair_open(pair, &pair->nodes[i]);
    }
    pair_run(pair); /* they learn their scopes and the pack: until then nothing can be written */
    pair_count_from_here(pair);
    return pair;
}

void pair_count_from_here(pair_world *pair)
{
    memset(pair->frames, 0, sizeof pair->frames);
    memset(pair->bytes, 0, sizeof pair->bytes);
}

void pair_cut(pair_world *pair, size_t edge)
{
    pair_node *node = &pair->nodes[edge];
    if (!node->peer) return;
    hf_hub_link_down(pair->hub, node->peer, pair->now_ms);
    node->peer = NULL;
    if (node->edge) hf_edge_link_down(node->edge, pair->now_ms);
}

void pair_shut(pair_world *pair, pair_node *node)
{
    for (size_t i = 0; i < pair->edge_count; i++)
        if (node == &pair->nodes[i] || node == &pair->hub_node) pair_cut(pair, i);
    hf_edge_free(node->edge);
    if (node == &pair->hub_node) hf_hub_free(pair->hub);
    if (node == &pair->hub_node) pair->hub = NULL;
    hf_store_close(node->store);
    node->edge = NULL;
    node->store = NULL;
}

void pair_power_cut(pair_world *pair, pair_node *node)
{
    pair_shut(pair, node);
    sim_disk_revive(node->disk, true);
    pair_open(pair, node);
}

void pair_new_disk(pair_world *pair, pair_node *node)
{
    pair_shut(pair, node);
    sim_disk_free(node->disk);
    node->disk = sim_disk_new(node->name, 7);
    assert_non_null(node->disk);
    pair_open(pair, node);
}

void pair_free(pair_world *pair)
{
    for (size_t i = 0; i < pair->edge_count; i++) pair_shut(pair, &pair->nodes[i]);
    pair_shut(pair, &pair->hub_node);
    for (size_t i = 0; i < pair->edge_count; i++) sim_disk_free(pair->nodes[i].disk);
    sim_disk_free(pair->hub_node.disk);
    hf_deflater_free(pair->deflater);
    hf_buffer_free(&pair->scratch);
    free(pair);
}

/* ---- links ---- */

/* Where all works a failure ends the test; where memory and disks fail it ends the link. */
static bool fine(pair_world *pair, hf_status status)
{
    if (!pair->faults) assert_int_equal(status, HF_OK);
    pair->troubles |= 1u << status;
    return status == HF_OK;
}

/* One that bad bytes may end, too: the session then says goodbye by itself. */
static bool took(pair_world *pair, hf_status status)
{
    return fine(pair, !pair->faults && (status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT)
                          ? HF_OK
                          : status);
}

/* Counts the frame and shows it to the tap; false when it is to be dropped. */
static bool look(pair_world *pair, size_t edge, pair_way way, hf_bytes message)
{
    if (pair->faults) return true; /* to look takes memory */
    hf_bytes raw;
    hf_message frame;
    pair->bytes[way] += message.size;
    assert_int_equal(hf_frame_open(pair->deflater, message, &pair->scratch, &raw), HF_OK);
    assert_int_equal(hf_message_read(raw, &frame), HF_OK);
    pair->frames[way][frame.type % 64]++;
    return !pair->tap || pair->tap(pair, edge, way, &frame);
}

static bool pump_up(pair_world *pair, size_t edge)
{
    pair_node *node = &pair->nodes[edge];
    bool any = false;
    hf_bytes message;
    while (node->peer) {
        if (!fine(pair, hf_edge_send(node->edge, pair->now_ms, &message))) pair_cut(pair, edge);
        if (message.size == 0) break;
        any = true;
        if (!look(pair, edge, PAIR_UP, message)) continue;
        if (!took(pair, hf_hub_recv(pair->hub, node->peer, message, pair->now_ms)))
            pair_cut(pair, edge);
    }
    if (node->peer && hf_edge_wants_close(node->edge)) pair_cut(pair, edge);
    return any;
}

static bool pump_down(pair_world *pair, hf_peer *peer)
{
    size_t edge = (size_t)((pair_node *)hf_peer_context(peer) - pair->nodes);
    pair_node *node = &pair->nodes[edge];
    if (node->stuck_down) return false;
    bool any = false;
    hf_bytes message;
    while (node->peer) {
        if (!fine(pair, hf_hub_send(pair->hub, peer, pair->now_ms, &message))) pair_cut(pair, edge);
        if (message.size == 0) break;
        any = true;
        if (!look(pair, edge, PAIR_DOWN, message)) continue;
        if (!took(pair, hf_edge_recv(node->edge, message, pair->now_ms))) pair_cut(pair, edge);
    }
    if (!node->peer || !hf_hub_wants_close(pair->hub, peer)) return any;
    node->closed_by_hub = true;
    (void)fine(pair, hf_edge_turn(node->edge, pair->now_ms, pair_wall_ms(pair) + node->ahead_ms));
    pair_cut(pair, edge);
    return true;
}

static void dial(pair_world *pair, pair_node *node)
{
    if (node->peer || node->offline || !hf_edge_wants_link(node->edge, pair->now_ms)) return;
    hf_status status =
        hf_hub_link_up(pair->hub, node->crypto.table.own_key_id, sim_crypto_validity(&node->crypto),
                       pair->now_ms, &node->peer);
    if (status != HF_OK) {
        pair->troubles |= 1u << status;
        hf_edge_link_down(node->edge, pair->now_ms);
        return;
    }
    hf_peer_set_context(node->peer, node);
    hf_edge_link_up(node->edge, NULL, pair->now_ms);
}

static bool step(pair_world *pair)
{
    bool any = false;
    pair->now_ms++;
    for (size_t i = 0; i < pair->edge_count; i++) {
        pair_node *node = &pair->nodes[i];
        if (!node->edge) continue;
        dial(pair, node);
        if (!fine(pair,
                  hf_edge_turn(node->edge, pair->now_ms, pair_wall_ms(pair) + node->ahead_ms)))
            pair_cut(pair, i);
        take_certificate(pair, node);
        any |= pump_up(pair, i);
    }
    if (!pair->hub) return any;
    (void)fine(pair, hf_hub_turn(pair->hub, pair->now_ms, pair_wall_ms(pair)));
    for (hf_peer *peer; (peer = hf_hub_next_ready(pair->hub)) != NULL;)
        any |= pump_down(pair, peer);
    return any || hf_hub_deadline_ms(pair->hub) == 0; /* it has more to do, and says nothing yet */
}

void pair_step(pair_world *pair)
{
    (void)step(pair);
}

/* Goes on while frames flow, and past the moment at which the last head is due. */
void pair_run(pair_world *pair)
{
    unsigned quiet = 0, steps = 0;
    while (quiet < 2) {
        assert_true(++steps < STEPS_MAX); /* else they talk without end */
        if (step(pair)) {
            quiet = 0;
        } else {
            quiet++;
            pair->now_ms += HF_HEAD_INTERVAL_MS;
        }
    }
}

void pair_wait(pair_world *pair, uint64_t ms)
{
    uint64_t until_ms = pair->now_ms + ms;
    while (pair->now_ms < until_ms) {
        pair_run(pair);
        pair->now_ms += 1000;
    }
    pair_run(pair);
}

hf_status pair_tell(pair_world *pair, size_t edge, hf_buffer *raw)
{
    hf_buffer sealed = {0};
    assert_int_equal(raw->status, HF_OK);
    assert_int_equal(hf_frame_seal(pair->deflater, hf_buffer_bytes(raw), &sealed), HF_OK);
    hf_status status = hf_edge_recv(pair->nodes[edge].edge, hf_buffer_bytes(&sealed), pair->now_ms);
    hf_buffer_free(&sealed);
    return status;
}

hf_status pair_say(pair_world *pair, size_t edge, hf_buffer *raw)
{
    hf_buffer sealed = {0};
    assert_int_equal(raw->status, HF_OK);
    assert_int_equal(hf_frame_seal(pair->deflater, hf_buffer_bytes(raw), &sealed), HF_OK);
    assert_non_null(pair->nodes[edge].peer);
    hf_status status =
        hf_hub_recv(pair->hub, pair->nodes[edge].peer, hf_buffer_bytes(&sealed), pair->now_ms);
    hf_buffer_free(&sealed);
    return status;
}

/* ---- writing and reading ---- */

uint32_t pair_scope(pair_world *pair)
{
    if (pair->hub)
        assert_int_equal(hf_scope_by_name(pair->hub_node.store, "beat", &pair->beat), HF_OK);
    return pair->beat;
}

/* `scope` 0: a record that is there already. */
static void write_field(pair_world *pair, size_t edge, hf_record_id *record, uint32_t scope,
                        uint32_t field, const char *text)
{
    hf_store *store = pair->nodes[edge].store;
    hf_author author = {.actor = "PC 4411 Rees", .wall_ms = pair_wall_ms(pair), .quality = 3};
    hf_txn *txn;
    hf_buffer value = {0};
    assert_int_equal(hf_txn_begin(store, &author, &txn), HF_OK);
    if (scope) assert_int_equal(hf_txn_new_id(txn, CRIME, record), HF_OK);
    hf_write_string(&value, text);
    hf_change change = {.record = *record,
                        .scope = scope,
                        .field = field,
                        .kind = HF_CHANGE_SET,
                        .value = hf_buffer_bytes(&value)};
    hf_status status = hf_txn_change(txn, &change);
    if (status != HF_OK) print_error("%s\n", hf_store_problem(store));
    assert_int_equal(status, HF_OK);
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    hf_buffer_free(&value);
}

hf_record_id pair_crime_in(pair_world *pair, size_t edge, uint32_t scope, const char *summary)
{
    hf_record_id record = {.type = CRIME};
    write_field(pair, edge, &record, scope, SUMMARY, summary);
    return record;
}

hf_record_id pair_crime(pair_world *pair, size_t edge, const char *summary)
{
    return pair_crime_in(pair, edge, pair_scope(pair), summary);
}

void pair_set(pair_world *pair, size_t edge, const hf_record_id *record, uint32_t field,
              const char *text)
{
    hf_record_id copy = *record;
    write_field(pair, edge, &copy, 0, field, text);
}

const char *pair_summary(hf_store *store, const hf_record_id *record)
{
    static char text[256];
    hf_view *view;
    text[0] = 0;
    if (hf_store_get(store, record, &view) != HF_OK) return text;
    for (size_t i = 0; i < hf_view_field_count(view); i++) {
        const hf_field_view *field = hf_view_field(view, i);
        if (field->number != SUMMARY || field->value_count == 0) continue;
        hf_reader reader = hf_reader_open(field->values[0].value);
        hf_bytes value = hf_read_text(&reader);
        snprintf(text, sizeof text, "%.*s", (int)value.size, (const char *)value.data);
    }
    hf_view_free(view);
    return text;
}

bool pair_equal(pair_world *pair)
{
    uint8_t hub[HF_HASH_SIZE], edge[HF_HASH_SIZE];
    uint32_t scope = pair_scope(pair);
    assert_int_equal(hf_store_digest(pair->hub_node.store, scope, hub), HF_OK);
    for (size_t i = 0; i < pair->edge_count; i++) {
        if (!pair->nodes[i].store) continue;
        assert_int_equal(hf_store_digest(pair->nodes[i].store, scope, edge), HF_OK);
        if (memcmp(hub, edge, sizeof hub) != 0) return false;
    }
    return true;
}

/* ---- forging ---- */

static void write_part(hf_buffer *out, const pair_forged *entry, uint8_t number)
{
    static const uint8_t salt[8] = {1};
    /* a record of its own: many live writes of one field would be another attack */
    const uint8_t id[16] = {0x01, 0x92, (uint8_t)(entry->seq >> 8), (uint8_t)entry->seq, number};
    hf_buffer ops = {0};
    hf_write_raw(&ops, (hf_bytes){salt, sizeof salt});
    hf_write_array(&ops, 4);
    hf_write_uint(&ops, entry->type);
    hf_write_bytes(&ops, id, sizeof id);
    hf_write_array(&ops, entry->cites > 0);
    if (entry->cites) {
        hf_write_array(&ops, 2);
        hf_write_bytes(&ops, id, sizeof id);
        hf_write_uint(&ops, HF_LANE_CRIME);
    }
    hf_write_array(&ops, 1);
    hf_write_array(&ops, 3);
    hf_write_uint(&ops, entry->bad_delete ? 0 : SUMMARY);
    hf_write_array(&ops, entry->cites);
    for (uint8_t i = 0; i < entry->cites; i++) {
        hf_write_array(&ops, 3);
        hf_write_uint(&ops, 1);
        hf_write_uint(&ops, 1u + i);
        hf_write_bytes(&ops, id, 4);
    }
    hf_write_string(&ops, "forged");
    hf_write_bytes(out, ops.data, ops.size);
    hf_buffer_free(&ops);
}

static void write_forged(hf_buffer *out, const pair_forged *entry)
{
    hf_write_array(out, 9);
    hf_write_uint(out, entry->seq);
    hf_write_uint(out, entry->pseq);
    hf_write_uint(out, entry->scope);
    hf_write_uint(out, 1571659200000ull << 16);
    hf_write_uint(out, 3);
    hf_write_uint(out, 1);
    hf_write_string(out, "nobody");
    hf_write_null(out);
    hf_write_array(out, 1u + entry->more_records);
    for (unsigned i = 0; i <= entry->more_records; i++) write_part(out, entry, (uint8_t)i);
}

hf_status pair_forge(pair_world *pair, size_t edge, const pair_forged *entries, size_t count)
{
    hf_buffer bodies = {0}, raw = {0};
    for (size_t i = 0; i < count; i++) write_forged(&bodies, &entries[i]);
    hf_message message = {.type = HF_FRAME_PUSH};
    message.as.push =
        (hf_push){.lane = entries[0].lane, .bodies = {hf_buffer_bytes(&bodies), count}};
    hf_message_write(&raw, &message);
    hf_status status = pair_say(pair, edge, &raw);
    hf_buffer_free(&bodies);
    hf_buffer_free(&raw);
    return status;
}
