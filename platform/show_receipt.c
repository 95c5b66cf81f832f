/* show_receipt.c: where a record is safe, and what a receipt proves, in words for people who were
 * not there. */
#include "show.h"

#include "cli.h"

#include <inttypes.h>
#include <string.h>

enum { TIME_SIZE = 64 };

static void put_named(const hf_show *show, const char *before, const char *text)
{
    fputs(before, show->out);
    hf_cli_text(show->out, text);
}

/* ---- where it is safe ---- */

/* The farthest place first, then those on the way to it. */
static void show_place(const hf_show *show, const json_t *entry)
{
    char since[TIME_SIZE];
    const char *saved = hf_show_text(entry, "saved"), *by = hf_show_text(entry, "by");
    const char *station = hf_show_text(entry, "station");
    hf_show_time(show, entry, "since", since, sizeof since);
    put_named(show, "  ", hf_show_saved(saved));
    if (strcmp(saved, "station") == 0 && *station) put_named(show, " ", station);
    if (strcmp(since, "never") != 0) fprintf(show->out, " since %s", since);
    if (*by) put_named(show, ", signed for by ", by);
    fputs("\n", show->out);
    hf_show_time(show, entry, "station_since", since, sizeof since);
    if (strcmp(saved, "hub") == 0 && *station) {
        put_named(show, "  At the station ", station);
        fprintf(show->out, " since %s, signed\n", since);
    }
    if (strcmp(saved, "device") == 0 || !json_is_true(json_object_get(entry, "written_here")))
        return;
    hf_show_time(show, entry, "time", since, sizeof since);
    fprintf(show->out, "  Saved on this device since %s\n", since);
}

/* What was said once, and was so no more. */
static void show_undone(const hf_show *show, const json_t *entry)
{
    char said[TIME_SIZE], lost[TIME_SIZE];
    const json_t *undone = json_object_get(entry, "undone");
    if (!json_is_object(undone)) return;
    hf_show_time(show, undone, "said", said, sizeof said);
    hf_show_time(show, undone, "lost", lost, sizeof lost);
    fprintf(show->out, "  A hub signed for it (%s) and was found without it (%s).\n", said, lost);
}

static void show_entry(const hf_show *show, const json_t *entry)
{
    char when[TIME_SIZE];
    const char *withheld = hf_show_text(entry, "withheld");
    hf_show_time(show, entry, "time", when, sizeof when);
    fprintf(show->out, "%s  written by ", hf_show_text(entry, "reference"));
    hf_cli_text(show->out, hf_show_text(entry, "actor"));
    put_named(show, " on ", hf_show_text(entry, "device"));
    fprintf(show->out, ", %s\n", when);
    show_place(show, entry);
    show_undone(show, entry);
    if (*withheld)
        fprintf(show->out, "  Withheld: %s. It is kept, and does not count.\n", withheld);
}

void hf_show_receipt(const hf_show *show, const json_t *document)
{
    const json_t *entries = json_object_get(document, "entries");
    hf_show_title(show, document);
    for (size_t i = 0; i < json_array_size(entries); i++)
        show_entry(show, json_array_get(entries, i));
}

/* ---- what it proves ---- */

static void show_proved(const hf_show *show, const json_t *entry)
{
    char written[TIME_SIZE], held[TIME_SIZE];
    hf_show_time(show, entry, "time", written, sizeof written);
    hf_show_time(show, entry, "held_by", held, sizeof held);
    fprintf(show->out, "%s  ", hf_show_text(entry, "reference"));
    put_named(show, "written on the device ", hf_show_text(entry, "device"));
    put_named(show, ", which names as its writer ", hf_show_text(entry, "actor"));
    fprintf(show->out, "; by its own clock %s (%s)\n", written, hf_show_text(entry, "clock"));
    bool by_station = json_is_true(json_object_get(entry, "by_station"));
    put_named(show, by_station ? "  The station " : "  The hub ", hf_show_text(entry, "hub"));
    fprintf(show->out, " held it durably no later than %s, by its own clock.\n", held);
}

void hf_show_proof(const hf_show *show, const json_t *document)
{
    const json_t *entries = json_object_get(document, "entries");
    if (!json_is_true(json_object_get(document, "genuine"))) {
        fprintf(show->out, "This proves nothing. %s\n", hf_show_text(document, "why"));
        return;
    }
    put_named(show, "This receipt is genuine. It is of the record ",
              hf_show_text(document, "record"));
    fputs(".\n", show->out);
    for (size_t i = 0; i < json_array_size(entries); i++)
        show_proved(show, json_array_get(entries, i));
    fputs("It does not say that what was written is true, nor that the hub holds it still.\n",
          show->out);
}
