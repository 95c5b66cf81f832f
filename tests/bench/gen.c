/* gen.c: see gen.h. */
#include "gen.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 12345, CRIME = 16, DAY_S = 24 * 60 * 60, YEAR = 2026, DAYS_TO_2026 = 20454 };

#define CHOOSE(g, list) ((list)[roll((g), sizeof(list) / sizeof *(list))])

static const char *const FIRST_NAMES[] = {
    "James",  "Mary", "Robert", "Patricia", "Olivia",    "Noah",      "Amelia",  "Mohammed",
    "Priya",  "Wei",  "Sofia",  "Liam",     "Grace",     "Daniel",    "Chloe",   "Ahmed",
    "Fatima", "Jack", "Emily",  "Thomas",   "Agnieszka", "Oluwaseun", "Siobhan", "Rhys"};
static const char *const LAST_NAMES[] = {
    "Smith",  "Jones",     "Taylor",  "Brown",  "Williams", "Wilson", "Johnson", "Davies",
    "Patel",  "Wright",    "Khan",    "Hughes", "Edwards",  "Begum",  "Clarke",  "Novak",
    "Okafor", "MacDonald", "Hussain", "Murphy", "Kowalski", "Singh",  "Ali",     "Bennett"};
static const char *const STREETS[] = {"High Street",   "Station Road", "Church Lane",
                                      "Victoria Road", "Mill Lane",    "Park Avenue",
                                      "Kingsway",      "Queens Road",  "Albert Street",
                                      "Manor Drive",   "The Crescent", "Bridge Street"};
static const char *const CITIES[] = {"Leeds",        "Bradford",  "Wakefield", "Halifax",
                                     "Huddersfield", "Sheffield", "York",      "Barnsley",
                                     "Doncaster",    "Rotherham"};
static const char *const OFFENCES[] = {"theft from vehicle", "common assault",
                                       "criminal damage",    "burglary dwelling",
                                       "public order",       "drugs possession",
                                       "traffic collision",  "anti-social behaviour",
                                       "missing person",     "fraud by false representation"};
static const char *const NOTES[] = {
    "Subject seen leaving the premises on foot heading north; declined to provide a statement at "
    "scene.",
    "Victim reports item taken between 2200 and 0600 hrs. CCTV requested from adjacent shop, "
    "awaiting download.",
    "Vehicle stopped following ANPR hit, driver details confirmed, advice given and no further "
    "action.",
    "Neighbour states shouting heard from the address on several occasions. Safeguarding referral "
    "submitted.",
    "Item recovered, bagged and sealed, continuity maintained, booked into property store at "
    "station."};
static const char *const TYPES[] = {"person", "object", "location", "event"};

static const uint8_t PEERS_SHA256[HF_HASH_SIZE] = {
    0x9d, 0xe9, 0xd6, 0x95, 0x65, 0x8a, 0x5d, 0x55, 0x87, 0xcb, 0x47, 0x29, 0x80, 0x6e, 0xb3, 0x2d,
    0x61, 0x45, 0x12, 0x9a, 0xec, 0xbb, 0x54, 0x32, 0xc8, 0xb2, 0x1b, 0xd4, 0x5e, 0xa0, 0x54, 0xe1};

gen gen_start(void)
{
    return (gen){.state = SEED};
}

/* Mulberry32, modulo `sides`: what the peers' generator uses. The order of the rolls matters, so
 * each stands in a statement of its own below. */
static uint32_t roll(gen *g, uint32_t sides)
{
    g->state += 0x6D2B79F5;
    uint32_t t = g->state;
    t = (t ^ (t >> 15)) * (t | 1);
    t ^= t + (t ^ (t >> 7)) * (t | 61);
    return (t ^ (t >> 14)) % sides;
}

static void roll_hex(gen *g, char *out, size_t digits)
{
    for (size_t i = 0; i < digits; i++) out[i] = "0123456789abcdef"[roll(g, 16)];
    out[digits] = 0;
}

static void gen_id(gen *g, gen_record *out)
{
    char a[9], b[5], c[4], d[4], e[13];
    roll_hex(g, a, 8);
    roll_hex(g, b, 4);
    roll_hex(g, c, 3);
    roll_hex(g, d, 3);
    roll_hex(g, e, 12);
    snprintf(out->id, sizeof out->id, "%s-%s-4%s-a%s-%s", a, b, c, d, e);
}

static void gen_person(gen *g, gen_record *out)
{
    if (g->index % 4 == 3) {
        snprintf(out->name, sizeof out->name, "%s", CHOOSE(g, OFFENCES));
    } else {
        const char *first = CHOOSE(g, FIRST_NAMES);
        const char *last = CHOOSE(g, LAST_NAMES);
        snprintf(out->name, sizeof out->name, "%s %s", first, last);
    }
    uint32_t year = 1940 + roll(g, 70);
    uint32_t month = 1 + roll(g, 12);
    uint32_t day = 1 + roll(g, 28);
    snprintf(out->dob, sizeof out->dob, "%04u-%02u-%02u", year % 10000, month % 100, day % 100);
}

static void gen_address(gen *g, gen_record *out)
{
    uint32_t number = 1 + roll(g, 240);
    snprintf(out->address, sizeof out->address, "%u %s", number, CHOOSE(g, STREETS));
    snprintf(out->city, sizeof out->city, "%s", CHOOSE(g, CITIES));
    char area = "LBWHSYD"[roll(g, 7)];
    char town = "SDFXEO"[roll(g, 6)];
    uint32_t district = 1 + roll(g, 29);
    uint32_t sector = roll(g, 10);
    char first = (char)('A' + roll(g, 26));
    char second = (char)('A' + roll(g, 26));
    snprintf(out->postcode, sizeof out->postcode, "%c%c%u %u%c%c", area, town, district % 100,
             sector % 10, first, second);
    uint32_t exchange = roll(g, 1000);
    snprintf(out->phone, sizeof out->phone, "07%03u %06u", exchange % 1000,
             roll(g, 1000000) % 1000000);
}

