/* system_types.h: the record types that the system itself keeps, and their fields' numbers.
 *
 * They are built in, so that a node can read who is enrolled before it has any pack. The numbers
 * are wire format: append, never renumber. */
#ifndef HF_SYSTEM_TYPES_H
#define HF_SYSTEM_TYPES_H

#include "pack.h"

/* HF_TYPE_PACK */
enum {
    HF_PACK_VERSION = 1,
    HF_PACK_BODY = 2 /* bytes: as compiled */
};

/* HF_TYPE_SCOPE */
enum { HF_SCOPE_NUMBER = 1, HF_SCOPE_NAME = 2 };

/* HF_TYPE_DEVICE */
enum {
    HF_DEVICE_KEY_ID = 1, /* bytes: SHA-256 of the public key */
    HF_DEVICE_NAME = 2,
    HF_DEVICE_FORCE = 3,
    HF_DEVICE_UNIT = 4,
    HF_DEVICE_ROLES = 5,
    HF_DEVICE_SCOPES = 6,   /* numbers */
    HF_DEVICE_STANDING = 7, /* "active" -> "revoked" */
    HF_DEVICE_CERTIFICATE = 8,
    HF_DEVICE_HOME = 9,       /* number of the device's own scope */
    HF_DEVICE_IS_HUB = 10,    /* it is a station */
    HF_DEVICE_ADDRESSES = 11, /* "host:port": where devices reach it */
    HF_DEVICE_EVERY = 12      /* every scope, present and to come: of a station */
};

/* HF_TYPE_VERDICT */
enum {
    HF_VERDICT_TARGET = 1,   /* [origin, lane, seq, scope, pseq, entry hash] */
    HF_VERDICT_STANDING = 2, /* 0: the entry counts; else why it is withheld, 600 and above */
    HF_VERDICT_TEXT = 3
};

/* HF_TYPE_CLOCK */
enum {
    HF_CLOCK_RANGE = 1, /* [origin, lane, from seq, to seq] */
    HF_CLOCK_QUALITY = 2
};

/* HF_TYPE_REVOKED */
enum { HF_REVOKED_KEY_ID = 1 };

/* HF_TYPE_LOST */
enum {
    HF_LOST_RANGE = 1, /* [origin, lane, from seq, to seq] */
    HF_LOST_TEXT = 2   /* why that is believed */
};

/* HF_TYPE_LEASE */
enum {
    HF_LEASE_SERIES = 1,
    HF_LEASE_RANGE = 2,  /* [first, last] */
    HF_LEASE_HOLDER = 3, /* bytes: the origin that may use them */
    HF_LEASE_KEY_ID = 4, /* bytes: its key */
    HF_LEASE_GRANTED = 5 /* Unix ms */
};

/* HF_TYPE_WINDOW: a planned outage, announced to every device */
enum {
    HF_WINDOW_FROM = 1, /* Unix ms */
    HF_WINDOW_UNTIL = 2,
    HF_WINDOW_WHY = 3,
    HF_WINDOW_STANDING = 4 /* "planned" -> "called_off" */
};

/* HF_TYPE_HUBS: a record for each list; the newest true one counts (hubs.h) */
enum { HF_HUBS_LIST = 1 /* bytes: as signed */ };

/* Ascending by number. */
const hf_type *hf_system_types(size_t *count);

#endif
