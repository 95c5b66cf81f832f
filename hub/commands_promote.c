/* commands_promote.c: promote: the centre is gone for good, and this station takes its place.
 *
 * Why the configuration is written last: until then this is a station, "promote" may be run again
 * and goes on, and "run" refuses to serve as something that is neither. */
#include "program.h"

#include "platform/clock.h"
#include "sync/control.h"
#include "sync/hubs.h"
#include "sync/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    CONFIG_SIZE_MAX = 64 * 1024,
    KEY_FILE_MAX = 64 * 1024,
    CENTRE_ANSWERS_MS = 12 * 1000, /* longer than a dial takes to give up */
    ROUND_MS = 100,
    LACKING_SHOWN = 8
};

typedef struct promoting {
    hf_program *program;
    hub_node *node;
    const hf_cli_args *args;
    char former[HF_ADDRESS_SIZE]; /* the centre's address */
    hf_device own;                /* as the centre enrolled it */
    char hosts[HF_STATION_ADDRESSES_MAX][HF_STATION_ADDRESS_SIZE];
    char stations[HF_HUBS_LISTED_MAX][HF_NAME_SIZE]; /* of the list, but for us */
    size_t station_count;
} promoting;

static int refuse(int code, const char *why)
{
    fprintf(stderr, "%s promote: %s Nothing was changed.\n", HUB_PROGRAM, why);
    return code;
}

static int failed(const char *what, hf_status status)
{
    fprintf(stderr, "%s promote: cannot %s (%s). Put it right and run it again.\n", HUB_PROGRAM,
            what, hf_status_name(status));
    return hf_cli_exit(status);
}

/* ---- may it? ---- */

static int check_words(const hf_cli_args *args)
{
    bool has_key = hf_cli_has(args, "ca-key") != hf_cli_has(args, "backup");
    const char *reason = hf_cli_value(args, "reason");
    if (hf_cli_has(args, "old-centre-is-gone") && reason && *reason && has_key) return HF_EXIT_OK;
    fprintf(stderr,
            "%s promote: it needs --old-centre-is-gone, since from then on the old centre counts "
            "for nothing; --reason, for those who come after; and the centre's authority, by "
            "either --backup FILE or --ca-key FILE.\nExample: %.*s\n",
            HUB_PROGRAM, (int)strcspn(args->command->examples, "\n"), args->command->examples);
    return HF_EXIT_USAGE;
}

static int check_scopes(const promoting *p)
{
    hf_scope_view lacking[LACKING_SHOWN];
    size_t count = LACKING_SHOWN;
    hf_status status = hf_hub_lacks(p->node->hub, lacking, &count);
    if (status != HF_OK) return failed("read its scopes", status);
    if (count == 0) return HF_EXIT_OK;
    fprintf(stderr,
            "%s promote: this station does not hold every scope, so it cannot be the "
            "centre: it lacks ",
            HUB_PROGRAM);
    for (size_t i = 0; i < count && i < LACKING_SHOWN; i++) {
        fputs(i ? ", " : "", stderr);
        hf_cli_text(stderr, lacking[i].name);
    }
    fprintf(stderr, "%s. Nothing was changed.\n", count > LACKING_SHOWN ? " and more" : "");
    return HF_EXIT_DENIED;
}

typedef struct knock {
    bool answered, done;
} knock;

static hf_status on_open(void *context, hf_conn *conn, const hf_identity *peer, void **user)
{
    knock *k = context;
    (void)conn;
    (void)peer;
    *user = k;
    k->answered = k->done = true;
    return HF_ERR_BUSY; /* that it answers is all that we wanted to know */
}

static void on_fail(void *context, const char *address, const char *reason)
{
    knock *k = context;
    (void)address;
    k->answered = strstr(reason, "does not admit") != NULL; /* it is there, and does not want us */
    k->done = true;
}

/* Does anybody answer who proves to be a hub of ours? */
static int check_centre(const promoting *p)
{
    const hf_home *home = &p->program->home;
    const hf_place *upstream = &p->node->config.upstream;
    hf_loop_options loop_options = {.many = false};
    knock k = {.done = false};
    hf_loop *loop = NULL;
    hf_dialer *dialer = NULL;
    hf_dialer_options options = {
        .host = upstream->host,
        .port = upstream->port,
        .paths = {.key = home->key, .certificate = home->certificate, .ca = home->ca},
        .message_size_max = HF_FRAME_SIZE_MAX,
        .events = {.context = &k, .on_open = on_open, .on_fail = on_fail}};
    hf_status status = hf_loop_new(&loop_options, &loop);
    if (status == HF_OK) status = hf_dialer_open(loop, &options, &dialer);
    if (status == HF_OK) status = hf_dialer_dial(dialer);
    uint64_t until_ms = hf_clock_now_ms() + CENTRE_ANSWERS_MS;
    while (status == HF_OK && !k.done && hf_clock_now_ms() < until_ms)
        status = hf_loop_run_once(loop, ROUND_MS);
    hf_dialer_close(dialer);
    if (loop) hf_loop_free(loop);
    if (status != HF_OK) return failed("look whether the centre answers", status);
    if (!k.answered) return HF_EXIT_OK;
    fprintf(stderr,
            "%s promote: the centre (%s) still answers. Two centres would each decide who may "
            "connect: stop it for good first. Nothing was changed.\n",
            HUB_PROGRAM, p->former);
    return HF_EXIT_DENIED;
}

