/* states.c: moves and joins, and what to say when they do not add up.
 *
 * Why so many words: the person who declares a state machine sees one station; the compiler has to
 * make her see two, that met in another order. */
#include "states.h"

#include "../lattice.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOINS_MAX = HF_PACK_STATES_MAX * (HF_PACK_STATES_MAX - 1) / 2 };

typedef struct machine {
    const char *const *names;
    size_t count;
    uint8_t moves[HF_PACK_STATES_MAX * HF_PACK_STATES_MAX];
    uint8_t join[HF_PACK_STATES_MAX * HF_PACK_STATES_MAX];
    hf_lattice_join joins[JOINS_MAX]; /* a < b, ascending */
    size_t join_count, move_count;
} machine;

/* ---- reading ---- */

/* ["draft", "submitted"]: `size` names of states, as indexes. */
static bool read_states(source *src, const machine *m, const json_t *item, size_t size,
                        uint8_t *out)
{
    if (!json_is_array(item) || json_array_size(item) != size) {
        source_refuse(src, "write a list of %zu states here, %s.", size,
                      size == 2 ? "[\"from\", \"to\"]" : "[\"one\", \"other\", \"together\"]");
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        size_t mark = source_enter_item(src, i);
        const char *name = json_string_value(json_array_get(item, i));
        if (name == NULL)
            source_refuse(src, "write the name of a state.");
        else
            out[i] = (uint8_t)source_choice(src, "state", name, m->names, m->count);
        source_leave(src, mark);
    }
    return src->status == HF_OK;
}

static void read_move(source *src, machine *m, const json_t *item)
{
    uint8_t step[2];
    if (!read_states(src, m, item, 2, step)) return;
    uint8_t *move = &m->moves[step[0] * m->count + step[1]];
    if (step[0] == step[1]) {
        source_refuse(src, "it leads from \"%s\" to itself. Take it out.", m->names[step[0]]);
    } else if (*move != 0) {
        source_refuse(src, "this move stands in the list already. Take one out.");
    }
    *move = 1;
    m->move_count++;
}

static void read_join(source *src, machine *m, const json_t *item)
{
    uint8_t states[3];
    if (!read_states(src, m, item, 3, states)) return;
    bool swap = states[0] > states[1];
    hf_lattice_join join = {states[swap], states[!swap], states[2]};
    size_t at = m->join_count++;
    while (at > 0 && (m->joins[at - 1].a > join.a ||
                      (m->joins[at - 1].a == join.a && m->joins[at - 1].b > join.b))) {
        m->joins[at] = m->joins[at - 1];
        at--;
    }
    m->joins[at] = join;
}

static void read_list(source *src, machine *m, const json_t *field, const char *member, size_t max,
                      void (*read_one)(source *, machine *, const json_t *))
{
    const json_t *items = source_array(src, field, member, max, false);
    size_t mark = source_enter(src, member);
    for (size_t i = 0; items != NULL && i < json_array_size(items); i++) {
        size_t inner = source_enter_item(src, i);
        if (src->status == HF_OK) read_one(src, m, json_array_get(items, i));
        source_leave(src, inner);
    }
    source_leave(src, mark);
}

/* ---- saying what is wrong ---- */

/* The shortest way from `start` back to itself, by breadth; written as "a -> b -> a". */
static void describe_circle(const machine *m, size_t start, char *out, size_t size)
{
    size_t queue[HF_PACK_STATES_MAX], came_from[HF_PACK_STATES_MAX], head = 0, tail = 0;
    bool met[HF_PACK_STATES_MAX] = {false};
    queue[tail++] = start;
    while (head < tail && !met[start]) {
        size_t from = queue[head++];
        for (size_t to = 0; to < m->count; to++) {
            if (m->moves[from * m->count + to] == 0 || met[to]) continue;
            met[to] = true;
            came_from[to] = from;
            if (to != start) queue[tail++] = to;
        }
    }
    assert(met[start]);
    size_t way[HF_PACK_STATES_MAX + 1], steps = 0;
    for (size_t at = start; steps == 0 || at != start; at = came_from[at]) way[steps++] = at;
    size_t used = (size_t)snprintf(out, size, "%s", m->names[start]);
    while (steps-- > 0 && used < size) {
        used += (size_t)snprintf(out + used, size - used, " -> %s", m->names[way[steps]]);
    }
}

static bool above(const machine *m, size_t low, size_t high)
{
    return m->join[low * m->count + high] == high;
}

/* The lowest state that both lead to; false when there is none. */
static bool meeting(const machine *m, size_t a, size_t b, size_t *out)
{
    bool found = false;
    for (size_t u = 0; u < m->count; u++) {
        if (!above(m, a, u) || !above(m, b, u)) continue;
        if (!found || above(m, u, *out)) *out = u;
        found = true;
    }
    return found;
}

static const char *state_name(const machine *m, uint8_t state)
{
    return state == HF_DISPUTED ? "disputed" : m->names[state];
}

