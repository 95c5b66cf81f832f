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
    {"scopes", "NAME,...",
     "what it may write in; new names make new scopes; of a station *: every one"},
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
static const hf_cli_option decision_options[] = {
    {"reason", "TEXT", "why; needed"},
    {"actor", "NAME", "who decides (or HOLDFAST_ACTOR); needed"},
    HF_CLI_OPTIONS_END,
};
static const hf_cli_option passphrase_options[] = {
    {"passphrase-file", "FILE", "its first line is the recovery passphrase; else standard input"},
    HF_CLI_OPTIONS_END,
};
static const hf_cli_option show_options[] = {{"history", NULL, "every value each field ever had"},
                                             HF_CLI_OPTIONS_END};

#define TERMS                                                                                      \
    {"month", "YYYY-MM", "of this month; else the one it began in, or this one"},                  \
        {"bands", "BELOW:CREDIT,...", "percentages, such as 99.9:2,99.0:10; or none"},             \
        {"charge", "POUNDS", "of the month, for the credit in pounds"},                            \
        {"hours", "FROM-TO", "service hours of a day, such as 8-18; all day unless given"},        \
        {"weekdays", NULL, "service hours on weekdays alone"},                                     \
        {"minimum", "TIME", "outages shorter than this do not count: 5m"},                         \
        {"exclude-planned", NULL, "announced windows do not count"},                               \
        {"also", "FROM,TO", "an outage that this hub has not seen; may be repeated"},              \
    {                                                                                              \
        "utc", NULL, "the month by UTC; else by London's clocks"                                   \
    }

static const hf_cli_option outage_options[] = {
    {"devices", NULL, "outages of single devices too"},
    {"out", "FILE", "of report: write it there; else standard output"},
    {"markdown", NULL, "of report: Markdown; else one HTML page"},
    TERMS,
    HF_CLI_OPTIONS_END,
};
static const hf_cli_option sla_options[] = {TERMS, HF_CLI_OPTIONS_END};
static const hf_cli_option drill_options[] = {
    {"unit", "NAME", "whose devices are refused"},
    {"minutes", "M", "how long; it ends by itself, and survives a restart"},
    {"end", NULL, "end the one that is going on"},
    HF_CLI_OPTIONS_END,
};
static const hf_cli_option window_options[] = {
    {"from", "TIME", "of announce: such as 2026-12-01T02:00Z"},
    {"until", "TIME", "of announce"},
    {"why", "TEXT", "of announce: what officers will read"},
    {"actor", "NAME", "who acts (or HOLDFAST_ACTOR)"},
    HF_CLI_OPTIONS_END,
};
static const hf_cli_option promote_options[] = {
    {"old-centre-is-gone", NULL, "you say so, and for good; needed"},
    {"reason", "TEXT", "why; needed"},
    {"backup", "FILE", "of the old centre: the authority's key is in it"},
    {"passphrase-file", "FILE", "the backup's recovery passphrase; standard input unless given"},
    {"ca-key", "FILE", "the authority's key itself, in place of a backup"},
    {"actor", "NAME", "who acts (or HOLDFAST_ACTOR)"},
    HF_CLI_OPTIONS_END,
};
enum { HF_HUBS_COMMAND_MAX = 32 }; /* its operands */

static const hf_cli_option hubs_options[] = {{"actor", "NAME", "who acts (or HOLDFAST_ACTOR)"},
                                             HF_CLI_OPTIONS_END};
