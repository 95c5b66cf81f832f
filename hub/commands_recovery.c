/* commands_recovery.c: backup and restore: all that makes this hub this hub, in one file.
 *
 * Why a backup asks no daemon: it reads as of one moment, and whoever writes goes on meanwhile. Why
 * a restore replaces nothing: what stands may be all that is left of the last hours. */
#include "program.h"

#include "platform/archive.h"
#include "platform/clock.h"
#include "platform/passphrase.h"
#include "sync/backup.h"
#include "sync/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FORMAT = 1, KEY_FILES = 6, DIGITS_SIZE = 2 * HF_HASH_SIZE + 1, TIME_SIZE = 32 };
enum { PROBLEM_SIZE = 512, FILE_MAX = 64 * 1024 };
static const char SCHEMA[] = "holdfast.backup/1";

typedef struct key_file {
    const char *name, *path;
    mode_t mode;
    bool secret; /* what stands there must be the same, else it is another hub's */
} key_file;

static void key_files(const hf_home *home, key_file out[KEY_FILES])
{
    const key_file files[KEY_FILES] = {{"key.pem", home->key, 0600, true},
                                       {"ca-key.pem", home->ca_key, 0600, true},
                                       {"ca.pem", home->ca, 0644, true},
                                       {"certificate.pem", home->certificate, 0644, false},
                                       {"holdfast.conf", home->config, 0644, false},
                                       {"ports", home->ports, 0644, false}};
    memcpy(out, files, sizeof files);
}

static void hex(const uint8_t *bytes, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = 0;
}

static bool is_hex_of(const json_t *manifest, const char *key, const uint8_t *bytes, size_t size)
{
    char digits[DIGITS_SIZE];
    hex(bytes, size, digits);
    return strcmp(hf_show_text(manifest, key), digits) == 0;
}

static void wipe(void *at, size_t size)
{
    if (at) explicit_bzero(at, size);
    free(at);
}

/* ---- the passphrase ---- */

/* The first line of a file, or of standard input: never an argument, which all can read. */
static int read_passphrase(const hf_cli_args *args, char out[HF_PASSPHRASE_MAX + 2], hf_bytes *line)
{
    const char *path = hf_cli_value(args, "passphrase-file");
    FILE *in = path && strcmp(path, "-") != 0 ? fopen(path, "re") : stdin;
    char *got = in ? fgets(out, HF_PASSPHRASE_MAX + 2, in) : NULL;
    if (in && in != stdin) fclose(in);
    *line = (hf_bytes){(const uint8_t *)out, got ? strcspn(out, "\r\n") : 0};
    if (got && line->size >= HF_PASSPHRASE_MIN) return HF_EXIT_OK;
    fprintf(stderr,
            "%s %s: the recovery passphrase is read from --passphrase-file FILE, or from standard "
            "input: one line of at least %d characters.\n",
            HUB_PROGRAM, args->command->name, HF_PASSPHRASE_MIN);
    return HF_EXIT_DATA;
}

/* ---- backup ---- */

static json_t *keys_read(const hf_home *home, const char **missing)
{
    key_file files[KEY_FILES];
    key_files(home, files);
    json_t *keys = json_object();
    *missing = NULL;
    for (size_t i = 0; i < KEY_FILES && keys; i++) {
        uint8_t *text = NULL;
        size_t size = 0;
        hf_status status = hf_file_read(files[i].path, FILE_MAX, &text, &size);
        if (status == HF_OK)
            (void)json_object_set_new(keys, files[i].name, json_stringn((const char *)text, size));
        else if (strcmp(files[i].name, "ports") != 0)
            *missing = files[i].path;
        wipe(text, size);
    }
    return keys;
}

