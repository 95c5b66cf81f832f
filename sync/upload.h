/* upload.h: which of our own entries goes next: lanes, windows, frame sizes and heads. Pure.
 *
 * Why apart from the session: the order in which a shift's work leaves a phone on a thin link is
 * a promise (a custody entry never waits behind a note), and here it is a few lines over numbers.
 */
#ifndef HF_UPLOAD_H
#define HF_UPLOAD_H

#include "messages.h"
#include "pace.h"

typedef struct hf_upload_log { /* one own log, as this session sees it */
    uint64_t last;             /* written here */
    uint64_t sent;             /* on the wire, or durable at the hub already */
    uint64_t durable;          /* the hub said so */
    uint64_t told;             /* ... and we passed it on */
    uint64_t central;          /* the hub said that the centre has it */
    uint64_t central_told;     /* ... and we passed it on */
    bool stopped;              /* refused, or another branch than the hub's: no more of it goes */
    bool headless;             /* held in part: there is no head that we could sign over it */
    bool asking;               /* how far the hub has it must be heard first ... */
    bool asked;                /* ... and the question went out */
    bool rewound;              /* the hub has less than it once said: its last word counts */
    uint64_t said;             /* ... which is this: durable, as of the last ACK */
    uint64_t head_sent;        /* newest seq that we sent a head for */
    uint64_t head_durable;     /* ... that the hub holds one for */
    uint64_t head_at_ms;       /* when; 0: not in this session */
    uint32_t unsigned_entries; /* sent since the last head */
    size_t unsigned_bytes;
} hf_upload_log;

typedef struct hf_flight { /* one PUSH frame on its way */
    uint32_t log;
    uint64_t seq; /* its last */
    uint32_t entries, bytes;
    hf_pace_mark mark; /* size 0: not yet on the wire */
} hf_flight;

typedef struct hf_upload {
    hf_upload_log *logs;               /* origin index * HF_LANE_COUNT + lane */
    size_t origin_count, signer_count; /* of the first ones the heads are ours to sign */
    struct {
        uint32_t entries, bytes; /* unacknowledged ... */
        uint64_t wire;           /* ... and as they went out */
        uint32_t window_entries, window_bytes;
    } lanes[HF_LANE_COUNT];
    hf_flight flights[HF_PUSHES_MAX]; /* oldest first, from `first` on, around */
    size_t first, flight_count;
    size_t asked;         /* questions that went out and are not answered ... */
    uint64_t asked_at_ms; /* ... the last of them then */
    hf_pace pace;
    uint64_t owed;      /* wire bytes that the lanes which had to wait may have now */
    uint8_t floor_lane; /* the last of them that got some */
} hf_upload;

typedef struct hf_upload_next {
    size_t log; /* index into logs */
    uint64_t after;
    uint32_t entries;
    size_t bytes; /* body bytes; one entry may go whatever its size */
} hf_upload_next;

/* Allocates for `origin_count` origins, all our own; all else zero. Free with hf_upload_free. */
HF_MUST_CHECK hf_status hf_upload_open(hf_upload *upload, size_t origin_count);
/* Makes room for `origin_count`: those that come to it are others', whose heads are their own. */
HF_MUST_CHECK hf_status hf_upload_grow(hf_upload *upload, size_t origin_count);
void hf_upload_free(hf_upload *upload);
void hf_upload_window(hf_upload *upload, uint8_t lane, uint32_t entries, uint32_t bytes);

/* What the next PUSH should hold. False: nothing may go now. The most urgent lane that has
 * something goes; of HF_LANE_FLOOR bytes one goes to the others that have, in turn, so that none
 * waits for ever. */
bool hf_upload_choose(const hf_upload *upload, uint64_t now_ms, hf_upload_next *out);
void hf_upload_end(hf_upload *upload, size_t log); /* we hold no more of it that could follow */
void hf_upload_sent(hf_upload *upload, size_t log, uint64_t seq, uint32_t entries, size_t bytes);
/* A frame went out as so many bytes: the PUSH of the last hf_upload_sent, or any other. */
void hf_upload_wired(hf_upload *upload, size_t wire, uint64_t now_ms);
/* Could the hub have said this? False: it acknowledges what we never sent. */
bool hf_upload_admits(const hf_upload *upload, const hf_acked *acked);
/* ... which it may. `stamp_ms`, here and below: as hf_pace_acked has it. */
void hf_upload_acked(hf_upload *upload, const hf_acked *acked, uint64_t now_ms, uint64_t stamp_ms);
/* A question of how far the hub has this log went out; and its answer came, or is not awaited. */
void hf_upload_asked(hf_upload *upload, size_t log, uint64_t now_ms);
void hf_upload_answered(hf_upload *upload, size_t log);
/* Was something of others' logs not acknowledged, or a question not answered, for
 * HF_PACE_PATIENCE_MS? Some program lost it, or what came before it: nothing that follows would
 * show that. */
bool hf_upload_overdue(const hf_upload *upload, uint64_t now_ms, size_t *log);
/* What is under way of this log does not follow what the hub holds: it goes again from there. */
void hf_upload_rewind(hf_upload *upload, size_t log, uint64_t now_ms, uint64_t stamp_ms);
/* What is under way of this log is refused, and none of it goes again in this session. */
void hf_upload_stop(hf_upload *upload, size_t log, uint64_t now_ms, uint64_t stamp_ms);

/* Does a log of ours owe a signed head now? Right after the PUSH it covers: at most one every
 * HF_HEAD_INTERVAL_MS, unless as much went unsigned as a relay can pass on in one frame. */
bool hf_upload_head_due(const hf_upload *upload, uint64_t now_ms, size_t *log);
void hf_upload_head_sent(hf_upload *upload, size_t log, uint64_t now_ms);
/* When the next head is due, or bulk that the link's pace holds back: the first such time after
 * `now_ms`, for what was due before waits for the link; UINT64_MAX: none. */
uint64_t hf_upload_deadline_ms(const hf_upload *upload, uint64_t now_ms);

typedef struct hf_upload_told { /* news: the log is safe up to `seq`, at the hub or, past it, at the
                                   centre */
    size_t log;
    uint64_t seq;
    bool central;
} hf_upload_told;
/* A log of ours of which the hub, or the centre, holds more than was told here before. False: none.
 */
bool hf_upload_news(hf_upload *upload, hf_upload_told *out);

bool hf_upload_done(const hf_upload *upload); /* all that was written is durable at the hub */

#endif
