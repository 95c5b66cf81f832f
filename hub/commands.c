/* commands.c: every command of holdfast-hub, as data. docs/cli.md says the same at length. */
#include "program.h"

static const hf_cli_option common[] = {
    {"data", "DIR", "where this hub keeps its files (or HOLDFAST_DATA)"},
    {"json", NULL, "print one JSON document (docs/cli.md), for scripts"},
    HF_CLI_OPTIONS_END,
};
static const hf_cli_option init_options[] = {
    {"listen", "ADDRESS:PORT", "for devices' sessions; 127.0.0.1:7443 unless given"},
    {"enrol", "ADDRESS:PORT", "for enrolment; 127.0.0.1:7444 unless given"},
    {"name", "HOST", "by which devices reach it; may be repeated; localhost unless given"},
    {"station", NULL, "make a station: a hub that is the centre's client"},
    {"token-file", "FILE", "of a station: the centre's token; - reads standard input"},
    {"upstream", "ADDRESS:PORT", "of a station: the centre; else as the centre says of itself"},
    HF_CLI_OPTIONS_END,
};
static const hf_cli_option token_options[] = {
    {"name", "NAME", "the device's name, as its certificate will say"},
    {"force", "NAME", "the force it belongs to"},
    {"unit", "NAME", "the unit within the force"},
    {"scopes", "NAME,...", "what it may write in; new names make new scopes"},
    {"expires", "TIME", "how long it works: 90m, 24h, 7d; 24h unless given"},
    {"out", "FILE", "write it there, for the owner's eyes only; else standard output"},
    {"station", NULL, "of a station, and not of a device"},
    {"address", "HOST:PORT", "of a station: where devices reach it; may be repeated"},
    HF_CLI_OPTIONS_END,
};
static const hf_cli_option revoke_options[] = {
    {"reason", "TEXT", "why; needed"},
    {"actor", "NAME", "who acts (or HOLDFAST_ACTOR)"},
    HF_CLI_OPTIONS_END,
};
static const hf_cli_option show_options[] = {{"history", NULL, "every value each field ever had"},
                                             HF_CLI_OPTIONS_END};

static const hf_cli_command commands[] = {
    {"init", "", "make a hub: its certificate authority, its keys, its store",
     "holdfast-hub init --name localhost\n"
     "holdfast-hub init --listen 0.0.0.0:7443 --enrol 0.0.0.0:7444 --name hub.beds.example\n"
     "holdfast-hub init --station --token-file north.txt --listen 0.0.0.0:7443 --name "
     "north.beds.example",
     "Port 0 takes any free port when the hub first starts, and keeps it; the file \"ports\" in\n"
     "the data directory says which.",
     init_options, 0, 0, hf_hub_cli_init},
    {"run", "", "serve devices until ended",
     "holdfast-hub run\nHOLDFAST_LOG=debug holdfast-hub run",
     "Logs one line per event on standard error, ids only. SIGTERM ends it within 5 seconds.",
     hf_run_options, 0, 0, hf_hub_cli_run},
    {"token", "", "make a token that enrols one device, once",
     "holdfast-hub token --name \"PC 4411 Rees\" --force beds --unit response --scopes "
     "beds/response --out token.txt",
     "Give the file to the device's holder. The hub keeps only a hash of the secret.",
     token_options, 0, 0, hf_hub_cli_token},
    {"devices", "", "who may connect, who is connected, who is behind", "holdfast-hub devices",
     NULL, NULL, 0, 0, hf_hub_cli_devices},
    {"revoke", "NAME", "shut a device out, at once",
     "holdfast-hub revoke \"PC 4411 Rees\" --reason \"lost on patrol\"",
     "A live session ends at once. What the device wrote before stays.", revoke_options, 1, 1,
     hf_hub_cli_revoke},
    {"status", "", "how the hub and its devices are, and what to do next", "holdfast-hub status",
     NULL, NULL, 0, 0, hf_hub_cli_status},
    {"conflicts", "", "what people must choose between", "holdfast-hub conflicts", NULL,
     hf_limit_options, 0, 0, hf_program_conflicts},
    {"show", "ID", "print a record, with where each value came from",
     "holdfast-hub show crime_01k...\nholdfast-hub show crime_01k... --history", NULL, show_options,
     1, 1, hf_hub_cli_show},
    {"list", "[TYPE]", "list records, oldest first", "holdfast-hub list crime --limit 20", NULL,
     hf_list_options, 0, 1, hf_program_list},
    {"verify", "", "check every chain, head and record; exit code 1 on a fault",
     "holdfast-hub verify", NULL, NULL, 0, 0, hf_program_verify},
    {"pack", "FILE", "publish a compiled pack to every device", "holdfast-hub pack police.cbor",
     "The pack compiler makes the file from JSON and checks that it converges.", NULL, 1, 1,
     hf_hub_cli_pack},
};

const hf_cli_program hf_hub_cli = {
    .name = HUB_PROGRAM,
    .version = HF_VERSION,
    .summary = "where devices meet: takes in what they write, and passes it on",
    .examples = "holdfast-hub init --name localhost\n"
                "holdfast-hub run &\n"
                "holdfast-hub token --name \"PC 4411 Rees\" --force beds --unit response --scopes "
                "beds/response --out token.txt\n"
                "holdfast-hub status",
    .options = common,
    .commands = commands,
    .command_count = sizeof commands / sizeof commands[0],
};
