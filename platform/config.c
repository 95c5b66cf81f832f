/* config.c: the configuration files, by libConfuse.
 *
 * Why the file is read first and parsed from memory: libConfuse takes a directory, or a file it may
 * not read, for an empty one. */
#include "config.h"

#include "files.h"

#include <assert.h>
#include <confuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535 };

typedef struct parsed {
    cfg_t *cfg;
    const char *path;
    char *error;
    size_t error_size;
} parsed;

/* --- places -------------------------------------------------------------------------------- */

static bool port_read(const char *text, uint16_t *out)
{
    char *end = NULL;
    if (*text < '0' || *text > '9') return false;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || value > PORT_MAX) return false;
    *out = (uint16_t)value;
    return true;
}

hf_status hf_place_read(const char *text, uint16_t port_default, hf_place *out)
{
    const char *host = text, *end = NULL, *port = NULL;
    if (*text == '[') { /* an IPv6 address is bracketed where a port may follow */
        host = text + 1;
        end = strchr(host, ']');
        if (!end || (end[1] && end[1] != ':')) return HF_ERR_INPUT;
        port = end[1] ? end + 2 : NULL;
    } else {
        const char *colon = strchr(text, ':');
        bool bare_ipv6 = colon && strchr(colon + 1, ':');
        end = colon && !bare_ipv6 ? colon : text + strlen(text);
        port = colon && !bare_ipv6 ? colon + 1 : NULL;
    }
    size_t size = (size_t)(end - host);
    if (size >= sizeof out->host) return HF_ERR_INPUT;
    for (size_t i = 0; i < size; i++) {
        if (host[i] <= ' ' || host[i] == 0x7f || strchr("\"'\\/@[]", host[i])) return HF_ERR_INPUT;
    }
    hf_place place = {.port = port_default};
    if (port && !port_read(port, &place.port)) return HF_ERR_INPUT;
    memcpy(place.host, host, size);
    *out = place;
    return HF_OK;
}

/* --- libConfuse ---------------------------------------------------------------------------- */

/* libConfuse has no room for a context; `comment` is a string of the parse that it leaves to us,
 * and frees. Only the first complaint is kept: the others follow from it. */
static void on_complaint(cfg_t *cfg, const char *format, va_list values)
{
    char text[256];
    if (cfg->comment) return;
    int used = snprintf(text, sizeof text, "line %d: ", cfg->line);
    vsnprintf(text + used, sizeof text - (size_t)used, format, values);
    cfg->comment = strdup(text);
}

static hf_status complain(const parsed *p, hf_status status, const char *what)
{
    snprintf(p->error, p->error_size, "%s: %s", p->path, what);
    return status;
}

/* At most `limit`: no word of a configuration needs more edits than this to be a typing slip. */
static size_t edits(const char *a, const char *b)
{
    size_t row[64], length = strlen(b);
    if (length >= 63) return SIZE_MAX;
    for (size_t j = 0; j <= length; j++) row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t best = diagonal + (a[i] != b[j]);
            if (row[j] + 1 < best) best = row[j] + 1;
            diagonal = row[j + 1];
            if (diagonal + 1 < best) best = diagonal + 1;
            row[j + 1] = best;
        }
    }
    return row[length];
}

static const char *nearest(const cfg_opt_t *options, const char *word)
{
    const char *best = NULL;
    size_t best_edits = 3; /* more is another word */
    for (; options->name; options++) {
        size_t count = edits(word, options->name);
        if (count >= best_edits) continue;
        best = options->name;
        best_edits = count;
    }
    return best;
}

/* libConfuse says `no such option 'X'`; a person wants to know what there is. */
static hf_status explain(const parsed *p, const cfg_opt_t *options)
{
    char text[384];
    const char *complaint = p->cfg->comment ? p->cfg->comment : "cannot be read";
    const char *quoted = strstr(complaint, "no such option '");
    char word[64] = "";
    if (quoted) sscanf(quoted, "no such option '%63[^']", word);
    const char *meant = *word ? nearest(options, word) : NULL;
    snprintf(text, sizeof text, meant ? "%s; did you mean '%s'?" : "%s", complaint, meant);
    return complain(p, HF_ERR_INPUT, text);
}

/* On HF_OK p->cfg is to be freed; NULL when there is no file. */
static hf_status parse(parsed *p, cfg_opt_t *options)
{
    uint8_t *text = NULL;
    size_t size = 0;
    p->cfg = NULL;
    hf_status status = hf_file_read(p->path, HF_CONFIG_SIZE_MAX, &text, &size);
    if (status == HF_ERR_NOT_FOUND) return HF_OK;
    if (status != HF_OK) return complain(p, status, "cannot be read");
    if (strlen((const char *)text) != size) {
        free(text);
        return complain(p, HF_ERR_INPUT, "is not a text file");
    }
    p->cfg = cfg_init(options, CFGF_NONE);
    if (!p->cfg) {
        free(text);
        return complain(p, HF_ERR_NOMEM, "no memory");
    }
    cfg_set_error_function(p->cfg, on_complaint);
    int code = cfg_parse_buf(p->cfg, (const char *)text);
    free(text);
    if (code == CFG_SUCCESS) return HF_OK;
    status = explain(p, options);
    cfg_free(p->cfg);
    p->cfg = NULL;
    return status;
}

