/* tiers.c: see tiers.h. Every failed expectation ends the test where it stands. */
#include "tiers.h"

#include "sync/control.h"
#include "sync/embedded.h"
#include "sync/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS_MAX = 4000, T0_MS = 1000000, CRIME = 16, SUMMARY = 27 };

static const uint64_t T0_WALL_MS = 1571659200000;
static const char *const BEAT[] = {"beat"};
static const char *const STATIONS[] = {"beat", "yard"};

uint64_t tiers_wall_ms(const tiers *t)
{
    return T0_WALL_MS + t->now_ms;
}

static hf_status issue(void *context, const hf_certificate_wish *wish, uint8_t *out, size_t *size)
{
    (void)context;
    hf_validity valid = {wish->wall_ms, wish->wall_ms + 24ull * 60 * 60 * 1000};
    sim_certify(wish->public_key, wish->name, wish->address_count ? SIM_STATION : SIM_DEVICE, valid,
                out);
    *size = SIM_CERTIFICATE_SIZE;
    return HF_OK;
}

/* ---- processes ---- */

void tiers_open(tiers *t, size_t index)
{
    tier_node *node = &t->nodes[index];
    char path[64], problem[512] = "";
    bool is_hub = index == TIERS_CENTRE || node->is_station;
    bool is_station = node->is_station && !node->promoted;
    snprintf(path, sizeof path, "%s.db", node->name);
    hf_store_options options = {.path = path,
                                .vfs = sim_disk_name(node->disk),
                                .ending = HF_ENDING_QUIET,
                                .crypto = &node->crypto.table,
                                .is_hub = is_hub};
    hf_status status = hf_store_open(&options, &node->store, problem, sizeof problem);
    if (status != HF_OK) print_error("%s: %s\n", node->name, problem);
    assert_int_equal(status, HF_OK);
    hf_hub_options hub = {.implementation = "test hub",
                          .peers_max = TIERS_NODES_MAX,
                          .authority = is_station ? NULL : &t->authority,
                          .station = is_station};
    hf_edge_options edge = {.implementation = "test edge"};
    if (is_hub)
        assert_int_equal(hf_hub_new(node->store, &hub, &node->hub), HF_OK);
    else
        assert_int_equal(hf_edge_new(node->store, &edge, &node->edge), HF_OK);
    if (is_station) node->edge = hf_hub_upstream(node->hub);
}

void tiers_cut(tiers *t, size_t index)
{
    tier_node *node = &t->nodes[index];
    if (!node->peer) return;
    hf_hub_link_down(t->nodes[node->at].hub, node->peer, t->now_ms);
    node->peer = NULL;
    if (node->edge) hf_edge_link_down(node->edge, t->now_ms);
}

void tiers_shut(tiers *t, size_t index)
{
    tier_node *node = &t->nodes[index];
    for (size_t i = 0; i < t->count; i++)
        if (i == index || t->nodes[i].at == index) tiers_cut(t, i);
    if (!node->hub) hf_edge_free(node->edge);
    hf_hub_free(node->hub);
    hf_store_close(node->store);
    node->hub = NULL;
    node->edge = NULL;
    node->store = NULL;
}

void tiers_power_cut(tiers *t, size_t index)
{
    tiers_shut(t, index);
    sim_disk_revive(t->nodes[index].disk, true);
    tiers_open(t, index);
}

void tiers_promote(tiers *t, size_t station)
{
    tier_node *node = &t->nodes[station];
    const hf_crypto *crypto = &node->crypto.table;
    uint8_t centre[SIM_CERTIFICATE_SIZE];
    hf_certificate own;
    assert_int_equal(crypto->certificate(crypto->context, crypto->own_certificate, &own), HF_OK);
    sim_certify((hf_bytes){own.public_key, own.public_key_size}, own.name, SIM_CENTRE, own.valid,
                centre);
    sim_crypto_take(&node->crypto, (hf_bytes){centre, sizeof centre});
    node->promoted = true;
    tiers_open(t, station);
    hf_hubs_wish wish = {.name = node->name, .address = "north.example:7443"};
    assert_int_equal(hf_hub_promote(node->hub, &wish, "Sgt Khan", tiers_wall_ms(t)), HF_OK);
}

