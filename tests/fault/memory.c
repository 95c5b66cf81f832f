/* memory.c: see memory.h. The C library's own functions stand under __real_ names. */
#include "memory.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include <zlib.h>

static struct {
    bool armed;
    fault_mode mode;
    uint64_t at, met, failed;
    int64_t live;
} memory; /* one for the program, as the C library's own is */

static sqlite3_mem_methods sqlite_own;

/* One allocation is asked for, by our own code or a library: is it one of those that fail? */
static bool falls(bool ours)
{
    if (!memory.armed || (memory.mode == FAULT_OURS_ONCE && !ours)) return false;
    memory.met++;
    bool all_from_there = memory.mode == FAULT_FROM_THERE_ON && memory.met > memory.at;
    bool falls_now = memory.at && (memory.met == memory.at || all_from_there);
    memory.failed += falls_now;
    return falls_now;
}

static void *counted(void *block)
{
    memory.live += block != NULL;
    return block;
}

/* ---- ours: the linker's --wrap ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *block);
int __real_deflateInit2_(z_stream *stream, int level, int method, int window, int memory_level,
                         int strategy, const char *version, int size);
int __real_inflateInit2_(z_stream *stream, int window, const char *version, int size);
utf8proc_ssize_t __real_utf8proc_map(const utf8proc_uint8_t *text, utf8proc_ssize_t size,
                                     utf8proc_uint8_t **out, utf8proc_option_t options);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);
int __wrap_deflateInit2_(z_stream *stream, int level, int method, int window, int memory_level,
                         int strategy, const char *version, int size);
int __wrap_inflateInit2_(z_stream *stream, int window, const char *version, int size);
utf8proc_ssize_t __wrap_utf8proc_map(const utf8proc_uint8_t *text, utf8proc_ssize_t size,
                                     utf8proc_uint8_t **out, utf8proc_option_t options);

void *__wrap_malloc(size_t size)
{
    return falls(true) ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return falls(true) ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    if (falls(true)) return NULL;
    void *grown = __real_realloc(block, size);
    if (!block) counted(grown);
    return grown;
}

char *__wrap_strdup(const char *text)
{
    return falls(true) ? NULL : counted(__real_strdup(text));
}

void __wrap_free(void *block)
{
    memory.live -= block != NULL;
    __real_free(block);
}

static void *zlib_alloc(void *opaque, unsigned count, unsigned size)
{
    (void)opaque;
    return __wrap_calloc(count, size);
}

static void zlib_free(void *opaque, void *block)
{
    (void)opaque;
    __wrap_free(block);
}

int __wrap_deflateInit2_(z_stream *stream, int level, int method, int window, int memory_level,
                         int strategy, const char *version, int size)
{
    stream->zalloc = zlib_alloc;
    stream->zfree = zlib_free;
    return __real_deflateInit2_(stream, level, method, window, memory_level, strategy, version,
                                size);
}

int __wrap_inflateInit2_(z_stream *stream, int window, const char *version, int size)
{
    stream->zalloc = zlib_alloc;
    stream->zfree = zlib_free;
    return __real_inflateInit2_(stream, window, version, size);
}

utf8proc_ssize_t __wrap_utf8proc_map(const utf8proc_uint8_t *text, utf8proc_ssize_t size,
                                     utf8proc_uint8_t **out, utf8proc_option_t options)
{
    *out = NULL;
    if (falls(true)) return UTF8PROC_ERROR_NOMEM;
    utf8proc_ssize_t mapped = __real_utf8proc_map(text, size, out, options);
    if (mapped >= 0) counted(*out); /* freed by who asked, with free */
    return mapped;
}

/* ---- SQLite's ---- */

static void *sqlite_malloc(int size)
{
    return falls(false) ? NULL : counted(sqlite_own.xMalloc(size));
}

static void *sqlite_realloc(void *block, int size)
{
    return falls(false) ? NULL : sqlite_own.xRealloc(block, size);
}

static void sqlite_free(void *block)
{
    memory.live -= block != NULL;
    sqlite_own.xFree(block);
}

void fault_memory_install(void)
{
    if (sqlite_own.xMalloc) return;
    int code = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_own);
    sqlite3_mem_methods methods = sqlite_own;
    methods.xMalloc = sqlite_malloc;
    methods.xRealloc = sqlite_realloc;
    methods.xFree = sqlite_free;
    if (code == SQLITE_OK) code = sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    /* Without its own small store each of SQLite's needs comes here, as it may in life. */
    if (code == SQLITE_OK) code = sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    if (code != SQLITE_OK) abort(); /* SQLite is in use already: every figure would be wrong */
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
}

void fault_memory_begin(uint64_t at, fault_mode mode)
{
    memory.at = at;
    memory.mode = mode;
    memory.met = memory.failed = 0;
    memory.armed = true;
}

uint64_t fault_memory_end(uint64_t *failed)
{
    memory.armed = false;
    *failed = memory.failed;
    return memory.met;
}

int64_t fault_memory_live(void)
{
    return memory.live;
}