static hf_status place_option(const parsed *p, const char *name, uint16_t port_default,
                              hf_place *out)
{
    char text[384];
    const char *given = cfg_getstr(p->cfg, name);
    if (!given) return HF_OK;
    if (hf_place_read(given, port_default, out) == HF_OK) return HF_OK;
    snprintf(text, sizeof text, "%s = \"%.200s\" is not HOST:PORT", name, given);
    return complain(p, HF_ERR_INPUT, text);
}

/* --- the two files ------------------------------------------------------------------------- */

static hf_status stations_option(const parsed *p, hf_edge_config *out)
{
    char text[384];
    unsigned count = cfg_size(p->cfg, "stations");
    if (count >= HF_CONFIG_HUBS_MAX) return complain(p, HF_ERR_INPUT, "more than 7 stations");
    for (unsigned i = 0; i < count; i++) {
        const char *given = cfg_getnstr(p->cfg, "stations", i);
        hf_place *place = &out->hubs[out->hub_count++];
        if (hf_place_read(given, HF_PORT_SESSION, place) == HF_OK && *place->host) continue;
        snprintf(text, sizeof text, "stations has \"%.200s\", which is not HOST:PORT", given);
        return complain(p, HF_ERR_INPUT, text);
    }
    return HF_OK;
}

hf_status hf_config_edge(const char *path, hf_edge_config *out, char *error, size_t error_size)
{
    cfg_opt_t options[] = {CFG_STR("hub", NULL, CFGF_NONE),
                           CFG_STR_LIST("stations", NULL, CFGF_NONE), CFG_END()};
    parsed p = {.path = path, .error = error, .error_size = error_size};
    memset(out, 0, sizeof *out);
    hf_status status = parse(&p, options);
    if (status != HF_OK || !p.cfg) return status;
    status = place_option(&p, "hub", HF_PORT_SESSION, &out->hubs[0]);
    out->hub_count = *out->hubs[0].host ? 1 : 0;
    if (status == HF_OK) status = stations_option(&p, out);
    cfg_free(p.cfg);
    return status;
}

static hf_status names_option(const parsed *p, hf_hub_config *out)
{
    unsigned count = cfg_size(p->cfg, "names");
    if (count > HF_CONFIG_NAMES_MAX) return complain(p, HF_ERR_INPUT, "more than 16 names");
    for (unsigned i = 0; i < count; i++) {
        const char *name = cfg_getnstr(p->cfg, "names", i);
        int length = snprintf(out->names[i], HF_CONFIG_HOST_SIZE, "%s", name);
        if (length <= 0 || length >= HF_CONFIG_HOST_SIZE) {
            return complain(p, HF_ERR_INPUT, "a name in `names` is empty or too long");
        }
    }
    out->name_count = count;
    return HF_OK;
}

static hf_status days_option(const parsed *p, hf_hub_config *out)
{
    long days = cfg_getint(p->cfg, "device_days");
    if (days < 1 || days > HF_DEVICE_DAYS_MAX) {
        return complain(p, HF_ERR_INPUT, "device_days must be from 1 to 3650");
    }
    out->device_days = (uint32_t)days;
    return HF_OK;
}

hf_status hf_config_hub(const char *path, hf_hub_config *out, char *error, size_t error_size)
{
    cfg_opt_t options[] = {CFG_STR("listen", NULL, CFGF_NONE),
                           CFG_STR("enrol_listen", NULL, CFGF_NONE),
                           CFG_STR("address", NULL, CFGF_NONE),
                           CFG_STR_LIST("names", NULL, CFGF_NONE),
                           CFG_INT("device_days", HF_DEVICE_DAYS_DEFAULT, CFGF_NONE),
                           CFG_STR("upstream", NULL, CFGF_NONE),
                           CFG_END()};
    parsed p = {.path = path, .error = error, .error_size = error_size};
    memset(out, 0, sizeof *out);
    out->listen.port = HF_PORT_SESSION;
    out->enrol_listen.port = HF_PORT_ENROL;
    out->address.port = HF_PORT_SESSION;
    out->device_days = HF_DEVICE_DAYS_DEFAULT;
    out->upstream.port = HF_PORT_SESSION;
    hf_status status = parse(&p, options);
    if (status != HF_OK || !p.cfg) return status;
    status = place_option(&p, "listen", HF_PORT_SESSION, &out->listen);
    if (status == HF_OK) {
        status = place_option(&p, "enrol_listen", HF_PORT_ENROL, &out->enrol_listen);
    }
    if (status == HF_OK) status = place_option(&p, "address", HF_PORT_SESSION, &out->address);
    if (status == HF_OK) status = place_option(&p, "upstream", HF_PORT_SESSION, &out->upstream);
    if (status == HF_OK) status = names_option(&p, out);
    if (status == HF_OK) status = days_option(&p, out);
    cfg_free(p.cfg);
    return status;
}