static json_t *manifest_of(const hf_store_facts *facts, const uint8_t digest[HF_HASH_SIZE],
                           uint64_t size)
{
    char key[DIGITS_SIZE], origin[DIGITS_SIZE], epoch[DIGITS_SIZE], store[DIGITS_SIZE];
    hex(facts->key_id, HF_HASH_SIZE, key);
    hex(facts->origin.bytes, HF_ORIGIN_SIZE, origin);
    hex(facts->epoch, sizeof facts->epoch, epoch);
    hex(digest, HF_HASH_SIZE, store);
    return json_pack("{s:s,s:i,s:s,s:i,s:s,s:s,s:s,s:I,s:I,s:s,s:I}", "schema", SCHEMA, "format",
                     FORMAT, "version", HF_VERSION, "tables", (int)facts->tables, "hub", key,
                     "origin", origin, "epoch", epoch, "position", (json_int_t)facts->position,
                     "store_size", (json_int_t)size, "store_sha256", store, "made_ms",
                     (json_int_t)hf_clock_wall_ms());
}

static hf_status seal_keys(json_t *keys, hf_bytes passphrase, hf_bytes manifest, uint8_t **out,
                           size_t *size)
{
    char *text = json_dumps(keys, JSON_COMPACT);
    size_t length = text ? strlen(text) : 0;
    *size = length + HF_PASSPHRASE_OVERHEAD;
    *out = text ? malloc(*size) : NULL;
    hf_status status = *out ? hf_passphrase_seal(passphrase, manifest,
                                                 (hf_bytes){(const uint8_t *)text, length}, *out)
                            : HF_ERR_NOMEM;
    wipe(text, length);
    return status;
}

static int backup_failed(const char *path, hf_status status)
{
    fprintf(stderr, "%s backup: %s was not made (%s); the hub is as it was.\n", HUB_PROGRAM, path,
            status == HF_ERR_BUSY ? "there is a file of that name" : hf_status_name(status));
    return status == HF_ERR_BUSY ? HF_EXIT_CANNOT_CREATE : hf_cli_exit(status);
}

typedef struct making {
    hf_program *program;
    const char *path;
    char temporary[HF_PATH_SIZE];
    hf_bytes passphrase;
    json_t *keys, *manifest;
} making;

/* The copy is at `temporary`: it becomes the backup. */
static int finish(making *m, const hf_store_facts *facts)
{
    uint8_t digest[HF_HASH_SIZE], *sealed = NULL;
    uint64_t size;
    size_t sealed_size = 0;
    hf_status status = hf_archive_digest(m->temporary, digest, &size);
    if (status == HF_OK) m->manifest = manifest_of(facts, digest, size);
    char *text = m->manifest ? json_dumps(m->manifest, JSON_COMPACT) : NULL;
    if (status == HF_OK && !text) status = HF_ERR_NOMEM;
    hf_bytes manifest = {(const uint8_t *)text, text ? strlen(text) : 0};
    if (status == HF_OK)
        status = seal_keys(m->keys, m->passphrase, manifest, &sealed, &sealed_size);
    if (status == HF_OK)
        status =
            hf_archive_finish(m->temporary, m->path, manifest, (hf_bytes){sealed, sealed_size});
    free(sealed);
    free(text);
    return status == HF_OK ? HF_EXIT_OK : backup_failed(m->path, status);
}

static int make_backup(making *m)
{
    char problem[PROBLEM_SIZE] = "";
    const char *missing;
    const hf_home *home = &m->program->home;
    hf_store_facts facts;
    if (hf_home_has(m->path)) return backup_failed(m->path, HF_ERR_BUSY);
    m->keys = keys_read(home, &missing);
    if (!m->keys || missing) {
        fprintf(stderr, "%s backup: %s cannot be read, and without it a backup is none.\n",
                HUB_PROGRAM, missing ? missing : home->data);
        return HF_EXIT_CONFIG;
    }
    (void)snprintf(m->temporary, sizeof m->temporary, "%s.%ld.tmp", m->path, (long)getpid());
    (void)unlink(m->temporary);
    hf_status status = hf_store_copy(home->store, m->temporary, &facts, problem, sizeof problem);
    if (status == HF_OK) return finish(m, &facts);
    (void)unlink(m->temporary);
    fprintf(stderr, "%s backup: %s The hub is as it was.\n", HUB_PROGRAM, problem);
    return hf_cli_exit(status);
}

