/* test_files.c: small files whole or absent, and one process per store. */
#include "platform/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/hf-test-files-XXXXXX");
    assert_non_null(mkdtemp(directory));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    DIR *files = opendir(directory);
    for (struct dirent *file; (file = readdir(files));) {
        char path[512];
        if (file->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", directory, file->d_name);
        if (unlink(path)) rmdir(path);
    }
    closedir(files);
    return rmdir(directory);
}

static const char *in(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static hf_bytes bytes_of(const char *text)
{
    return (hf_bytes){(const uint8_t *)text, strlen(text)};
}

static size_t file_count(void)
{
    size_t count = 0;
    DIR *files = opendir(directory);
    for (struct dirent *file; (file = readdir(files));) count += file->d_name[0] != '.';
    closedir(files);
    return count;
}

static void expect_content(const char *name, const char *expected)
{
    uint8_t *found = NULL;
    size_t size = 0;
    assert_int_equal(hf_file_read(in(name), 1000, &found, &size), HF_OK);
    assert_int_equal(size, strlen(expected));
    assert_string_equal((char *)found, expected); /* a NUL follows */
    free(found);
}

static void written_file_is_whole_and_leaves_nothing_beside_it(void **state)
{
    (void)state;
    struct stat info;
    assert_int_equal(hf_file_write(in("a"), bytes_of("one"), 0600), HF_OK);
    expect_content("a", "one");
    assert_int_equal(stat(in("a"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(hf_file_write(in("a"), bytes_of("another"), 0644), HF_OK);
    expect_content("a", "another");
    assert_int_equal(stat(in("a"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    assert_int_equal(hf_file_write(in("a"), (hf_bytes){NULL, 0}, 0600), HF_OK);
    expect_content("a", "");
    assert_int_equal(file_count(), 1);
}

static void created_file_is_never_replaced(void **state)
{
    (void)state;
    assert_int_equal(hf_file_create(in("key"), bytes_of("first"), 0600), HF_OK);
    assert_int_equal(hf_file_create(in("key"), bytes_of("second"), 0600), HF_ERR_BUSY);
    expect_content("key", "first");
    assert_int_equal(file_count(), 1);
}

static void failures_have_names(void **state)
{
    (void)state;
    uint8_t *found = NULL;
    size_t size = 0;
    assert_int_equal(hf_file_read(in("absent"), 10, &found, &size), HF_ERR_NOT_FOUND);
    assert_null(found);
    assert_int_equal(hf_file_write(in("no/where"), bytes_of("x"), 0600), HF_ERR_NOT_FOUND);
    assert_int_equal(hf_file_write(in("long"), bytes_of("0123456789a"), 0600), HF_OK);
    assert_int_equal(hf_file_read(in("long"), 10, &found, &size), HF_ERR_LIMIT);
    assert_null(found);
    assert_int_equal(hf_file_read(in("long"), 11, &found, &size), HF_OK);
    free(found);
    assert_int_equal(hf_file_read(directory, 11, &found, &size), HF_ERR_IO);
    assert_int_equal(hf_dir_make(in("long")), HF_ERR_BUSY); /* a file stands there */
    assert_int_equal(hf_dir_make(in("made")), HF_OK);
    assert_int_equal(hf_dir_make(in("made")), HF_OK);
    assert_int_equal(hf_dir_make(in("no/where")), HF_ERR_NOT_FOUND);
}

/* A full disk must leave the old file. A child that may write four bytes stands for it. */
static void full_disk_is_told_and_the_old_file_stands(void **state)
{
    (void)state;
    assert_int_equal(hf_file_write(in("a"), bytes_of("old"), 0600), HF_OK);
    pid_t child = fork();
    if (child == 0) {
        const struct rlimit four = {.rlim_cur = 4, .rlim_max = 4};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &four);
        hf_status replaced = hf_file_write(in("a"), bytes_of("longer than that"), 0600);
        hf_status made = hf_file_create(in("b"), bytes_of("longer than that"), 0600);
        _exit(replaced == HF_ERR_FULL && made == HF_ERR_FULL ? 0 : 1);
    }
    int code = -1;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    expect_content("a", "old");
    assert_int_equal(file_count(), 1);
}

static void second_process_is_told_who_holds_the_store(void **state)
{
    (void)state;
    hf_lock *lock = NULL, *again = NULL;
    pid_t holder = 0;
    assert_int_equal(hf_lock_open(in("store.lock"), &lock, &holder), HF_OK);
    assert_int_equal(hf_lock_open(in("store.lock"), &again, &holder), HF_ERR_BUSY);
    assert_null(again);
    assert_int_equal(holder, getpid());
    pid_t child = fork();
    if (child == 0) {
        hf_status status = hf_lock_open(in("store.lock"), &again, &holder);
        _exit(status == HF_ERR_BUSY && holder == getppid() ? 0 : 1);
    }
    int code = -1;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    hf_lock_close(lock);
    assert_int_equal(hf_lock_open(in("store.lock"), &again, &holder), HF_OK);
    hf_lock_close(again);
    hf_lock_close(NULL);
}

static void lock_of_a_killed_process_is_free(void **state)
{
    (void)state;
    int ready[2], code;
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        hf_lock *lock = NULL;
        pid_t holder = 0;
        if (hf_lock_open(in("store.lock"), &lock, &holder) != HF_OK) _exit(1);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        pause();
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    hf_lock *lock = NULL;
    pid_t holder = 0;
    assert_int_equal(hf_lock_open(in("store.lock"), &lock, &holder), HF_ERR_BUSY);
    assert_int_equal(holder, child);
    kill(child, 9);
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(hf_lock_open(in("store.lock"), &lock, &holder), HF_OK);
    hf_lock_close(lock);
}

int main(void)
{
#define FILES_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        FILES_TEST(written_file_is_whole_and_leaves_nothing_beside_it),
        FILES_TEST(created_file_is_never_replaced),
        FILES_TEST(failures_have_names),
        FILES_TEST(full_disk_is_told_and_the_old_file_stands),
        FILES_TEST(second_process_is_told_who_holds_the_store),
        FILES_TEST(lock_of_a_killed_process_is_free),
    };
    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
