/* source.h: a pack's JSON, read member by member, each failure with its place and its remedy. */
#ifndef HF_PACK_SOURCE_H
#define HF_PACK_SOURCE_H

#include "../codec.h"

#include <jansson.h>

enum { SOURCE_PATH_SIZE = 160 };

/* One reading. The first failure stays; after it every call answers nothing. */
typedef struct source {
    const char *file;
    char path[SOURCE_PATH_SIZE]; /* "types[0].fields[3]" */
    char *why;
    size_t why_size;
    hf_status status;
} source;

/* A step down the path; give what it returns to source_leave. */
size_t source_enter(source *src, const char *member);
size_t source_enter_item(source *src, size_t index);
void source_leave(source *src, size_t mark);

/* "file: path: sentence" */
void source_refuse(source *src, const char *sentence, ...) __attribute__((format(printf, 2, 3)));
/* The same, at a member of the object where we are. */
void source_refuse_at(source *src, const char *member, const char *sentence, ...)
    __attribute__((format(printf, 3, 4)));
void source_no_memory(source *src);

/* The whole text; NULL after a failure. Give it back with json_decref. */
json_t *source_parse(source *src, hf_bytes text);

/* `node` is an object and has no member but these; NULL ends the list. */
bool source_object(source *src, const json_t *node, const char *const *members);
/* A required whole number of `low` to `high`. */
uint32_t source_number(source *src, const json_t *object, const char *member, uint32_t low,
                       uint32_t high);
/* Text of 1 to `max` bytes without control characters; NULL when absent and not `required`. */
const char *source_text(source *src, const json_t *object, const char *member, size_t max,
                        bool required);
/* As source_text, and a name: a-z, then also 0-9 and single underscores. */
const char *source_name(source *src, const json_t *object, const char *member, size_t max);
/* An array of at most `max` items; NULL when absent and not `required`. */
const json_t *source_array(source *src, const json_t *object, const char *member, size_t max,
                           bool required);
/* Which of `count` words is `word`? Fails, with what was meant, when it is none of them. `what`
 * names the kind of thing: "rule". */
size_t source_choice(source *src, const char *what, const char *word, const char *const *words,
                     size_t count);

#endif