static void say_backup(const hf_cli_args *args, const making *m)
{
    if (hf_cli_has(args, "json")) {
        char *text = json_dumps(m->manifest, JSON_COMPACT);
        if (text) puts(text);
        free(text);
        return;
    }
    fprintf(stderr,
            "The backup is %s: entries up to %" PRIu64 ", and the hub's keys under the recovery "
            "passphrase. Keep both, apart from each other and from this machine.\n",
            m->path, hf_show_number(m->manifest, "position"));
}

int hf_hub_cli_backup(void *context, const hf_cli_args *args)
{
    char line[HF_PASSPHRASE_MAX + 2];
    making m = {.program = context, .path = args->operands[0]};
    int code = hf_program_find(m.program, args);
    if (code == HF_EXIT_OK) code = m.program->kind->prepare(m.program);
    if (code == HF_EXIT_OK) code = read_passphrase(args, line, &m.passphrase);
    if (code == HF_EXIT_OK) code = make_backup(&m);
    if (code == HF_EXIT_OK) say_backup(args, &m);
    explicit_bzero(line, sizeof line);
    json_decref(m.keys);
    json_decref(m.manifest);
    return code;
}

/* ---- restore: what the file says ---- */

typedef struct restoring {
    const char *command; /* whose words these are */
    hf_program *program;
    const char *path;
    hf_archive *archive;
    json_t *manifest, *keys;
} restoring;

static int refuse(const restoring *r, int code, const char *why)
{
    fprintf(stderr, "%s %s: %s %s. Nothing was changed.\n", HUB_PROGRAM, r->command, r->path, why);
    return code;
}

static int open_backup(restoring *r)
{
    hf_status status = hf_archive_open(r->path, &r->archive);
    if (status == HF_ERR_NOT_FOUND) return refuse(r, HF_EXIT_NO_INPUT, "is not there");
    if (status == HF_ERR_PROTOCOL)
        return refuse(r, HF_EXIT_DATA, "is not a backup, or not all of one: its end is missing");
    if (status != HF_OK) return refuse(r, hf_cli_exit(status), "cannot be read");
    hf_bytes text = hf_archive_manifest(r->archive), store = hf_archive_store(r->archive);
    r->manifest = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    if (strcmp(hf_show_text(r->manifest, "schema"), SCHEMA) != 0)
        return refuse(r, HF_EXIT_DATA, "does not say what it is: it is damaged");
    if (hf_show_number(r->manifest, "format") > FORMAT ||
        hf_show_number(r->manifest, "tables") > HF_STORE_TABLES)
        return refuse(r, HF_EXIT_DENIED, "was made by a newer holdfast: use that one");
    uint8_t digest[HF_HASH_SIZE];
    hf_archive_sum(store, digest);
    if (!is_hex_of(r->manifest, "store_sha256", digest, sizeof digest))
        return refuse(r, HF_EXIT_DATA, "is damaged: its store is not the one that was saved");
    return HF_EXIT_OK;
}

static int open_keys(restoring *r, hf_bytes passphrase)
{
    hf_bytes sealed = hf_archive_sealed(r->archive);
    size_t size = sealed.size < HF_PASSPHRASE_OVERHEAD ? 0 : sealed.size - HF_PASSPHRASE_OVERHEAD;
    uint8_t *plain = malloc(size + 1);
    hf_status status =
        plain ? hf_passphrase_open(passphrase, hf_archive_manifest(r->archive), sealed, plain)
              : HF_ERR_NOMEM;
    if (status == HF_OK)
        r->keys = json_loadb((const char *)plain, size, JSON_REJECT_DUPLICATES, NULL);
    wipe(plain, size);
    if (status == HF_ERR_DENIED)
        return refuse(r, HF_EXIT_DENIED,
                      "does not open under this passphrase: it is another one, or the keys in the "
                      "file were altered");
    if (status == HF_OK && r->keys) return HF_EXIT_OK;
    return refuse(r, status == HF_ERR_NOMEM ? HF_EXIT_NO_MEMORY : HF_EXIT_DATA,
                  "has keys that cannot be read");
}

