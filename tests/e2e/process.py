"""The service as a process that is started, told to leave and killed, on one file and port."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, final

import attrs
from joserfc import jwt
from joserfc.jwk import OctKey

from netra_actors.protocol.batching import lines_of

ROOT: Final = Path(__file__).parents[2]
SECRET: Final = "a secret for processes that are killed, of a good length"
START_WITHIN_S: Final = 20.0
STOP_WITHIN_S: Final = 30.0
_BANNER: Final = re.compile(r"^netra_actors serves http://127\.0\.0\.1:(\d+)$", re.MULTILINE)
_POLL_S: Final = 0.01


def sign(user: str) -> str:
    """Return a token of that user, good for an hour."""
    claims = {"sub": user, "exp": int(time.time()) + 3600}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


def clean_environment(**more: str) -> dict[str, str]:
    """Return an environment without settings of the one who runs the tests."""
    names = ("PATH", "HOME", "LANG", "TMPDIR")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


@final
@attrs.define(eq=False)
class ServerProcess:
    """One service after the other, on the same database and, once it is known, the same port."""

    folder: Path
    settings: Mapping[str, str] = attrs.field(factory=dict)
    port: int = 0
    _process: "subprocess.Popen[bytes] | None" = attrs.field(default=None, init=False)
    _starts: int = attrs.field(default=0, init=False)

    @property
    def database(self) -> Path:
        return self.folder / "netra.db"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        """What the process has written to standard error since its last start."""
        return (self.folder / f"stderr-{self._starts}.log").read_text()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it says that it serves."""
        self._starts += 1
        environment = clean_environment(
            NETRA_HOST="127.0.0.1",
            NETRA_PORT=str(self.port),
            NETRA_DATABASE_URL=f"sqlite:///{self.database}",
            NETRA_JWT_SECRET=SECRET,
            NETRA_AGENTS="tests.e2e.scripted",
        )
        environment |= self.settings
        with (self.folder / f"stderr-{self._starts}.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "netra_actors", "serve"],
                cwd=self.folder,
                env={name: value for name, value in environment.items() if value},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        deadline = time.monotonic() + START_WITHIN_S
        while (found := _BANNER.search(self.said)) is None:
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the service did not start:\n{self.said}")
            time.sleep(_POLL_S)
        self.port = int(found[1])

    def terminate(self) -> None:
        """Ask it to leave."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def wait(self, within_s: float = STOP_WITHIN_S) -> int:
        """Return its exit code."""
        assert self._process is not None
        return self._process.wait(within_s)

    def kill(self) -> None:
        """Kill it by its pid, as the kernel would; nothing if it has left."""
        if self._process is not None:
            if self.running:
                os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_WITHIN_S)


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[ServerProcess]:
    """Have a service for the length of the block; whatever happens, none is left."""
    server = ServerProcess(folder, settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def stored_lines(database: Path, user: str) -> list[bytes]:
    """Return a user's whole log as it lies in the file: the line of seq n is at n - 1."""
    query = "SELECT seq_from, seq_to, body FROM chunks WHERE user_id = ? ORDER BY seq_from"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(query, (user,)).fetchall()
    lines: list[bytes] = []
    for seq_from, seq_to, body in rows:
        chunk = lines_of(body)
        assert seq_from == len(lines) + 1, f"the record has a hole before {seq_from}"
        assert len(chunk) == seq_to - seq_from + 1, f"the chunk at {seq_from} is not whole"
        lines += chunk
    return lines


def stored_users(database: Path) -> set[str]:
    """Return who has a log in the file."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return {row[0] for row in connection.execute("SELECT DISTINCT user_id FROM chunks")}
