/* messages_end.h: readers of the short frames, for messages.c alone. */
#ifndef HF_MESSAGES_END_H
#define HF_MESSAGES_END_H

#include "messages.h"

void hf_credit_read(hf_reader *reader, hf_message *out);
void hf_hubs_read(hf_reader *reader, hf_message *out);
void hf_error_read(hf_reader *reader, hf_message *out);
void hf_bye_read(hf_reader *reader, hf_message *out);

#endif
