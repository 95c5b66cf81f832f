/* report_receipt.c: documents about where a record is safe, and about proofs that others show. */
#include "report.h"

#include "embedded.h"
#include "entry.h"
#include "proof.h"
#include "render.h"

#include <stdlib.h>
#include <string.h>

typedef struct receipt_walk {
    hf_store *store;
    hf_json *json;
    const char *reference; /* "": all */
    size_t told;
} receipt_walk;

static void json_safe(hf_json *json, const hf_safe *safe)
{
    hf_json_string(json, "saved", hf_place_name(safe->place));
    hf_json_time(json, "since", safe->since_ms);
    hf_json_bool(json, "signed", safe->is_signed);
    hf_json_string(json, "by", safe->by);
    hf_json_string(json, "station", safe->station);
    hf_json_time(json, "station_since", safe->station_ms);
    hf_json_bool(json, "written_here", safe->is_own);
    if (safe->undone_ms == 0) {
        hf_json_null(json, "undone");
        return;
    }
    hf_json_object(json, "undone");
    hf_json_time(json, "said", safe->said_ms);
    hf_json_time(json, "lost", safe->undone_ms);
    hf_json_end(json);
}

static hf_status on_entry(void *context, const hf_entry *entry)
{
    receipt_walk *walk = context;
    hf_json *json = walk->json;
    hf_entry_body body;
    uint8_t hash[HF_HASH_SIZE];
    char reference[HF_SPOKEN_SIZE];
    hf_safe safe;
    const hf_origin_row *origin = hf_origin_by_id(walk->store, &entry->dot.origin);
    hf_status status = hf_entry_parse(entry->body, &body);
    if (status == HF_OK)
        status = hf_entry_hash(hf_store_crypto(walk->store), &entry->dot.origin, entry->dot.lane,
                               &body, hash);
    if (status != HF_OK) return status;
    hf_reference(hash, reference);
    if (*walk->reference && strcmp(walk->reference, reference) != 0) return HF_OK;
    status = hf_safe_find(walk->store, &entry->dot, body.hlc, &safe);
    if (status != HF_OK) return status;
    walk->told++;
    hf_json_object(json, NULL);
    hf_json_string(json, "reference", reference);
    hf_report_dot(json, "at", &entry->dot);
    hf_json_text(json, "actor", body.actor);
    hf_json_string(json, "device", origin ? origin->name : "");
    hf_json_time(json, "time", hf_hlc_wall_ms(body.hlc));
    hf_json_string(json, "clock", hf_clock_words(body.quality));
    json_safe(json, &safe);
    if (entry->withheld)
        hf_json_string(json, "withheld", hf_withheld_words(entry->withheld));
    else
        hf_json_null(json, "withheld");
    hf_json_end(json);
    return json->out->status;
}

static hf_status json_file(hf_json *json, hf_store *store, const hf_record_id *id,
                           const char *reference)
{
    hf_buffer file = {0};
    hf_proof_counts counts;
    hf_status status = hf_proof_write(store, id, *reference ? reference : NULL, &file, &counts);
    if (status == HF_OK) {
        hf_json_hex(json, "file", hf_buffer_bytes(&file));
        hf_json_uint(json, "proved", counts.proved);
        hf_json_uint(json, "unsigned_yet", counts.unsigned_yet);
        hf_json_uint(json, "others", counts.others);
    }
    hf_buffer_free(&file);
    return status;
}

hf_status hf_report_receipt(hf_store *store, const hf_record_id *id, const char *reference,
                            bool exported, hf_json *json)
{
    hf_view *view = NULL;
    hf_status status = hf_store_get(store, id, &view);
    if (status != HF_OK) return status;
    status = hf_report_heading(json, store, view);
    hf_view_free(view);
    receipt_walk walk = {.store = store, .json = json, .reference = reference};
    hf_json_array(json, "entries");
    if (status == HF_OK) status = hf_store_story(store, id, on_entry, &walk);
    hf_json_end(json);
    if (status == HF_OK && walk.told == 0) status = HF_ERR_NOT_FOUND;
    if (status == HF_OK && exported) status = json_file(json, store, id, reference);
    return status == HF_OK ? json->out->status : status;
}

/* ---- what others show ---- */

static hf_status on_proved(void *context, const hf_proof_entry *entry)
{
    hf_json *json = context;
    char reference[HF_SPOKEN_SIZE];
    hf_reference(entry->hash, reference);
    hf_json_object(json, NULL);
    hf_json_string(json, "reference", reference);
    hf_report_dot(json, "at", &entry->dot);
    hf_json_uint(json, "scope", entry->scope);
    hf_json_text(json, "actor", entry->actor);
    hf_json_string(json, "device", entry->author);
    hf_json_time(json, "time", hf_hlc_wall_ms(entry->hlc));
    hf_json_string(json, "clock", hf_clock_words(entry->quality));
    hf_json_string(json, "hub", entry->hub);
    hf_json_bool(json, "by_station", entry->by_station);
    hf_json_time(json, "held_by", entry->time_ms);
    hf_json_hex(json, "hash", (hf_bytes){entry->hash, HF_HASH_SIZE});
    hf_json_end(json);
    return json->out->status;
}

/* The pack that travels in the program names the record as its officers do. */
static hf_status json_record(hf_json *json, const hf_record_id *record)
{
    char text[HF_RECORD_TEXT_SIZE];
    hf_pack *pack = NULL;
    hf_status status = hf_pack_open((hf_bytes){hf_pack_police, hf_pack_police_size}, &pack);
    if (status != HF_OK) return status;
    hf_record_id_format(pack, record, text);
    hf_json_string(json, "record", text);
    hf_pack_close(pack);
    return json->out->status;
}

static hf_status json_proof(const hf_crypto *crypto, hf_bytes file, hf_json *json, const char **why)
{
    hf_record_id record;
    hf_json_object(json, NULL);
    hf_json_string(json, "schema", "holdfast.checked_receipt/1");
    hf_json_bool(json, "genuine", true);
    hf_json_array(json, "entries");
    hf_status status = hf_proof_check(crypto, file, &record, on_proved, json, why);
    hf_json_end(json);
    if (status == HF_OK) status = json_record(json, &record);
    hf_json_end(json);
    return status == HF_OK ? json->out->status : status;
}

hf_status hf_report_proof_text(const hf_crypto *crypto, hf_bytes file, char **reply)
{
    hf_buffer out = {0};
    hf_json json = {.out = &out};
    const char *why = NULL;
    hf_status status = json_proof(crypto, file, &json, &why);
    *reply = NULL;
    if (status != HF_OK) { /* what it said of entries counts for nothing */
        hf_buffer_clear(&out);
        json = (hf_json){.out = &out};
        hf_json_object(&json, NULL);
        hf_json_string(&json, "schema", "holdfast.checked_receipt/1");
        hf_json_bool(&json, "genuine", false);
        hf_json_string(&json, "why", why ? why : "It could not be checked: memory ran out.");
        hf_json_end(&json);
    }
    hf_write_raw(&out, (hf_bytes){(const uint8_t *)"", 1});
    if (out.status == HF_OK)
        *reply = (char *)out.data;
    else
        hf_buffer_free(&out);
    if (!*reply) return HF_ERR_NOMEM;
    return status == HF_ERR_LIMIT ? HF_ERR_PROTOCOL : status;
}
