/* beside.c: small files beside the store: what must not be in it, since it says something about it.
 *
 * They go through SQLite's VFS, so that a sealed disk seals them and the simulator's disk is bad to
 * them too. */
#include "store_core.h"

#include <string.h>

hf_status hf_beside_open(hf_store *store, const char *suffix, hf_beside *out)
{
    *out = (hf_beside){NULL, NULL};
    sqlite3_vfs *vfs = sqlite3_vfs_find(store->vfs);
    if (!vfs) return hf_store_say(store, HF_ERR_IO, "There is no storage layer of that name.");
    char *name = sqlite3_mprintf("%s%s", store->path, suffix);
    char *full = sqlite3_malloc(vfs->mxPathname + 1);
    sqlite3_file *file = sqlite3_malloc(vfs->szOsFile);
    int code = name && full && file ? SQLITE_OK : SQLITE_NOMEM;
    if (code == SQLITE_OK) code = vfs->xFullPathname(vfs, name, vfs->mxPathname + 1, full);
    if (code == SQLITE_OK) {
        memset(file, 0, (size_t)vfs->szOsFile);
        int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_SUPER_JOURNAL;
        code = vfs->xOpen(vfs, full, file, flags, NULL);
    }
    sqlite3_free(name);
    if (code == SQLITE_OK) {
        *out = (hf_beside){file, full};
        return HF_OK;
    }
    sqlite3_free(file);
    sqlite3_free(full);
    return hf_store_fault(store, code);
}

void hf_beside_close(hf_beside *beside)
{
    if (!beside->file) return;
    if (beside->file->pMethods) beside->file->pMethods->xClose(beside->file);
    sqlite3_free(beside->file);
    sqlite3_free(beside->name);
    *beside = (hf_beside){NULL, NULL};
}
