/* system_types.c: the tables behind system_types.h. Data only. */
#include "system_types.h"

/* A device is admitted once and may be revoked; nothing brings it back but a new enrolment. In
 * whatever order the two arrive, revoked stands. */
static const char *const STANDING[] = {"active", "revoked"};
static const uint8_t STANDING_JOIN[] = {0, 1, 1, 1};
static const uint8_t STANDING_MOVES[] = {0, 1, 0, 0};
static const hf_bytes STANDING_VALUES[] = {
    {(const uint8_t *)"\146active", 7}, /* 0146: CBOR's head of a text of 6 bytes */
    {(const uint8_t *)"\147revoked", 8},
};

#define STANDING_FIELD                                                                             \
    {                                                                                              \
        .number = HF_DEVICE_STANDING, .name = "standing", .label = "Standing",                     \
        .rule = HF_RULE_STATE, .kind = HF_VALUE_CODE, .codes = STANDING, .code_count = 2,          \
        .join = STANDING_JOIN, .moves = STANDING_MOVES, .code_values = STANDING_VALUES             \
    }

#define FIELD(field_number, field_name, field_label, field_rule, field_kind)                       \
    {                                                                                              \
        .number = (field_number), .name = (field_name), .label = (field_label),                    \
        .rule = HF_RULE_##field_rule, .kind = HF_VALUE_##field_kind                                \
    }

static const hf_field PACK_FIELDS[] = {
    FIELD(HF_PACK_VERSION, "version", "Version", ONCE, INT),
    FIELD(HF_PACK_BODY, "body", "Compiled pack", ONCE, BYTES),
};

static const hf_field SCOPE_FIELDS[] = {
    FIELD(HF_SCOPE_NUMBER, "number", "Number", ONCE, INT),
    FIELD(HF_SCOPE_NAME, "name", "Name", ONCE, TEXT),
};

static const hf_field DEVICE_FIELDS[] = {
    FIELD(HF_DEVICE_KEY_ID, "key_id", "Key", ONCE, BYTES),
    FIELD(HF_DEVICE_NAME, "name", "Name", LAST, TEXT),
    FIELD(HF_DEVICE_FORCE, "force", "Force", LAST, TEXT),
    FIELD(HF_DEVICE_UNIT, "unit", "Unit", LAST, TEXT),
    FIELD(HF_DEVICE_ROLES, "roles", "Roles", SET, TEXT),
    FIELD(HF_DEVICE_SCOPES, "scopes", "Scopes", SET, INT),
    STANDING_FIELD,
    FIELD(HF_DEVICE_CERTIFICATE, "certificate", "Certificate", LAST, BYTES),
    FIELD(HF_DEVICE_HOME, "home", "Own scope", ONCE, INT),
    FIELD(HF_DEVICE_IS_HUB, "is_hub", "Hub", ONCE, BOOL),
    FIELD(HF_DEVICE_ADDRESSES, "addresses", "Addresses", SET, TEXT),
    FIELD(HF_DEVICE_EVERY, "every", "Every scope", ONCE, BOOL),
};

static const hf_field VERDICT_FIELDS[] = {
    FIELD(HF_VERDICT_TARGET, "target", "Entry", ONCE, ANY),
    FIELD(HF_VERDICT_STANDING, "standing", "Reason", LAST, INT),
    FIELD(HF_VERDICT_TEXT, "text", "Explanation", LAST, TEXT),
};

static const hf_field CLOCK_FIELDS[] = {
    FIELD(HF_CLOCK_RANGE, "range", "Entries", ONCE, ANY),
    FIELD(HF_CLOCK_QUALITY, "quality", "Clock quality", MIN, INT),
};

static const hf_field REVOKED_FIELDS[] = {
    FIELD(HF_REVOKED_KEY_ID, "key_id", "Key", ONCE, BYTES),
};

static const hf_field LOST_FIELDS[] = {
    FIELD(HF_LOST_RANGE, "range", "Entries", ONCE, ANY),
    FIELD(HF_LOST_TEXT, "text", "Explanation", LAST, TEXT),
};

static const hf_field LEASE_FIELDS[] = {
    FIELD(HF_LEASE_SERIES, "series", "Series", ONCE, TEXT),
    FIELD(HF_LEASE_RANGE, "range", "Numbers", ONCE, ANY),
    FIELD(HF_LEASE_HOLDER, "holder", "Holder", ONCE, BYTES),
    FIELD(HF_LEASE_KEY_ID, "key_id", "Its key", ONCE, BYTES),
    FIELD(HF_LEASE_GRANTED, "granted", "Leased at", ONCE, TIME),
};

static const char *const PLANNED[] = {"planned", "called_off"};
static const hf_bytes PLANNED_VALUES[] = {
    {(const uint8_t *)"\147planned", 8},
    {(const uint8_t *)"\152called_off", 11},
};

static const hf_field WINDOW_FIELDS[] = {
    FIELD(HF_WINDOW_FROM, "from", "From", ONCE, TIME),
    FIELD(HF_WINDOW_UNTIL, "until", "Until", ONCE, TIME),
    FIELD(HF_WINDOW_WHY, "why", "Why", LAST, TEXT),
    {.number = HF_WINDOW_STANDING,
     .name = "standing",
     .label = "Standing",
     .rule = HF_RULE_STATE,
     .kind = HF_VALUE_CODE,
     .codes = PLANNED,
     .code_count = 2,
     .join = STANDING_JOIN,
     .moves = STANDING_MOVES,
     .code_values = PLANNED_VALUES},
};

static const hf_field HUBS_FIELDS[] = {
    FIELD(HF_HUBS_LIST, "list", "Signed list", ONCE, BYTES),
};

#define TYPE(type_number, type_name, type_label, table, type_title)                                \
    {                                                                                              \
        .number = (type_number), .name = (type_name), .label = (type_label),                       \
        .lane = HF_LANE_CONTROL, .fields = (table),                                                \
        .field_count = sizeof(table) / sizeof *(table), .title = (type_title)                      \
    }

static const hf_type SYSTEM_TYPES[] = {
    TYPE(HF_TYPE_PACK, "_pack", "Pack", PACK_FIELDS, &PACK_FIELDS[0]),
    TYPE(HF_TYPE_SCOPE, "_scope", "Scope", SCOPE_FIELDS, &SCOPE_FIELDS[1]),
    TYPE(HF_TYPE_DEVICE, "_device", "Device", DEVICE_FIELDS, &DEVICE_FIELDS[1]),
    TYPE(HF_TYPE_VERDICT, "_verdict", "Verdict", VERDICT_FIELDS, &VERDICT_FIELDS[2]),
    TYPE(HF_TYPE_CLOCK, "_clock", "Clock quality", CLOCK_FIELDS, NULL),
    TYPE(HF_TYPE_REVOKED, "_revoked", "Revoked key", REVOKED_FIELDS, NULL),
    TYPE(HF_TYPE_LOST, "_lost", "Lost entries", LOST_FIELDS, &LOST_FIELDS[1]),
    TYPE(HF_TYPE_LEASE, "_lease", "Leased numbers", LEASE_FIELDS, &LEASE_FIELDS[0]),
    TYPE(HF_TYPE_WINDOW, "_window", "Planned outage", WINDOW_FIELDS, &WINDOW_FIELDS[2]),
    TYPE(HF_TYPE_HUBS, "_hubs", "List of hubs", HUBS_FIELDS, NULL),
};

const hf_type *hf_system_types(size_t *count)
{
    *count = sizeof SYSTEM_TYPES / sizeof *SYSTEM_TYPES;
    return SYSTEM_TYPES;
}
