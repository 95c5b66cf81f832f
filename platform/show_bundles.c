/* show_bundles.c: what travels on devices, for people: with whom, how much, since when. */
#include "show.h"

#include "cli.h"

#include <inttypes.h>

enum { KIB = 1024 };

static void show_amount(const hf_show *show, uint64_t count, uint64_t bytes)
{
    fprintf(show->out, "%" PRIu64 " bundle%s (%" PRIu64 " KiB)", count, count == 1 ? "" : "s",
            (bytes + KIB - 1) / KIB);
}

static void show_own(const hf_show *show, const json_t *bundles)
{
    char since[64];
    size_t at;
    const json_t *carriers = json_object_get(bundles, "carriers"), *item;
    hf_show_time(show, bundles, "sealed_here_since", since, sizeof since);
    fputs("Carried    ", show->out);
    show_amount(show, hf_show_number(bundles, "sealed_here"),
                hf_show_number(bundles, "sealed_here_bytes"));
    fprintf(show->out, " sealed for the centre since %s, not answered yet\n", since);
    if (json_array_size(carriers) == 0)
        fputs("           no device has taken any along yet\n", show->out);
    json_array_foreach(carriers, at, item)
    {
        hf_show_time(show, item, "since", since, sizeof since);
        fputs("           ", show->out);
        hf_cli_text(show->out, hf_show_text(item, "device"));
        fputs(" has ", show->out);
        show_amount(show, hf_show_number(item, "bundles"), hf_show_number(item, "bytes"));
        fprintf(show->out, ", since %s\n", since);
    }
}

void hf_show_bundles(const hf_show *show, const json_t *document)
{
    char since[64];
    const json_t *bundles = json_object_get(document, "bundles");
    uint64_t answers = hf_show_number(bundles, "answers");
    if (hf_show_number(bundles, "sealed_here")) show_own(show, bundles);
    if (hf_show_number(bundles, "for_others")) {
        hf_show_time(show, bundles, "for_others_since", since, sizeof since);
        fputs("Carries    ", show->out);
        show_amount(show, hf_show_number(bundles, "for_others"),
                    hf_show_number(bundles, "for_others_bytes"));
        fprintf(show->out, " of cut-off stations to the centre, since %s\n", since);
    }
    if (answers)
        fprintf(show->out, "Carries    %" PRIu64 " answer%s of the centre back to a station\n",
                answers, answers == 1 ? "" : "s");
}
