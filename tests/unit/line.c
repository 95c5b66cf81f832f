/* line.c: see line.h. Every failed expectation ends the test where it stands. */
#include "line.h"

enum { T0_MS = 1000 * 1000 };

int line_setup(void **state)
{
    line *l = calloc(1, sizeof *l);
    if (!l) return -1;
    *state = l;
    l->now_ms = T0_MS;
    l->hub = fix_hub();
    l->edge = fix_edge(l->hub, "edge");
    l->other = fix_edge(l->hub, "other");
    assert_int_equal(hf_deflater_new(&l->deflater), HF_OK);
    assert_int_equal(hf_client_new(l->edge->store, "test", &l->client), HF_OK);
    return 0;
}

int line_teardown(void **state)
{
    line *l = *state;
    hf_client_free(NULL); /* NULL is fine */
    hf_client_free(l->client);
    hf_deflater_free(NULL);
    hf_deflater_free(l->deflater);
    fix_free(l->other);
    fix_free(l->edge);
    fix_free(l->hub);
    hf_buffer_free(&l->raw);
    hf_buffer_free(&l->sealed);
    hf_buffer_free(&l->items);
    hf_buffer_free(&l->scopes);
    free(l);
    return 0;
}

/* ---- talking ---- */

uint64_t line_wall_ms(const line *l)
{
    return l->edge->wall_ms + l->now_ms;
}

void line_listen(line *l)
{
    hf_bytes message, raw;
    for (;;) {
        assert_int_equal(hf_client_send(l->client, l->now_ms, &message), HF_OK);
        if (message.size == 0) return;
        assert_int_equal(hf_frame_open(l->deflater, message, &l->sealed, &raw), HF_OK);
        assert_int_equal(hf_message_read(raw, &l->last), HF_OK);
        l->said++;
    }
}

void line_turn(line *l)
{
    l->now_ms += 10;
    assert_int_equal(hf_client_turn(l->client, l->now_ms, line_wall_ms(l)), HF_OK);
}

hf_status line_say(line *l, const hf_message *message)
{
    hf_buffer_clear(&l->raw);
    hf_message_write(&l->raw, message);
    assert_int_equal(l->raw.status, HF_OK);
    assert_int_equal(hf_frame_seal(l->deflater, hf_buffer_bytes(&l->raw), &l->sealed), HF_OK);
    return hf_client_recv(l->client, hf_buffer_bytes(&l->sealed), l->now_ms);
}

uint16_t line_ended_with(const line *l)
{
    const hf_session *session = hf_client_session(l->client);
    return hf_session_live(session) ? LINE_LIVE : session->code;
}

uint16_t line_after(line *l, const hf_message *message)
{
    (void)line_say(l, message);
    line_turn(l);
    return line_ended_with(l);
}

void line_dial(line *l)
{
    l->now_ms += 1000;
    hf_client_link_up(l->client, NULL, l->now_ms);
    line_turn(l);
    line_listen(l);
    assert_int_equal(l->last.type, HF_FRAME_HELLO);
    l->hello = l->last;
}

hf_message line_welcome_of(line *l, hf_resume_verdict verdict)
{
    static const char name[] = "beat";
    hf_scope_item beat = {.number = fix_scope(l->hub, name),
                          .name = {(const uint8_t *)name, sizeof name - 1},
                          .may_write = true};
    hf_buffer_clear(&l->scopes);
    hf_write_scope_item(&l->scopes, &beat);
    hf_message message = {.type = HF_FRAME_WELCOME};
    message.as.welcome = (hf_welcome){.protocol = HF_PROTOCOL,
                                      .hub = hf_store_own_origin(l->hub->store)->id,
                                      .epoch = {7},
                                      .chain = {7},
                                      .wall_ms = line_wall_ms(l),
                                      .scopes = {hf_buffer_bytes(&l->scopes), 1},
                                      .verdict = (uint8_t)verdict,
                                      .window_entries = HF_CREDIT_ENTRIES,
                                      .window_bytes = HF_CREDIT_BYTES};
    return message;
}

void line_meet(line *l, hf_resume_verdict verdict)
{
    line_dial(l);
    hf_message welcome = line_welcome_of(l, verdict);
    l->said = 0;
    assert_int_equal(line_after(l, &welcome), LINE_LIVE);
    line_listen(l);
}

hf_message line_origin_of(line *l, const hf_origin_row *row, uint32_t index, bool certified)
{
    hf_message message = {.type = HF_FRAME_ORIGIN};
    message.as.origin.index = index;
    memcpy(message.as.origin.key_id, row->key_id, HF_HASH_SIZE);
    memcpy(message.as.origin.incarnation, row->incarnation, HF_INCARNATION_SIZE);
    fix_node *of = row->own ? l->other : l->hub;
    if (certified) message.as.origin.certificate = of->crypto.table.own_certificate;
    return message;
}

hf_message line_other_origin(line *l, bool certified)
{
    return line_origin_of(l, hf_store_own_origin(l->other->store), LINE_OTHER, certified);
}

typedef struct wanted {
    uint64_t seq;
    hf_buffer *out;
} wanted;

static hf_status one_body(void *context, const hf_entry *entry)
{
    wanted *w = context;
    if (entry->dot.seq == w->seq) hf_write_raw(w->out, entry->body);
    return HF_OK;
}

hf_message line_carried(line *l, uint8_t type, uint32_t index, uint64_t seq)
{
    hf_buffer body = {0};
    wanted w = {.seq = seq, .out = &body};
    assert_int_equal(hf_log_read(l->other->store, hf_store_own_origin(l->other->store)->no,
                                 HF_LANE_CRIME, 0, 100, one_body, &w),
                     HF_OK);
    assert_true(body.size > 0);
    hf_buffer_clear(&l->items);
    hf_write_array(&l->items, 3);
    hf_write_uint(&l->items, index);
    hf_write_uint(&l->items, HF_LANE_CRIME);
    hf_write_array(&l->items, 1);
    hf_write_raw(&l->items, hf_buffer_bytes(&body));
    hf_buffer_free(&body);
    hf_message message = {.type = type};
    message.as.feed =
        (hf_feed){.to = type == HF_FRAME_FEED ? 1 : 0, .runs = {hf_buffer_bytes(&l->items), 1}};
    return message;
}

hf_message line_done_of(const line *l)
{
    hf_message message = {.type = HF_FRAME_VECTOR_DONE};
    message.as.done.scope = fix_scope(l->hub, "beat");
    return message;
}

uint64_t line_entries_of(const line *l)
{
    hf_standing standing;
    assert_int_equal(hf_store_standing(l->edge->store, &standing), HF_OK);
    return standing.entries;
}