/* Most often two branches of a diamond: disputed if they meet early, agreed if they meet late. */
static void refuse_triple(source *src, const machine *m, const hf_lattice_fault *f)
{
    const uint8_t pairs[3][2] = {{f->a, f->b}, {f->b, f->c}, {f->a, f->c}};
    for (size_t i = 0; i < 3; i++) {
        size_t a = pairs[i][0], b = pairs[i][1], top = 0;
        if (m->join[a * m->count + b] != HF_DISPUTED || !meeting(m, a, b, &top)) continue;
        source_refuse(
            src,
            "\"%s\", \"%s\" and \"%s\" merge differently in different orders: \"%s\" and "
            "\"%s\" are disputed when they meet, yet both lead to \"%s\". Declare what they "
            "are together, \"joins\": [[\"%s\", \"%s\", \"%s\"]], or let them lead to "
            "different states.",
            m->names[f->a], m->names[f->b], m->names[f->c], m->names[a], m->names[b], m->names[top],
            m->names[a], m->names[b], m->names[top]);
        return;
    }
    uint8_t ab = m->join[f->a * m->count + f->b], bc = m->join[f->b * m->count + f->c];
    uint8_t left = hf_lattice_join_of(m->count, m->join, ab, f->c);
    uint8_t right = hf_lattice_join_of(m->count, m->join, f->a, bc);
    source_refuse(
        src,
        "\"%s\" and \"%s\", then \"%s\", is \"%s\"; \"%s\" and \"%s\", then \"%s\", is "
        "\"%s\". Both must be the same: declare a move or a join between \"%s\" and \"%s\".",
        m->names[f->a], m->names[f->b], m->names[f->c], state_name(m, left), m->names[f->b],
        m->names[f->c], m->names[f->a], state_name(m, right),
        state_name(m, left == HF_DISPUTED ? ab : left),
        state_name(m, left == HF_DISPUTED ? f->c : right));
}

static void refuse_join(source *src, const machine *m, const hf_lattice_fault *f)
{
    const char *a = m->names[f->a], *b = m->names[f->b], *c = m->names[f->c];
    if (f->c == f->a || f->c == f->b) {
        source_refuse(
            src,
            "\"%s\" and \"%s\" are to be \"%s\" together, which says that the one follows "
            "the other. Declare that as a move, and take the join out.",
            a, b, c);
    } else {
        source_refuse(src,
                      "\"%s\" and \"%s\" are to be \"%s\" together, but no move leads from \"%s\" "
                      "to \"%s\". Declare one.",
                      a, b, c, a, c);
    }
}

static void refuse_fault(source *src, const machine *m, const hf_lattice_fault *f)
{
    char circle[512];
    switch (f->kind) {
    case HF_LATTICE_CYCLE:
        describe_circle(m, f->a, circle, sizeof circle);
        source_refuse(src,
                      "the moves lead in a circle: %s. Take one of them out; going back is a "
                      "correction, which needs a reason and no move.",
                      circle);
        return;
    case HF_LATTICE_ORDERED:
        source_refuse(src,
                      "the join of \"%s\" and \"%s\" is declared, but moves lead from one to the "
                      "other, so the further one stands. Take the join out.",
                      m->names[f->a], m->names[f->b]);
        return;
    case HF_LATTICE_TWICE:
        source_refuse(src, "the join of \"%s\" and \"%s\" is declared twice. Take one out.",
                      m->names[f->a], m->names[f->b]);
        return;
    case HF_LATTICE_NOT_ABOVE: refuse_join(src, m, f); return;
    case HF_LATTICE_TRIPLE: refuse_triple(src, m, f); return;
    default:
        source_refuse(src, "\"%s\" and \"%s\" do not merge alike both ways.", m->names[f->a],
                      m->names[f->b]);
        return;
    }
}

/* ---- encoding ---- */

static void write_machine(const machine *m, hf_buffer *out)
{
    hf_write_array(out, 2 * m->move_count);
    for (size_t from = 0; from < m->count; from++) {
        for (size_t to = 0; to < m->count; to++) {
            if (m->moves[from * m->count + to] == 0) continue;
            hf_write_uint(out, from);
            hf_write_uint(out, to);
        }
    }
    hf_write_array(out, 3 * m->join_count);
    for (size_t i = 0; i < m->join_count; i++) {
        hf_write_uint(out, m->joins[i].a);
        hf_write_uint(out, m->joins[i].b);
        hf_write_uint(out, m->joins[i].c);
    }
}

void states_compile(source *src, const json_t *field, const char *const *names, size_t count,
                    hf_buffer *out)
{
    if (src->status != HF_OK) return;
    machine *m = calloc(1, sizeof *m);
    if (m == NULL) {
        source_no_memory(src);
        return;
    }
    m->names = names;
    m->count = count;
    read_list(src, m, field, "moves", sizeof m->moves, read_move);
    read_list(src, m, field, "joins", JOINS_MAX, read_join);
    if (src->status == HF_OK) {
        hf_lattice_fault found =
            hf_lattice_build(count, m->moves, m->joins, m->join_count, m->join);
        if (found.kind != HF_LATTICE_SOUND)
            refuse_fault(src, m, &found);
        else
            write_machine(m, out);
    }
    free(m);
}
