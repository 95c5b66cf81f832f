/* journal.c: at open, has the journal lost writes that were saved?
 *
 * SQLite reads its write-ahead log up to the first frame that is not whole and takes the rest for
 * what a crash left unfinished. A byte that rotted in the middle of it looks the same: saved writes
 * would be gone without a word. But a frame is chained to the one before it, and one that is
 * chained to the end of a transaction was written after that transaction had succeeded. Where such
 * a frame stands behind the first broken one, what is broken was saved.
 *
 * What no file can tell: that its last transaction rotted, or that it was cut short. Then a hub
 * that had been told of it says so at the next greeting (DESIGN 6, Clones). */
#include "store_core.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_SIZE = 32, FRAME_HEADER_SIZE = 24, AT_SALT = 16, AT_FRAME_SALT = 8, AT_SUM = 16 };
enum { SECTOR_SIZE = 512 };

typedef struct journal { /* as SQLite's file format has it, section 4 */
    sqlite3_file *file;
    sqlite3_int64 size;
    uint8_t header[HEADER_SIZE];
    bool big_endian; /* of the words that are summed */
    size_t page_size;
    uint8_t *frame;
} journal;

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void sum_add(const journal *j, const uint8_t *at, size_t size, uint32_t sum[2])
{
    for (size_t i = 0; i < size; i += 8) {
        uint32_t first = get32(at + i), second = get32(at + i + 4);
        if (!j->big_endian) first = __builtin_bswap32(first);
        if (!j->big_endian) second = __builtin_bswap32(second);
        sum[0] += first + sum[1];
        sum[1] += second + sum[0];
    }
}

typedef struct walk { /* over the frames, as far as the one before */
    uint32_t sum[2];  /* as it says itself ... */
    uint32_t made[2]; /* ... and as it is: they differ where it broke, and either may be right */
    uint32_t page;
    bool broken;      /* the chain was, somewhere */
    bool commit;      /* it ended a transaction */
    bool was_durable; /* whatever is chained to it proves that: SQLite waits for the disk */
} walk;

static bool follows(const journal *j, const uint32_t from[2], uint32_t made[2])
{
    const uint8_t *stored = j->frame + AT_SUM;
    made[0] = from[0];
    made[1] = from[1];
    sum_add(j, j->frame, 8, made);
    sum_add(j, j->frame + FRAME_HEADER_SIZE, j->page_size, made);
    return made[0] == get32(stored) && made[1] == get32(stored + 4);
}

/* Is the frame in hand chained to the one before? The walk's sums become its own. */
static bool is_chained(const journal *j, walk *w)
{
    uint32_t made[2];
    bool same = follows(j, w->made, made) || follows(j, w->sum, made);
    memcpy(w->made, made, sizeof made);
    w->sum[0] = get32(j->frame + AT_SUM);
    w->sum[1] = get32(j->frame + AT_SUM + 4);
    return same;
}

/* A header that is whole starts the chain. One that is not may be what a power cut left of a new
 * start, and then the frames are of an older one, which has been copied: its salts tell. */
static bool header_whole(journal *j, walk *w)
{
    uint32_t magic = get32(j->header);
    j->big_endian = magic & 1;
    sum_add(j, j->header, 24, w->made);
    w->sum[0] = get32(j->header + 24);
    w->sum[1] = get32(j->header + 28);
    bool whole = (magic & ~1u) == 0x377f0682 && get32(j->header + 8) == j->page_size &&
                 memcmp(w->sum, w->made, sizeof w->sum) == 0;
    if (!whole) j->big_endian = false; /* as it is written on every machine that we build for */
    return whole;
}

/* No power cut leaves nothing at all in the header's place and a frame behind it: SQLite waits for
 * the header first. It was zeroed, then, and the first frame that was not has its salts. */
