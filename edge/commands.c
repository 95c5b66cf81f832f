/* commands.c: every command of holdfast-edge, as data. docs/cli.md says the same at length. */
#include "program.h"

static const hf_cli_option common[] = {
    {"data", "DIR", "where this device keeps its files (or HOLDFAST_DATA)"},
    {"json", NULL, "print one JSON document (docs/cli.md), for scripts"},
    HF_CLI_OPTIONS_END,
};

static const hf_cli_option enrol_options[] = {
    {"token-file", "FILE", "the token; - reads standard input"},
    {"station", "HOST:PORT", "where to go when the hub is lost, best first; may be repeated"},
    HF_CLI_OPTIONS_END};
static const hf_cli_option put_options[] = {
    {"id", "ID", "change this record; without it a new one is made"},
    {"scope", "NAME", "for a new record; else the device's first scope"},
    {"add", "FIELD=VALUE", "an element to a set or a log; may be repeated"},
    {"remove", "FIELD=VALUE", "an element from a set; may be repeated"},
    {"actor", "NAME", "who acts (or HOLDFAST_ACTOR); else the device's name"},
    {"reason", "TEXT", "why: makes it a correction"},
    HF_CLI_OPTIONS_END,
};
static const hf_cli_option author_options[] = {
    {"actor", "NAME", "who acts (or HOLDFAST_ACTOR); else the device's name"},
    {"reason", "TEXT", "why"},
    HF_CLI_OPTIONS_END,
};
static const hf_cli_option resolve_options[] = {
    {"choose", "N", "the value that \"conflicts\" numbers N"},
    {"value", "VALUE", "another value, instead of any of them"},
    {"keep-deleted", NULL, "a record edited while it was deleted: it stays deleted"},
    {"restore", NULL, "the same: it stays, and the delete is taken back"},
    {"actor", "NAME", "who acts (or HOLDFAST_ACTOR); else the device's name"},
    {"reason", "TEXT", "why, for those who come after; needed"},
    HF_CLI_OPTIONS_END,
};
static const hf_cli_option import_options[] = {
    {"mapping", "FILE", "which column goes to which field (docs/cli.md)"},
    {"dry-run", NULL, "read and check everything, write nothing"},
    {"rejects", "FILE", "rows that were not taken, as read, with the reason"},
    {"actor", "NAME", "who acts (or HOLDFAST_ACTOR); else the device's name"},
    HF_CLI_OPTIONS_END,
};

static const hf_cli_command commands[] = {
    {"init", "", "make this device's key, in an empty data directory",
     "holdfast-edge init\nholdfast-edge --data /tmp/rees init", NULL, NULL, 0, 0, hf_edge_cli_init},
    {"enrol", "", "become a device that the hub knows",
     "holdfast-edge enrol --token-file token.txt\nssh hub holdfast-hub token ... | holdfast-edge "
     "enrol --token-file -",
     "The token comes from \"holdfast-hub token\". It works once, on one device.", enrol_options, 0,
     0, hf_edge_cli_enrol},
    {"run", "", "keep in touch with the hub until ended",
     "holdfast-edge run\nHOLDFAST_LOG=debug holdfast-edge run",
     "Logs one line per event on standard error, ids only. SIGTERM ends it within 5 seconds.",
     hf_run_options, 0, 0, hf_edge_cli_run},
    {"put", "TYPE [FIELD=VALUE...]", "write a record, new or known",
     "holdfast-edge put crime status=recorded \"summary=Window forced\"\n"
     "holdfast-edge put crime --id crime_01k... risk=high --add flags=knife\n"
     "holdfast-edge put note \"subject=Bell Inn\" \"text=Spoke to the landlord\"",
     "Prints the record's id. A field of many values (a set, a log) gets one more.", put_options, 1,
     SIZE_MAX, hf_edge_cli_put},
    {"get", "ID", "print a record, with where each value came from and is safe",
     "holdfast-edge get crime_01k...\nholdfast-edge get crime_01k... --json", NULL, NULL, 1, 1,
     hf_edge_cli_get},
    {"list", "[TYPE]", "list records, oldest first",
     "holdfast-edge list crime\nholdfast-edge list --limit 1000 --json", NULL, hf_list_options, 0,
     1, hf_program_list},
    {"find", "WORD...", "records that hold every word, in any text field",
     "holdfast-edge find bicycle \"fleet street\"",
     "Capitals and accents do not count. Newest first.", hf_limit_options, 1, SIZE_MAX,
     hf_edge_cli_find_words},
    {"import", "FILE", "records out of a CSV file, each row exactly once",
     "holdfast-edge import street.csv --mapping street.mapping.json --dry-run\n"
     "holdfast-edge import street.csv --mapping street.mapping.json --rejects rejects.csv",
     "It can be ended at any moment and run again: what was taken is not taken twice. The exit\n"
     "code is 65 when rows were rejected; the others are in.",
     import_options, 1, 1, hf_edge_cli_import},
    {"delete", "ID", "delete a record; its history stays",
     "holdfast-edge delete crime_01k... --reason \"entered twice\"", NULL, author_options, 1, 1,
     hf_edge_cli_delete},
    {"conflicts", "", "what people must choose between", "holdfast-edge conflicts", NULL,
     hf_limit_options, 0, 0, hf_program_conflicts},
    {"resolve", "ID [FIELD]", "choose between versions",
     "holdfast-edge resolve crime_01k... outcome --choose 2 --reason \"CPS letter of 3 May\"\n"
     "holdfast-edge resolve crime_01k... summary --value \"Two windows forced\" --reason seen\n"
     "holdfast-edge resolve crime_01k... --restore --reason \"not a duplicate\"",
     "Nothing is lost: \"history\" shows what was chosen from, by whom and why.", resolve_options,
     1, 2, hf_edge_cli_resolve},
    {"history", "ID [FIELD]", "every value a field ever had, by whom and when",
     "holdfast-edge history crime_01k...\nholdfast-edge history crime_01k... status", NULL, NULL, 1,
     2, hf_edge_cli_history},
    {"status", "", "what is saved where, and what to do next", "holdfast-edge status", NULL, NULL,
     0, 0, hf_edge_cli_status},
    {"receipt", "ID", "where a record is safe, since when, with a reference to read aloud",
     "holdfast-edge receipt crime_01k...\n"
     "holdfast-edge receipt crime_01k... --export theft.receipt\n"
     "holdfast-edge receipt crime_01k... --entry K7QX-2M9D --export one.receipt",
     "The file holds what was written in this record, and nothing of others. Anyone who has the\n"
     "authority's certificate can check it: \"verify-receipt\".",
     hf_receipt_options, 1, 1, hf_program_receipt},
    {"verify-receipt", "FILE", "what a receipt proves; exit code 1 when it proves nothing",
     "holdfast-edge verify-receipt theft.receipt --ca ca.pem", NULL, hf_check_options, 1, 1,
     hf_edge_cli_check_receipt},
    {"verify", "", "check every chain, head and record; exit code 1 on a fault",
     "holdfast-edge verify", NULL, NULL, 0, 0, hf_program_verify},
};

const hf_cli_program hf_edge_cli = {
    .name = EDGE_PROGRAM,
    .version = HF_VERSION,
    .summary = "an officer's records, saved on this device and sent when the hub can be reached",
    .examples = "holdfast-edge init\n"
                "holdfast-edge enrol --token-file token.txt\n"
                "holdfast-edge run &\n"
                "holdfast-edge put crime status=recorded \"summary=Window forced\"\n"
                "holdfast-edge status",
    .options = common,
    .commands = commands,
    .command_count = sizeof commands / sizeof commands[0],
};
