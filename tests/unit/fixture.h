/* fixture.h: stores on disks in memory, with seeded keys, and the roads between them without a
 * session: what one holds is applied to another entry by entry. For tests. */
#ifndef HF_TEST_FIXTURE_H
#define HF_TEST_FIXTURE_H

#include "sync/apply.h"
#include "sync/control.h"
#include "sync/feed.h"
#include "sync/log.h"

#include "sim_crypto.h"
#include "sim_vfs.h"

enum {
    FIX_CRIME = 16,
    FIX_REF = 1,
    FIX_CATEGORY = 10,
    FIX_OUTCOME = 11,
    FIX_SUMMARY = 27,
    FIX_LOG = 28
};

typedef struct fix_node {
    char name[16];
    bool is_hub;
    sim_disk *disk;
    sim_crypto crypto;
    hf_store *store;
    uint64_t wall_ms; /* moves by a second at each write */
    char actor[32];
    hf_dot last; /* of the last of the writes below */
} fix_node;

/* A hub with the police pack published and the scopes "beat" and "custody". */
fix_node *fix_hub(void);
/* An edge that holds what the hub has in its scopes, may write in "beat" and "custody", and is
 * enrolled under `name`. */
fix_node *fix_edge(fix_node *hub, const char *name);
void fix_free(fix_node *node); /* NULL is fine */
void fix_open(fix_node *node);
void fix_shut(fix_node *node);
uint32_t fix_scope(fix_node *hub, const char *name);
/* Runs SQL behind the store's back, while it is shut: a disk that rots, a program with a bug. */
void fix_damage(fix_node *node, const char *sql);

/* ---- writing; each is one transaction, and must succeed ---- */
hf_record_id fix_new_crime(fix_node *node, uint32_t scope, const char *summary);
void fix_set(fix_node *node, const hf_record_id *id, uint32_t field, const char *text);
void fix_resolve(fix_node *node, const hf_record_id *id, uint32_t field, const char *text,
                 const char *reason);
void fix_change(fix_node *node, const hf_record_id *id, uint32_t field, hf_change_kind kind,
                const char *text, const char *reason);

/* ---- roads ---- */
/* Applies what `from` wrote itself and `to` lacks. Nothing about it is withheld. */
void fix_push(fix_node *from, fix_node *to);
/* Applies the hub's feed after *position, as a device that holds `scopes` gets it; moves *position.
 */
void fix_pull(fix_node *hub, fix_node *to, const uint32_t *scopes, size_t count,
              uint64_t *position);
/* The hub's verdict on an entry: 0 opens it again. */
void fix_judge(fix_node *hub, const hf_dot *dot, uint32_t scope, uint32_t reason);

/* ---- where most tests begin: a hub and two officers' devices ---- */
typedef struct fix_bench {
    fix_node *hub, *rees, *khan;
    uint32_t beat, custody, scopes[3]; /* scopes: all that a device holds */
    uint64_t rees_at, khan_at;         /* how far they have the hub's feed */
    hf_record_id crime, other;         /* for a suite's own set-up to make */
} fix_bench;
/* cmocka setup and teardown: *state is a fix_bench. */
int fix_bench_setup(void **state);
int fix_bench_teardown(void **state);
void fix_exchange(fix_bench *b); /* what the officers wrote goes to the hub, then to both */

/* ---- expectations ---- */
void fix_expect_whole(fix_node *node);                          /* hf_store_verify finds no fault */
void fix_expect_same(fix_node *a, fix_node *b, uint32_t scope); /* equal digests */
/* The value shown, as text; "" when there is none. Good until the next call. */
const char *fix_shown(fix_node *node, const hf_record_id *id, uint32_t field);

#endif