static int salts_find(journal *j, sqlite3_int64 frame_size)
{
    static const uint8_t NOTHING[8];
    uint8_t *salts = j->header + AT_SALT;
    int code = SQLITE_OK;
    for (sqlite3_int64 at = HEADER_SIZE;
         code == SQLITE_OK && memcmp(salts, NOTHING, sizeof NOTHING) == 0 &&
         at + frame_size <= j->size;
         at += frame_size)
        code = j->file->pMethods->xRead(j->file, salts, sizeof NOTHING, at + AT_FRAME_SALT);
    return code;
}

/* Disks write sectors. One that begins between a frame's page and its salts may have come without
 * the one before it, where an older frame's words stand then: they say nothing of this frame. */
static bool is_apart(sqlite3_int64 at)
{
    return at % SECTOR_SIZE == SECTOR_SIZE - AT_FRAME_SALT;
}

/* One more frame is in hand; true when it proves that saved writes stand behind the break. */
static bool walk_on(const journal *j, walk *w, sqlite3_int64 at)
{
    bool chained = is_chained(j, w);
    bool ours = memcmp(j->frame + AT_FRAME_SALT, j->header + AT_SALT, 8) == 0;
    bool commit = get32(j->frame + 4) != 0;
    /* SQLite fills the sector after a commit up with copies of its last frame, and does not wait
     * for the end of the last copy: that one may break while the transaction stands. */
    bool filling = commit && w->commit && get32(j->frame) == w->page;
    bool lost = w->broken && chained && ours && w->was_durable && !filling;
    bool its_own = !filling || (w->broken && w->was_durable);
    bool whole = chained || (ours && !is_apart(at)); /* its salt may be what rotted */
    w->was_durable = commit && its_own && whole;
    w->broken |= !chained || !ours;
    w->commit = commit;
    w->page = get32(j->frame);
    return lost;
}

static int frames_walk(journal *j, bool *lost)
{
    walk w = {.page = 0};
    sqlite3_int64 frame_size = FRAME_HEADER_SIZE + (sqlite3_int64)j->page_size;
    int code = j->file->pMethods->xRead(j->file, j->header, HEADER_SIZE, 0);
    if (code == SQLITE_OK) w.broken = !header_whole(j, &w);
    if (code == SQLITE_OK) code = salts_find(j, frame_size);
    if (code != SQLITE_OK) return code;
    for (sqlite3_int64 at = HEADER_SIZE; at + frame_size <= j->size && !*lost; at += frame_size) {
        code = j->file->pMethods->xRead(j->file, j->frame, (int)frame_size, at);
        if (code != SQLITE_OK) return code;
        *lost = walk_on(j, &w, at);
    }
    return SQLITE_OK;
}

hf_status hf_journal_check(hf_store *store)
{
    journal j = {.file = NULL};
    bool lost = false;
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, "PRAGMA page_size", -1, &statement, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(statement);
    if (code == SQLITE_ROW) j.page_size = (size_t)sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    if (code != SQLITE_ROW) return hf_store_fault(store, code);
    code = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &j.file);
    if (code != SQLITE_OK || !j.file || !j.file->pMethods) return HF_OK; /* there is none */
    code = j.file->pMethods->xFileSize(j.file, &j.size);
    if (code == SQLITE_OK && j.size > HEADER_SIZE) {
        j.frame = malloc(FRAME_HEADER_SIZE + j.page_size);
        code = j.frame ? frames_walk(&j, &lost) : SQLITE_NOMEM;
        free(j.frame);
        /* What a killed process left may be in the cache alone. Nothing is shown as saved, and
         * nothing is chained to it, before it is on disk. */
        if (code == SQLITE_OK && !store->read_only)
            code = j.file->pMethods->xSync(j.file, SQLITE_SYNC_FULL);
    }
    if (code != SQLITE_OK) return hf_store_fault(store, code);
    if (lost) (void)!hf_store_damaged(store, "its journal has lost writes that were saved");
    return HF_OK; /* what is left can be read */
}
