"""One process for each SQLite file: an exclusive `flock` beside it, with the holder's pid inside.

The kernel releases the lock when its holder dies, however it dies; so after a `kill -9` nothing
waits, and the file that stays behind means nothing.
"""

import fcntl
import os
from pathlib import Path
from typing import Self, final

import attrs

from netra_actors.errors import ConfigurationError


@final
@attrs.define(eq=False)
class DatabaseLock:
    """The right to use one database file."""

    _descriptor: int

    @classmethod
    def acquire(cls, database: Path) -> Self:
        """Take the lock of *database*, at ``<database>.lock``.

        Raises:
            ConfigurationError: another process has it, or the lock file cannot be made.
        """
        path = database.with_name(f"{database.name}.lock")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ConfigurationError(
                f"cannot use {database}: {error.strerror}. Its directory has to exist and be "
                "writable; name another place in NETRA_DATABASE_URL"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise ConfigurationError(
                f"{database} is in use by the process with pid {holder}. Stop it, or name "
                "another file in NETRA_DATABASE_URL; several workers need PostgreSQL"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would race with the next holder."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
