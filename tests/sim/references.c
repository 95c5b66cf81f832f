/* references.c: no two records ever bear one number, and no number is ever leased twice.
 *
 * Why by the text and not by the engine's reader: what a victim was told on a doorstep is a text,
 * and two that look alike are one to whoever is asked for it. */
#include "world_private.h"

#include "sync/entry.h"
#include "sync/system_types.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The series and the number of "CR/12/19"; a provisional one is all its own. False: neither. */
static bool read_reference(hf_bytes text, char out[SIM_REFERENCE_SIZE])
{
    char copy[SIM_REFERENCE_SIZE], series[4], tail;
    unsigned long long number;
    unsigned year;
    if (text.size >= sizeof copy) return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    if (strncmp(copy, "PROV-", 5) == 0) {
        snprintf(out, SIM_REFERENCE_SIZE, "%s", copy);
        return true;
    }
    if (sscanf(copy, "%2[A-Z]/%llu/%2u%c", series, &number, &year, &tail) != 3) return false;
    snprintf(out, SIM_REFERENCE_SIZE, "%s/%llu", series, number);
    return true;
}

static void remember(sim_world *world, const sim_reference *reference)
{
    if (world->reference_count == world->reference_capacity) {
        world->reference_capacity = world->reference_capacity ? 2 * world->reference_capacity : 64;
        world->references =
            realloc(world->references, world->reference_capacity * sizeof *world->references);
        assert(world->references);
    }
    world->references[world->reference_count++] = *reference;
}

static void check_text(sim_world *world, const hf_record_id *record, hf_bytes text)
{
    sim_reference wanted = {.record = *record};
    if (!read_reference(text, wanted.text)) return;
    sim_checked(world, SIM_REFS);
    for (size_t i = 0; i < world->reference_count; i++) {
        const sim_reference *other = &world->references[i];
        if (strcmp(other->text, wanted.text) != 0) continue;
        if (other->record.type == record->type &&
            memcmp(other->record.bytes, record->bytes, HF_RECORD_ID_SIZE) == 0)
            return;
        sim_break(world, SIM_REFS, "two records are called %s", wanted.text);
        return;
    }
    remember(world, &wanted);
    world->result->references += wanted.text[0] != 'P';
}

/* The world's series have one block size, so two leases overlap when they begin alike. */
static void check_lease(sim_world *world, hf_part *part, const hf_entry *entry)
{
    sim_reference lease = {.record = part->record};
    char *text = lease.text;
    uint64_t first = 0;
    hf_op op;
    while (part->op_left > 0 &&
           hf_op_next(part, &entry->dot.origin, entry->dot.lane, &op) == HF_OK) {
        hf_reader reader = hf_reader_open(op.value);
        if (op.field == HF_LEASE_SERIES) {
            hf_bytes name = hf_read_text(&reader);
            snprintf(text, sizeof lease.text, "%.*s", (int)name.size, (const char *)name.data);
        } else if (op.field == HF_LEASE_RANGE) {
            (void)hf_read_array(&reader, 2);
            first = hf_read_uint(&reader);
        }
    }
    size_t used = strlen(text);
    snprintf(text + used, sizeof lease.text - used, " from %llu", (unsigned long long)first);
    sim_checked(world, SIM_REFS);
    for (size_t i = 0; i < world->reference_count; i++)
        if (strcmp(world->references[i].text, text) == 0)
            sim_break(world, SIM_REFS, "numbers are leased twice: %s", text);
    remember(world, &lease);
}

void sim_check_references(sim_world *world, const hf_entry *entry)
{
    hf_entry_body body;
    size_t index;
    unsigned author = sim_origin_node(world, &entry->dot.origin, &index);
    /* But by a fork, and then the operator is told. */
    if (author < SIM_NODES_MAX && world->nodes[author].cloned) return;
    if (hf_entry_parse(entry->body, &body) != HF_OK) return;
    hf_reader parts = hf_reader_open(body.parts);
    size_t count = hf_read_array(&parts, HF_ENTRY_PARTS_MAX);
    for (size_t i = 0; i < count && !sim_over(world); i++) {
        hf_part part;
        hf_op op;
        if (hf_part_next(NULL, &parts, &part) != HF_OK || part.erased) continue;
        if (part.record.type == HF_TYPE_LEASE) check_lease(world, &part, entry);
        while (part.op_left > 0 &&
               hf_op_next(&part, &entry->dot.origin, entry->dot.lane, &op) == HF_OK) {
            hf_reader reader = hf_reader_open(op.value);
            hf_bytes text = op.value.data ? hf_read_text(&reader) : (hf_bytes){NULL, 0};
            if (text.size > 0 && hf_reader_end(&reader) == HF_OK)
                check_text(world, &part.record, text);
        }
    }
}
