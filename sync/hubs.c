/* hubs.c: see hubs.h; docs/protocol.md 12 has the bytes.
 *
 * Why a signature of its own, where the record's log has a signed head: the list must also convince
 * who holds none of that log, such as the centre that was replaced. */
#include "hubs.h"

#include "planted.h"
#include "store_core.h"
#include "system_types.h"

#include <stdlib.h>
#include <string.h>

enum { TAG_HUBS = 0x10, DIGEST_HEAD = 0x83 /* an array of three */ };

static const char META[] = "hubs";

/* ---- the bytes ---- */

static void read_text(hf_reader *reader, char *out, size_t size)
{
    hf_bytes text = hf_read_text(reader);
    if (text.size == 0 || text.size >= size) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    if (memchr(text.data ? (const char *)text.data : "", 0, text.size))
        hf_reader_fail(reader, HF_ERR_PROTOCOL);
    if (reader->status == HF_OK) memcpy(out, text.data, text.size);
}

static void read_listed(hf_reader *reader, hf_listed_hub *out)
{
    memset(out, 0, sizeof *out);
    if (hf_read_array(reader, 4) != 4) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    hf_read_bytes_exact(reader, out->key_id, HF_HASH_SIZE);
    read_text(reader, out->name, sizeof out->name);
    read_text(reader, out->address, sizeof out->address);
    out->scopes.count = hf_read_array(reader, HF_SCOPES_MAX);
    const uint8_t *start = reader->at;
    uint64_t before = 0;
    for (size_t i = 0; i < out->scopes.count && reader->status == HF_OK; i++) {
        uint64_t scope = hf_read_uint_max(reader, INT32_MAX);
        if (scope <= before) hf_reader_fail(reader, HF_ERR_PROTOCOL);
        before = scope;
    }
    out->scopes.items = (hf_bytes){start, (size_t)(reader->at - start)};
}

bool hf_next_listed(hf_list *list, hf_listed_hub *out)
{
    hf_reader reader;
    if (!hf_list_begin(list, &reader)) return false;
    read_listed(&reader, out);
    return hf_list_end(list, &reader);
}

/* Reads term, number and hubs, which is what the signature is over; `signed_part` is their bytes.
 */
static void read_signed(hf_reader *reader, hf_hub_list *out, hf_bytes *signed_part)
{
    hf_listed_hub hub;
    const uint8_t *start = reader->at;
    out->term = hf_read_uint_max(reader, INT64_MAX);
    out->number = hf_read_uint_max(reader, INT64_MAX);
    out->hubs.count = hf_read_array(reader, HF_HUBS_LISTED_MAX);
    const uint8_t *items = reader->at;
    for (size_t i = 0; i < out->hubs.count && reader->status == HF_OK; i++)
        read_listed(reader, &hub);
    out->hubs.items = (hf_bytes){items, (size_t)(reader->at - items)};
    *signed_part = (hf_bytes){start, (size_t)(reader->at - start)};
    if (out->term == 0 || out->number == 0 || out->hubs.count == 0)
        hf_reader_fail(reader, HF_ERR_PROTOCOL);
}

static hf_status read_list(hf_bytes bytes, hf_hub_list *out, hf_bytes *signed_part)
{
    memset(out, 0, sizeof *out);
    if (bytes.size > HF_HUB_LIST_SIZE_MAX) return HF_ERR_LIMIT;
    hf_reader reader = hf_reader_open(bytes);
    if (hf_read_array(&reader, 5) != 5) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    read_signed(&reader, out, signed_part);
    out->certificate = hf_read_bytes(&reader);
    if (out->certificate.size > HF_CERTIFICATE_MAX) hf_reader_fail(&reader, HF_ERR_LIMIT);
    hf_read_bytes_exact(&reader, out->signature, HF_SIGNATURE_SIZE);
    return hf_reader_end(&reader);
}

hf_status hf_hub_list_read(hf_bytes signed_list, hf_hub_list *out)
{
    hf_bytes signed_part;
    return read_list(signed_list, out, &signed_part);
}

static void digest_of(const hf_crypto *crypto, hf_bytes signed_part, uint8_t out[HF_HASH_SIZE])
{
    static const uint8_t head[] = {TAG_HUBS, DIGEST_HEAD};
    hf_bytes pieces[] = {{head, sizeof head}, signed_part};
    crypto->hash(crypto->context, pieces, 2, out);
}

