/* gather.c: what a commit puts into the journal is written in one call.
 *
 * SQLite hands each page of a commit to its write-ahead log in two writes, and a commit of one
 * record has some five pages. This is a VFS over the one beneath that keeps those writes until the
 * sync that SQLite asks for, and hands them on as one just before it.
 *
 * Why that is as safe as without: a page in the journal counts for nobody until its commit does,
 * and SQLite counts the commit, here and in what other processes read, only after that sync has
 * succeeded. The bytes, where they stand and the order in which places are written over stay the
 * same; what is kept is read and measured as if it were in the file. A process that is killed
 * loses what it would have left there unsynced, which no opening would have counted either. */
#include "store_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 32 };

struct hf_gather {
    sqlite3_vfs vfs; /* first: SQLite hands us this. It is the one beneath, but for xOpen */
    sqlite3_vfs *beneath;
    char name[NAME_SIZE];
    bool begun;
    sqlite3_int64 at; /* where in the journal what is kept belongs */
    size_t size;
    uint8_t kept[HF_GATHER_SIZE];
};

typedef struct journal_file {
    sqlite3_file base; /* first: SQLite sees only this */
    hf_gather *gather;
    bool gathers;
    sqlite3_file *inner; /* right behind */
} journal_file;

/* What could not be written stays kept, and in front of all that follows: SQLite goes by it that an
 * earlier write succeeded, and no sync may succeed without it. */
static int hand_on(journal_file *journal)
{
    hf_gather *gather = journal->gather;
    if (!gather->size) return SQLITE_OK;
    sqlite3_file *inner = journal->inner;
    int code = inner->pMethods->xWrite(inner, gather->kept, (int)gather->size, gather->at);
    if (code == SQLITE_OK) gather->size = 0;
    return code;
}

/* What is kept when SQLite closes its journal was never committed. */
static int on_close(sqlite3_file *file)
{
    journal_file *journal = (journal_file *)file;
    journal->gather->size = 0;
    return journal->inner->pMethods->xClose(journal->inner);
}

static int on_read(sqlite3_file *file, void *out, int size, sqlite3_int64 at)
{
    journal_file *journal = (journal_file *)file;
    const hf_gather *gather = journal->gather;
    bool apart = at + size <= gather->at || at >= gather->at + (sqlite3_int64)gather->size;
    int code = apart ? SQLITE_OK : hand_on(journal);
    return code == SQLITE_OK ? journal->inner->pMethods->xRead(journal->inner, out, size, at)
                             : code;
}

static int on_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at)
{
    journal_file *journal = (journal_file *)file;
    hf_gather *gather = journal->gather;
    size_t more = (size_t)size, room = sizeof gather->kept - gather->size;
    bool keeps = journal->gathers && gather->begun && more <= sizeof gather->kept;
    bool follows = at == gather->at + (sqlite3_int64)gather->size && more <= room;
    int code = keeps && follows ? SQLITE_OK : hand_on(journal);
    if (code != SQLITE_OK) return code;
    if (!keeps) return journal->inner->pMethods->xWrite(journal->inner, data, size, at);
    if (!gather->size) gather->at = at;
    memcpy(gather->kept + gather->size, data, more);
    gather->size += more;
    return SQLITE_OK;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    journal_file *journal = (journal_file *)file;
    int code = hand_on(journal);
    return code == SQLITE_OK ? journal->inner->pMethods->xTruncate(journal->inner, size) : code;
}

static int on_sync(sqlite3_file *file, int flags)
{
    journal_file *journal = (journal_file *)file;
    int code = hand_on(journal);
    return code == SQLITE_OK ? journal->inner->pMethods->xSync(journal->inner, flags) : code;
}

static int on_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    journal_file *journal = (journal_file *)file;
    int code = hand_on(journal);
    return code == SQLITE_OK ? journal->inner->pMethods->xFileSize(journal->inner, size) : code;
}

static int on_control(sqlite3_file *file, int what, void *argument)
{
    sqlite3_file *inner = ((journal_file *)file)->inner;
    return inner->pMethods->xFileControl(inner, what, argument);
}

static int on_sector_size(sqlite3_file *file)
{
    sqlite3_file *inner = ((journal_file *)file)->inner;
    return inner->pMethods->xSectorSize(inner);
}

static int on_characteristics(sqlite3_file *file)
{
    sqlite3_file *inner = ((journal_file *)file)->inner;
    return inner->pMethods->xDeviceCharacteristics(inner);
}

static const sqlite3_io_methods METHODS = {
    /* a journal is never locked */
    .iVersion = 1,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_file_size,
    .xFileControl = on_control,
    .xSectorSize = on_sector_size,
    .xDeviceCharacteristics = on_characteristics,
};

/* Files that are no journal are those of the layer beneath, with nothing of ours in between. */
static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                   int *out_flags)
{
    hf_gather *gather = (hf_gather *)vfs;
    sqlite3_vfs *beneath = gather->beneath;
    if (!(flags & SQLITE_OPEN_WAL)) return beneath->xOpen(beneath, name, file, flags, out_flags);
    journal_file *journal = (journal_file *)file;
    *journal = (journal_file){.gather = gather, .inner = (sqlite3_file *)(journal + 1)};
    memset(journal->inner, 0, (size_t)beneath->szOsFile);
    int code = beneath->xOpen(beneath, name, journal->inner, flags, out_flags);
    const sqlite3_io_methods *methods = journal->inner->pMethods;
    if (code != SQLITE_OK) {
        if (methods) methods->xClose(journal->inner);
        return code;
    }
    /* Where a torn write may harm what stands beside it, SQLite writes on behind its sync. */
    int traits = methods->xDeviceCharacteristics(journal->inner);
    journal->gathers = (traits & SQLITE_IOCAP_POWERSAFE_OVERWRITE) != 0;
    journal->base.pMethods = &METHODS;
    return SQLITE_OK;
}

hf_status hf_gather_open(hf_store *store)
{
    sqlite3_vfs *beneath = sqlite3_vfs_find(store->vfs);
    if (!beneath) return hf_store_say(store, HF_ERR_IO, "There is no storage layer of that name.");
    hf_gather *gather = malloc(sizeof *gather);
    if (!gather) return hf_store_fault(store, SQLITE_NOMEM);
    gather->beneath = beneath;
    gather->begun = false;
    gather->at = 0;
    gather->size = 0;
    (void)snprintf(gather->name, sizeof gather->name, "gather-%p", (void *)gather);
    gather->vfs = *beneath;
    gather->vfs.pNext = NULL;
    gather->vfs.zName = gather->name;
    gather->vfs.szOsFile += (int)sizeof(journal_file);
    gather->vfs.xOpen = on_open;
    store->gather = gather;
    int code = sqlite3_vfs_register(&gather->vfs, 0);
    return code == SQLITE_OK ? HF_OK : hf_store_fault(store, code);
}

const char *hf_gather_name(const hf_gather *gather)
{
    return gather->name;
}

void hf_gather_begin(hf_gather *gather)
{
    gather->begun = true;
}

void hf_gather_close(hf_gather *gather)
{
    if (!gather) return;
    sqlite3_vfs_unregister(&gather->vfs);
    free(gather);
}
