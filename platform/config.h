/* config.h: the file holdfast.conf of an edge or a hub.
 *
 *     # an edge                          # a hub
 *     hub = "hub.force.example:7443"     listen = "0.0.0.0:7443"
 *     stations = {"north.example:7443"}  enrol_listen = "0.0.0.0:7444"
 *                                        address = "hub.force.example:7443"
 *                                        names = {"hub.force.example", "10.0.0.7"}
 *                                        device_days = 365
 *
 * A hub with `upstream = "hub.force.example:7443"` is a station: that is the centre it is a client
 * of.
 *
 * What is not known is refused, by name and line, with what was probably meant: a mistyped option
 * that is silently ignored is a security setting that somebody believes in. */
#ifndef HF_PLATFORM_CONFIG_H
#define HF_PLATFORM_CONFIG_H

#include "holdfast/status.h"

enum {
    HF_CONFIG_SIZE_MAX = 64 * 1024, /* bytes of a file */
    HF_CONFIG_HOST_SIZE = 254,      /* a host name or address and its NUL */
    HF_CONFIG_NAMES_MAX = 16,
    HF_CONFIG_HUBS_MAX = 8,
    HF_PORT_SESSION = 7443, /* where none is given */
    HF_PORT_ENROL = 7444,
    HF_DEVICE_DAYS_DEFAULT = 365,
    HF_DEVICE_DAYS_MAX = 3650
};

typedef struct hf_place {
    char host[HF_CONFIG_HOST_SIZE]; /* "" for every address, where one listens */
    uint16_t port;
} hf_place;

typedef struct hf_edge_config {
    hf_place hubs[HF_CONFIG_HUBS_MAX]; /* best first: `hub`, then each of `stations` */
    size_t hub_count;                  /* 0 when the file names none */
} hf_edge_config;

typedef struct hf_hub_config {
    hf_place listen, enrol_listen; /* port 0: any free one */
    hf_place address;              /* what devices are told to dial; host "" when not given */
    char names[HF_CONFIG_NAMES_MAX][HF_CONFIG_HOST_SIZE]; /* for the hub's certificate */
    size_t name_count;
    uint32_t device_days; /* life of a device's certificate */
    hf_place upstream;    /* a station's centre; host "" when this is the centre */
} hf_hub_config;

/* Reads the file at `path`; one that is not there gives the defaults.
 * Errors: HF_ERR_INPUT, with one sentence in `error` that names file, line and option;
 *         HF_ERR_LIMIT (too large), HF_ERR_DENIED, HF_ERR_IO, HF_ERR_NOMEM, with a sentence too. */
HF_MUST_CHECK hf_status hf_config_edge(const char *path, hf_edge_config *out, char *error,
                                       size_t error_size);
HF_MUST_CHECK hf_status hf_config_hub(const char *path, hf_hub_config *out, char *error,
                                      size_t error_size);

/* Splits "host", "host:port", "1.2.3.4:port", "[::1]:port" or ":port".
 * Errors: HF_ERR_INPUT. */
HF_MUST_CHECK hf_status hf_place_read(const char *text, uint16_t port_default, hf_place *out);

#endif
