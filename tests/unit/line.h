/* line.h: a device, and a hub's end of its link that is the test's to play: it says what no sound
 * hub would. */
#ifndef HF_TEST_LINE_H
#define HF_TEST_LINE_H

#include "fixture.h"

#include "sync/client.h"
#include "sync/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LINE_LIVE = 0, LINE_OTHER = 3 /* index by which the hub names another's log */ };

typedef struct line { /* a device, and a hub's end of its link that is ours to play */
    fix_node *hub, *edge, *other;
    hf_client *client;
    hf_deflater *deflater;
    uint64_t now_ms;
    hf_buffer raw, sealed, items, scopes;
    hf_message hello; /* the device's; its lists are gone */
    size_t said;      /* frames of the device's since */
    hf_message last;
} line;

/* cmocka setup and teardown: *state is a line that was never dialled. */
int line_setup(void **state);
int line_teardown(void **state);
#define LINE_TEST(name) cmocka_unit_test_setup_teardown(name, line_setup, line_teardown)

void line_dial(line *l); /* the device has said HELLO, which is in l->hello */
/* A link on which the hub has said WELCOME; the device's answer, if any, is in l->last. */
void line_meet(line *l, hf_resume_verdict verdict);
hf_status line_say(line *l, const hf_message *message); /* the device has it, and has not acted */
void line_turn(line *l);                                /* now it has */
void line_listen(line *l); /* takes all that the device says; the newest stays in l->last */
uint16_t line_ended_with(const line *l); /* LINE_LIVE, or the number with which the device left */
/* Says one frame, and the device acts on it. */
uint16_t line_after(line *l, const hf_message *message);
uint64_t line_wall_ms(const line *l);

/* ---- frames ---- */
hf_message line_welcome_of(line *l, hf_resume_verdict verdict);
hf_message line_origin_of(line *l, const hf_origin_row *row, uint32_t index, bool certified);
hf_message line_other_origin(line *l, bool certified);
/* The other's entry `seq`, in one run of a FEED or of ENTRIES, as `index`. */
hf_message line_carried(line *l, uint8_t type, uint32_t index, uint64_t seq);
hf_message line_done_of(const line *l);

uint64_t line_entries_of(const line *l); /* that the device holds */

#endif