/* ---- restore: what stands in its place ---- */

static int look_at_store(const restoring *r)
{
    char journal[HF_PATH_SIZE + 8];
    hf_store_facts standing;
    const char *store = r->program->home.store;
    (void)snprintf(journal, sizeof journal, "%s-wal", store);
    if (!hf_home_has(store) && hf_home_has(journal))
        return refuse(r, HF_EXIT_CANNOT_CREATE,
                      "cannot go where a store's journal (store.db-wal) stands: move it away, "
                      "together with the store that it belongs to");
    if (!hf_home_has(store)) return HF_EXIT_OK;
    if (hf_store_facts_read(store, &standing) != HF_OK)
        return refuse(r, HF_EXIT_CANNOT_CREATE,
                      "cannot go where a store stands that cannot be read: move store.db and "
                      "store.db-wal away, and keep them");
    if (!is_hex_of(r->manifest, "hub", standing.key_id, sizeof standing.key_id))
        return refuse(r, HF_EXIT_CANNOT_CREATE, "is the backup of another hub");
    if (standing.position >= hf_show_number(r->manifest, "position"))
        return refuse(r, HF_EXIT_CANNOT_CREATE,
                      "is older than what stands here; if that is what you want, move store.db "
                      "and store.db-wal away first, and keep them");
    return refuse(r, HF_EXIT_CANNOT_CREATE,
                  "cannot go where a store of this hub stands: move store.db and store.db-wal away "
                  "first, and keep them");
}

static int look_at_keys(const restoring *r)
{
    key_file files[KEY_FILES];
    key_files(&r->program->home, files);
    for (size_t i = 0; i < KEY_FILES; i++) {
        uint8_t *text = NULL;
        size_t size = 0;
        const char *saved = hf_show_text(r->keys, files[i].name);
        hf_status status = hf_file_read(files[i].path, FILE_MAX, &text, &size);
        bool same = status == HF_OK && size == strlen(saved) && memcmp(text, saved, size) == 0;
        wipe(text, size);
        if (status == HF_ERR_NOT_FOUND || same || !files[i].secret) continue;
        return refuse(r, HF_EXIT_CANNOT_CREATE,
                      "is the backup of another hub: other keys stand here");
    }
    return HF_EXIT_OK;
}

/* ---- restore: putting it there ---- */

static int place_failed(const char *what, hf_status status)
{
    fprintf(stderr,
            "%s restore: cannot write %s (%s). Nothing was replaced: put it right and run it "
            "again.\n",
            HUB_PROGRAM, what, hf_status_name(status));
    return hf_cli_exit(status);
}

/* The keys first: a store without them would be nobody's. The guard goes before the store comes, so
 * that whatever else happens the store sees that it was set back, and takes a new name. */
static int place(const restoring *r)
{
    key_file files[KEY_FILES];
    char guard[HF_PATH_SIZE + 8];
    const hf_home *home = &r->program->home;
    key_files(home, files);
    for (size_t i = 0; i < KEY_FILES; i++) {
        const char *saved = hf_show_text(r->keys, files[i].name);
        if (!*saved) continue;
        hf_status status = hf_file_create(
            files[i].path, (hf_bytes){(const uint8_t *)saved, strlen(saved)}, files[i].mode);
        if (status != HF_OK && status != HF_ERR_BUSY) return place_failed(files[i].path, status);
    }
    (void)snprintf(guard, sizeof guard, "%s.guard", home->store);
    hf_status status = hf_file_remove(guard);
    if (status == HF_OK) status = hf_file_create(home->store, hf_archive_store(r->archive), 0600);
    return status == HF_OK ? HF_EXIT_OK : place_failed(home->store, status);
}

