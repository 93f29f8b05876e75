"""Which features, models and users of the data a question speaks of, and which it only thinks of.

Names are compared word by word, in lower case and without plurals, so that "the summaries"
finds `ticket_summaries`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from netra_actors.analyst.columns import canonical
from netra_actors.analyst.usage import Usage

MAX_UNKNOWN: Final = 5
MAX_NAMES: Final = 2000
"""Names of a kind that are looked for, those with most rows."""
_WORD: Final = re.compile(r"[a-z0-9]+")
_NEVER: Final = frozenset({
    "usage", "data", "model", "cost", "user", "feature", "call", "agent", "api", "service",
    "large", "small", "medium", "pro", "mini", "latency", "error", "token", "time", "status",
    "week", "month", "day", "test", "prod",
})  # fmt: skip
"""Parts of names that say nothing alone."""
_CAREFUL: Final = frozenset({
    "review", "search", "report", "summary", "assistant", "support", "answer",
})  # fmt: skip
"""Parts that are also what one asks an analyst for: they count only after `_POINTER`."""
_POINTER: Final = r"\b(?:should|for|of|in|on|did|does|is|are|by)(?: the| our| my)? "
_MARKED: Final = re.compile(
    r"`([^`\n]{1,60})`|\"([^\"\n]{1,60})\"|\b([A-Za-z]\w*_\w+|[A-Za-z]\w*-\d[\w.]*)\b"
)
_ASKED: Final = (
    re.compile(r"\bshould (?:the |our |my )?([a-z][\w-]*(?: [\w-]+)?) (?:use|run on|switch)\b"),
    re.compile(r"\b(?:the|our|my) ([a-z][\w-]+) feature\b"),
)
_NOT_NAMES: Final = frozenset({
    "we", "i", "you", "they", "it", "one", "each", "every", "any", "which", "what", "this",
    "that", "these", "those", "same", "most", "least", "best", "worst", "first", "last", "new",
    "old", "top", "main", "other", "expensive", "dearest", "cheapest", "costliest", "slowest",
    "fastest", "biggest", "largest", "people", "users", "everyone", "our", "all",
})  # fmt: skip


@attrs.frozen
class Focus:
    """What a question is about; empty when it is about everything."""

    features: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """Names in the question that the data does not have."""

    @property
    def known(self) -> tuple[str, ...]:
        """All names that the data has."""
        return (*self.features, *self.models, *self.users)

    def narrow(self, usage: Usage) -> Usage:
        """Return the rows that the question is about."""
        if not self.known:
            return usage
        wanted = (
            (usage.features, frozenset(self.features)),
            (usage.models, frozenset(self.models)),
            (usage.users, frozenset(self.users)),
        )
        asked = [(column, names) for column, names in wanted if names]
        return usage.where(lambda row: all(column[row] in names for column, names in asked))


def find_names(text: str, usage: Usage) -> Focus:
    """Return the names in *text*, known and unknown."""
    plain = _normal(text)
    features = _usual(usage.features)
    models, plain = _whole(plain, _usual(usage.models))
    found, plain = _whole(plain, features)
    users, plain = _whole(plain, [name for name in _usual(usage.users) if _is_marked(name)])
    parts = _by_part(text.lower(), [name for name in features if name not in found])
    known = (*found, *parts, *models, *users)
    return _meeting(Focus((*found, *parts), models, users, _unknown(text, known)), usage)


def _meeting(focus: Focus, usage: Usage) -> Focus:
    """Return *focus*, without models and users that never meet its features in a row."""
    if not focus.features or len(focus.narrow(usage)):
        return focus if len(focus.narrow(usage)) else attrs.evolve(focus, users=())
    return attrs.evolve(focus, models=(), users=())


def _usual(column: Sequence[str]) -> list[str]:
    return [name for name, _ in Counter(column).most_common(MAX_NAMES)]


def _normal(text: str) -> str:
    return f" {' '.join(_stem(word) for word in _WORD.findall(text.lower()))} "


def _stem(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def _is_marked(name: str) -> bool:
    """Return whether a user's name cannot be an ordinary word."""
    return not name.isalpha()


def _whole(plain: str, names: Iterable[str]) -> tuple[tuple[str, ...], str]:
    """Return the names that stand in *plain* as a whole, and what is left of it.

    The longest come first, so that `gpt-4o` is not found in `gpt-4o-mini`.
    """
    found = []
    for name in sorted(names, key=lambda name: (-len(name), name)):
        needle = _normal(name)
        if needle.strip() and needle in plain:
            found.append(name)
            plain = plain.replace(needle, " | ")
    return tuple(sorted(found)), plain


def _by_part(text: str, features: Sequence[str]) -> tuple[str, ...]:
    """Return the features of which the text has a word that no other feature has."""
    words = {name: set(_normal(name).split()) for name in features}
    owners = Counter(word for parts in words.values() for word in parts)
    said = set(_normal(text).split())
    found = []
    for name, parts in words.items():
        telling = {word for word in parts & said - _NEVER if owners[word] == 1 and len(word) > 3}
        if any(word not in _CAREFUL or _pointed_at(text, word) for word in telling):
            found.append(name)
    return tuple(found)


def _pointed_at(text: str, word: str) -> bool:
    # The plural of "summary" is no request for one.
    plural = word[:-1] + "ies" if word.endswith("y") else word + "s"
    return re.search(rf"{_POINTER}{word}\b|\b{plural}\b", text) is not None


def _unknown(text: str, known: Sequence[str]) -> tuple[str, ...]:
    candidates = [next(filter(None, groups)) for groups in _MARKED.findall(text)]
    for pattern in _ASKED:
        candidates += [
            phrase
            for phrase in pattern.findall(text.lower())
            if not _NOT_NAMES.intersection(phrase.split())
        ]
    words = {word for name in known for word in _normal(name).split()}
    strange = [
        name.strip()
        for name in candidates
        if canonical(name) is None and not words.intersection(_normal(name).split())
    ]
    return tuple(dict.fromkeys(filter(None, strange)))[:MAX_UNKNOWN]
