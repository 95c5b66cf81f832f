/* proof_write.c: the way from a record's entries to what a hub signed, put into a file.
 *
 * One stretch of a log for each receipt that it takes: from the record's first entry that the
 * receipt covers to the end of what it covers in that scope. What lies between is named by its hash
 * alone, so nobody learns what else was written. */
#include "proof.h"

#include "store_core.h"

#include <stdlib.h>
#include <string.h>

typedef struct place { /* an entry of the record */
    int64_t log;
    uint64_t seq, pseq;
    uint32_t scope;
    bool others; /* by another key */
} place;

typedef struct writing {
    hf_store *store;
    const hf_record_id *id;
    const char *reference; /* NULL: all */
    place *places;
    size_t count, capacity;
    const hf_origin_row *keys[HF_PROOF_KEYS_MAX];
    size_t key_count;
    hf_buffer runs, links, body;
    size_t run_count, link_count, links_total;
    hf_proof_counts *counts;
} writing;

/* ---- which entries ---- */

static bool writes_record(hf_bytes parts_bytes, const hf_record_id *id)
{
    hf_reader parts = hf_reader_open(parts_bytes);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        hf_part part;
        if (hf_part_next(NULL, &parts, &part) != HF_OK) return false;
        if (!part.erased && part.record.type == id->type &&
            memcmp(part.record.bytes, id->bytes, HF_RECORD_ID_SIZE) == 0)
            return true;
    }
    return false;
}

static hf_status place_add(writing *w, const place *at)
{
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? w->capacity * 2 : 64;
        place *more = realloc(w->places, capacity * sizeof *more);
        if (!more) return hf_store_say(w->store, HF_ERR_NOMEM, "Out of memory.");
        w->places = more;
        w->capacity = capacity;
    }
    w->places[w->count++] = *at;
    return HF_OK;
}

static hf_status is_wanted(const writing *w, const hf_dot *dot, const hf_entry_body *body,
                           bool *wanted)
{
    uint8_t hash[HF_HASH_SIZE];
    char reference[HF_SPOKEN_SIZE];
    *wanted = !w->reference;
    if (*wanted) return HF_OK;
    hf_status status = hf_entry_hash(w->store->crypto, &dot->origin, dot->lane, body, hash);
    if (status == HF_OK) hf_reference(hash, reference);
    *wanted = status == HF_OK && strcmp(reference, w->reference) == 0;
    return status;
}

static hf_status note_place(void *context, const hf_entry *entry)
{
    writing *w = context;
    hf_entry_body body;
    bool wanted = false;
    hf_status status = hf_entry_parse(entry->body, &body);
    if (status == HF_OK && writes_record(body.parts, w->id))
        status = is_wanted(w, &entry->dot, &body, &wanted);
    if (status != HF_OK || !wanted) return status;
    const hf_origin_row *origin = hf_origin_by_id(w->store, &entry->dot.origin);
    place at = {.log = hf_log_no(origin->no, entry->dot.lane),
                .seq = body.seq,
                .pseq = body.pseq,
                .scope = body.scope,
                .others = memcmp(origin->key_id, w->store->crypto->own_key_id, HF_HASH_SIZE) != 0};
    return place_add(w, &at);
}

static int place_compare(const void *a, const void *b)
{
    const place *left = a, *right = b;
    if (left->log != right->log) return left->log < right->log ? -1 : 1;
    return left->seq < right->seq ? -1 : left->seq > right->seq;
}

/* ---- one run ---- */

static hf_status too_much(writing *w)
{
    return hf_store_say(w->store, HF_ERR_LIMIT,
                        "What proves all of this record is more than one file may hold. Ask for "
                        "its entries one by one, by their references.");
}

static hf_status key_index(writing *w, const hf_origin_row *origin, size_t *out)
{
    for (*out = 0; *out < w->key_count; ++*out)
        if (w->keys[*out] == origin) return HF_OK;
    if (w->key_count == HF_PROOF_KEYS_MAX) return too_much(w);
    w->keys[w->key_count++] = origin;
    return HF_OK;
}

typedef struct link_walk {
    writing *w;
    const place *next, *end; /* entries of the record, in this run */
    int64_t log;
    uint32_t scope;
    uint64_t last;  /* seq of the last link */
    uint64_t up_to; /* what the receipt covers */
} link_walk;