/* ---- the authority ---- */

/* The key goes where a centre has it; what is there already must be that very key. */
static int take_authority(promoting *p)
{
    const hf_home *home = &p->program->home;
    const char *path = hf_cli_value(p->args, "ca-key"), *from = path;
    uint8_t *text = NULL;
    size_t size = 0;
    hf_status status = HF_OK;
    if (path) {
        status = hf_file_read(path, KEY_FILE_MAX, &text, &size);
        if (status != HF_OK)
            return refuse(hf_cli_exit(status), "the file of --ca-key cannot be read.");
    } else {
        from = hf_cli_value(p->args, "backup");
        int code = hf_hub_backup_file(p->args, from, "ca-key.pem", (char **)&text);
        if (code != HF_EXIT_OK) return code;
        size = strlen((char *)text);
    }
    bool made = !hf_home_has(home->ca_key);
    status = made ? hf_file_create(home->ca_key, (hf_bytes){text, size}, 0600) : HF_OK;
    explicit_bzero(text, size);
    free(text);
    if (status != HF_OK) return failed("keep the authority's key", status);
    if (hf_ca_open(home->ca_key, home->ca, &p->node->ca) == HF_OK) return HF_EXIT_OK;
    if (made && hf_file_remove(home->ca_key) != HF_OK)
        return failed("take back the wrong key (ca-key.pem)", HF_ERR_IO);
    fprintf(stderr,
            "%s promote: %s holds no key of the authority that devices trust (ca.pem). Nothing was "
            "changed.\n",
            HUB_PROGRAM, from);
    return HF_EXIT_DENIED;
}

/* ---- who we are, and who else there is ---- */

static void add_station(promoting *p, const char *name)
{
    if (strcmp(name, p->own.name) == 0 || p->station_count == HF_HUBS_LISTED_MAX - 1) return;
    for (size_t i = 0; i < p->station_count; i++)
        if (strcmp(p->stations[i], name) == 0) return;
    (void)snprintf(p->stations[p->station_count++], HF_NAME_SIZE, "%s", name);
}

static hf_status on_device(void *context, const hf_device *device)
{
    if (device->is_hub && !device->revoked && device->address_count > 0)
        add_station(context, device->name);
    return HF_OK;
}

/* The stations of the former list in their order; where there was none, all that are enrolled. */
static hf_status read_stations(promoting *p)
{
    hf_buffer held = {0};
    hf_hub_list list;
    hf_listed_hub hub;
    bool found;
    hf_store *store = p->node->store;
    hf_status status = hf_hub_list_load(store, &held, &list, &found);
    if (status == HF_OK && !found) status = hf_hub_devices(p->node->hub, on_device, p);
    for (hf_list walk = list.hubs; status == HF_OK && found && hf_next_listed(&walk, &hub);) {
        hf_device device;
        hf_status known = hf_device_by_key(store, hub.key_id, &device);
        if (known == HF_OK) status = on_device(p, &device);
    }
    hf_buffer_free(&held);
    return status;
}

static int read_facts(promoting *p)
{
    const hf_crypto *crypto = hf_store_crypto(p->node->store);
    hf_status status = hf_device_by_key(p->node->store, crypto->own_key_id, &p->own);
    if (status == HF_ERR_NOT_FOUND || (status == HF_OK && p->own.address_count == 0))
        return refuse(HF_EXIT_DENIED, "this station was never in sync with the centre.");
    if (status == HF_OK && p->own.revoked)
        return refuse(HF_EXIT_DENIED, "the centre revoked this station.");
    if (status == HF_OK) status = read_stations(p);
    return status == HF_OK ? HF_EXIT_OK : failed("read its store", status);
}

/* ---- the step ---- */

static int take_certificate(promoting *p)
{
    const char *names[HF_STATION_ADDRESSES_MAX];
    uint16_t port;
    for (size_t i = 0; i < p->own.address_count; i++) {
        hf_status status =
            hf_address_split(p->own.addresses[i], p->hosts[i], sizeof p->hosts[i], &port);
        if (status != HF_OK) return failed("read its own address", status);
        names[i] = p->hosts[i];
    }
    hf_status status = hf_hub_issue_own(p->program, p->own.name, names, p->own.address_count);
    return status == HF_OK ? HF_EXIT_OK : failed("issue the centre's certificate", status);
}

