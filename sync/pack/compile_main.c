/* compile_main.c: holdfast-pack, the build tool: a pack's JSON in, compiled bytes out. */
#include "compile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The exit codes are those of sysexits.h. */
enum {
    EXIT_DATA = 65,
    EXIT_NO_INPUT = 66,
    EXIT_NO_MEMORY = 71,
    EXIT_CANNOT_CREATE = 73,
    EXIT_IO = 74,
    EXIT_USAGE = 64,
    SOURCE_SIZE_MAX = 4 * 1024 * 1024
};

static int complain(int code, const char *what, const char *path, const char *why)
{
    fprintf(stderr, "holdfast-pack: %s %s: %s\n", what, path, why);
    return code;
}

static int read_source(const char *path, hf_buffer *out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return complain(EXIT_NO_INPUT, "cannot read", path, strerror(errno));
    uint8_t chunk[8192];
    size_t count;
    while ((count = fread(chunk, 1, sizeof chunk, file)) > 0) {
        hf_write_raw(out, (hf_bytes){chunk, count});
        if (out->size > SOURCE_SIZE_MAX) break;
    }
    int failed = ferror(file) ? errno : 0;
    fclose(file);
    if (failed != 0) return complain(EXIT_IO, "cannot read", path, strerror(failed));
    if (out->status != HF_OK) return complain(EXIT_NO_MEMORY, "cannot read", path, "out of memory");
    if (out->size > SOURCE_SIZE_MAX) {
        return complain(EXIT_DATA, "cannot compile", path, "it is larger than 4 MiB.");
    }
    return EXIT_SUCCESS;
}

/* Written beside its place and then put there: a failed build leaves no half of a pack. */
static int write_result(const char *path, hf_bytes bytes)
{
    char beside[4096];
    int size = snprintf(beside, sizeof beside, "%s.part", path);
    if (size < 0 || (size_t)size >= sizeof beside) {
        return complain(EXIT_USAGE, "cannot write", path, "the name is too long.");
    }
    FILE *file = fopen(beside, "wb");
    if (file == NULL) return complain(EXIT_CANNOT_CREATE, "cannot write", beside, strerror(errno));
    bool whole = fwrite(bytes.data, 1, bytes.size, file) == bytes.size;
    whole = fclose(file) == 0 && whole;
    if (whole && rename(beside, path) == 0) return EXIT_SUCCESS;
    int failed = errno;
    remove(beside);
    return complain(EXIT_IO, "cannot write", path, strerror(failed));
}

int main(int argc, char **argv)
{
    if (argc != 3 || argv[1][0] == '-') {
        FILE *out = argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr;
        fprintf(out, "holdfast-pack police.json police.cbor\n\n"
                     "Checks a pack and compiles it. Nothing is written when it is refused.\n"
                     "Exit codes: 0 done, 64 usage, 65 the pack is refused, 66 no such file,\n"
                     "71 out of memory, 73 and 74 the result cannot be written.\n");
        return out == stdout ? EXIT_SUCCESS : EXIT_USAGE;
    }
    hf_buffer json = {0}, compiled = {0};
    char why[2048];
    int code = read_source(argv[1], &json);
    if (code != EXIT_SUCCESS) goto done;
    hf_status status = hf_pack_compile(hf_buffer_bytes(&json), argv[1], &compiled, why, sizeof why);
    if (status != HF_OK) {
        fprintf(stderr, "holdfast-pack: %s\n", why);
        code = status == HF_ERR_NOMEM ? EXIT_NO_MEMORY : EXIT_DATA;
        goto done;
    }
    code = write_result(argv[2], hf_buffer_bytes(&compiled));

done:
    hf_buffer_free(&json);
    hf_buffer_free(&compiled);
    return code;
}
