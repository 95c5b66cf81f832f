-- schema.sql: every table, and who writes it. docs/schema.md tells the same in prose.
-- `log` is a local number: origin.no * 8 + lane. Blobs marked (sealed) end with an 8-byte checksum.

CREATE TABLE meta(              -- store.c: named values
    key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE origin(            -- origin.c: installations; key_id empty while only cited
    no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, key_id BLOB NOT NULL,
    incarnation BLOB NOT NULL, certificate BLOB NOT NULL, name TEXT NOT NULL,
    is_hub INTEGER NOT NULL);

CREATE TABLE vector(            -- vector.c: how far each log is held in each scope
    scope INTEGER NOT NULL, log INTEGER NOT NULL, seq INTEGER NOT NULL, chain BLOB NOT NULL,
    PRIMARY KEY(log, scope)) WITHOUT ROWID;
CREATE INDEX vector_scope ON vector(scope);

CREATE TABLE hole(              -- vector.c: dots stepped over; held = we have the entry's body
    log INTEGER NOT NULL, seq INTEGER NOT NULL, scope INTEGER NOT NULL, pseq INTEGER NOT NULL,
    hash BLOB NOT NULL, reason INTEGER NOT NULL, text TEXT NOT NULL,
    chain BLOB,                 -- at this dot, if a snapshot told: what is before is not held
    PRIMARY KEY(log, seq)) WITHOUT ROWID;

CREATE TABLE base(              -- snapshot_load.c: up to here state was had without its entries
    scope INTEGER NOT NULL, log INTEGER NOT NULL, seq INTEGER NOT NULL, chain BLOB NOT NULL,
    position INTEGER NOT NULL,  -- of our feed: what came or was opened behind it is not in it
    PRIMARY KEY(log, scope)) WITHOUT ROWID;

CREATE TABLE actor(             -- acted.c: officers whom a snapshot named, by scope
    no INTEGER PRIMARY KEY, scope INTEGER NOT NULL, name BLOB NOT NULL, -- name (sealed)
    UNIQUE(scope, name));

CREATE TABLE acted(             -- acted.c: who made an entry of which a snapshot had the writes
    scope INTEGER NOT NULL, log INTEGER NOT NULL, seq INTEGER NOT NULL,
    actor INTEGER NOT NULL,     -- actor.no
    PRIMARY KEY(scope, log, seq)) WITHOUT ROWID;

CREATE TABLE patchy(            -- refill.c: at a hub, logs that it does not hold all of, up to their last
    log INTEGER PRIMARY KEY,
    dense INTEGER NOT NULL,     -- all up to here is held, with its body
    known INTEGER NOT NULL);    -- as far as its origin has signed that there is more; 0: not known

CREATE TABLE reported(          -- refill.c: at a hub, what devices hold of others' and it does not
    key_id BLOB NOT NULL, log INTEGER NOT NULL, scope INTEGER NOT NULL, seq INTEGER NOT NULL,
    tried INTEGER NOT NULL,     -- it was asked, and could not prove more
    PRIMARY KEY(key_id, log, scope)) WITHOUT ROWID;

CREATE TABLE lost(              -- control.c: fold of the _lost records
    log INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY(log, first, last)) WITHOUT ROWID;

CREATE TABLE revoked(           -- control.c: fold of the _revoked records; since when
    key_id BLOB PRIMARY KEY, hlc INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE entry(             -- apply.c: every entry, verbatim, in the order it came
    position INTEGER PRIMARY KEY, log INTEGER NOT NULL, seq INTEGER NOT NULL,
    scope INTEGER NOT NULL, hlc INTEGER NOT NULL, withheld INTEGER NOT NULL,
    opened INTEGER,             -- position of what made it count again: a verdict, or its body
    chain BLOB NOT NULL, feed_chain BLOB NOT NULL, body BLOB NOT NULL); -- body (sealed)
CREATE UNIQUE INDEX entry_log ON entry(log, seq);
CREATE INDEX entry_opened ON entry(opened) WHERE opened IS NOT NULL;

CREATE TABLE record(            -- record.c: the fold of its live writes
    no INTEGER PRIMARY KEY, type INTEGER NOT NULL, id BLOB NOT NULL, scope INTEGER NOT NULL,
    deleted INTEGER NOT NULL, position INTEGER NOT NULL,
    first INTEGER NOT NULL,     -- position of the entry that it began with; 0: not held
    state BLOB NOT NULL,        -- state (sealed)
    base INTEGER NOT NULL);     -- 0: folded from entries alone; 1: as a snapshot had it; 2: see below
CREATE UNIQUE INDEX record_id ON record(type, id, scope); -- a record lives in one scope
CREATE INDEX record_deleted ON record(type) WHERE deleted=1; -- few; counted without the others

CREATE TABLE record_base(       -- record.c: what a snapshot had of a record that has changed since
    record INTEGER PRIMARY KEY, state BLOB NOT NULL); -- a chunk of this one record (sealed)

CREATE TABLE record_entry(      -- fold.c: which further entries touch a record, for history and refolding
    record INTEGER NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY(record, position)) WITHOUT ROWID;

CREATE TABLE element(           -- record.c: live elements of append fields and of large sets
    record INTEGER NOT NULL, field INTEGER NOT NULL, hlc INTEGER NOT NULL, log INTEGER NOT NULL,
    seq INTEGER NOT NULL, ordinal INTEGER NOT NULL, quality INTEGER NOT NULL,
    prefix BLOB NOT NULL, value BLOB NOT NULL, -- value, and a checksum over all of the row (sealed)
    PRIMARY KEY(record, field, log, seq, ordinal)) WITHOUT ROWID;

CREATE TABLE conflict(          -- record.c: open conflicts; field 0: edited while deleted
    record INTEGER NOT NULL, field INTEGER NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY(record, field)) WITHOUT ROWID;

CREATE TABLE head(              -- head.c: newest signed head of each log, with its leaves (sealed, all of it)
    log INTEGER PRIMARY KEY, number INTEGER NOT NULL UNIQUE, position INTEGER NOT NULL,
    seq INTEGER NOT NULL, hlc INTEGER NOT NULL, root BLOB NOT NULL, signature BLOB NOT NULL,
    leaves BLOB NOT NULL);

CREATE TABLE staged(            -- snapshot_load.c: what came of a snapshot that is not whole yet
    hash BLOB NOT NULL,         -- of the chunk
    start INTEGER NOT NULL,     -- place of these bytes in it, as it is packed
    bytes BLOB NOT NULL, UNIQUE(hash, start));

CREATE TABLE relay_head(        -- relay.c: at a station, heads by which others' entries go on to its upstream
    log INTEGER NOT NULL, seq INTEGER NOT NULL, number INTEGER NOT NULL, hlc INTEGER NOT NULL,
    root BLOB NOT NULL, signature BLOB NOT NULL, PRIMARY KEY(log, seq)) WITHOUT ROWID;

CREATE TABLE bundle(            -- carry.c: what a station sealed for the centre, or the answer to it, under way
    id BLOB NOT NULL UNIQUE, station BLOB NOT NULL, stage INTEGER NOT NULL, lane INTEGER NOT NULL,
    number INTEGER NOT NULL UNIQUE, serial INTEGER NOT NULL, since INTEGER NOT NULL,
    covers BLOB NOT NULL,       -- at the station that sealed it: logs, and how far (sealed)
    bytes BLOB NOT NULL);       -- checked by its id, or by the centre's signature

CREATE TABLE carrier(           -- carry.c: at a station, which device took which of its own along
    bundle BLOB NOT NULL, key_id BLOB NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY(bundle, key_id)) WITHOUT ROWID;

CREATE TABLE cursor(            -- apply.c: how far we are in a hub's feed
    hub BLOB PRIMARY KEY, epoch BLOB NOT NULL, position INTEGER NOT NULL, chain BLOB NOT NULL,
    scopes BLOB NOT NULL,
    here INTEGER NOT NULL) WITHOUT ROWID; -- of our feed, when we last had all of the hub's

CREATE TABLE ack(               -- apply.c: what a hub says it holds durably of our logs
    hub BLOB NOT NULL, log INTEGER NOT NULL, durable INTEGER NOT NULL, central INTEGER NOT NULL,
    PRIMARY KEY(log, hub)) WITHOUT ROWID;

CREATE TABLE receipt(           -- receipt.c: what a hub signed of a log of ours; undone: and lost since
    log INTEGER NOT NULL, seq INTEGER NOT NULL, hub BLOB NOT NULL, time INTEGER NOT NULL,
    undone INTEGER NOT NULL, proof BLOB NOT NULL, -- proof (sealed, all of the row)
    PRIMARY KEY(log, seq, hub, time)) WITHOUT ROWID;
CREATE TABLE outage(            -- outage.c: what a node saw of being cut off; a hub's devices', too
    seer BLOB NOT NULL, last INTEGER NOT NULL, noticed INTEGER NOT NULL, ended INTEGER NOT NULL,
    reason INTEGER NOT NULL, quality INTEGER NOT NULL, told INTEGER NOT NULL,
    position INTEGER NOT NULL, unit TEXT NOT NULL, logs BLOB NOT NULL,
    PRIMARY KEY(seer, last)) WITHOUT ROWID;

CREATE TABLE beat(              -- outage.c: a hub's pulse, and when its feed came how far
    position INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL);

CREATE TABLE told(              -- outage.c: at a hub, how each device said it was, last time
    key_id BLOB PRIMARY KEY, at INTEGER NOT NULL, clock INTEGER NOT NULL,
    waiting INTEGER NOT NULL, oldest INTEGER NOT NULL, free INTEGER NOT NULL,
    synced INTEGER NOT NULL, pack INTEGER NOT NULL, implementation TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE window_known(      -- outage.c: at a hub, who has acknowledged which planned window
    id BLOB NOT NULL, key_id BLOB NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY(id, key_id)) WITHOUT ROWID;

CREATE TABLE granted(           -- grants.c: at an edge, the scopes that WELCOME named
    scope INTEGER PRIMARY KEY, may_write INTEGER NOT NULL, name TEXT NOT NULL);

CREATE TABLE device(            -- control.c: fold of the _device records, by key
    key_id BLOB PRIMARY KEY, type INTEGER NOT NULL, id BLOB NOT NULL, name TEXT NOT NULL)
    WITHOUT ROWID;
CREATE INDEX device_name ON device(name);
CREATE INDEX device_id ON device(id);

CREATE TABLE scope_name(        -- control.c: fold of the _scope records
    number INTEGER PRIMARY KEY, name TEXT NOT NULL);

CREATE TABLE clock_cap(         -- control.c: fold of the _clock records
    log INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, quality INTEGER NOT NULL,
    PRIMARY KEY(log, first, last)) WITHOUT ROWID;

CREATE TABLE import_row(        -- edge/import.c: rows already taken, so a second run makes nothing
    digest BLOB PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE lease(             -- lease.c: fold of the _lease records: numbers that were leased, to whom
    id BLOB PRIMARY KEY, series TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    holder BLOB NOT NULL, key_id BLOB NOT NULL, granted INTEGER NOT NULL,
    hub INTEGER NOT NULL) WITHOUT ROWID; -- origin.no of the hub that leased them
CREATE INDEX lease_series ON lease(series, last);
CREATE INDEX lease_key ON lease(key_id, series, first);

CREATE TABLE block(             -- reference.c: at a device, the numbers that are leased to it
    origin INTEGER NOT NULL,    -- origin.no of the incarnation that they are leased to
    series TEXT NOT NULL, first INTEGER NOT NULL, unused INTEGER NOT NULL,
    state BLOB NOT NULL,        -- [origin, series, first, last, next] (sealed)
    PRIMARY KEY(origin, series, first)) WITHOUT ROWID;

CREATE TABLE reference(         -- reference.c: at a hub, the numbers that records bear or once bore
    series TEXT NOT NULL, number INTEGER NOT NULL, record INTEGER NOT NULL,
    PRIMARY KEY(series, number, record)) WITHOUT ROWID;

CREATE TABLE provisional(       -- reference.c: records that still lack their number, by who is to give it
    record INTEGER NOT NULL, tag TEXT NOT NULL, PRIMARY KEY(record, tag)) WITHOUT ROWID;
CREATE INDEX provisional_tag ON provisional(tag, record);

CREATE TABLE word(              -- find.c: derived; built behind the write
    word TEXT NOT NULL, record INTEGER NOT NULL, PRIMARY KEY(word, record)) WITHOUT ROWID;
CREATE INDEX word_record ON word(record);
CREATE TABLE word_stale(        -- fold.c: records folded anew out of turn, to be indexed again
    record INTEGER PRIMARY KEY);
