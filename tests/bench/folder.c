/* folder.c: see folder.h. */
#include "folder.h"

#include "gen.h"
#include "platform/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double bench_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool is_ok(hf_status status, const char *what)
{
    if (status != HF_OK) fprintf(stderr, "bench: %s: %s\n", what, hf_status_name(status));
    return status == HF_OK;
}

bool folder_keys(folder *f, const char *path)
{
    memset(f, 0, sizeof *f);
    snprintf(f->key, sizeof f->key, "%s/key.pem", path);
    snprintf(f->certificate, sizeof f->certificate, "%s/certificate.pem", path);
    snprintf(f->ca, sizeof f->ca, "%s/ca.pem", path);
    snprintf(f->database, sizeof f->database, "%s/store.db", path);
    hf_key_paths paths = {f->key, f->certificate, f->ca};
    return is_ok(hf_keys_open(&paths, &f->keys), path);
}

bool folder_open(folder *f, const char *path, bool is_hub)
{
    char problem[512] = "";
    if (!folder_keys(f, path)) return false;
    hf_store_options options = {
        .path = f->database, .crypto = hf_keys_crypto(f->keys), .is_hub = is_hub};
    hf_status status = hf_store_open(&options, &f->store, problem, sizeof problem);
    if (status != HF_OK) fprintf(stderr, "bench: %s\n", problem);
    return status == HF_OK;
}

void folder_close(folder *f)
{
    hf_store_close(f->store);
    f->store = NULL;
    if (f->keys) hf_keys_close(f->keys);
    f->keys = NULL;
}

bool folder_scopes(folder *f)
{
    hf_scope_view found[256];
    size_t count = sizeof found / sizeof *found;
    f->scope_count = 0;
    if (!is_ok(hf_store_scopes(f->store, found, &count), "the scopes")) return false;
    for (size_t i = 0; i < count && i < sizeof found / sizeof *found; i++)
        if (strncmp(found[i].name, BENCH_SCOPE, strlen(BENCH_SCOPE)) == 0 &&
            f->scope_count < sizeof f->scopes / sizeof *f->scopes)
            f->scopes[f->scope_count++] = found[i].number;
    if (f->scope_count > 0) return true;
    fprintf(stderr, "bench: this device was not granted \"%s\"\n", BENCH_SCOPE);
    return false;
}

static hf_status write_batch(folder *f, const gen_record *records, uint32_t first, uint32_t count,
                             hf_buffer *value)
{
    hf_author author = {.actor = "PC 4411 Rees", .wall_ms = hf_clock_wall_ms(), .quality = 3};
    hf_txn *txn;
    hf_status status = hf_txn_begin(f->store, &author, &txn);
    if (status != HF_OK) return status;
    for (uint32_t i = first; i < first + count && status == HF_OK; i++) {
        status = gen_write(txn, &records[i], f->scopes[i % f->scope_count], value);
        hf_txn_next_entry(txn);
    }
    if (status == HF_OK) return hf_txn_commit(txn, NULL, NULL);
    hf_txn_rollback(txn);
    return status;
}

/* Making the records up is no part of writing them. */
static gen_record *made_up(uint32_t count)
{
    gen g = gen_start();
    gen_record *records = calloc(count, sizeof *records);
    for (uint32_t i = 0; i < count && records; i++) gen_next(&g, &records[i]);
    return records;
}

bool folder_write(folder *f, uint32_t count, uint32_t per_commit, double *seconds)
{
    hf_buffer value = {0};
    if (!folder_scopes(f)) return false;
    gen_record *records = made_up(count);
    hf_status status = records ? HF_OK : HF_ERR_NOMEM;
    double began = bench_seconds();
    for (uint32_t done = 0; done < count && status == HF_OK; done += per_commit) {
        uint32_t now = count - done < per_commit ? count - done : per_commit;
        status = write_batch(f, records, done, now, &value);
    }
    *seconds = bench_seconds() - began;
    free(records);
    hf_buffer_free(&value);
    if (status != HF_OK)
        fprintf(stderr, "bench: %s: %s\n", hf_status_name(status), hf_store_problem(f->store));
    return status == HF_OK;
}
