/* lattice.h: the order of a `state` field's states, and whether it merges alike in any order. Pure.
 *
 * Both the pack compiler, which must say what is wrong, and the reader on every node, which must
 * not believe what it is sent, build the same table by this one function. */
#ifndef HF_LATTICE_H
#define HF_LATTICE_H

#include "limits.h"
#include "pack.h"

typedef struct hf_lattice_join { /* a and b, met in either order, become c */
    uint8_t a, b, c;
} hf_lattice_join;

typedef enum hf_lattice_fault_kind {
    HF_LATTICE_SOUND = 0,
    HF_LATTICE_CYCLE,     /* a can come back to itself */
    HF_LATTICE_ORDERED,   /* a join is declared, but b already follows a: that is the join */
    HF_LATTICE_TWICE,     /* the join of a and b is declared twice */
    HF_LATTICE_NOT_ABOVE, /* a's join with b is c, yet no move leads from a to c */
    HF_LATTICE_TRIPLE     /* a, b, c: joined in another order, they end elsewhere */
} hf_lattice_fault_kind;

typedef struct hf_lattice_fault {
    hf_lattice_fault_kind kind;
    uint8_t a, b, c;
} hf_lattice_fault;

/* Fills `join` (count x count) from declared moves (count x count, 1 where a step is declared) and
 * joins: of two states on one path the further, else what a join declares, else HF_DISPUTED, which
 * absorbs all. Checks every pair and triple: commutative, associative, idempotent, and every move
 * upwards. Only when the fault is HF_LATTICE_SOUND may `join` be used. 1 <= count <=
 * HF_PACK_STATES_MAX. */
hf_lattice_fault hf_lattice_build(size_t count, const uint8_t *moves, const hf_lattice_join *joins,
                                  size_t join_count, uint8_t *join);

/* a joined with b, where either may be HF_DISPUTED. */
uint8_t hf_lattice_join_of(size_t count, const uint8_t *join, uint8_t a, uint8_t b);

#endif