void tiers_go_to(tiers *t, size_t node, size_t hub)
{
    tiers_cut(t, node);
    t->nodes[node].at = hub;
}

sim_image *tiers_image(tiers *t, size_t index, const char *except)
{
    tiers_shut(t, index);
    sim_image *image = sim_disk_copy(t->nodes[index].disk, except);
    assert_non_null(image);
    tiers_open(t, index);
    return image;
}

void tiers_set_back(tiers *t, size_t index, sim_image *image)
{
    tiers_shut(t, index);
    assert_true(sim_disk_restore(t->nodes[index].disk, image));
    sim_image_free(image);
    tiers_open(t, index);
}

static void node_init(tiers *t, const char *name, sim_rank rank)
{
    tier_node *node = &t->nodes[t->count++];
    snprintf(node->name, sizeof node->name, "%s", name);
    node->disk = sim_disk_new(name, 7);
    assert_non_null(node->disk);
    node->is_station = rank == SIM_STATION;
    sim_crypto_init(&node->crypto, 42, name, rank);
}

void tiers_enrol(tiers *t, size_t index, const char *const *scopes, size_t scope_count)
{
    static const char *const addresses[] = {"north.example:7443"};
    tier_node *node = &t->nodes[index];
    hf_registration wish = {.name = node->name,
                            .force = "Avon",
                            .unit = "Central",
                            .scopes = scopes,
                            .scope_count = scope_count,
                            .certificate = node->crypto.table.own_certificate,
                            .addresses = addresses,
                            .address_count = node->is_station};
    assert_int_equal(hf_hub_register(t->nodes[TIERS_CENTRE].hub, node->crypto.table.own_key_id,
                                     &wish, tiers_wall_ms(t)),
                     HF_OK);
}

tiers *tiers_new_in(size_t edge_count, const char *const *scopes, size_t scope_count)
{
    tiers *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->now_ms = T0_MS;
    t->authority = (hf_authority){.context = t, .issue = issue};
    assert_int_equal(hf_deflater_new(&t->deflater), HF_OK);
    node_init(t, "centre", SIM_CENTRE);
    node_init(t, "north", SIM_STATION);
    tiers_open(t, TIERS_CENTRE);
    assert_int_equal(hf_hub_publish_pack(t->nodes[TIERS_CENTRE].hub,
                                         (hf_bytes){hf_pack_police, hf_pack_police_size},
                                         tiers_wall_ms(t)),
                     HF_OK);
    tiers_enrol(t, TIERS_STATION, scopes, scope_count);
    for (size_t i = 0; i < edge_count; i++) {
        char name[32];
        snprintf(name, sizeof name, "edge%zu", i);
        node_init(t, name, SIM_DEVICE);
        tiers_enrol(t, TIERS_EDGE + i, scopes, scope_count);
    }
    assert_int_equal(hf_scope_by_name(t->nodes[TIERS_CENTRE].store, "beat", &t->beat), HF_OK);
    tiers_open(t, TIERS_STATION);
    tiers_run(t);
    for (size_t i = 0; i < edge_count; i++) {
        tiers_open(t, TIERS_EDGE + i);
        t->nodes[TIERS_EDGE + i].at = TIERS_STATION;
    }
    tiers_wait(t, 4 * HF_ASK_AGAIN_MS); /* each has numbers, and more are in stock for it */
    memset(t->up, 0, sizeof t->up);
    memset(t->down, 0, sizeof t->down);
    return t;
}

tiers *tiers_new(size_t edge_count)
{
    return tiers_new_in(edge_count, BEAT, 1);
}

