/* control.h: what control entries add up to: devices, scopes, the pack. Tables folded from records.
 *
 * Control entries are ordinary records of the system's types, in a hub's lane 0, so they merge,
 * feed and verify like all else; these tables are only their index, rebuilt from them at will. */
#ifndef HF_CONTROL_H
#define HF_CONTROL_H

#include "apply.h"
#include "holdfast/hub.h"

/* HF_ERR_NOT_FOUND when no such device is enrolled. */
HF_MUST_CHECK hf_status hf_device_by_key(hf_store *store, const uint8_t key_id[HF_HASH_SIZE],
                                         hf_device *out);
HF_MUST_CHECK hf_status hf_device_by_name(hf_store *store, const char *name, hf_device *out,
                                          hf_record_id *record);
/* The certificate on the device's record, DER, empty when none is; and which record that is. */
HF_MUST_CHECK hf_status hf_device_certificate(hf_store *store, const uint8_t key_id[HF_HASH_SIZE],
                                              hf_buffer *der, hf_record_id *record);
HF_MUST_CHECK hf_status hf_device_each(hf_store *store, hf_device_visitor visit, void *context);
HF_MUST_CHECK hf_status hf_scope_by_name(hf_store *store, const char *name, uint32_t *number);
HF_MUST_CHECK hf_status hf_scope_name(hf_store *store, uint32_t number, char *out, size_t size);
/* All that devices may hold, ascending: what a grant of every scope is a grant of. The first
 * HF_SCOPES_MAX - 3 of them, where there are more. */
HF_MUST_CHECK hf_status hf_scopes_all(hf_store *store, uint32_t out[HF_SCOPES_MAX], size_t *count);
HF_MUST_CHECK hf_status hf_scope_next(hf_store *store, uint32_t *number); /* first unused */

/* As an edge: the scopes that WELCOME granted, which hf_store_scopes reports and writes are checked
 * against. `home` is the device's own scope, for the hub's words to it alone. */
typedef struct hf_grant {
    uint32_t number;
    bool may_write;
    char name[64];
} hf_grant;
HF_MUST_CHECK hf_status hf_batch_grants(hf_batch *batch, const hf_grant *grants, size_t count);
HF_MUST_CHECK hf_status hf_grants_get(hf_store *store, hf_grant *out, size_t *count);

#endif
