/* test_backup.c: what a hub's backup is made of: hidden from who lacks the passphrase, whole or
 * refused. */
#include "platform/archive.h"
#include "platform/passphrase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/hf-test-backup-XXXXXX");
    assert_non_null(mkdtemp(directory));
    return 0;
}

static const char *in(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(in("store"));
    (void)unlink(in("backup"));
    return rmdir(directory);
}

static hf_bytes bytes_of(const char *text)
{
    return (hf_bytes){(const uint8_t *)text, strlen(text)};
}

static void put(const char *path, hf_bytes bytes)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
}

/* ---- the passphrase ---- */

static const char SECRET[] = "the hub's key", MANIFEST[] = "{\"hub\":\"1\"}";
enum { SEALED_SIZE = sizeof SECRET - 1 + HF_PASSPHRASE_OVERHEAD };

static void what_is_sealed_opens_by_its_passphrase_alone(void **state)
{
    (void)state;
    uint8_t sealed[SEALED_SIZE], plain[sizeof SECRET] = {0};
    hf_bytes right = bytes_of("correct horse battery"), wrong = bytes_of("correct horse batterY");
    hf_bytes all = {sealed, sizeof sealed};
    assert_int_equal(hf_passphrase_seal(right, bytes_of(MANIFEST), bytes_of(SECRET), sealed),
                     HF_OK);
    assert_null(memmem(sealed, sizeof sealed, "key", 3));
    assert_int_equal(hf_passphrase_open(wrong, bytes_of(MANIFEST), all, plain), HF_ERR_DENIED);
    assert_int_equal(hf_passphrase_open(right, bytes_of("{\"hub\":\"2\"}"), all, plain),
                     HF_ERR_DENIED);
    assert_int_equal(hf_passphrase_open(right, bytes_of(MANIFEST), all, plain), HF_OK);
    assert_string_equal((char *)plain, SECRET);
    assert_int_equal(
        hf_passphrase_seal(bytes_of("too short"), bytes_of(MANIFEST), bytes_of(SECRET), sealed),
        HF_ERR_INPUT);
}

static void a_seal_that_was_altered_does_not_open(void **state)
{
    (void)state;
    uint8_t sealed[SEALED_SIZE], plain[sizeof SECRET];
    hf_bytes phrase = bytes_of("correct horse battery"), all = {sealed, sizeof sealed};
    assert_int_equal(hf_passphrase_seal(phrase, bytes_of(MANIFEST), bytes_of(SECRET), sealed),
                     HF_OK);
    static const size_t places[] = {5, 21, 33, SEALED_SIZE - 1}; /* salt, nonce, hidden, tag */
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        sealed[places[i]] ^= 1;
        assert_int_equal(hf_passphrase_open(phrase, bytes_of(MANIFEST), all, plain), HF_ERR_DENIED);
        sealed[places[i]] ^= 1;
    }
    all.size = HF_PASSPHRASE_OVERHEAD - 1;
    assert_int_equal(hf_passphrase_open(phrase, bytes_of(MANIFEST), all, plain), HF_ERR_PROTOCOL);
    all.size = sizeof sealed;
    sealed[0] = 2;
    assert_int_equal(hf_passphrase_open(phrase, bytes_of(MANIFEST), all, plain), HF_ERR_PROTOCOL);
    sealed[0] = 1;
    memset(sealed + 1, 0xff, 4); /* rounds that would take hours */
    assert_int_equal(hf_passphrase_open(phrase, bytes_of(MANIFEST), all, plain), HF_ERR_PROTOCOL);
}

/* ---- the file ---- */

static void make_archive(void)
{
    put(in("store"), bytes_of("pages of the store"));
    assert_int_equal(
        hf_archive_finish(in("store"), in("backup"), bytes_of(MANIFEST), bytes_of("sealed")),
        HF_OK);
}

static void a_backup_gives_back_its_three_parts(void **state)
{
    (void)state;
    hf_archive *archive;
    make_archive();
    assert_int_equal(access(in("store"), F_OK), -1); /* it became the backup */
    assert_int_equal(hf_archive_open(in("backup"), &archive), HF_OK);
    hf_bytes store = hf_archive_store(archive), manifest = hf_archive_manifest(archive);
    assert_int_equal(store.size, strlen("pages of the store"));
    assert_memory_equal(store.data, "pages of the store", store.size);
    assert_memory_equal(manifest.data, MANIFEST, sizeof MANIFEST - 1);
    assert_int_equal(hf_archive_sealed(archive).size, strlen("sealed"));
    hf_archive_close(archive);
    put(in("store"), bytes_of("a later one"));
    assert_int_equal(
        hf_archive_finish(in("store"), in("backup"), bytes_of(MANIFEST), bytes_of("sealed")),
        HF_ERR_BUSY);
    assert_int_equal(hf_archive_open(in("missing"), &archive), HF_ERR_NOT_FOUND);
}

/* Cut anywhere, or with one bit of its end, manifest or keys flipped, it is not taken for whole. */
static void a_backup_that_was_cut_or_altered_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[256];
    hf_archive *archive;
    make_archive();
    FILE *file = fopen(in("backup"), "r");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t cut = 0; cut < size; cut++) {
        put(in("backup"), (hf_bytes){bytes, cut});
        assert_int_equal(hf_archive_open(in("backup"), &archive), HF_ERR_PROTOCOL);
    }
    for (size_t at = strlen("pages of the store"); at < size; at++) {
        bytes[at] ^= 1;
        put(in("backup"), (hf_bytes){bytes, size});
        assert_int_equal(hf_archive_open(in("backup"), &archive), HF_ERR_PROTOCOL);
        bytes[at] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_opens_by_its_passphrase_alone),
        cmocka_unit_test(a_seal_that_was_altered_does_not_open),
        cmocka_unit_test_setup_teardown(a_backup_gives_back_its_three_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_backup_that_was_cut_or_altered_is_refused, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