static hf_status write_whole(writing *w, const place *at, const uint8_t hash[HF_HASH_SIZE])
{
    hf_entry entry; /* as it was written: one that is withheld leaves here without its parts */
    hf_status status = hf_entry_by_dot(w->store, at->log, at->seq, &entry);
    if (status == HF_OK) status = hf_entry_keep(w->store->crypto, entry.body, w->id, &w->body);
    hf_write_array(&w->links, 2);
    hf_write_bytes(&w->links, hash, HF_HASH_SIZE);
    hf_write_raw(&w->links, hf_buffer_bytes(&w->body));
    w->counts->proved++;
    return status;
}

static hf_status write_link(void *context, const hf_entry *entry)
{
    link_walk *walk = context;
    writing *w = walk->w;
    hf_entry_body body;
    uint8_t hash[HF_HASH_SIZE];
    if (entry->dot.seq > walk->up_to) return HF_ERR_NOT_FOUND; /* the walk ends here */
    if (++w->links_total > HF_PROOF_LINKS_MAX) return too_much(w);
    hf_status status = hf_entry_parse(entry->body, &body);
    if (status == HF_OK)
        status = hf_entry_hash(w->store->crypto, &entry->dot.origin, entry->dot.lane, &body, hash);
    if (status != HF_OK) return status;
    walk->last = entry->dot.seq;
    w->link_count++;
    if (walk->next < walk->end && walk->next->seq == walk->last)
        return write_whole(w, walk->next++, hash);
    hf_write_bytes(&w->links, hash, HF_HASH_SIZE);
    return w->links.status;
}

/* From the entry before the first one to the last that the receipt covers in this scope. */
static hf_status write_links(link_walk *walk, uint64_t pseq)
{
    enum { PAGE = 256 };
    writing *w = walk->w;
    uint64_t before;
    hf_status status = HF_OK;
    hf_buffer_clear(&w->links);
    w->link_count = 0;
    walk->last = pseq;
    do {
        before = walk->last;
        status = hf_log_read_scope(w->store, walk->log / 8, (uint8_t)(walk->log % 8), walk->scope,
                                   walk->last, PAGE, write_link, walk);
    } while (status == HF_OK && walk->last > before);
    return status == HF_ERR_NOT_FOUND ? HF_OK : status;
}

static const hf_head_leaf *leaf_of(const hf_head_leaf *leaves, size_t count, uint32_t scope)
{
    for (size_t i = 0; i < count; i++)
        if (leaves[i].scope == scope) return &leaves[i];
    return NULL;
}

static void write_path(hf_buffer *out, const uint8_t (*path)[HF_HASH_SIZE], size_t count)
{
    hf_write_array(out, count);
    for (size_t i = 0; i < count; i++) hf_write_bytes(out, path[i], HF_HASH_SIZE);
}

static void write_leaf(hf_buffer *out, const hf_head_leaf *leaf)
{
    hf_write_array(out, 5);
    hf_write_uint(out, leaf->seq);
    hf_write_bytes(out, leaf->chain, HF_HASH_SIZE);
    hf_write_uint(out, leaf->index);
    hf_write_uint(out, leaf->count);
    write_path(out, leaf->path, leaf->path_count);
}

static void write_seal(hf_buffer *out, size_t hub, const hf_receipt *receipt,
                       const uint8_t log_root[HF_HASH_SIZE])
{
    hf_write_array(out, 9);
    hf_write_uint(out, hub);
    hf_write_bytes(out, receipt->epoch, sizeof receipt->epoch);
    hf_write_uint(out, receipt->time_ms);
    hf_write_uint(out, receipt->seq);
    hf_write_bytes(out, log_root, HF_HASH_SIZE);
    hf_write_uint(out, receipt->index);
    hf_write_uint(out, receipt->count);
    write_path(out, receipt->path, receipt->path_count);
    hf_write_bytes(out, receipt->signature, HF_SIGNATURE_SIZE);
}

