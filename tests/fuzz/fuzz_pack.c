/* fuzz_pack.c: any bytes at all as a compiled pack: what opens may be relied on. */
#include "harness.h"
#include "mutate.h"

#include "sync/lattice.h"
#include "sync/pack.h"

#include <assert.h>
#include <string.h>

/* Whoever opened a pack may rely on every one of these. */
static void check_field(const hf_pack *pack, const hf_type *type, const hf_field *field)
{
    assert(hf_pack_field(pack, type->number, field->number) == field);
    assert(strlen(field->name) <= HF_PACK_NAME_MAX);
    assert(strlen(field->label) <= HF_PACK_LABEL_MAX);
    for (size_t i = 0; i < field->code_count; i++) {
        hf_reader reader = hf_reader_open(field->code_values[i]);
        hf_bytes text = hf_read_text(&reader);
        assert(hf_reader_end(&reader) == HF_OK);
        assert(strlen(field->codes[i]) == text.size);
    }
    char why[64];
    (void)!hf_field_check(field, hf_pack_bytes(pack), why, sizeof why);
    if (field->rule != HF_RULE_STATE) return;
    size_t count = field->code_count;
    for (size_t a = 0; a < count; a++) {
        for (size_t b = 0; b < count; b++) {
            uint8_t ab = field->join[a * count + b];
            assert(ab == HF_DISPUTED || ab < count);
            assert(ab == field->join[b * count + a]);
            assert(field->moves[a * count + b] == 0 || ab == b);
        }
    }
}

static void open_and_look(hf_bytes bytes)
{
    hf_pack *pack = NULL;
    hf_status status = hf_pack_open(bytes, &pack);
    assert((status == HF_OK) == (pack != NULL));
    if (pack == NULL) return;
    assert(hf_bytes_equal(hf_pack_bytes(pack), bytes));
    for (size_t t = 0; t < hf_pack_type_count(pack); t++) {
        const hf_type *type = hf_pack_type_at(pack, t);
        assert(hf_pack_type(pack, type->number) == type);
        assert(type->lane > 0 && type->lane < HF_LANE_COUNT);
        for (size_t f = 0; f < type->field_count; f++) check_field(pack, type, &type->fields[f]);
    }
    hf_pack_close(pack);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    return mutate_cbor(data, size, room, seed);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    open_and_look((hf_bytes){data, size});
}