hf_status hf_hub_list_check(const hf_crypto *crypto, hf_bytes signed_list, hf_hub_list *out)
{
    hf_bytes signed_part;
    hf_certificate centre;
    uint8_t digest[HF_HASH_SIZE];
    hf_status status = read_list(signed_list, out, &signed_part);
    if (status == HF_OK) status = crypto->certificate(crypto->context, out->certificate, &centre);
    if (status == HF_OK && !centre.is_hub) status = HF_ERR_PROTOCOL; /* a station may sign none */
    if (status != HF_OK) return status;
    memcpy(out->centre, centre.key_id, HF_HASH_SIZE);
    digest_of(crypto, signed_part, digest);
    hf_bytes key = {centre.public_key, centre.public_key_size};
    return crypto->verify(crypto->context, key, digest, out->signature);
}

void hf_write_listed(hf_buffer *out, const hf_listed_hub *hub)
{
    hf_write_array(out, 4);
    hf_write_bytes(out, hub->key_id, HF_HASH_SIZE);
    hf_write_string(out, hub->name);
    hf_write_string(out, hub->address);
    hf_write_array(out, hub->scopes.count);
    hf_write_raw(out, hub->scopes.items);
}

hf_status hf_hub_list_sign(const hf_crypto *crypto, const hf_hub_list *list, hf_buffer *out)
{
    hf_hub_list made;
    hf_bytes signed_part;
    uint8_t digest[HF_HASH_SIZE], signature[HF_SIGNATURE_SIZE];
    hf_buffer_clear(out);
    hf_write_array(out, 5);
    size_t start = out->size;
    hf_write_uint(out, list->term);
    hf_write_uint(out, list->number);
    hf_write_array(out, list->hubs.count);
    hf_write_raw(out, list->hubs.items);
    if (out->status != HF_OK) return out->status;
    signed_part = (hf_bytes){out->data + start, out->size - start};
    digest_of(crypto, signed_part, digest);
    hf_status status = crypto->sign(crypto->context, digest, signature);
    if (status != HF_OK) return status;
    hf_write_bytes(out, crypto->own_certificate.data, crypto->own_certificate.size);
    hf_write_bytes(out, signature, sizeof signature);
    if (out->status != HF_OK) return out->status;
    return read_list(hf_buffer_bytes(out), &made, &signed_part);
}

/* ---- the one that this store goes by ---- */

hf_status hf_hub_list_get(hf_store *store, hf_buffer *out)
{
    return hf_meta_get(store, META, out);
}

uint64_t hf_hub_list_changes(const hf_store *store)
{
    return store->hub_lists;
}

uint64_t hf_hub_places_changes(const hf_store *store)
{
    return store->hub_lists + store->grants_set;
}

/* Of two that were made at once, which only two promoted stations can do, the same stands
 * everywhere. */
static bool is_newer(const hf_hub_list *list, const hf_hub_list *held)
{
    if (list->term != held->term) return list->term > held->term && !HF_PLANTED(FIRST_TERM_STANDS);
    int order = memcmp(list->centre, held->centre, HF_HASH_SIZE);
    if (order != 0) return order > 0;
    return list->number > held->number;
}

hf_status hf_hub_list_load(hf_store *store, hf_buffer *held, hf_hub_list *out, bool *found)
{
    *found = false;
    hf_status status = hf_meta_get(store, META, held);
    if (status != HF_OK || held->size == 0) return status;
    /* It was checked when it was kept, but by an authority that a person may have changed since. */
    status = hf_hub_list_check(store->crypto, hf_buffer_bytes(held), out);
    *found = status == HF_OK;
    return status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT ? HF_OK : status;
}

hf_status hf_hub_list_take(hf_store *store, hf_bytes signed_list, bool *taken)
{
    hf_buffer held = {0};
    hf_hub_list list, before;
    bool found;
    *taken = false;
    hf_status status = hf_hub_list_check(store->crypto, signed_list, &list);
    if (status == HF_ERR_PROTOCOL || status == HF_ERR_LIMIT) return HF_OK;
    if (status == HF_OK) status = hf_hub_list_load(store, &held, &before, &found);
    if (status == HF_OK) *taken = !found || is_newer(&list, &before);
    if (status == HF_OK && *taken) status = hf_meta_set(store, META, signed_list);
    hf_buffer_free(&held);
    if (status == HF_OK && *taken) store->hub_lists++;
    return status;
}

