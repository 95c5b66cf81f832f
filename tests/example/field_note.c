/* field_note.c: a small app: makes its key, writes a note, changes it for a reason, reads it back,
 * asks what is disputed, follows the feed, and greets a hub from a loop of its own. HF_OK is 0. */
#include "holdfast/edge.h"
#include "holdfast/keys.h"

#include <stdio.h>
#include <time.h>

enum { NOTE = 20, OCCURRED = 6, SCOPE = 2 }; /* the police pack's type and field; a scope */

static hf_status count(void *context, const hf_entry *entry)
{
    *(uint64_t *)context = entry->position;
    return HF_OK;
}

static hf_status dispute(void *context, const hf_conflict *conflict)
{
    printf("%s: two versions, choose, in field %u\n", (char *)context, conflict->field);
    return HF_OK;
}

static hf_status save(hf_store *store, hf_change *change)
{
    hf_txn *txn;
    hf_author author = {.actor = "PC Example", .wall_ms = (uint64_t)time(NULL) * 1000};
    hf_status status = hf_txn_begin(store, &author, &txn);
    if (!status && !change->record.type) status = hf_txn_new_id(txn, NOTE, &change->record);
    if (!status) status = hf_txn_change(txn, change);
    return status ? status : hf_txn_commit(txn, NULL, NULL); /* HF_OK: it is on the disk */
}

int main(void)
{
    hf_keys *keys;
    hf_store *store = NULL;
    hf_view *view = NULL;
    hf_edge *edge = NULL;
    hf_bytes hello, occurred = {(const uint8_t *)"\x18\x2a", 2}; /* CBOR: 42 */
    uint64_t entries = 0;
    char problem[512] = "no key could be made";
    hf_key_paths paths = {"key.pem", "certificate.pem", "ca.pem"};
    hf_change note = {.scope = SCOPE, .field = OCCURRED, .value = occurred};
    hf_change again = {.field = OCCURRED, .kind = HF_CHANGE_RESOLVE, .value = occurred};
    again.reason = (hf_bytes){(const uint8_t *)"asked again", 11};
    if (hf_keys_create(paths.key) || hf_keys_open(&paths, &keys)) return puts(problem), 1;
    hf_store_options options = {"notes.db", NULL, hf_keys_crypto(keys), .is_hub = true};
    if (hf_store_open(&options, &store, problem, sizeof problem)) return puts(problem), 1;
    bool ok = !save(store, &note) && (again.record = note.record, !save(store, &again)) &&
              !hf_store_get(store, &note.record, &view) &&
              !hf_store_conflicts(store, dispute, "notes") &&
              !hf_feed_read(store, 0, 512, count, &entries) &&
              !hf_edge_new(store, &(hf_edge_options){"field_note 1"}, &edge);
    /* A real loop dials where hf_edge_wants_link says so; it receives, turns, sends, sleeps. */
    ok = ok && (hf_edge_link_up(edge, NULL, 0), !hf_edge_turn(edge, 0, 1)) &&
         !hf_edge_send(edge, 0, &hello);
    printf("%d entries saved; %s\n", (int)entries, ok ? "the hub can be greeted" : problem);
    return hf_edge_free(edge), hf_view_free(view), hf_store_close(store), hf_keys_close(keys), !ok;
}
