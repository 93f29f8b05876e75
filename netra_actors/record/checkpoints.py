"""SQLite's checkpoints, off the commit path: a thread with a connection of its own.

Left to itself SQLite copies the WAL into the database inside some commit, which then takes ten
times as long. Here it happens every 250 ms beside the commits, and only if something was written.

A passive checkpoint never finishes while commits keep coming, so the WAL would grow for as long
as the load lasts. Beyond `WAL_LIMIT_BYTES` the checkpointer is *overdue*: the writer, between two
commits, copies the little that came since the thread's last round; then the WAL starts anew.
"""

import sqlite3
import threading
from collections.abc import Callable
from typing import Final, final

import attrs
import structlog

log = structlog.get_logger(__name__)

PERIOD_S: Final = 0.25
WAL_LIMIT_BYTES: Final = 16 * 1024 * 1024
PASSIVE: Final = "PRAGMA wal_checkpoint(PASSIVE)"


@final
@attrs.define(eq=False)
class Checkpointer:
    """One thread; `start` and `stop` it."""

    _connect: Callable[[], sqlite3.Connection]
    period_s: float = PERIOD_S
    limit_bytes: int = WAL_LIMIT_BYTES
    overdue: bool = attrs.field(default=False, init=False)
    """The writer should run `PASSIVE` before its next commit, and set this to False."""
    rounds: int = attrs.field(default=0, init=False)
    _work: threading.Event = attrs.field(factory=threading.Event, init=False)
    _stop: threading.Event = attrs.field(factory=threading.Event, init=False)
    _thread: threading.Thread | None = attrs.field(default=None, init=False)

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="netra-checkpoints", daemon=True)
        self._thread.start()

    def wrote(self) -> None:
        """Hear that a transaction was committed."""
        if not self._work.is_set():
            self._work.set()

    def stop(self) -> None:
        """End the thread and wait for it: at most one checkpoint long. Not for the loop."""
        self._stop.set()
        self._work.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        connection = self._connect()
        try:
            page_bytes: int = connection.execute("PRAGMA page_size").fetchone()[0]
            while True:
                self._work.wait()
                if self._stop.wait(self.period_s):
                    return
                self._work.clear()
                self._round(connection, page_bytes)
        finally:
            connection.close()

    def _round(self, connection: sqlite3.Connection, page_bytes: int) -> None:
        try:
            _, frames, _ = connection.execute(PASSIVE).fetchone()
        except sqlite3.Error as error:
            # A full or failing disk: commits say so by themselves, and the WAL keeps everything.
            log.warning("checkpoint_failed", error=str(error))
            self.wrote()
            return
        self.rounds += 1
        # That all was copied says little: commits of the same moment have made the WAL longer.
        self.overdue = frames * page_bytes > self.limit_bytes
