/* system_types.c: the tables behind system_types.h. Data only. */
#include "system_types.h"

/* A device is admitted once and may be revoked; nothing brings it back but a new enrolment. Whatever
 * order the two arrive in, revoked stands. */
static const char *const STANDING[] = {"active", "revoked"};
static const uint8_t STANDING_JOIN[] = {0, 1, 1, 1};
static const uint8_t STANDING_MOVES[] = {0, 1, 0, 0};
static const hf_bytes STANDING_VALUES[] = {{(const uint8_t *)"\x66" "active", 7},
                                           {(const uint8_t *)"\x67" "revoked", 8}};

static const hf_field PACK_FIELDS[] = {
    {.number = HF_PACK_VERSION, .name = "version", .label = "Version",
     .rule = HF_RULE_ONCE, .kind = HF_VALUE_INT},
    {.number = HF_PACK_BODY, .name = "body", .label = "Compiled pack",
     .rule = HF_RULE_ONCE, .kind = HF_VALUE_BYTES},
};

static const hf_field SCOPE_FIELDS[] = {
    {.number = HF_SCOPE_NUMBER, .name = "number", .label = "Number",
     .rule = HF_RULE_ONCE, .kind = HF_VALUE_INT},
    {.number = HF_SCOPE_NAME, .name = "name", .label = "Name",
     .rule = HF_RULE_ONCE, .kind = HF_VALUE_TEXT},
};

static const hf_field DEVICE_FIELDS[] = {
    {.number = HF_DEVICE_KEY_ID, .name = "key_id", .label = "Key",
     .rule = HF_RULE_ONCE, .kind = HF_VALUE_BYTES},
    {.number = HF_DEVICE_NAME, .name = "name", .label = "Name",
     .rule = HF_RULE_LAST, .kind = HF_VALUE_TEXT},
    {.number = HF_DEVICE_FORCE, .name = "force", .label = "Force",
     .rule = HF_RULE_LAST, .kind = HF_VALUE_TEXT},
    {.number = HF_DEVICE_UNIT, .name = "unit", .label = "Unit",
     .rule = HF_RULE_LAST, .kind = HF_VALUE_TEXT},
    {.number = HF_DEVICE_ROLES, .name = "roles", .label = "Roles",
     .rule = HF_RULE_SET, .kind = HF_VALUE_TEXT},
    {.number = HF_DEVICE_SCOPES, .name = "scopes", .label = "Scopes",
     .rule = HF_RULE_SET, .kind = HF_VALUE_INT},
    {.number = HF_DEVICE_STANDING, .name = "standing", .label = "Standing",
     .rule = HF_RULE_STATE, .kind = HF_VALUE_CODE, .codes = STANDING, .code_count = 2,
     .join = STANDING_JOIN, .moves = STANDING_MOVES, .code_values = STANDING_VALUES},
    {.number = HF_DEVICE_CERTIFICATE, .name = "certificate", .label = "Certificate",
     .rule = HF_RULE_LAST, .kind = HF_VALUE_BYTES},
    {.number = HF_DEVICE_HOME, .name = "home", .label = "Own scope",
     .rule = HF_RULE_ONCE, .kind = HF_VALUE_INT},
    {.number = HF_DEVICE_IS_HUB, .name = "is_hub", .label = "Hub",
     .rule = HF_RULE_ONCE, .kind = HF_VALUE_BOOL},
};

static const hf_field VERDICT_FIELDS[] = {
    {.number = HF_VERDICT_TARGET, .name = "target", .label = "Entry",
     .rule = HF_RULE_ONCE, .kind = HF_VALUE_ANY},
    {.number = HF_VERDICT_STANDING, .name = "standing", .label = "Reason",
     .rule = HF_RULE_LAST, .kind = HF_VALUE_INT},
    {.number = HF_VERDICT_TEXT, .name = "text", .label = "Explanation",
     .rule = HF_RULE_LAST, .kind = HF_VALUE_TEXT},
};

static const hf_field CLOCK_FIELDS[] = {
    {.number = HF_CLOCK_RANGE, .name = "range", .label = "Entries",
     .rule = HF_RULE_ONCE, .kind = HF_VALUE_ANY},
    {.number = HF_CLOCK_QUALITY, .name = "quality", .label = "Clock quality",
     .rule = HF_RULE_MIN, .kind = HF_VALUE_INT},
};

#define FIELDS(table) .fields = (table), .field_count = sizeof(table) / sizeof *(table)

static const hf_type SYSTEM_TYPES[] = {
    {.number = HF_TYPE_PACK, .name = "_pack", .label = "Pack", .lane = HF_LANE_CONTROL,
     FIELDS(PACK_FIELDS), .title = &PACK_FIELDS[0]},
    {.number = HF_TYPE_SCOPE, .name = "_scope", .label = "Scope", .lane = HF_LANE_CONTROL,
     FIELDS(SCOPE_FIELDS), .title = &SCOPE_FIELDS[1]},
    {.number = HF_TYPE_DEVICE, .name = "_device", .label = "Device", .lane = HF_LANE_CONTROL,
     FIELDS(DEVICE_FIELDS), .title = &DEVICE_FIELDS[1]},
    {.number = HF_TYPE_VERDICT, .name = "_verdict", .label = "Verdict", .lane = HF_LANE_CONTROL,
     FIELDS(VERDICT_FIELDS), .title = &VERDICT_FIELDS[2]},
    {.number = HF_TYPE_CLOCK, .name = "_clock", .label = "Clock quality", .lane = HF_LANE_CONTROL,
     FIELDS(CLOCK_FIELDS)},
};

const hf_type *hf_system_types(size_t *count)
{
    *count = sizeof SYSTEM_TYPES / sizeof *SYSTEM_TYPES;
    return SYSTEM_TYPES;
}
