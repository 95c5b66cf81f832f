/* store_kit.h: a hub's store and three edges' in a real folder, and entries carried between them by
 * hand, with no session between. For tests of what a store promises. */
#ifndef HF_TEST_STORE_KIT_H
#define HF_TEST_STORE_KIT_H

#include "sync/control.h"
#include "sync/store_core.h"
#include "sync/system_types.h"

#include "sim_crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    KIT_EDGES = 3,
    KIT_VALUES = 32,
    KIT_BEAT = 2, /* scopes that the edges may write in */
    KIT_CUSTODY = 3,
    KIT_HIDDEN = 9,    /* one that they may not */
    KIT_CRIME = 16,    /* the police pack's type and fields */
    KIT_REF = 1,       /* once */
    KIT_WITHIN = 4,    /* last */
    KIT_STATUS = 13,   /* state */
    KIT_RISK = 14,     /* strictest */
    KIT_HARM = 15,     /* max */
    KIT_MO = 25,       /* set of codes */
    KIT_SUSPECTS = 20, /* set of refs */
    KIT_SUMMARY = 27,  /* keep */
    KIT_LOG = 28       /* append */
};

typedef struct kit_node {
    char path[128];
    sim_crypto crypto;
    hf_store *store;
    bool is_hub;
} kit_node;

typedef struct kit {
    char folder[64];
    kit_node hub, edges[KIT_EDGES];
    uint64_t wall_ms;
    hf_buffer
        values[KIT_VALUES]; /* what kit_text and its like return borrows from these, in turn */
    size_t value;
} kit;

/* cmocka setup and teardown: *state is a kit whose edges hold the pack and may write. */
int kit_setup(void **state);
int kit_teardown(void **state);
#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

void kit_open(kit_node *node);
void kit_shut(kit_node *node);
void kit_fresh(kit *k,
               kit_node *node); /* its disk is lost: a new one, that may write and is empty */
hf_status kit_try_open(kit_node *node, bool read_only, char problem[512]);
/* Copies a closed store's file, with or without the one beside it. */
void kit_copy(const char *from, const char *to, bool guard);
void kit_sql(kit_node *node, const char *sql); /* behind a closed or an open store's back */
int64_t kit_number(kit_node *node, const char *sql);

hf_bytes kit_text(kit *k, const char *text);
hf_bytes kit_uint(kit *k, uint64_t value);
hf_bytes kit_ref(kit *k, uint32_t number); /* a person's */
hf_bytes kit_reason(const char *text);

/* ---- writing: each is one transaction ---- */
hf_author kit_author(const kit *k);
hf_txn *kit_begin(kit *k, kit_node *node);
hf_record_id kit_crime_in(kit *k, kit_node *node, uint32_t scope, const char *summary);
hf_record_id kit_crime(kit *k, kit_node *node, const char *summary); /* in KIT_BEAT */
/* A hf_status from the change; committed if it was HF_OK. */
hf_status kit_try(kit *k, kit_node *node, const hf_change *change);
hf_change kit_change(const hf_record_id *record, hf_change_kind kind, uint32_t field,
                     hf_bytes value);
void kit_set(kit *k, kit_node *node, const hf_record_id *record, uint32_t field, hf_bytes value);
void kit_add(kit *k, kit_node *node, const hf_record_id *record, uint32_t field, hf_bytes value);
void kit_remove(kit *k, kit_node *node, const hf_record_id *record, uint32_t field, hf_bytes value);
void kit_delete(kit *k, kit_node *node, const hf_record_id *record);

/* ---- entries from store to store ---- */
typedef struct kit_entry { /* kit_entry_free gives it back */
    hf_dot dot;
    hf_buffer body;
} kit_entry;
/* The entry at `position` of the node's feed, 0: the last. */
kit_entry kit_take(kit_node *node, uint64_t position);
void kit_entry_free(kit_entry *entry);
/* `to` learns `origin` as it stands at `from`. */
const hf_origin_row *kit_introduce(kit_node *from, kit_node *to, const hf_origin_id *origin);
/* One entry in a batch of its own. */
hf_applied_entry kit_give(kit *k, kit_node *from, kit_node *to, const kit_entry *entry,
                          uint32_t withhold);
/* All that `from` holds, in its order and as it may leave it, in one batch; how many were new. */
size_t kit_send(kit *k, kit_node *from, kit_node *to);
void kit_sync(kit *k); /* until all hold the same */
/* The hub's word on a held entry. */
void kit_verdict(kit *k, const hf_dot *dot, uint32_t reason, const char *text);
/* Two edges write where this crime falls, "Avon" at the right time and "Gwent" a year ahead of it:
 * the later one's entry, which nobody else has yet. */
kit_entry kit_rival_ahead(kit *k, const hf_record_id *crime);
/* The hub lets the clock behind this entry count for no more than `quality`. */
void kit_lower_clock(kit *k, const hf_dot *dot, uint64_t quality);

/* ---- reading ---- */
/* The shown value as text; "" for none, "?" when it is not text. Good until the next few calls. */
const char *kit_shown(kit *k, kit_node *node, const hf_record_id *record, uint32_t field);
size_t kit_live(kit_node *node, const hf_record_id *record, uint32_t field);
bool kit_in_conflict(kit_node *node, const hf_record_id *record, uint32_t field);
bool kit_holds(kit_node *node, const hf_record_id *record); /* known, and not deleted */
bool kit_same(kit_node *a, kit_node *b);                    /* the digests of KIT_BEAT agree */
void kit_expect_whole(kit_node *node);                      /* hf_store_verify finds nothing */

#endif
