"""Makes the sample that the analyst ships with: `netra_actors/analyst/data/usage_sample.csv.gz`.

Eight weeks, 5 May to 29 June 2025, of an invented company with invented models. Everything is
drawn from one seeded generator, except what is planted:

    oversized model      ticket_summaries runs on atlas-large; atlas-small does the same work as
                         reliably at a twentieth of the price, and has done a part of it all along
    cost rise            from 23 June nearly all of ticket_summaries goes to atlas-large
    latency regression   support_chat on beacon-pro takes 1.75 times as long from 11 June
    retry storm          25 June, 13:10 to 14:20 UTC: three users' contract_review calls time out
                         and are repeated every 27 seconds or so, each billed for its input
    not a saving         email_drafts on atlas-small is cheaper too, but fails far more often
    damaged rows         seven, of seven kinds

Run it without arguments to write the file.
"""

import gzip
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

TARGET: Final = (
    Path(__file__).parent.parent / "netra_actors" / "analyst" / "data" / "usage_sample.csv.gz"
)
HEADER: Final = "time,user,feature,model,input_tokens,output_tokens,latency_ms,cost,status"
SEED: Final = 20250629
FIRST_DAY: Final = datetime(2025, 5, 5, tzinfo=UTC)
DAYS: Final = 56
CALLS_PER_WORKDAY: Final = 408
WEEKEND: Final = 0.45
"""A weekend day's share of a workday's calls."""

RISE_FROM: Final = datetime(2025, 6, 23, tzinfo=UTC)
SLOW_FROM: Final = datetime(2025, 6, 11, tzinfo=UTC)
SLOWER: Final = 1.75
STORM_FROM: Final = datetime(2025, 6, 25, 13, 10, tzinfo=UTC)
STORM_MINUTES: Final = 70
STORM_USERS: Final = ("u_011", "u_023", "u_031")

PRICES: Final = {
    # US dollars for a million tokens: in, out
    "atlas-large": (10.0, 30.0),
    "atlas-medium": (2.5, 10.0),
    "atlas-small": (0.5, 1.5),
    "beacon-pro": (3.0, 15.0),
    "beacon-mini": (0.25, 1.25),
}
SPEED: Final = {
    # milliseconds to begin with, and for each output token
    "atlas-large": (900.0, 22.0),
    "atlas-medium": (500.0, 14.0),
    "atlas-small": (220.0, 6.0),
    "beacon-pro": (600.0, 12.0),
    "beacon-mini": (180.0, 5.0),
}


class Feature(NamedTuple):
    """What a feature sends, how often, and to which models."""

    share: float
    tokens_in: int
    tokens_out: int
    models: dict[str, float]
    fails: dict[str, float]


FEATURES: Final = {
    "support_chat": Feature(0.28, 3500, 350, {"beacon-pro": 1.0}, {"beacon-pro": 0.012}),
    "ticket_summaries": Feature(
        0.20, 12000, 380, {"atlas-large": 0.45, "atlas-small": 0.55},
        {"atlas-large": 0.014, "atlas-small": 0.014},
    ),
    "document_search": Feature(0.19, 4000, 150, {"beacon-mini": 1.0}, {"beacon-mini": 0.008}),
    "code_assistant": Feature(0.12, 6000, 700, {"beacon-pro": 1.0}, {"beacon-pro": 0.015}),
    "email_drafts": Feature(
        0.10, 1200, 350, {"atlas-medium": 0.75, "atlas-small": 0.25},
        {"atlas-medium": 0.012, "atlas-small": 0.095},
    ),
    "translation": Feature(0.07, 1500, 1500, {"atlas-small": 1.0}, {"atlas-small": 0.010}),
    "contract_review": Feature(0.04, 18000, 900, {"beacon-pro": 1.0}, {"beacon-pro": 0.015}),
}  # fmt: skip
AFTER_RISE: Final = {"atlas-large": 0.93, "atlas-small": 0.07}

DAMAGED: Final = {
    # the row of the file at which each stands, and what it says
    812: "2025-05-07T10:15:00Z,u_004,support_chat,beacon-pro,three thousand,350,4810,0.015,success",
    2950: "not a date,u_017,document_search,beacon-mini,4100,150,930,0.0012,success",
    5333: "2025-05-20T08:00:12Z,u_009,code_assistant,beacon-pro,6000,-12,9000,0.018,success",
    9004: "2025-05-31T12:40:03Z,u_040,translation,,1500,1490,9100,0.003,success",
    12750: "2025-06-10T16:22:41Z,u_002,email_drafts,atlas-medium,1200,340",
    15018: "2025-06-16T09:05:30Z,u_028,support_chat,beacon-pro,3400,360,5000,-0.0156,success",
    18600: "2025-06-25T11:11:11Z,u_013,document_search,beacon-mini,4000,150,920,n/a,success",
}