/* The entries from `first` to before `end`, which one receipt covers. */
static hf_status write_run(writing *w, const place *first, const place *end,
                           const hf_receipt *receipt)
{
    hf_store *store = w->store;
    hf_head_leaf leaves[HF_LOG_SCOPES_MAX];
    uint8_t root[HF_HASH_SIZE], start[HF_HASH_SIZE];
    size_t count, author = 0, hub = 0;
    const hf_origin_row *origin = hf_origin_by_no(store, first->log / 8);
    link_walk walk = {.w = w,
                      .next = first,
                      .end = end,
                      .log = first->log,
                      .scope = first->scope,
                      .up_to = receipt->seq};
    hf_status status = key_index(w, hf_origin_by_id(store, &receipt->hub), &hub);
    if (status == HF_OK) status = key_index(w, origin, &author);
    if (status == HF_OK) status = hf_log_chain_through(store, first->log, first->pseq, start);
    if (status == HF_OK)
        status =
            hf_head_leaves(store, origin->no, receipt->lane, receipt->seq, leaves, &count, root);
    const hf_head_leaf *leaf = status == HF_OK ? leaf_of(leaves, count, first->scope) : NULL;
    if (status == HF_OK) status = write_links(&walk, first->pseq);
    if (status == HF_OK && (!leaf || walk.last != leaf->seq || walk.next != end))
        status = hf_store_damaged(store, "a log is not what a hub signed for");
    if (status != HF_OK) return status;
    if (w->run_count++ == HF_PROOF_RUNS_MAX) return too_much(w);
    hf_write_array(&w->runs, 7);
    hf_write_uint(&w->runs, author);
    hf_write_uint(&w->runs, receipt->lane);
    hf_write_uint(&w->runs, first->scope);
    hf_write_bytes(&w->runs, start, HF_HASH_SIZE);
    hf_write_array(&w->runs, w->link_count);
    hf_write_raw(&w->runs, hf_buffer_bytes(&w->links));
    write_leaf(&w->runs, leaf);
    write_seal(&w->runs, hub, receipt, root);
    return w->links.status == HF_OK ? w->runs.status : w->links.status;
}

/* ---- all of them ---- */

/* The centre's where there is one; a station's will do until then. */
static hf_status find_receipt(writing *w, const place *at, hf_receipt *out, bool *found)
{
    uint8_t lane = (uint8_t)(at->log % 8);
    hf_status status = hf_receipt_by(w->store, at->log / 8, lane, at->seq, true, out, found);
    if (status != HF_OK || *found) return status;
    return hf_receipt_by(w->store, at->log / 8, lane, at->seq, false, out, found);
}

static hf_status write_runs(writing *w)
{
    hf_status status = HF_OK;
    for (size_t i = 0, next; i < w->count && status == HF_OK; i = next) {
        const place *at = &w->places[i];
        hf_receipt receipt;
        bool found = false;
        next = i + 1;
        if (at->others) {
            w->counts->others++;
            continue;
        }
        status = find_receipt(w, at, &receipt, &found);
        if (status == HF_OK && !found) w->counts->unsigned_yet++;
        if (status != HF_OK || !found) continue;
        while (next < w->count && w->places[next].log == at->log &&
               w->places[next].seq <= receipt.seq)
            next++;
        status = write_run(w, at, &w->places[next], &receipt);
    }
    return status;
}

static hf_status write_file(writing *w, hf_buffer *out)
{
    hf_buffer certificate = {0};
    hf_status status = HF_OK;
    hf_write_array(out, 5);
    hf_write_string(out, "holdfast-receipt");
    hf_write_uint(out, 1);
    hf_write_array(out, 2);
    hf_write_uint(out, w->id->type);
    hf_write_bytes(out, w->id->bytes, HF_RECORD_ID_SIZE);
    hf_write_array(out, w->key_count);
    for (size_t i = 0; i < w->key_count && status == HF_OK; i++) {
        status = hf_origin_certificate(w->store, w->keys[i]->no, &certificate);
        hf_write_array(out, 2);
        hf_write_bytes(out, w->keys[i]->incarnation, HF_INCARNATION_SIZE);
        hf_write_bytes(out, certificate.data, certificate.size);
    }
    hf_write_array(out, w->run_count);
    hf_write_raw(out, hf_buffer_bytes(&w->runs));
    hf_buffer_free(&certificate);
    if (status == HF_OK) status = out->status;
    return status == HF_OK && out->size > HF_PROOF_SIZE_MAX ? too_much(w) : status;
}

hf_status hf_proof_write(hf_store *store, const hf_record_id *id, const char *reference,
                         hf_buffer *out, hf_proof_counts *counts)
{
    writing w = {.store = store, .id = id, .reference = reference, .counts = counts};
    *counts = (hf_proof_counts){0};
    hf_buffer_clear(out);
    hf_status status = hf_store_story(store, id, note_place, &w);
    if (status == HF_OK && w.count) qsort(w.places, w.count, sizeof *w.places, place_compare);
    if (status == HF_OK) status = write_runs(&w);
    if (status == HF_OK && w.run_count > 0) status = write_file(&w, out);
    free(w.places);
    hf_buffer_free(&w.runs);
    hf_buffer_free(&w.links);
    hf_buffer_free(&w.body);
    return status;
}