static void gen_updated(gen *g, gen_record *out)
{
    static const uint16_t days_before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint32_t month = roll(g, 12);
    uint32_t day = 1 + roll(g, 28);
    uint32_t hour = roll(g, 24);
    uint32_t minute = roll(g, 60);
    uint32_t second = roll(g, 60);
    snprintf(out->updated, sizeof out->updated, "%u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)YEAR,
             (month + 1) % 100, day % 100, hour % 100, minute % 100, second % 100);
    uint64_t days = DAYS_TO_2026 + days_before[month] + day - 1;
    out->updated_ms = (days * DAY_S + hour * 3600 + minute * 60 + second) * 1000;
}

void gen_next(gen *g, gen_record *out)
{
    memset(out, 0, sizeof *out);
    gen_id(g, out);
    snprintf(out->type, sizeof out->type, "%s", TYPES[g->index % 4]);
    gen_person(g, out);
    gen_address(g, out);
    snprintf(out->status, sizeof out->status, "%s", roll(g, 3) ? "open" : "closed");
    snprintf(out->officer, sizeof out->officer, "PC%05u", roll(g, 9000) % 100000);
    snprintf(out->station, sizeof out->station, "ST-%02u", roll(g, 40) % 100);
    gen_updated(g, out);
    out->latitude_1e5 = 5330000 + (int32_t)roll(g, 100000);
    out->longitude_1e5 = -210000 + (int32_t)roll(g, 100000);
    out->notes = CHOOSE(g, NOTES);
    g->index++;
}

/* As JavaScript prints a number: without zeros at the end. */
static void degrees(int32_t value_1e5, char out[24])
{
    snprintf(out, 24, "%s%d.%05d", value_1e5 < 0 ? "-" : "", abs(value_1e5) / 100000,
             abs(value_1e5) % 100000);
    size_t size = strlen(out);
    while (out[size - 1] == '0') out[--size] = 0;
    if (out[size - 1] == '.') out[--size] = 0;
}

size_t gen_json(const gen_record *r, char out[GEN_JSON_MAX])
{
    char latitude[24], longitude[24];
    degrees(r->latitude_1e5, latitude);
    degrees(r->longitude_1e5, longitude);
    int size =
        snprintf(out, GEN_JSON_MAX,
                 "{\"id\":\"%s\",\"type\":\"%s\",\"name\":\"%s\",\"dob\":\"%s\","
                 "\"address\":\"%s\",\"city\":\"%s\",\"postcode\":\"%s\",\"phone\":\"%s\","
                 "\"status\":\"%s\",\"officer\":\"%s\",\"station\":\"%s\","
                 "\"updated\":\"%s\",\"lat\":%s,\"lon\":%s,\"notes\":\"%s\"}\n",
                 r->id, r->type, r->name, r->dob, r->address, r->city, r->postcode, r->phone,
                 r->status, r->officer, r->station, r->updated, latitude, longitude, r->notes);
    assert(size > 0 && size < GEN_JSON_MAX);
    return (size_t)size;
}

bool gen_is_the_peers(const hf_crypto *crypto)
{
    uint8_t hash[HF_HASH_SIZE];
    hf_buffer all = {0};
    gen g = gen_start();
    for (int i = 0; i < GEN_COUNT; i++) {
        gen_record record;
        char line[GEN_JSON_MAX];
        gen_next(&g, &record);
        size_t size = gen_json(&record, line);
        hf_write_raw(&all, (hf_bytes){(const uint8_t *)line, size});
    }
    bool whole = all.status == HF_OK;
    hf_bytes bytes = hf_buffer_bytes(&all);
    crypto->hash(crypto->context, &bytes, 1, hash);
    hf_buffer_free(&all);
    return whole && memcmp(hash, PEERS_SHA256, sizeof hash) == 0;
}

typedef struct field {
    uint32_t number;  /* in the police pack's crime */
    const char *text; /* NULL: a number */
    int64_t value;
} field;

hf_status gen_write(hf_txn *txn, const gen_record *r, uint32_t scope, hf_buffer *value)
{
    char type_status[sizeof r->type + sizeof r->status];
    snprintf(type_status, sizeof type_status, "%s %s", r->type, r->status);
    const field fields[] = {{1, type_status, 0},
                            {2, r->dob, 0},
                            {3, r->name, 0},
                            {4, r->station, 0},
                            {5, NULL, r->longitude_1e5 * 10}, /* the pack's scale is 6 */
                            {6, NULL, r->latitude_1e5 * 10},
                            {7, r->address, 0},
                            {8, r->postcode, 0},
                            {9, r->city, 0},
                            {12, r->phone, 0},
                            {16, NULL, (int64_t)r->updated_ms},
                            {27, r->notes, 0},
                            {29, r->officer, 0}};
    hf_change change = {.scope = scope, .kind = HF_CHANGE_SET};
    hf_status status = hf_txn_new_id(txn, CRIME, &change.record);
    for (size_t i = 0; i < sizeof fields / sizeof *fields && status == HF_OK; i++) {
        hf_buffer_clear(value);
        if (fields[i].text)
            hf_write_string(value, fields[i].text);
        else
            hf_write_int(value, fields[i].value);
        change.field = fields[i].number;
        change.value = hf_buffer_bytes(value);
        status = value->status;
        if (status == HF_OK) status = hf_txn_change(txn, &change);
    }
    return status;
}