Row = tuple[datetime, str]


def spread(rng: random.Random, middle: float, width: float) -> float:
    """Return a number around *middle*, long-tailed upwards."""
    return middle * rng.lognormvariate(0.0, width)


def draw(rng: random.Random, weights: dict[str, float]) -> str:
    """Return a key, as often as its weight says."""
    return rng.choices(list(weights), list(weights.values()))[0]


def line(
    when: datetime, user: str, feature: str, model: str, used: tuple[int, int], ms: int, status: str
) -> Row:
    """Return one row; its cost follows from the price table."""
    price_in, price_out = PRICES[model]
    cost = (used[0] * price_in + used[1] * price_out) / 1e6
    stamp = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    return when, f"{stamp},{user},{feature},{model},{used[0]},{used[1]},{ms},{cost:.6f},{status}"


def call(rng: random.Random, when: datetime, name: str) -> Row:
    """Return an ordinary call of a feature at an instant."""
    feature = FEATURES[name]
    moved = name == "ticket_summaries" and when >= RISE_FROM
    model = draw(rng, AFTER_RISE if moved else feature.models)
    user = f"u_{min(44, int(rng.expovariate(1 / 14.0))) + 1:03d}"
    tokens_in = int(spread(rng, feature.tokens_in, 0.35))
    tokens_out = int(spread(rng, feature.tokens_out, 0.30))
    begin, each = SPEED[model]
    ms = spread(rng, begin + each * tokens_out, 0.18)
    if name == "support_chat" and when >= SLOW_FROM:
        ms *= SLOWER
    if rng.random() >= feature.fails[model]:
        return line(when, user, name, model, (tokens_in, tokens_out), int(ms), "success")
    kind = draw(rng, {"error": 0.6, "timeout": 0.4})
    ms = 30_000 if kind == "timeout" else ms / 3
    return line(when, user, name, model, (tokens_in, 0), int(ms), kind)


def ordinary(rng: random.Random) -> Iterator[Row]:
    """Yield the calls of every day: mostly in office hours, fewer at weekends, slowly growing."""
    shares = {name: feature.share for name, feature in FEATURES.items()}
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        busy = (WEEKEND if day.weekday() >= 5 else 1.0) * (1 + 0.0012 * number)
        for _ in range(int(spread(rng, CALLS_PER_WORKDAY * busy, 0.03))):
            hour = min(23.9, max(0.0, rng.gauss(13.0, 3.6)))
            when = day + timedelta(seconds=int(hour * 3600 + rng.random() * 300))
            name = draw(rng, shares)
            if not (name == "contract_review" and in_storm(when)):
                yield call(rng, when, name)


def in_storm(when: datetime) -> bool:
    """Return whether contract_review is down at an instant."""
    return STORM_FROM <= when <= STORM_FROM + timedelta(minutes=STORM_MINUTES)


def storm(rng: random.Random) -> Iterator[Row]:
    """Yield the calls that time out and are repeated until the provider is back."""
    for user in STORM_USERS:
        when = STORM_FROM + timedelta(seconds=rng.randrange(20))
        while in_storm(when):
            used = (int(spread(rng, 18_000, 0.05)), 0)
            yield line(when, user, "contract_review", "beacon-pro", used, 20_000, "timeout")
            when += timedelta(seconds=rng.randrange(24, 31))


def generate() -> str:
    """Return the sample as CSV text; the same every time."""
    rng = random.Random(SEED)  # noqa: S311  a sample has to be reproducible, not secret
    rows = sorted((*ordinary(rng), *storm(rng)), key=lambda row: row[0])
    lines = [text for _, text in rows]
    for at, text in DAMAGED.items():
        lines.insert(at - 2, text)
    return "\n".join((HEADER, *lines, ""))


def main() -> None:
    """Write the file."""
    text = generate()
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    # No file name and no time inside: the same text makes the same bytes.
    TARGET.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    print(f"{TARGET.name}: {text.count(chr(10)) - 1:,} rows, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
