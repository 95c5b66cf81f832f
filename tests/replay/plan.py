"""What officers would have written while the data centre was dark, from one seed.

The streams and their rates per hour are those of nine forces in October 2019; a profile takes its
share of them. Times are seconds of the story after the hub was lost. Every record that is to be made
has a key, so that afterwards each can be looked for, once."""
import random
from dataclasses import dataclass, field

HOUR_S = 3600
OUTAGES = {"outage": 6 * HOUR_S + 600, "window": 3 * HOUR_S}  # 6 h 10 min by surprise; 3 h announced


@dataclass(frozen=True)
class Stream:
    """`per_hour` records of a type over all nine forces, each with `further` later writes."""
    kind: str
    per_hour: float
    further: int
    first: tuple  # words of the write that makes the record
    later: tuple  # words of a later one; {n} counts
    spread_s: int = 1800  # the further writes come within this


STREAMS = (
    Stream("crime", 41.3, 13, ("category=Burglary", "reported_by=Demo Force", "status=draft"),
           ("log=Step {n} of the investigation",)),
    Stream("custody", 14.7, 24, ("suite=Demo 1", "status=arrived", "observation=general"),
           ("log=Visit {n}: awake, no complaint",)),
    Stream("incident", 300, 7, ("grade=prompt", "kind=Disturbance", "status=open"),
           ("log=Unit {n} reports",), 900),
    Stream("note", 2400, 0, ("status=open", "text=Spoken to, nothing seen"), ()),
    Stream("intelligence", 50, 4, ("permission=lawful sharing", "status=submitted"),
           ("items=Item {n}",)),
    Stream("statement", 20, 5, ("status=draft",), ("text=Page {n}",)),
    Stream("stop_search", 11, 1, ("power=s.1 PACE", "grounds=Seen trying doors"),
           ("additions=Receipt given",)),
    Stream("missing", 6.2, 14, ("risk=medium", "status=missing"), ("actions=Enquiry {n}",)),
    Stream("dash", 25, 2, ("band=medium",), ("reasons=Reason {n}",)),
    Stream("property", 15, 3, ("store=Front counter",), ("continuity=Hand {n}",)),
    Stream("case", 20, 4, ("file_type=green", "status=building"), ("actions=Form {n}",)),
)
TITLES = {"crime": "summary", "custody": "cell", "incident": "place", "note": "subject",
          "intelligence": "dissemination", "statement": "exhibits", "stop_search": "place",
          "missing": "person_name", "dash": "victim_name", "property": "description",
          "case": "forms"}
ONGOING = (  # records that were there before, and go on: type, how many, lines per hour, a line
    ("custody", 190, 760, "log=Visit: asleep, breathing"),
    ("crime", 300, 400, "log=Enquiry made"),
)
DEVICES_IN_LIFE = 270
FORCES = 9
STATIONS = 3
ALONE_EVERY = 5  # one in five devices is out of reach of any station
GUESTS = 2       # come back through another force's station


@dataclass(frozen=True)
class Act:
    """One write of one officer."""
    at_s: float
    device: int
    kind: str
    key: str
    words: tuple
    creates: bool
    shared: bool = False  # in the scope that all forces hold


def force_of(device):
    return device % FORCES


def station_of(device):
    """None: when the centre is dark, it is alone. One station serves every third force."""
    return None if device % ALONE_EVERY == ALONE_EVERY - 1 else force_of(device) % STATIONS


def forces_at(station):
    """It serves its own and, for their guests, its neighbour's."""
    return [force for force in range(FORCES)
            if force % STATIONS in (station, (station + 1) % STATIONS)]


@dataclass
class Roles:
    """Whom misfortune strikes: numbers of devices and stations."""
    behind: int = 0    # its clock is three years behind
    ahead: int = 0     # ... 40 minutes ahead
    full: int = 0      # its disk is full for a while
    cut: int = 0       # it loses power
    guests: tuple = ()
    full_station: int = 0
    cut_station: int = 0


@dataclass
class Plan:
    """`before` is written while all is well; `acts` are the outage's, by time; `checks` are what must
    stand in the end, by key (tests/demo/account.py)."""
    roles: Roles = field(default_factory=Roles)
    before: list = field(default_factory=list)
    acts: list = field(default_factory=list)
    checks: list = field(default_factory=list)

    def records(self):
        """{key: type} of all that is to be made, each once."""
        return {act.key: act.kind for act in self.before + self.acts if act.creates}


