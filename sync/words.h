/* words.h: text as it is searched: folded, so that case, accents and typography do not count. */
#ifndef HF_WORDS_H
#define HF_WORDS_H

#include "codec.h"

/* Appends the folded form of UTF-8 `text` to `out`: compatibility forms made plain, case folded,
 * marks and invisible characters stripped, letters that only look unaccented to a computer (ø, ł)
 * as people type them, dashes and quotes as on a keyboard. Folding what is folded changes nothing.
 * Errors: HF_ERR_INPUT (not UTF-8), HF_ERR_NOMEM; then `out` is as before. */
HF_MUST_CHECK hf_status hf_text_fold(hf_bytes text, hf_buffer *out);

/* Given each word; borrowed until it returns. Anything but HF_OK stops the walk and is returned. */
typedef hf_status (*hf_word_visitor)(void *context, hf_bytes word);

/* Folds `text` and visits its words, in order: runs of letters and digits. An apostrophe within a
 * word is left out, so that O'Brien, O’Brien and OBrien are one name; all else ends a word.
 * Errors: as hf_text_fold. */
HF_MUST_CHECK hf_status hf_words_each(hf_bytes text, hf_word_visitor visit, void *context);

#endif
