/* entry.c: an entry's bytes taken apart and checked, and its hash made from them.
 *
 * Why its own file: these bytes come from outside and are hashed for ever. Everything that
 * protocol.md 3 says of them is checked on this screen, before anything is written. */
#include "entry.h"

#include <string.h>

enum { SALT_SIZE = 8, TRANSACTION_SIZE = 8, VERSION = 1 };

static void hash_tagged(const hf_crypto *crypto, uint8_t tag, hf_bytes bytes,
                        uint8_t out[HF_HASH_SIZE])
{
    hf_bytes pieces[] = {{&tag, 1}, bytes};
    crypto->hash(crypto->context, pieces, 2, out);
}

static void read_logs(hf_reader *reader, hf_part *part)
{
    part->log_count = hf_read_array(reader, HF_PART_LOGS_MAX);
    for (size_t i = 0; i < part->log_count && reader->status == HF_OK; i++) {
        if (hf_read_array(reader, 2) != 2) hf_reader_fail(reader, HF_ERR_PROTOCOL);
        hf_read_bytes_exact(reader, part->logs[i].bytes, HF_ORIGIN_SIZE);
        part->lanes[i] = (uint8_t)hf_read_uint_max(reader, HF_LANE_COUNT - 1);
    }
}

hf_status hf_part_next(const hf_crypto *crypto, hf_reader *parts, hf_part *out)
{
    out->erased = hf_reader_kind(parts) == HF_KIND_ARRAY;
    out->op_left = out->log_count = 0;
    out->started = false;
    if (out->erased) {
        if (hf_read_array(parts, 1) != 1) hf_reader_fail(parts, HF_ERR_PROTOCOL);
        hf_read_bytes_exact(parts, out->hash, HF_HASH_SIZE);
        return parts->status;
    }
    hf_bytes bytes = hf_read_bytes(parts);
    if (parts->status == HF_OK && bytes.size <= SALT_SIZE) hf_reader_fail(parts, HF_ERR_PROTOCOL);
    if (parts->status != HF_OK) return parts->status;
    if (crypto) hash_tagged(crypto, 0x02, bytes, out->hash);
    out->ops = hf_reader_open((hf_bytes){bytes.data + SALT_SIZE, bytes.size - SALT_SIZE});
    hf_reader *reader = &out->ops;
    if (hf_read_array(reader, 4) != 4) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    out->record.type = (uint32_t)hf_read_uint_max(reader, UINT16_MAX);
    hf_read_bytes_exact(reader, out->record.bytes, HF_RECORD_ID_SIZE);
    read_logs(reader, out);
    out->op_left = hf_read_array(reader, HF_ENTRY_OPS_MAX);
    if (out->record.type == 0 || out->op_left == 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    return reader->status;
}

static void read_cite(hf_part *part, const hf_origin_id *origin, uint8_t lane, hf_cite *cite)
{
    hf_reader *reader = &part->ops;
    size_t items = hf_read_array(reader, 4);
    uint64_t log = hf_read_uint_max(reader, part->log_count);
    cite->dot.seq = hf_read_uint_max(reader, INT64_MAX);
    hf_read_bytes_exact(reader, cite->prefix, HF_PREFIX_SIZE);
    cite->dot.ordinal = items == 4 ? (uint32_t)hf_read_uint_max(reader, HF_ENTRY_OPS_MAX) : 0;
    bool short_form = items == 3 || (items == 4 && cite->dot.ordinal > 0); /* 0 is left out */
    if (!short_form || cite->dot.seq == 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    if (reader->status != HF_OK) return;
    cite->dot.origin = log == 0 ? *origin : part->logs[log - 1];
    cite->dot.lane = log == 0 ? lane : part->lanes[log - 1];
}

static void read_value(hf_reader *reader, hf_op *op)
{
    op->value = (hf_bytes){NULL, 0};
    if (hf_reader_kind(reader) == HF_KIND_UNDEFINED)
        hf_read_undefined(reader);
    else
        op->value = hf_read_item(reader);
    if (op->value.size > HF_VALUE_SIZE_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
}

hf_status hf_op_next(hf_part *part, const hf_origin_id *origin, uint8_t lane, hf_op *out)
{
    hf_reader *reader = &part->ops;
    size_t items = hf_read_array(reader, 4);
    if (items < 3) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    out->field = (uint32_t)hf_read_uint_max(reader, UINT16_MAX);
    out->cite_count = hf_read_array(reader, HF_OVERWRITTEN_MAX);
    for (size_t i = 0; i < out->cite_count && reader->status == HF_OK; i++)
        read_cite(part, origin, lane, &out->cites[i]);
    read_value(reader, out);
    out->reason = items == 4 ? hf_read_text(reader) : (hf_bytes){NULL, 0};
    if (out->reason.size > HF_REASON_SIZE_MAX) hf_reader_fail(reader, HF_ERR_LIMIT);
    if (items == 4 && out->reason.size == 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    if (!out->value.data && out->cite_count == 0) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    if (part->started && out->field < part->last_field) hf_reader_fail(reader, HF_ERR_PROTOCOL);
    out->ordinal = part->started && out->field == part->last_field ? part->last_ordinal + 1 : 0;
    part->last_field = out->field;
    part->last_ordinal = out->ordinal;
    part->started = true;
    part->op_left--;
    if (reader->status == HF_OK && part->op_left == 0) return hf_reader_end(reader);
    return reader->status;
}

/* What an entry cites of its own log comes before it. Read with `nobody` for the own origin. */
static hf_status check_own_cites(const hf_op *op, const hf_origin_id *nobody, uint64_t seq)
{
    for (size_t i = 0; i < op->cite_count; i++) {
        const hf_dot *dot = &op->cites[i].dot;
        if (hf_origin_equal(&dot->origin, nobody) && dot->seq >= seq) return HF_ERR_PROTOCOL;
    }
    return HF_OK;
}

typedef struct seen_records { /* of the parts so far */
    hf_record_id ids[HF_ENTRY_PARTS_MAX];
    size_t count;
} seen_records;

/* A dot names a write by field and ordinal, and ordinals are counted within a part: two parts of
 * one record would give one name to two writes. */
static bool is_second(seen_records *seen, const hf_record_id *id)
{
    for (size_t i = 0; i < seen->count; i++)
        if (seen->ids[i].type == id->type &&
            memcmp(seen->ids[i].bytes, id->bytes, HF_RECORD_ID_SIZE) == 0)
            return true;
    seen->ids[seen->count++] = *id;
    return false;
}

static hf_status check_parts(hf_entry_body *entry)
{
    seen_records seen;
    seen.count = 0;
    hf_reader reader = hf_reader_open(entry->parts);
    entry->part_count = hf_read_array(&reader, HF_ENTRY_PARTS_MAX);
    if (entry->part_count == 0) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    hf_origin_id nobody = {{0}};
    for (size_t i = 0; i < entry->part_count; i++) { /* none when the count did not read */
        hf_part part;
        hf_op op;
        hf_status status = hf_part_next(NULL, &reader, &part);
        if (status == HF_OK && !part.erased && is_second(&seen, &part.record))
            status = HF_ERR_PROTOCOL;
        while (status == HF_OK && part.op_left > 0) {
            status = hf_op_next(&part, &nobody, 0, &op);
            if (++entry->op_count > HF_ENTRY_OPS_MAX) status = HF_ERR_LIMIT;
            if (status == HF_OK) entry->cite_count += op.cite_count;
            if (status == HF_OK) status = check_own_cites(&op, &nobody, entry->seq);
        }
        if (status != HF_OK) return status;
        if (part.erased) entry->erased_count++;
    }
    return hf_reader_end(&reader);
}

/* All but the parts. The parts array is the last item, so it is whatever is left. */
static hf_status parse_header(hf_bytes body, hf_entry_body *out)
{
    *out = (hf_entry_body){0};
    if (body.size > HF_ENTRY_SIZE_MAX) return HF_ERR_LIMIT;
    hf_reader reader = hf_reader_open(body);
    if (hf_read_array(&reader, 9) != 9) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    out->seq = hf_read_uint_max(&reader, INT64_MAX);
    out->pseq = hf_read_uint_max(&reader, INT64_MAX);
    out->scope = (uint32_t)hf_read_uint_max(&reader, INT32_MAX);
    out->hlc = hf_read_uint_max(&reader, INT64_MAX);
    out->quality = (uint8_t)hf_read_uint_max(&reader, 3);
    out->pack = (uint32_t)hf_read_uint_max(&reader, UINT32_MAX);
    out->actor = hf_read_text(&reader);
    if (hf_reader_kind(&reader) == HF_KIND_NULL) {
        hf_read_null(&reader);
    } else {
        out->transaction = hf_read_bytes(&reader);
        if (out->transaction.size != TRANSACTION_SIZE) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    }
    if (out->actor.size > HF_TEXT_MAX) hf_reader_fail(&reader, HF_ERR_LIMIT);
    if (out->seq == 0 || out->pseq >= out->seq) hf_reader_fail(&reader, HF_ERR_PROTOCOL);
    if (reader.status != HF_OK) return reader.status;
    out->parts = (hf_bytes){reader.at, (size_t)(reader.end - reader.at)};
    out->body = body;
    return HF_OK;
}

hf_status hf_entry_parse(hf_bytes body, hf_entry_body *out)
{
    hf_status status = parse_header(body, out);
    return status == HF_OK ? check_parts(out) : status; /* to the end of what is left */
}

hf_status hf_entry_actor(hf_bytes body, hf_bytes *actor)
{
    hf_entry_body entry;
    hf_status status = parse_header(body, &entry);
    *actor = entry.actor;
    return status;
}

hf_status hf_entry_hash(const hf_crypto *crypto, const hf_origin_id *origin, uint8_t lane,
                        const hf_entry_body *entry, uint8_t out[HF_HASH_SIZE])
{
    hf_buffer header = {0};
    hf_write_array(&header, 12);
    hf_write_uint(&header, VERSION);
    hf_write_bytes(&header, origin->bytes, HF_ORIGIN_SIZE);
    hf_write_uint(&header, lane);
    hf_write_uint(&header, entry->seq);
    hf_write_uint(&header, entry->pseq);
    hf_write_uint(&header, entry->scope);
    hf_write_uint(&header, entry->hlc);
    hf_write_uint(&header, entry->quality);
    hf_write_uint(&header, entry->pack);
    hf_write_text(&header, (const char *)entry->actor.data, entry->actor.size);
    if (entry->transaction.size)
        hf_write_bytes(&header, entry->transaction.data, entry->transaction.size);
    else
        hf_write_null(&header);
    hf_write_array(&header, entry->part_count);
    hf_reader parts = hf_reader_open(entry->parts);
    hf_status status = hf_read_array(&parts, HF_ENTRY_PARTS_MAX) ? HF_OK : HF_ERR_PROTOCOL;
    for (size_t i = 0; i < entry->part_count && status == HF_OK; i++) {
        hf_part part;
        status = hf_part_next(crypto, &parts, &part);
        if (status == HF_OK) hf_write_bytes(&header, part.hash, HF_HASH_SIZE);
    }
    if (status == HF_OK) status = header.status;
    if (status == HF_OK) hash_tagged(crypto, 0x00, hf_buffer_bytes(&header), out);
    hf_buffer_free(&header);
    return status;
}

static bool is_part_of(const hf_part *part, const hf_record_id *record)
{
    return !part->erased && part->record.type == record->type &&
           memcmp(part->record.bytes, record->bytes, HF_RECORD_ID_SIZE) == 0;
}

hf_status hf_entry_keep(const hf_crypto *crypto, hf_bytes body, const hf_record_id *keep,
                        hf_buffer *out)
{
    hf_entry_body entry;
    hf_buffer_clear(out);
    hf_status status = hf_entry_parse(body, &entry);
    if (status != HF_OK) return status;
    hf_write_raw(out, (hf_bytes){body.data, body.size - entry.parts.size});
    hf_write_array(out, entry.part_count);
    hf_reader parts = hf_reader_open(entry.parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    for (size_t i = 0; i < count && status == HF_OK; i++) {
        hf_part part;
        const uint8_t *start = parts.at;
        status = hf_part_next(crypto, &parts, &part);
        if (status == HF_OK && keep && is_part_of(&part, keep)) {
            hf_write_raw(out, (hf_bytes){start, (size_t)(parts.at - start)});
            continue;
        }
        hf_write_array(out, 1);
        hf_write_bytes(out, part.hash, HF_HASH_SIZE);
    }
    return status == HF_OK ? out->status : status;
}

/* What is sent of an entry that does not count: its place and hash can be checked, and nothing of
 * what it says is left. */
hf_status hf_entry_erase(const hf_crypto *crypto, hf_bytes body, hf_buffer *out)
{
    return hf_entry_keep(crypto, body, NULL, out);
}
