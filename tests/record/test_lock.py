"""One process for each SQLite file."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netra_actors.errors import ConfigurationError
from netra_actors.record.lock import DatabaseLock

HOLD = """
import sys, time
from pathlib import Path
from netra_actors.record.lock import DatabaseLock
lock = DatabaseLock.acquire(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_refused_by_name_and_a_killed_one_is_not_waited_for(
    tmp_path: Path,
) -> None:
    database = tmp_path / "netra.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)], stdout=subprocess.PIPE, cwd=Path.cwd()
    ) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(ConfigurationError, match=f"pid {holder.pid}\\. Stop it"):
                DatabaseLock.acquire(database)
        finally:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
    lock = DatabaseLock.acquire(database)
    assert (tmp_path / "netra.db.lock").read_text() == f"{os.getpid()}\n"
    lock.release()


def test_it_is_refused_within_the_process_too_and_can_be_taken_after_its_release(
    tmp_path: Path,
) -> None:
    database = tmp_path / "netra.db"
    first = DatabaseLock.acquire(database)
    with pytest.raises(ConfigurationError, match=f"pid {os.getpid()}"):
        DatabaseLock.acquire(database)
    first.release()
    DatabaseLock.acquire(database).release()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing/netra\.db: No such file") as caught:
        DatabaseLock.acquire(tmp_path / "missing" / "netra.db")
    assert "NETRA_DATABASE_URL" in str(caught.value)
