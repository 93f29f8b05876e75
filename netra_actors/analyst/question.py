"""What was asked: rules over words, because the answer has to be the same every time."""

import re
from datetime import date
from enum import StrEnum
from typing import Final

import attrs

from netra_actors.analyst.names import Focus, find_names
from netra_actors.analyst.periods import Comparison, Window, compare_day, compare_last
from netra_actors.analyst.usage import Usage
from netra_actors.analyst.wording import MONTHS, listing, to_date, to_day

WEEK: Final = 7


class Intent(StrEnum):
    """The kinds of question that can be answered."""

    COST_RISE = "cost_rise"
    MODEL_CHOICE = "model_choice"
    SAVINGS = "savings"
    LATENCY = "latency"
    ERRORS = "errors"
    OVERVIEW = "overview"
    GREETING = "greeting"
    OFF_TOPIC = "off_topic"


_COST: Final = (
    r"\b(?:cost\w*|spen[dt]\w*|bills?|billing|price\w*|pay\w*|money|dollars?|expens\w+)\b"
)
_RISE: Final = (
    r"\b(?:ris\w+|rose|increas\w+|went up|go(?:es|ne)? up|going up|higher|jump\w*|spik\w+|grow\w*|"
    r"grew|more than|climb\w*|doubl\w+|surg\w+|chang\w+|fell|drop\w*|anomal\w+)\b"
)
_SLOW: Final = (
    r"\b(?:latenc\w+|slow\w*|speed|fast\w*|response times?|p9[59]|p50|wait\w*|regress\w+|"
    r"sluggish|take so long|takes? longer)\b"
)
_FAIL: Final = (
    r"\b(?:errors?|fail\w*|time-?outs?|timed out|retr(?:y|ies|ied|ying)|storms?|reliab\w+|"
    r"success rate|rate.limit\w*|outages?)\b"
)
_LOOK: Final = (
    r"\b(?:overview|summar(?:y|ise|ize)|analy[sz]\w*|report|usage|breakdown|look at|how much|top|"
    r"tokens?|features?|sample|data|anomal\w+|stand out)\b"
)
_RULES: Final = (
    (Intent.SAVINGS, 3, r"\b(?:sav(?:e|es|ing|ings)|cut|cutting|reduc\w+|optimi[sz]\w+|wast\w+)\b"),
    (Intent.SAVINGS, 3, r"\b(?:cheaper|lower|bring down)\b(?! model)"),
    (Intent.MODEL_CHOICE, 4, r"\b(?:which|what|best|right|better|smaller|cheaper|other) models?\b"),
    (Intent.MODEL_CHOICE, 3, r"\b(?:compar\w+|switch\w*|mov\w+|replac\w+|downgrad\w+)\b"),
    (Intent.MODEL_CHOICE, 2, r"\bmodels?\b|\bshould .{2,60} use\b|\boversized\b"),
    (
        Intent.LATENCY,
        4,
        _SLOW,
    ),
    (
        Intent.ERRORS,
        4,
        _FAIL,
    ),
    (
        Intent.OVERVIEW,
        1,
        _LOOK,
    ),
    (Intent.OVERVIEW, 2, _COST),
)
_GREETING: Final = re.compile(
    r"^\W*(?:hi|hello|hey|hallo|good (?:morning|afternoon|evening|day)|thanks?(?: you)?|help|"
    r"who are you|what (?:can|do) you do|what is this|how does this work|ping|test)"
    r"(?:\b.{0,40})?\W*$",
    re.IGNORECASE | re.DOTALL,
)
_LAST: Final = re.compile(
    r"\b(?:last|past|previous|this|latest)\s+(\d{1,3})?\s*(day|week|month)s?\b"
)
_DAYS: Final = {"day": 1, "week": WEEK, "month": 28}
_ISO_DAY: Final = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_NAMES: Final = "|".join(name.lower() for name in MONTHS)
_DAY_MONTH: Final = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_NAMES})(?: (\d{{4}}))?\b"
)
_MONTH_DAY: Final = re.compile(rf"\b({_NAMES}) (\d{{1,2}})(?:st|nd|rd|th)?(?:,? (\d{{4}}))?\b")
_SINCE: Final = re.compile(r"\b(?:since|from|after|starting)\b")


@attrs.frozen(kw_only=True)
class Question:
    """A question, understood."""

    text: str
    intent: Intent
    focus: Focus
    comparison: Comparison | None
    """The days in question against earlier ones; `None` when the data has too few."""
    outside: int | None = None
    """A day that was asked for and that the data does not have, as a day number."""

    @property
    def about(self) -> str:
        """What it is about, for a sentence: ` of ticket_summaries`, or nothing."""
        return f" of {listing(self.focus.known, 4)}" if self.focus.known else ""


def understand(text: str, usage: Usage, whole: Window, *, brought_data: bool) -> Question:
    """Return what *text* asks of *usage*, whose whole days are *whole*.

    *brought_data*: the message came with data, so that no words at all ask for an overview.
    """
    focus = find_names(text, usage)
    intent = intent_of(text)
    if brought_data or focus.known or focus.unknown:
        intent = Intent.OVERVIEW if intent in _TALK else intent
    lower = text.lower()
    day = _day(lower, whole)
    comparison = compare_last(whole, _period(lower))
    outside = None
    if day is not None:
        intent = Intent.COST_RISE if intent in _TALK or intent is Intent.OVERVIEW else intent
        since = _SINCE.search(lower) is not None and whole.first < day <= whole.last
        asked = compare_last(whole, whole.last - day + 1) if since else compare_day(whole, day)
        outside = None if asked else day
        comparison = asked or comparison
    return Question(
        text=text, intent=intent, focus=focus, comparison=comparison, outside=outside
    )  # fmt: skip


_TALK: Final = frozenset({Intent.GREETING, Intent.OFF_TOPIC})


def intent_of(text: str) -> Intent:
    """Return the kind of question, by the words in it."""
    lower = text.lower()
    if _GREETING.match(lower) and len(lower) < 60:
        return Intent.GREETING
    scores = dict.fromkeys(Intent, 0)
    for intent, weight, pattern in _RULES:
        if re.search(pattern, lower):
            scores[intent] += weight
    if re.search(_COST, lower) and (re.search(_RISE, lower) or "why" in lower):
        scores[Intent.COST_RISE] = 6
    best = max(Intent, key=lambda intent: scores[intent])
    return best if scores[best] else Intent.OFF_TOPIC


def _period(lower: str) -> int:
    if "yesterday" in lower:
        return 1
    match = _LAST.search(lower)
    return max(1, int(match[1] or 1) * _DAYS[match[2]]) if match else WEEK


def _day(lower: str, whole: Window) -> int | None:
    if match := _ISO_DAY.search(lower):
        return _valid(int(match[1]), int(match[2]), int(match[3]))
    if match := _DAY_MONTH.search(lower):
        day, month, year = match[1], match[2], match[3]
    elif match := _MONTH_DAY.search(lower):
        month, day, year = match[1], match[2], match[3]
    else:
        return None
    number = [name.lower() for name in MONTHS].index(month) + 1
    if year:
        return _valid(int(year), number, int(day))
    # Without a year it is the newest such day that the data can have.
    newest = to_date(whole.last)
    earlier = (number, int(day)) > (newest.month, newest.day)
    return _valid(newest.year - earlier, number, int(day))


def _valid(year: int, month: int, day: int) -> int | None:
    try:
        return to_day(date(year, month, day))
    except ValueError:
        return None