/* Each list is a record of its own, written once. */
hf_status hf_hubs_fold(hf_store *store, const hf_record *record)
{
    bool taken;
    for (size_t i = 0; i < record->field_count; i++) {
        const hf_cell *cell = &record->fields[i].cell;
        if (record->fields[i].number != HF_HUBS_LIST || cell->live_count == 0) continue;
        hf_reader reader = hf_reader_open(cell->live[0].value);
        hf_bytes list = hf_read_bytes(&reader);
        return hf_reader_end(&reader) == HF_OK ? hf_hub_list_take(store, list, &taken) : HF_OK;
    }
    return HF_OK; /* not yet whole */
}

hf_status hf_hub_list_retires(hf_store *store, bool *retired)
{
    const hf_crypto *crypto = store->crypto;
    hf_buffer held = {0};
    hf_hub_list list;
    hf_certificate own;
    bool found;
    hf_status status = hf_hub_list_load(store, &held, &list, &found);
    bool is_centre = crypto->own_certificate.size > 0 &&
                     crypto->certificate(crypto->context, crypto->own_certificate, &own) == HF_OK &&
                     own.is_hub;
    *retired = status == HF_OK && found && is_centre &&
               memcmp(list.centre, crypto->own_key_id, HF_HASH_SIZE) != 0;
    hf_buffer_free(&held);
    return status;
}

/* ---- whom it sends us to ---- */

static bool serves(const hf_listed_hub *hub, const hf_scope_view *scopes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hf_reader reader = hf_reader_open(hub->scopes.items);
        bool has = false;
        for (size_t j = 0; j < hub->scopes.count && !has; j++)
            has = hf_read_uint(&reader) == scopes[i].number;
        if (!has) return false;
    }
    return true;
}

hf_status hf_hub_list_places(hf_store *store, hf_hub_place *out, size_t *count)
{
    hf_buffer held = {0};
    hf_hub_list list;
    hf_listed_hub hub;
    bool found;
    size_t room = *count, scope_count = HF_SCOPES_MAX;
    *count = 0;
    hf_scope_view *scopes = calloc(scope_count, sizeof *scopes);
    hf_status status = scopes ? hf_hub_list_load(store, &held, &list, &found) : HF_ERR_NOMEM;
    if (status == HF_OK && found) status = hf_store_scopes(store, scopes, &scope_count);
    for (int stations = 0; stations < 2 && status == HF_OK && found; stations++) {
        for (hf_list walk = list.hubs; *count < room && hf_next_listed(&walk, &hub);) {
            bool is_centre = memcmp(hub.key_id, list.centre, HF_HASH_SIZE) == 0;
            bool is_ours = memcmp(hub.key_id, store->crypto->own_key_id, HF_HASH_SIZE) == 0;
            bool is_of_use = store->relays || serves(&hub, scopes, scope_count);
            if (is_ours || is_centre == (stations == 1) || (stations && !is_of_use)) continue;
            hf_hub_place *place = &out[(*count)++];
            *place = (hf_hub_place){.is_centre = is_centre};
            memcpy(place->key_id, hub.key_id, sizeof place->key_id);
            memcpy(place->name, hub.name, sizeof place->name);
            memcpy(place->address, hub.address, sizeof place->address);
        }
    }
    hf_buffer_free(&held);
    free(scopes);
    return status;
}

/* ---- hubs that are gone ---- */

static const char META_GONE[] =
    "gone"; /* 8 bytes: our feed's position when a hub was last revoked */

uint64_t hf_hubs_gone_changes(const hf_store *store)
{
    return store->hubs_gone;
}

hf_status hf_hubs_gone(hf_store *store, uint64_t *position)
{
    hf_buffer stored = {0};
    hf_status status = hf_meta_get(store, META_GONE, &stored);
    *position = 0;
    if (stored.size == sizeof *position) memcpy(position, stored.data, sizeof *position);
    hf_buffer_free(&stored);
    return status;
}

hf_status hf_hubs_note_gone(hf_store *store)
{
    hf_bytes position = {(const uint8_t *)&store->position, sizeof store->position};
    store->hubs_gone++;
    return hf_meta_set(store, META_GONE, position);
}