size_t tiers_add_station(tiers *t, const char *name)
{
    size_t index = t->count;
    node_init(t, name, SIM_STATION);
    tiers_enrol(t, index, STATIONS, 2);
    tiers_open(t, index);
    tiers_wait(t, 3 * HF_REDIAL_MIN_MS);
    return index;
}

size_t tiers_add_device(tiers *t, const char *name, const char *const *scopes, size_t hub)
{
    size_t index = t->count, count = 0;
    while (scopes[count]) count++;
    node_init(t, name, SIM_DEVICE);
    tiers_enrol(t, index, scopes, count);
    tiers_open(t, index);
    t->nodes[index].at = hub;
    tiers_wait(t, 3 * HF_REDIAL_MIN_MS);
    return index;
}

void tiers_free(tiers *t)
{
    for (size_t i = t->count; i-- > 0;) tiers_shut(t, i);
    for (size_t i = 0; i < t->count; i++) sim_disk_free(t->nodes[i].disk);
    hf_deflater_free(t->deflater);
    hf_buffer_free(&t->scratch);
    free(t);
}

/* ---- links ---- */

/* What is to be handed on: the message, or what the tap made of it. False: nothing. */
static bool look(tiers *t, size_t index, bool down, hf_bytes *message, hf_buffer *sealed)
{
    hf_bytes raw;
    hf_message frame;
    hf_buffer instead = {0};
    assert_int_equal(hf_frame_open(t->deflater, *message, &t->scratch, &raw), HF_OK);
    assert_int_equal(hf_message_read(raw, &frame), HF_OK);
    (down ? t->down : t->up)[frame.type % 64]++;
    t->bytes[index] += message->size;
    if (frame.type == HF_FRAME_RELAY) t->relayed += frame.as.relay.bodies.count;
    bool passes = !t->tap || t->tap(t, index, down, &frame, &instead);
    if (passes && instead.size) {
        assert_int_equal(hf_frame_seal(t->deflater, hf_buffer_bytes(&instead), sealed), HF_OK);
        *message = hf_buffer_bytes(sealed);
    }
    hf_buffer_free(&instead);
    return passes;
}

static void fine(hf_status status)
{
    if (status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT) return; /* the session says goodbye */
    assert_int_equal(status, HF_OK);
}

static bool pump_up(tiers *t, size_t index)
{
    tier_node *node = &t->nodes[index];
    bool any = false;
    hf_buffer sealed = {0};
    while (node->peer) {
        hf_bytes message;
        assert_int_equal(hf_edge_send(node->edge, t->now_ms, &message), HF_OK);
        if (message.size == 0) break;
        any = true;
        if (look(t, index, false, &message, &sealed))
            fine(hf_hub_recv(t->nodes[node->at].hub, node->peer, message, t->now_ms));
    }
    hf_buffer_free(&sealed);
    if (node->peer && hf_edge_wants_close(node->edge)) tiers_cut(t, index);
    return any;
}

static bool pump_down(tiers *t, hf_hub *hub, hf_peer *peer)
{
    size_t index = (size_t)((tier_node *)hf_peer_context(peer) - t->nodes);
    tier_node *node = &t->nodes[index];
    bool any = false;
    hf_buffer sealed = {0};
    while (node->peer) {
        hf_bytes message;
        assert_int_equal(hf_hub_send(hub, peer, t->now_ms, &message), HF_OK);
        if (message.size == 0) break;
        any = true;
        if (look(t, index, true, &message, &sealed))
            fine(hf_edge_recv(node->edge, message, t->now_ms));
    }
    hf_buffer_free(&sealed);
    if (!node->peer || !hf_hub_wants_close(hub, peer)) return any;
    if (!node->is_station) fine(hf_edge_turn(node->edge, t->now_ms, tiers_wall_ms(t)));
    tiers_cut(t, index);
    return true;
}

