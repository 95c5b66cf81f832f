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
    uint64_t head_sent;        /* newest seq that we sent a head for */
    uint64_t head_durable;     /* ... that the hub holds one for */
    uint64_t head_at_ms;       /* when; 0: not in this session */
} hf_upload_log;

typedef struct hf_flight { /* one PUSH frame on its way */
    uint16_t log;
    uint64_t seq; /* its last */
    uint32_t entries, bytes;
    hf_pace_mark mark; /* size 0: not yet on the wire */
} hf_flight;

typedef struct hf_upload {
    hf_upload_log *logs; /* origin index * HF_LANE_COUNT + lane */
    size_t origin_count;
    struct {
        uint32_t entries, bytes; /* unacknowledged ... */
        uint64_t wire;           /* ... and as they went out */
        uint32_t window_entries, window_bytes;
    } lanes[HF_LANE_COUNT];
    hf_flight flights[HF_PUSHES_MAX]; /* oldest first, from `first` on, around */
    size_t first, flight_count;
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

/* Allocates for `origin_count` origins; all else zero. Free with hf_upload_free. */
HF_MUST_CHECK hf_status hf_upload_open(hf_upload *upload, size_t origin_count);
void hf_upload_free(hf_upload *upload);
void hf_upload_window(hf_upload *upload, uint8_t lane, uint32_t entries, uint32_t bytes);

/* What the next PUSH should hold. False: nothing may go now. The most urgent lane that has
 * something goes; of HF_LANE_FLOOR bytes one goes to the others that have, in turn, so that none
 * waits for ever. */
bool hf_upload_choose(const hf_upload *upload, uint64_t now_ms, hf_upload_next *out);
void hf_upload_stop(hf_upload *upload, size_t log); /* nothing more of it can be sent */
void hf_upload_sent(hf_upload *upload, size_t log, uint64_t seq, uint32_t entries, size_t bytes);
/* A frame went out as so many bytes: the PUSH of the last hf_upload_sent, or any other. */
void hf_upload_wired(hf_upload *upload, size_t wire, uint64_t now_ms);
/* Could the hub have said this? False: it acknowledges what we never sent. */
bool hf_upload_admits(const hf_upload *upload, const hf_acked *acked);
/* ... which it may. `stamp_ms`: as hf_pace_acked has it. */
void hf_upload_acked(hf_upload *upload, const hf_acked *acked, uint64_t now_ms, uint64_t stamp_ms);

/* Does a log of origin 0 owe a signed head now? Right after the PUSH it covers, at the log's end or
 * every HF_HEAD_INTERVAL_MS. */
bool hf_upload_head_due(const hf_upload *upload, uint64_t now_ms, size_t *log);
void hf_upload_head_sent(hf_upload *upload, size_t log, uint64_t now_ms);
/* When the next head is due, or bulk that the link's pace holds back: the first such time after
 * `now_ms`, for what was due before waits for the link; UINT64_MAX: none. */
uint64_t hf_upload_deadline_ms(const hf_upload *upload, uint64_t now_ms);

/* A log of which the hub holds more than was told here before. False: none. */
bool hf_upload_news(hf_upload *upload, size_t *log);

bool hf_upload_done(const hf_upload *upload); /* all that was written is durable at the hub */

#endif
