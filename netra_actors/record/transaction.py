"""The transaction that makes a batch durable, and what to do when it does not go through.

Compare-and-set by row count: the statements that move `sessions.head` must change exactly one
row for each session of the batch. Any other number, or data that the database refuses, rolls
everything back; then each session is looked at by itself.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias, final

import attrs

from netra_actors.errors import RecordUnavailable
from netra_actors.log.port import Append, Outcome
from netra_actors.record.database import DataRefused, Link
from netra_actors.record.queries import Queries
from netra_actors.record.rows import stages
from netra_actors.record.statements import Statements
from netra_actors.record.verdict import expected_term, verdict

MAX_TRANSACTION_BYTES: Final = 4 * 1024 * 1024
MAX_ATTEMPTS: Final = 3
"""Of one group, when other owners take sessions from it meanwhile."""

Numbered: TypeAlias = tuple[int, Append]
"""An `Append` and its place in the batch."""


def size_bytes(append: Append) -> int:
    """Return how much of a transaction *append* takes."""
    return len(append.body) + sum(len(answer.body) for answer in append.answers)


def _groups(batch: Sequence[Append]) -> Iterator[list[Numbered]]:
    """Cut the batch, in user_id order, into transactions of at most 4 MiB."""
    group: list[Numbered] = []
    size = 0
    for numbered in sorted(enumerate(batch), key=lambda numbered: numbered[1].user_id):
        size += size_bytes(numbered[1])
        if group and size > MAX_TRANSACTION_BYTES:
            yield group
            group, size = [], size_bytes(numbered[1])
        group.append(numbered)
    if group:
        yield group


@final
@attrs.frozen(kw_only=True)
class Transactions:
    """Commits batches over any `Link`; has no state of its own."""

    statements: Statements
    queries: Queries
    clock: Callable[[], int]
    """Gives Unix milliseconds, for `commands.created_at`."""

    def commit(self, link: Link, batch: Sequence[Append]) -> Sequence[Outcome]:
        """Store *batch*; return one outcome for each `Append`.

        Raises:
            RecordUnavailable: the outcome is unknown; sending the batch again is safe.
            RecordCorrupt: the database cannot be used with this schema, or at all.
        """
        outcomes = [Outcome.COMMITTED] * len(batch)
        for group in _groups(batch):
            for place, outcome in self._settle(link, group):
                outcomes[place] = outcome
        return outcomes

    def _settle(self, link: Link, group: list[Numbered]) -> list[tuple[int, Outcome]]:
        """Return the outcomes that are not COMMITTED by the first attempt."""
        decided: list[tuple[int, Outcome]] = []
        for _ in range(MAX_ATTEMPTS):
            try:
                if self._store(link, [append for _, append in group]):
                    return decided
            except DataRefused:
                return decided + self._split(link, group)
            group = self._judge(link, group, decided)
            if not group:
                return decided
        raise RecordUnavailable("other workers keep taking the sessions of this batch")

    def _split(self, link: Link, group: list[Numbered]) -> list[tuple[int, Outcome]]:
        """Find the sessions whose data is refused, by halves; the one left alone is judged."""
        if len(group) > 1:
            half = len(group) // 2
            return self._settle(link, group[:half]) + self._settle(link, group[half:])
        decided: list[tuple[int, Outcome]] = []
        undecided = self._judge(link, group, decided)
        return decided + [(place, Outcome.QUARANTINED) for place, _ in undecided]

    def _judge(
        self, link: Link, group: list[Numbered], decided: list[tuple[int, Outcome]]
    ) -> list[Numbered]:
        """Add what is certain to *decided*; return those that may be written now."""
        undecided: list[Numbered] = []
        for place, append in group:
            outcome = self._verdict(link, append)
            if outcome is None:
                undecided.append((place, append))
            else:
                decided.append((place, outcome))
        return undecided

    def _verdict(self, link: Link, append: Append) -> Outcome | None:
        try:
            found = link.fetch(self.queries.session, user_id=append.user_id)
            _, head, _, term = found[0] if found else ("", 0, 0, 0)
            return verdict(append, head=head, term=term, is_stored=self._is_stored(link, append))
        except link.database.errors as error:
            meaning = link.database.meaning(error)
            if isinstance(meaning, DataRefused):
                return Outcome.QUARANTINED  # Its identifiers cannot even be asked for.
            raise meaning from error

    def _is_stored(self, link: Link, append: Append) -> bool:
        if append.events:
            found = link.fetch(
                self.queries.chunk_at, user_id=append.user_id, seq_from=append.seq_from
            )
            return [bytes(body) for (body,) in found] == [append.body]
        return bool(append.answers) and all(
            link.fetch(self.queries.answer, user_id=append.user_id, message_id=answer.message_id)
            == [(answer.digest, answer.body)]
            for answer in append.answers
        )

    def _store(self, link: Link, batch: Sequence[Append]) -> bool:
        """Store *batch* in one transaction; False: not all sessions stood where they should."""
        database = link.database
        try:
            link.run(database.begin)
            if self._advance(link, batch) != len(batch):
                link.roll_back()
                return False
            self._add(link, batch)
            link.run("COMMIT")
        except database.errors as error:
            link.roll_back()
            raise database.meaning(error) from error
        database.wrote()
        return True

    def _advance(self, link: Link, batch: Sequence[Append]) -> int:
        """Move heads and terms; return how many sessions stood where they should."""
        new: list[tuple[Any, ...]] = []
        known: list[tuple[Any, ...]] = []
        for append in batch:
            stored_term = expected_term(append)
            if stored_term == 0 and append.seq_from == 1:
                new.append((append.user_id, append.epoch, append.seq_to, append.term))
            else:
                known.append((
                    append.seq_to,
                    append.term,
                    append.user_id,
                    append.seq_from - 1,
                    stored_term,
                ))
        found, advance = self.statements.found, self.statements.advance
        return link.write(found, new) + link.write(advance, known)

    def _add(self, link: Link, batch: Sequence[Append]) -> None:
        statements, now = self.statements, self.clock()
        link.write(
            statements.add_chunk,
            [
                (append.user_id, append.seq_from, append.seq_to, append.term, append.body)
                for append in batch
                if append.events
            ],
        )
        for kind, writes in stages([(append.user_id, append.events) for append in batch]):
            prepared = statements.writes[kind]
            link.write(prepared.statement, prepared.values(writes))
        link.write(
            statements.add_answer,
            [
                (append.user_id, answer.message_id, answer.digest, answer.body, now)
                for append in batch
                for answer in append.answers
            ],
        )
