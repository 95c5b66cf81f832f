/* source.c: strict reading of a pack's JSON.
 *
 * A pack is written by hand, by people who know policing better than JSON. So every refusal says
 * where, what, and what to write instead, and a mistyped word is answered with the one that was
 * probably meant. */
#include "source.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static size_t enter(source *src, const char *step)
{
    size_t mark = strlen(src->path);
    snprintf(src->path + mark, sizeof src->path - mark, "%s", step);
    return mark;
}

size_t source_enter(source *src, const char *member)
{
    char step[64];
    snprintf(step, sizeof step, "%s%s", src->path[0] != '\0' ? "." : "", member);
    return enter(src, step);
}

size_t source_enter_item(source *src, size_t index)
{
    char step[24];
    snprintf(step, sizeof step, "[%zu]", index);
    return enter(src, step);
}

void source_leave(source *src, size_t mark)
{
    assert(mark < sizeof src->path);
    src->path[mark] = '\0';
}

static void refuse(source *src, const char *sentence, va_list values)
{
    if (src->status != HF_OK) return;
    src->status = HF_ERR_INPUT;
    int used = snprintf(src->why, src->why_size, "%s: %s%s", src->file, src->path,
                        src->path[0] != '\0' ? ": " : "");
    if (used < 0 || (size_t)used >= src->why_size) return;
    vsnprintf(src->why + used, src->why_size - (size_t)used, sentence, values);
}

void source_refuse(source *src, const char *sentence, ...)
{
    va_list values;
    va_start(values, sentence);
    refuse(src, sentence, values);
    va_end(values);
}

void source_refuse_at(source *src, const char *member, const char *sentence, ...)
{
    size_t mark = source_enter(src, member);
    va_list values;
    va_start(values, sentence);
    refuse(src, sentence, values);
    va_end(values);
    source_leave(src, mark);
}

void source_no_memory(source *src)
{
    if (src->status != HF_OK) return;
    src->status = HF_ERR_NOMEM;
    snprintf(src->why, src->why_size, "%s: not enough memory to compile it.", src->file);
}

/* ---- what was meant ---- */

enum { WORD_MAX = 40 };

/* Edits that turn one word into the other: letters put in, left out, changed, or swapped. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > WORD_MAX || b_size > WORD_MAX) return SIZE_MAX;
    for (size_t j = 0; j <= b_size; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *now = rows[i % 3], *up = rows[(i - 1) % 3], *up2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (up[j] + 1 < best) best = up[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && up2[j - 2] + 1 < best) best = up2[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[a_size % 3][b_size];
}

/* The likeliest word, or NULL when none is near. */
static const char *meant(const char *word, const char *const *words, size_t count)
{
    const char *best = NULL;
    size_t near = strlen(word) < 4 ? 2 : 3; /* below this many edits */
    for (size_t i = 0; i < count; i++) {
        size_t edits = distance(word, words[i]);
        if (edits >= near) continue;
        best = words[i];
        near = edits;
    }
    return best;
}

/* "a, b, c" */
static void list(char *out, size_t size, const char *const *words, size_t count)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        int more = snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "", words[i]);
        used += more > 0 ? (size_t)more : 0;
    }
}

size_t source_choice(source *src, const char *what, const char *word, const char *const *words,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) return i;
    }
    char all[512];
    list(all, sizeof all, words, count);
    const char *near = meant(word, words, count);
    if (near != NULL) {
        source_refuse(src, "there is no %s \"%s\". Did you mean \"%s\"?", what, word, near);
    } else {
        source_refuse(src, "there is no %s \"%s\". Use one of: %s.", what, word, all);
    }
    return 0;
}

/* ---- members ---- */

json_t *source_parse(source *src, hf_bytes text)
{
    if (memchr(text.data != NULL ? (const char *)text.data : "", 0, text.size) != NULL) {
        source_refuse(src, "it holds a NUL byte, so it is not JSON. Save it again as UTF-8 text.");
        return NULL;
    }
    json_error_t error;
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (root != NULL) return root;
    if (json_error_code(&error) == json_error_out_of_memory) {
        source_no_memory(src);
    } else {
        source_refuse(src, "line %d, column %d: %s.", error.line, error.column, error.text);
    }
    return NULL;
}

bool source_object(source *src, const json_t *node, const char *const *members)
{
    if (src->status != HF_OK) return false;
    if (!json_is_object(node)) {
        source_refuse(src, "write an object here: { ... }.");
        return false;
    }
    size_t count = 0;
    while (members[count] != NULL) count++;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)node, key, value)
    {
        (void)source_choice(src, "member", key, members, count);
        if (src->status != HF_OK) return false;
    }
    return true;
}

/* The member, or NULL; a missing one that is required is a failure. */
static const json_t *member_of(source *src, const json_t *object, const char *member, bool required)
{
    if (src->status != HF_OK) return NULL;
    const json_t *value = json_object_get(object, member);
    if (value == NULL && required) source_refuse(src, "\"%s\" is missing. Add it.", member);
    return value;
}

uint32_t source_number(source *src, const json_t *object, const char *member, uint32_t low,
                       uint32_t high)
{
    const json_t *value = member_of(src, object, member, true);
    if (value == NULL) return 0;
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number < (json_int_t)low || number > (json_int_t)high) {
        source_refuse_at(src, member, "write a whole number from %u to %u.", low, high);
        return 0;
    }
    return (uint32_t)number;
}

const char *source_text(source *src, const json_t *object, const char *member, size_t max,
                        bool required)
{
    const json_t *value = member_of(src, object, member, required);
    if (value == NULL) return NULL;
    const char *text = json_string_value(value);
    size_t size = text != NULL ? strlen(text) : 0;
    if (size == 0 || size > max) {
        source_refuse_at(src, member, "write text of 1 to %zu bytes.", max);
        return NULL;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != 0x7f) continue;
        source_refuse_at(src, member, "take the control character out of the text.");
        return NULL;
    }
    return text;
}

const char *source_name(source *src, const json_t *object, const char *member, size_t max)
{
    const char *name = source_text(src, object, member, max, true);
    if (name == NULL) return NULL;
    bool sound = name[0] >= 'a' && name[0] <= 'z';
    for (size_t i = 0; name[i] != '\0'; i++) {
        bool letter = name[i] >= 'a' && name[i] <= 'z';
        bool digit = name[i] >= '0' && name[i] <= '9';
        bool joint = name[i] == '_' && name[i + 1] != '_' && name[i + 1] != '\0';
        sound = sound && (letter || digit || joint);
    }
    if (sound) return name;
    source_refuse_at(src, member,
                     "\"%s\" is not a name. Begin with a letter a-z, then use a-z, 0-9 and single "
                     "underscores.",
                     name);
    return NULL;
}

const json_t *source_array(source *src, const json_t *object, const char *member, size_t max,
                           bool required)
{
    const json_t *value = member_of(src, object, member, required);
    if (value == NULL) return NULL;
    if (!json_is_array(value)) {
        source_refuse_at(src, member, "write a list here: [ ... ].");
        return NULL;
    }
    if (json_array_size(value) > max) {
        source_refuse_at(src, member, "it has %zu items, and %zu is the most. Take some out.",
                         json_array_size(value), max);
        return NULL;
    }
    return value;
}