static void say_restored(const restoring *r, const hf_cli_args *args)
{
    char epoch[DIGITS_SIZE], origin[DIGITS_SIZE];
    const hub_node *node = r->program->node;
    bool waits = hf_store_control_waits(node->store);
    hex(hf_store_epoch(node->store), 16, epoch);
    hex(hf_store_own_origin(node->store)->id.bytes, HF_ORIGIN_SIZE, origin);
    if (hf_cli_has(args, "json")) {
        printf("{\"schema\":\"holdfast.restored/1\",\"position\":%" PRIu64
               ",\"epoch\":\"%s\",\"origin\":\"%s\",\"uploads_only\":%s}\n",
               hf_show_number(r->manifest, "position"), epoch, origin, waits ? "true" : "false");
        return;
    }
    fprintf(stderr,
            "Restored, as of entry %" PRIu64 ". Devices send again what the hub had after that, by "
            "themselves.\n",
            hf_show_number(r->manifest, "position"));
    if (waits)
        fputs("Which devices were enrolled or revoked after that is not known here: the hub takes "
              "uploads and hands out nothing until you say so (\"accept-control-loss\").\n",
              stderr);
    else
        fputs("What was decided after that stood beside the store, and is known again.\n", stderr);
    fprintf(stderr, "Next: %s --data %s run\nthen: %s --data %s refill\n", HUB_PROGRAM,
            r->program->home.data, HUB_PROGRAM, r->program->home.data);
}

static int restore(restoring *r, const hf_cli_args *args)
{
    pid_t holder = 0;
    hf_home *home = &r->program->home;
    int code = hf_home_make(home, HUB_PROGRAM);
    if (code != HF_EXIT_OK) return code;
    hf_status status = hf_home_lock(home, &holder);
    if (status == HF_ERR_BUSY) {
        fprintf(stderr, "%s restore: process %ld is using %s; end it first.\n", HUB_PROGRAM,
                (long)holder, home->data);
        return HF_EXIT_TRY_LATER;
    }
    if (status != HF_OK) return place_failed(home->lock_file, status);
    code = look_at_store(r);
    if (code == HF_EXIT_OK) code = look_at_keys(r);
    if (code == HF_EXIT_OK) code = place(r);
    if (code == HF_EXIT_OK) code = r->program->kind->prepare(r->program);
    if (code == HF_EXIT_OK) code = hf_program_open_store(r->program);
    if (code == HF_EXIT_OK) say_restored(r, args);
    return code;
}

int hf_hub_cli_restore(void *context, const hf_cli_args *args)
{
    char line[HF_PASSPHRASE_MAX + 2];
    hf_bytes passphrase;
    restoring r = {.command = "restore", .program = context, .path = args->operands[0]};
    int code = hf_program_find(r.program, args);
    if (code == HF_EXIT_OK) code = open_backup(&r);
    if (code == HF_EXIT_OK) code = read_passphrase(args, line, &passphrase);
    if (code == HF_EXIT_OK) code = open_keys(&r, passphrase);
    if (code == HF_EXIT_OK) code = restore(&r, args);
    explicit_bzero(line, sizeof line);
    hf_archive_close(r.archive);
    json_decref(r.manifest);
    json_decref(r.keys);
    return code;
}

int hf_hub_backup_file(const hf_cli_args *args, const char *path, const char *name, char **text)
{
    char line[HF_PASSPHRASE_MAX + 2];
    hf_bytes passphrase;
    restoring r = {.command = args->command->name, .path = path};
    *text = NULL;
    int code = open_backup(&r);
    if (code == HF_EXIT_OK) code = read_passphrase(args, line, &passphrase);
    if (code == HF_EXIT_OK) code = open_keys(&r, passphrase);
    if (code == HF_EXIT_OK) *text = strdup(hf_show_text(r.keys, name));
    if (code == HF_EXIT_OK && !*text) code = HF_EXIT_NO_MEMORY;
    explicit_bzero(line, sizeof line);
    hf_archive_close(r.archive);
    json_decref(r.manifest);
    json_decref(r.keys);
    return code;
}
