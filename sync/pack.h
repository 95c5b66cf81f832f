/* pack.h: the schema as data: which record types there are, and how each field merges.
 *
 * The compiler (pack/compile.c, a build tool) turns JSON into deterministic CBOR and refuses what
 * would not converge; this is the reader, on every node. Types 1 to 15 belong to the system
 * (control entries) and are built in. A number that the pack does not know is legal: it is
 * stored and relayed byte for byte and merges as `keep`. */
#ifndef HF_PACK_H
#define HF_PACK_H

#include "codec.h"
#include "holdfast/record.h"

/* The numbers are wire format: append, never renumber. */
typedef enum hf_rule {
    HF_RULE_KEEP = 0, /* also: any rule this node does not know */
    HF_RULE_LAST = 1,
    HF_RULE_LAST_REVIEW = 2,
    HF_RULE_ONCE = 3,
    HF_RULE_APPEND = 4,
    HF_RULE_SET = 5,
    HF_RULE_STATE = 6,
    HF_RULE_MAX = 7,
    HF_RULE_MIN = 8,
    HF_RULE_STRICTEST = 9
} hf_rule;

/* Wire format too. */
typedef enum hf_value_kind {
    HF_VALUE_ANY = 0,
    HF_VALUE_TEXT = 1,
    HF_VALUE_INT = 2,
    HF_VALUE_BOOL = 3,
    HF_VALUE_TIME = 4,    /* Unix milliseconds, int */
    HF_VALUE_DATE = 5,    /* text, "2019-10", "2019-10-21", parts may be "??" */
    HF_VALUE_DECIMAL = 6, /* int scaled by 10^scale */
    HF_VALUE_CODE = 7,    /* text out of `codes`; others are kept and shown raw */
    HF_VALUE_REF = 8,     /* a record: [type, 16 bytes] */
    HF_VALUE_BYTES = 9
} hf_value_kind;

enum {
    HF_TYPE_PACK = 1,    /* a compiled pack */
    HF_TYPE_SCOPE = 2,   /* a scope's number and name */
    HF_TYPE_DEVICE = 3,  /* an enrolled device: key, names, scopes, standing */
    HF_TYPE_VERDICT = 4, /* a hole: opened or closed by a hub */
    HF_TYPE_CLOCK = 5,   /* a range of dots whose clock quality is lowered */
    HF_TYPE_REVOKED = 6, /* a key that is shut out, told to every device: so that they tell a hub */
    HF_TYPE_LOST = 7,    /* a range of dots that nobody has any more */
    HF_TYPE_LEASE = 8,   /* numbers of a series, leased to an installation */
    HF_TYPE_WINDOW = 9,  /* a planned outage */
    HF_TYPE_HUBS = 10,   /* a list of hubs */
    HF_TYPE_FIRST_PACK = 16,
    HF_FIELD_DELETED = 0, /* of every type */
    HF_SCOPE_CONTROL = 0, /* hubs only */
    HF_SCOPE_COMMON = 1   /* pack, scopes: every device of this hub */
};

typedef struct hf_field {
    uint32_t number; /* from 1; never reused */
    const char *name, *label;
    hf_rule rule;
    hf_value_kind kind;
    uint8_t scale;            /* of HF_VALUE_DECIMAL */
    const char *const *codes; /* strictest: least severe first; state: the states; else: the list */
    size_t code_count;
    const uint8_t *join;  /* state: code_count x code_count; a state's index, or HF_DISPUTED */
    const uint8_t *moves; /* state: code_count x code_count; 1 where a step is declared */
    const hf_bytes *code_values; /* the codes, encoded: what a joined state borrows */
} hf_field;

enum { HF_DISPUTED = 255 };

/* How a type's records come by the number that people call them by: protocol.md 11. */
typedef struct hf_series {
    const char *name;        /* a-z and _; of one type only */
    const char *format;      /* "CR/{number}/{yy}" */
    const hf_field *field;   /* once, text: takes the number */
    const hf_field *aliases; /* set, text: takes a provisional one, and keeps it */
    uint32_t block;          /* numbers that a device is leased at a time */
} hf_series;

typedef struct hf_type {
    uint32_t number;
    const char *name, *label; /* name: a-z and _, also the prefix of the record's text id */
    uint8_t lane;
    const hf_field *fields; /* ascending by number */
    size_t field_count;
    const hf_field *title;   /* shown in lists; NULL when none */
    const hf_series *series; /* NULL: its records get no number */
} hf_type;

typedef struct hf_pack hf_pack; /* immutable after open */

/* Owns: copies `compiled`. Errors: HF_ERR_PROTOCOL (not a pack, or one that would not converge:
 * joins are checked here too), HF_ERR_NOMEM. An empty `compiled` gives the system types alone. */
HF_MUST_CHECK hf_status hf_pack_open(hf_bytes compiled, hf_pack **out);
void hf_pack_close(hf_pack *pack);
uint32_t hf_pack_version(const hf_pack *pack);
hf_bytes hf_pack_bytes(const hf_pack *pack);    /* as compiled; lives as long as the pack */
size_t hf_pack_type_count(const hf_pack *pack); /* without the system's */
const hf_type *hf_pack_type_at(const hf_pack *pack, size_t index);
const hf_type *hf_pack_type(const hf_pack *pack, uint32_t number);     /* NULL: unknown */
const hf_type *hf_pack_type_named(const hf_pack *pack, hf_bytes name); /* NULL: unknown */
/* Never NULL: an unknown field is `keep` of any kind, with name NULL. */
const hf_field *hf_pack_field(const hf_pack *pack, uint32_t type, uint32_t number);
const hf_field *hf_type_field_named(const hf_type *type, hf_bytes name); /* NULL: unknown */
const char *hf_rule_name(hf_rule rule);                                  /* "last-review" */

/* The type whose records take their numbers from the series; NULL: the pack has no such series. */
const hf_type *hf_pack_series(const hf_pack *pack, hf_bytes name);
/* "{number}" once, "{yy}" once at most, no other braces, no digit next to the number: so that no
 * two numbers ever make the same text, whatever the year. */
bool hf_series_format_sound(const char *format);

/* Does an encoded value suit the field? HF_OK, or HF_ERR_INPUT with a sentence in `why` that says
 * what to enter. Codes not in the list are HF_ERR_INPUT here, but merge and show all the same. */
HF_MUST_CHECK hf_status hf_field_check(const hf_field *field, hf_bytes value, char *why,
                                       size_t why_size);

#endif
