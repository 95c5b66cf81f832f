/* words.c: folds text by utf8proc, and cuts it into words.
 *
 * Why: a name is typed at night, with gloves, from hearing. Whoever looks for "Zoe O'Brien" must
 * find "ZOË O’BRIEN". What is stored stays as entered; only the index and the question fold. */
#include "words.h"

#include <stdlib.h>
#include <utf8proc.h>

/* Letters that Unicode does not take apart, and signs that keyboards have one of. */
typedef struct plain_form {
    utf8proc_int32_t from;
    const char *to;
} plain_form;

static const plain_form PLAIN_FORMS[] = {
    {0x00e6, "ae"}, {0x00f0, "d"},  {0x00f8, "o"},  {0x00fe, "th"}, {0x0111, "d"}, {0x0127, "h"},
    {0x0131, "i"},  {0x0142, "l"},  {0x0153, "oe"}, {0x0167, "t"},  {0x02b9, "'"}, {0x02bb, "'"},
    {0x02bc, "'"},  {0x2010, "-"},  {0x2011, "-"},  {0x2012, "-"},  {0x2013, "-"}, {0x2014, "-"},
    {0x2015, "-"},  {0x2018, "'"},  {0x2019, "'"},  {0x201a, "'"},  {0x201b, "'"}, {0x201c, "\""},
    {0x201d, "\""}, {0x201e, "\""}, {0x2032, "'"},  {0x2212, "-"},
};
enum { PLAIN_FORM_COUNT = sizeof PLAIN_FORMS / sizeof *PLAIN_FORMS };

static const char *plain_form_of(utf8proc_int32_t point)
{
    size_t low = 0, high = PLAIN_FORM_COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (PLAIN_FORMS[middle].from == point) return PLAIN_FORMS[middle].to;
        if (PLAIN_FORMS[middle].from < point)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void write_point(hf_buffer *out, utf8proc_int32_t point)
{
    uint8_t bytes[4];
    utf8proc_ssize_t size = utf8proc_encode_char(point, bytes);
    hf_write_raw(out, (hf_bytes){bytes, size > 0 ? (size_t)size : 0});
}

/* Steps through text that is known to be UTF-8. */
static utf8proc_int32_t next_point(hf_bytes text, size_t *at)
{
    utf8proc_int32_t point = 0;
    utf8proc_ssize_t size =
        utf8proc_iterate(text.data + *at, (utf8proc_ssize_t)(text.size - *at), &point);
    *at += size > 0 ? (size_t)size : 1;
    return point;
}

hf_status hf_text_fold(hf_bytes text, hf_buffer *out)
{
    if (text.size == 0) return out->status;
    if (text.size > INT32_MAX / 32) return HF_ERR_INPUT; /* utf8proc's own arithmetic */
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE |
                                      UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK | UTF8PROC_IGNORE;
    utf8proc_uint8_t *mapped = NULL;
    utf8proc_ssize_t size = utf8proc_map(text.data, (utf8proc_ssize_t)text.size, &mapped, options);
    if (size < 0) return size == UTF8PROC_ERROR_NOMEM ? HF_ERR_NOMEM : HF_ERR_INPUT;

    size_t before = out->size;
    hf_bytes folded = {mapped, (size_t)size};
    for (size_t at = 0; at < folded.size;) {
        utf8proc_int32_t point = next_point(folded, &at);
        const char *plain = plain_form_of(point);
        if (plain == NULL) write_point(out, point);
        for (; plain != NULL && *plain != '\0'; plain++) write_point(out, *plain);
    }
    free(mapped);
    if (out->status != HF_OK) out->size = before;
    return out->status;
}

static bool in_word(utf8proc_int32_t point)
{
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return true;
    default: return false;
    }
}

/* Ends the word that was gathered, if one was. */
static hf_status end_word(hf_buffer *word, hf_word_visitor visit, void *context)
{
    if (word->status != HF_OK) return word->status;
    if (word->size == 0) return HF_OK;
    hf_status status = visit(context, hf_buffer_bytes(word));
    hf_buffer_clear(word);
    return status;
}

hf_status hf_words_each(hf_bytes text, hf_word_visitor visit, void *context)
{
    hf_buffer folded = {0}, word = {0};
    hf_status status = hf_text_fold(text, &folded);
    for (size_t at = 0; status == HF_OK && at < folded.size;) {
        utf8proc_int32_t point = next_point(hf_buffer_bytes(&folded), &at);
        if (in_word(point))
            write_point(&word, point);
        else if (point != '\'')
            status = end_word(&word, visit, context);
    }
    if (status == HF_OK) status = end_word(&word, visit, context);
    hf_buffer_free(&folded);
    hf_buffer_free(&word);
    return status;
}