static void dial(tiers *t, size_t index)
{
    tier_node *node = &t->nodes[index];
    tier_node *hub = &t->nodes[node->at];
    if (!node->edge || node->peer || !hf_edge_wants_link(node->edge, t->now_ms)) return;
    hf_status status = HF_ERR_IO;
    if (!node->offline && hub->hub)
        status = hf_hub_link_up(hub->hub, node->crypto.table.own_key_id,
                                sim_crypto_validity(&node->crypto), t->now_ms, &node->peer);
    if (status != HF_OK) {
        hf_edge_link_down(node->edge, t->now_ms);
        return;
    }
    hf_certificate facts;
    hf_peer_set_context(node->peer, node);
    assert_int_equal(
        hub->crypto.table.certificate(&hub->crypto, hub->crypto.table.own_certificate, &facts),
        HF_OK);
    hf_edge_link_up(node->edge, &facts, t->now_ms);
}

bool tiers_step(tiers *t)
{
    bool any = false;
    t->now_ms++;
    for (size_t i = TIERS_STATION; i < t->count; i++) {
        dial(t, i);
        tier_node *node = &t->nodes[i];
        if (node->edge && !node->hub)
            assert_int_equal(hf_edge_turn(node->edge, t->now_ms, tiers_wall_ms(t)), HF_OK);
        if (node->edge) any |= pump_up(t, i);
    }
    for (size_t i = 0; i < t->count; i++) {
        hf_hub *hub = t->nodes[i].hub;
        if (!hub) continue;
        assert_int_equal(hf_hub_turn(hub, t->now_ms, tiers_wall_ms(t)), HF_OK);
        for (hf_peer *peer; (peer = hf_hub_next_ready(hub)) != NULL;)
            any |= pump_down(t, hub, peer);
    }
    return any;
}

/* Goes on while frames flow, and past the moment at which the last head is due. */
void tiers_run(tiers *t)
{
    unsigned quiet = 0, steps = 0;
    while (quiet < 3) {
        assert_true(++steps < STEPS_MAX); /* else they talk without end */
        if (tiers_step(t)) {
            quiet = 0;
        } else {
            quiet++;
            t->now_ms += HF_HEAD_INTERVAL_MS;
        }
    }
}

void tiers_wait(tiers *t, uint64_t ms)
{
    uint64_t until_ms = t->now_ms + ms;
    while (t->now_ms < until_ms) {
        tiers_run(t);
        t->now_ms += 1000;
    }
    tiers_run(t);
}

/* ---- writing and reading ---- */

static void write_summary(tiers *t, size_t index, hf_record_id *record, bool fresh,
                          const char *text)
{
    hf_store *store = t->nodes[index].store;
    hf_author author = {.actor = "PC 4411 Rees", .wall_ms = tiers_wall_ms(t), .quality = 3};
    hf_txn *txn;
    hf_buffer value = {0};
    assert_int_equal(hf_txn_begin(store, &author, &txn), HF_OK);
    if (fresh) assert_int_equal(hf_txn_new_id(txn, CRIME, record), HF_OK);
    hf_write_string(&value, text);
    hf_change change = {.record = *record,
                        .scope = fresh ? t->beat : 0,
                        .field = SUMMARY,
                        .kind = HF_CHANGE_SET,
                        .value = hf_buffer_bytes(&value)};
    hf_status status = hf_txn_change(txn, &change);
    if (status != HF_OK) print_error("%s\n", hf_store_problem(store));
    assert_int_equal(status, HF_OK);
    assert_int_equal(hf_txn_commit(txn, NULL, NULL), HF_OK);
    hf_buffer_free(&value);
}

hf_record_id tiers_crime(tiers *t, size_t index, const char *summary)
{
    hf_record_id record = {.type = CRIME};
    write_summary(t, index, &record, true, summary);
    return record;
}

void tiers_set(tiers *t, size_t index, const hf_record_id *record, const char *summary)
{
    hf_record_id copy = *record;
    write_summary(t, index, &copy, false, summary);
}