static int become_centre(promoting *p)
{
    hub_node *node = p->node;
    const char *stations[HF_HUBS_LISTED_MAX];
    const char *actor = hf_request_actor(p->args);
    hf_hubs_wish wish = {.name = p->own.name,
                         .address = p->own.addresses[0],
                         .stations = stations,
                         .station_count = p->station_count,
                         .reason = hf_cli_value(p->args, "reason")};
    for (size_t i = 0; i < p->station_count; i++) stations[i] = p->stations[i];
    p->program->kind->close(p->program); /* as a station */
    p->program->is_open = false;
    memset(&node->config.upstream, 0, sizeof node->config.upstream);
    int code = hf_program_open_store(p->program);
    if (code != HF_EXIT_OK) return code;
    hf_status status =
        hf_hub_promote(node->hub, &wish, actor ? actor : p->own.name, hf_clock_wall_ms());
    return status == HF_OK ? HF_EXIT_OK : failed("begin as the centre", status);
}

/* An option that stands twice has its last value; an address that is a centre's own must go. */
static bool is_upstream(const char *line)
{
    static const char option[] = "upstream";
    line += strspn(line, " \t");
    return strncmp(line, option, sizeof option - 1) == 0 && strchr(" \t=", line[sizeof option - 1]);
}

/* What else an operator wrote into it stays. */
static int write_config(const promoting *p)
{
    const hf_home *home = &p->program->home;
    uint8_t *text = NULL;
    char *made = NULL;
    size_t size = 0, made_size = 0;
    hf_status status = hf_file_read(home->config, CONFIG_SIZE_MAX, &text, &size);
    FILE *out = status == HF_OK ? open_memstream(&made, &made_size) : NULL;
    if (status == HF_OK && !out) status = HF_ERR_NOMEM;
    const char *line = (const char *)text;
    while (out && line && *line) {
        size_t length = strcspn(line, "\n");
        length += line[length] == '\n';
        if (!is_upstream(line)) (void)fwrite(line, 1, length, out);
        line += length;
    }
    if (out) {
        fprintf(out, "# A station of %s until it was promoted.\naddress = \"%s\"\nnames = {",
                p->former, p->own.addresses[0]);
        for (size_t i = 0; i < p->own.address_count; i++)
            fprintf(out, "%s\"%s\"", i ? ", " : "", p->hosts[i]);
        fputs("}\n", out);
        if (fclose(out) != 0) status = HF_ERR_NOMEM;
    }
    if (status == HF_OK)
        status = hf_file_write(home->config, (hf_bytes){(const uint8_t *)made, made_size}, 0644);
    free(made);
    free(text);
    return status == HF_OK ? HF_EXIT_OK : failed("write the configuration", status);
}

static void say_promoted(const promoting *p)
{
    if (hf_cli_has(p->args, "json")) {
        json_t *document = json_pack("{s:s,s:s,s:i}", "schema", "holdfast.promoted/1", "name",
                                     p->own.name, "stations", (int)p->station_count);
        char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
        if (text) puts(text);
        free(text);
        json_decref(document);
        return;
    }
    fputs("\"", stderr);
    hf_cli_text(stderr, p->own.name);
    fprintf(stderr,
            "\" is the centre now. Devices and stations find it by themselves; what only the old "
            "centre had, and devices hold, they send again.\n"
            "Never start the old centre (%s) again; should it be, it refuses everybody.\n"
            "Next: %s --data %s run\n"
            "then: %s --data %s refill\n"
            "Revoke again every device that was revoked in the last hours before the centre was "
            "lost, and keep ca-key.pem as safe as the old centre's was.\n",
            p->former, HUB_PROGRAM, p->program->home.data, HUB_PROGRAM, p->program->home.data);
}

static int promote(promoting *p)
{
    int code = check_scopes(p);
    if (code == HF_EXIT_OK) code = read_facts(p);
    if (code == HF_EXIT_OK) code = check_centre(p);
    if (code == HF_EXIT_OK) code = take_authority(p);
    if (code == HF_EXIT_OK) code = take_certificate(p);
    if (code == HF_EXIT_OK) code = become_centre(p);
    if (code == HF_EXIT_OK) code = write_config(p);
    if (code == HF_EXIT_OK) say_promoted(p);
    return code;
}

int hf_hub_cli_promote(void *context, const hf_cli_args *args)
{
    promoting p = {.program = context, .args = args};
    p.node = p.program->node;
    p.node->promotes = true;
    int code = check_words(args);
    if (code == HF_EXIT_OK) code = hf_program_open(p.program, args);
    if (code != HF_EXIT_OK) return code;
    if (!hf_hub_is_station(p.node))
        return refuse(HF_EXIT_DENIED, "this hub is the centre already.");
    if (!p.program->is_open) {
        fprintf(stderr,
                "%s promote: process %ld is serving %s: end it first. Nothing was changed.\n",
                HUB_PROGRAM, (long)p.program->holder, p.program->home.data);
        return HF_EXIT_TRY_LATER;
    }
    hf_address_join(p.node->config.upstream.host, p.node->config.upstream.port, p.former);
    return promote(&p);
}
