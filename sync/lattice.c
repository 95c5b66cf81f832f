/* lattice.c: builds the join table of a `state` field, and tries every pair and triple of it.
 *
 * Why exhaustively: a table that is not associative would let two stations that met in another
 * order show different states of one crime for ever. 64 states have 262,144 triples: a
 * millisecond, once per pack. */
#include "lattice.h"

#include <assert.h>
#include <string.h>

static hf_lattice_fault fault(hf_lattice_fault_kind kind, size_t a, size_t b, size_t c)
{
    return (hf_lattice_fault){kind, (uint8_t)a, (uint8_t)b, (uint8_t)c};
}

static const hf_lattice_fault SOUND = {HF_LATTICE_SOUND, 0, 0, 0};

/* reach[a][b]: some path of declared moves leads from a to b. */
typedef struct paths {
    bool reach[HF_PACK_STATES_MAX][HF_PACK_STATES_MAX];
} paths;

/* Warshall's closure. */
static void close_moves(size_t count, const uint8_t *moves, paths *p)
{
    for (size_t a = 0; a < count; a++) {
        for (size_t b = 0; b < count; b++) p->reach[a][b] = moves[a * count + b] != 0;
    }
    for (size_t via = 0; via < count; via++) {
        for (size_t a = 0; a < count; a++) {
            if (!p->reach[a][via]) continue;
            for (size_t b = 0; b < count; b++) {
                p->reach[a][b] = p->reach[a][b] || p->reach[via][b];
            }
        }
    }
}

uint8_t hf_lattice_join_of(size_t count, const uint8_t *join, uint8_t a, uint8_t b)
{
    if (a == HF_DISPUTED || b == HF_DISPUTED) return HF_DISPUTED;
    return join[(size_t)a * count + b];
}

/* A declared join must be where both of its states can get by moves: a state that nobody may enter
 * would otherwise appear out of two that were entered. */
static hf_lattice_fault apply_joins(size_t count, const paths *p, const hf_lattice_join *joins,
                                    size_t join_count, uint8_t *join)
{
    for (size_t i = 0; i < join_count; i++) {
        const hf_lattice_join *j = &joins[i];
        assert(j->a < count);
        assert(j->b < count);
        assert(j->c < count);
        for (size_t before = 0; before < i; before++) {
            const hf_lattice_join *k = &joins[before];
            bool same = (k->a == j->a && k->b == j->b) || (k->a == j->b && k->b == j->a);
            if (same) return fault(HF_LATTICE_TWICE, j->a, j->b, j->c);
        }
        if (join[j->a * count + j->b] != HF_DISPUTED) {
            return fault(HF_LATTICE_ORDERED, j->a, j->b, j->c);
        }
        if (!p->reach[j->a][j->c]) return fault(HF_LATTICE_NOT_ABOVE, j->a, j->b, j->c);
        if (!p->reach[j->b][j->c]) return fault(HF_LATTICE_NOT_ABOVE, j->b, j->a, j->c);
    }
    for (size_t i = 0; i < join_count; i++) {
        join[joins[i].a * count + joins[i].b] = joins[i].c;
        join[joins[i].b * count + joins[i].a] = joins[i].c;
    }
    return SOUND;
}

static hf_lattice_fault check(size_t count, const uint8_t *moves, const uint8_t *join)
{
    for (size_t a = 0; a < count; a++) {
        assert(join[a * count + a] == a); /* these three hold by the way it is built */
        for (size_t b = 0; b < count; b++) {
            uint8_t ab = join[a * count + b];
            assert(ab == join[b * count + a]);
            assert(moves[a * count + b] == 0 || ab == b);
            for (size_t c = 0; c < count; c++) {
                uint8_t left = hf_lattice_join_of(count, join, ab, (uint8_t)c);
                uint8_t right = hf_lattice_join_of(count, join, (uint8_t)a, join[b * count + c]);
                if (left != right) return fault(HF_LATTICE_TRIPLE, a, b, c);
            }
        }
    }
    return SOUND;
}

hf_lattice_fault hf_lattice_build(size_t count, const uint8_t *moves, const hf_lattice_join *joins,
                                  size_t join_count, uint8_t *join)
{
    assert(count > 0);
    assert(count <= HF_PACK_STATES_MAX);
    paths p;
    close_moves(count, moves, &p);
    for (size_t a = 0; a < count; a++) {
        if (p.reach[a][a]) return fault(HF_LATTICE_CYCLE, a, a, a);
    }
    for (size_t a = 0; a < count; a++) {
        for (size_t b = 0; b < count; b++) {
            uint8_t further = p.reach[a][b] ? (uint8_t)b : p.reach[b][a] ? (uint8_t)a : HF_DISPUTED;
            join[a * count + b] = a == b ? (uint8_t)a : further;
        }
    }
    hf_lattice_fault found = apply_joins(count, &p, joins, join_count, join);
    if (found.kind != HF_LATTICE_SOUND) return found;
    return check(count, moves, join);
}