def stream_acts(stream, devices, length_s, chance, name):
    """Records of one stream, each with its further writes by the officer who made it."""
    count = max(1, round(stream.per_hour * length_s / HOUR_S * devices / DEVICES_IN_LIFE))
    for number in range(count):
        key = f"{name}/{stream.kind}/{number}"
        device = chance.randrange(devices)
        at_s = chance.uniform(0, length_s * 0.95)
        yield Act(at_s, device, stream.kind, key,
                  (f"{TITLES[stream.kind]}={key}", *stream.first), True)
        end_s = min(length_s, at_s + stream.spread_s)
        for further, when_s in enumerate(sorted(chance.uniform(at_s, end_s)
                                                for _ in range(stream.further)), 1):
            yield Act(when_s, device, stream.kind, key,
                      tuple(word.format(n=further) for word in stream.later), False)


def add_ongoing(plan, devices, length_s, chance, name):
    for kind, in_life, per_hour, line in ONGOING:
        keys = [f"{name}/ongoing-{kind}/{number}"
                for number in range(max(1, round(in_life * devices / DEVICES_IN_LIFE)))]
        keepers = {key: chance.randrange(devices) for key in keys}
        for key in keys:
            plan.before.append(Act(0, keepers[key], kind, key, (f"{TITLES[kind]}={key}",), True))
        for _ in range(round(per_hour * length_s / HOUR_S * devices / DEVICES_IN_LIFE)):
            key = chance.choice(keys)
            plan.acts.append(Act(chance.uniform(0, length_s), keepers[key], kind, key, (line,),
                                 False))


# Two officers write to one record that both hold, neither knowing of the other: what must come of it.
DISPUTES = (
    ("outcome", ("outcome=Local resolution", "outcome=Under investigation"),
     {"conflict": ["Local resolution", "Under investigation"]}),
    ("category", ("category=Drugs", "category=Robbery"), {"conflict": ["Drugs", "Robbery"]}),
    ("summary", ("summary=Front door forced", "summary=Rear window open"),
     {"conflict": ["Front door forced", "Rear window open"]}),
    ("outcome", ("outcome=Offender fined", "outcome=Offender fined"), {"shown": "Offender fined"}),
    ("risk", ("risk=high", "risk=standard"), {"shown": "high"}),
    ("flags", ("flags=knife", "flags=hate crime"), {"elements": ["hate crime", "knife"]}),
    ("log", ("log=Seen at the market", "log=Neighbour heard it"),
     {"elements": ["Neighbour heard it", "Seen at the market"]}),
    ("harm_score", ("harm_score=12", "harm_score=31"), {"shown": 31}),
)
DISPUTE_COUNT = 40


def disputants(plan, devices, chance):
    """Two who cannot see each other's writes: not of one station, and before anyone moves to another
    (trouble.py), who brings along what he has seen."""
    staying = [device for device in range(devices) if device not in plan.roles.guests]
    while True:
        first, second = chance.sample(staying, 2)
        if station_of(first) is None or station_of(first) != station_of(second):
            return first, second


def add_disputes(plan, devices, length_s, chance, name):
    for number in range(DISPUTE_COUNT):
        field_name, words, outcome = DISPUTES[number % len(DISPUTES)]
        key = f"{name}/shared/{number}"
        plan.before.append(Act(0, chance.randrange(devices), "crime", key, (f"lsoa_name={key}",),
                               True, True))
        for device, word in zip(disputants(plan, devices, chance), words):
            plan.acts.append(Act(chance.uniform(0, length_s * 0.7), device, "crime", key, (word,),
                                 False, True))
        plan.checks.append({"key": key, "field": field_name, **outcome})


def cast(devices, chance):
    alone = [device for device in range(devices) if station_of(device) is None]
    others = [device for device in range(devices) if station_of(device) is not None]
    behind, ahead = chance.sample(alone, 2)  # no station puts their clocks right
    full, cut, *guests = chance.sample(others, 2 + GUESTS)
    full_station, cut_station = chance.sample(range(STATIONS), 2)
    return Roles(behind, ahead, full, cut, tuple(guests), full_station, cut_station)


def make(name, devices, seed):
    """The plan of one outage; the same seed makes the same."""
    chance = random.Random(f"{seed}/{name}")
    plan, length_s = Plan(cast(devices, chance)), OUTAGES[name]
    for stream in STREAMS:
        plan.acts += stream_acts(stream, devices, length_s, chance, name)
    add_ongoing(plan, devices, length_s, chance, name)
    add_disputes(plan, devices, length_s, chance, name)
    plan.acts.sort(key=lambda act: (act.at_s, act.key))
    return plan