typedef struct taken {
    uint64_t seq;
    hf_buffer *out;
} taken;

static hf_status on_entry(void *context, const hf_entry *entry)
{
    taken *it = context;
    assert_int_equal(entry->dot.seq, it->seq);
    hf_write_raw(it->out, entry->body);
    return HF_OK;
}

void tiers_body(tiers *t, size_t author, uint64_t seq, hf_buffer *out)
{
    hf_store *store = t->nodes[author].store;
    taken it = {.seq = seq, .out = out};
    assert_int_equal(hf_log_read(store, hf_store_own_origin(store)->no, HF_LANE_CRIME, seq - 1, 1,
                                 on_entry, &it),
                     HF_OK);
}

void tiers_bring(tiers *t, size_t from_index, size_t to_index, const tiers_piece *piece)
{
    hf_store *from = t->nodes[from_index].store, *to = t->nodes[to_index].store;
    const hf_origin_row *own = hf_store_own_origin(from), *row;
    const hf_crypto *crypto = &t->nodes[from_index].crypto.table;
    hf_head head;
    hf_batch *batch;
    hf_applied_entry applied;
    hf_buffer body = {0}, hashes = {0};
    tiers_body(t, from_index, piece->seq, &body);
    assert_int_equal(hf_entry_erase(crypto, hf_buffer_bytes(&body), &hashes), HF_OK);
    assert_int_equal(hf_head_sign(from, own, HF_LANE_CRIME, piece->seq, &head), HF_OK);
    assert_int_equal(hf_batch_begin(to, tiers_wall_ms(t), &batch), HF_OK);
    assert_int_equal(
        hf_origin_learn(to, own->key_id, own->incarnation, crypto->own_certificate, &row), HF_OK);
    assert_int_equal(hf_batch_entry(batch, row, HF_LANE_CRIME,
                                    hf_buffer_bytes(piece->emptied ? &hashes : &body),
                                    piece->reason, &applied),
                     HF_OK);
    if (piece->headed) assert_int_equal(hf_batch_head(batch, &head), HF_OK);
    assert_int_equal(hf_batch_commit(batch), HF_OK);
    hf_buffer_free(&body);
    hf_buffer_free(&hashes);
}

const char *tiers_summary(tiers *t, size_t index, const hf_record_id *record)
{
    static char text[256];
    hf_view *view;
    text[0] = 0;
    if (hf_store_get(t->nodes[index].store, record, &view) != HF_OK) return text;
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

hf_standing tiers_standing(tiers *t, size_t index)
{
    hf_standing standing;
    assert_int_equal(hf_store_standing(t->nodes[index].store, &standing), HF_OK);
    return standing;
}

hf_place tiers_place(tiers *t, size_t node, size_t writer, uint64_t seq)
{
    hf_place place;
    hf_dot dot = {.origin = hf_store_own_origin(t->nodes[writer].store)->id,
                  .lane = HF_LANE_CRIME,
                  .seq = seq};
    assert_int_equal(hf_safe_place(t->nodes[node].store, &dot, &place), HF_OK);
    return place;
}

bool tiers_equal(tiers *t)
{
    uint8_t first[HF_HASH_SIZE], other[HF_HASH_SIZE];
    bool any = false;
    for (size_t i = 0; i < t->count; i++) {
        if (!t->nodes[i].store) continue;
        assert_int_equal(hf_store_digest(t->nodes[i].store, t->beat, any ? other : first), HF_OK);
        if (any && memcmp(first, other, sizeof other) != 0) return false;
        any = true;
    }
    return true;
}

void tiers_leave(tiers *t, size_t node)
{
    t->nodes[node].offline = true;
    tiers_cut(t, node);
}

void tiers_come_back(tiers *t, size_t node)
{
    t->nodes[node].offline = false;
    tiers_wait(t, 2 * HF_REDIAL_MAX_MS);
}