static const hf_cli_option readiness_options[] = {{"unit", "NAME", "of this unit alone"},
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
     "A live session ends at once. What the device wrote before stays. A station that is lost for "
     "good is revoked, too: then devices bring what they read there.",
     revoke_options, 1, 1, hf_hub_cli_revoke},
    {"status", "", "how the hub and its devices are, and what to do next", "holdfast-hub status",
     NULL, NULL, 0, 0, hf_hub_cli_status},
    {"hubs", "list|set [STATION ...]", "where devices go, in which order",
     "holdfast-hub hubs list\nholdfast-hub hubs set north \"Luton station\"",
     "This hub comes first. Every device and station hears of it by itself, whatever hub it is\n"
     "connected to; a device goes to those stations that serve all its scopes, in this order.",
     hubs_options, 0, HF_HUBS_COMMAND_MAX, hf_hub_cli_hubs},
    {"conflicts", "", "what people must choose between", "holdfast-hub conflicts", NULL,
     hf_limit_options, 0, 0, hf_program_conflicts},
    {"references", "", "numbers leased to devices, and records that wait for theirs",
     "holdfast-hub references --limit 100",
     "A block is leased once and for all: what a lost device had is used by nobody.",
     hf_limit_options, 0, 0, hf_hub_cli_references},
    {"show", "ID", "print a record, with where each value came from",
     "holdfast-hub show crime_01k...\nholdfast-hub show crime_01k... --history", NULL, show_options,
     1, 1, hf_hub_cli_show},
    {"list", "[TYPE]", "list records, oldest first", "holdfast-hub list crime --limit 20", NULL,
     hf_list_options, 0, 1, hf_program_list},
    {"receipt", "ID", "who wrote a record, with the references that an officer reads out",
     "holdfast-hub receipt crime_01k...\nholdfast-hub receipt crime_01k... --entry K7QX-2M9D", NULL,
     hf_entry_options, 1, 1, hf_program_receipt},
    {"verify-receipt", "FILE", "what a receipt proves; exit code 1 when it proves nothing",
     "holdfast-hub verify-receipt theft.receipt\n"
     "holdfast-hub verify-receipt theft.receipt --ca ca.pem",
     NULL, hf_check_options, 1, 1, hf_hub_cli_check_receipt},
    {"verify", "", "check every chain, head and record; exit code 1 on a fault",
     "holdfast-hub verify", NULL, NULL, 0, 0, hf_program_verify},
    {"pack", "FILE", "publish a compiled pack to every device", "holdfast-hub pack police.cbor",
     "The pack compiler makes the file from JSON and checks that it converges.", NULL, 1, 1,
     hf_hub_cli_pack},
    {"backup", "FILE", "copy the hub while it runs: its store, and its keys under a passphrase",
     "holdfast-hub backup /media/safe/hub-0400.backup --passphrase-file passphrase.txt",
     "As of one moment; devices are not kept waiting. FILE is made whole or not at all, and never\n"
     "replaced. Who has it and the passphrase can be the hub: keep them apart.",
     passphrase_options, 1, 1, hf_hub_cli_backup},
    {"restore", "FILE", "put a hub back from a backup, where no store stands",
     "holdfast-hub restore /media/safe/hub-0400.backup --passphrase-file passphrase.txt",
     "Replaces nothing. The hub begins a new epoch under a new name, and devices bring back what\n"
     "came after the backup by themselves; \"refill\" shows how far that is.",
     passphrase_options, 1, 1, hf_hub_cli_restore},
    {"refill", "", "what the hub lost and has not got back, and who has it", "holdfast-hub refill",
     "Empty at a hub that never lost anything. Devices bring back what they hold by themselves.",
     NULL, 0, 0, hf_hub_cli_refill},
    {"declare-lost", "ORIGIN/LANE/FIRST[-LAST]", "give up entries that nobody has",
     "holdfast-hub declare-lost 0123456789abcdef0123456789abcdef/3/17-19 --actor \"Sgt Khan\" "
     "--reason \"burnt with its station\"",
     "Nothing waits for them any more. Should one turn up all the same, it is taken.",
     decision_options, 1, 1, hf_hub_cli_declare_lost},
    {"accept-control-loss", "",
     "serve, though it is not known whom this hub revoked since its backup",
     "holdfast-hub accept-control-loss --actor \"Sgt Khan\" --reason \"no device was revoked in "
     "May\"",
     "Before: revoke again every device that you know to be lost. Devices that were enrolled "
     "since\n"
     "the backup need a new token.",
     decision_options, 0, 0, hf_hub_cli_accept_control_loss},
    {"promote", "", "make this station the centre: the old one is gone for good",
     "holdfast-hub promote --old-centre-is-gone --reason \"the building burnt\" --backup "
     "/media/safe/hub-0400.backup --passphrase-file passphrase.txt\n"
     "holdfast-hub promote --old-centre-is-gone --reason \"the building burnt\" --ca-key "
     "ca-key.pem",
     "Only a station that holds every scope can be the centre. Devices and stations follow by\n"
     "themselves. An old centre that is started again refuses everybody, and says why.",
     promote_options, 0, 0, hf_hub_cli_promote},
    {"readiness", "", "who is ready for an outage; exit code 1 while too few are",
     "holdfast-hub readiness --unit response", NULL, readiness_options, 0, 0, hf_hub_cli_readiness},
    {"window", "announce|list|off [ID]", "planned outages: announce, see who knows, call off",
     "holdfast-hub window announce --from 2026-12-01T02:00Z --until 2026-12-01T05:00Z --why "
     "\"new disks\"\nholdfast-hub window list",
     "Every device hears of it, shows it, and acknowledges it by itself.", window_options, 1, 2,
     hf_hub_cli_window},
    {"drill", "", "refuse a unit on purpose, for a while",
     "holdfast-hub drill --unit response --minutes 30\nholdfast-hub drill --end",
     "Its devices carry on by themselves; the report at the end is marked as a drill.",
     drill_options, 0, 0, hf_hub_cli_drill},
    {"outage", "list|show|report [WHEN]", "outages: which, what came of one, the whole account",
     "holdfast-hub outage list\nholdfast-hub outage show\n"
     "holdfast-hub outage report 2019-10-08T09:00Z --out recovery.html",
     "WHEN is a moment in it; the newest without. Exit code 1 if the account does not add up.",
     outage_options, 1, 2, hf_hub_cli_outage},
    {"sla", "", "how much of a month the hub was there",
     "holdfast-hub sla --month 2019-10 --also 2019-10-08T08:00Z,2019-10-08T14:10Z",
     "Bands are an illustration unless given. No drill counts as downtime.", sla_options, 0, 0,
     hf_hub_cli_sla},
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
