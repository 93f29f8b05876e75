"""The service as a process of its own, as an operator starts it; killed and started at will."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Final, final

import attrs

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
STOP_WITHIN_S: Final = 20
BANNER: Final = re.compile(r"netra_actors serves (http://127\.0\.0\.1:(\d+))")


@final
@attrs.define(eq=False)
class BrowserServer:
    """One service on one SQLite file; it keeps its port over a restart."""

    database: Path
    port: int = 0
    output: list[str] = attrs.field(factory=list, init=False)
    """What it wrote to stderr, for the message of a failed test."""
    _process: "subprocess.Popen[str] | None" = attrs.field(default=None, init=False)
    _reader: threading.Thread | None = attrs.field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it says where it listens."""
        process = subprocess.Popen(
            [sys.executable, "-m", "netra_actors", "serve"],
            env={
                **{name: value for name, value in os.environ.items() if "NETRA_" not in name},
                "PORT": str(self.port),
                "NETRA_DATABASE_URL": f"sqlite:///{self.database}",
                "NETRA_AGENTS": "browser_agents",
                "PYTHONPATH": os.pathsep.join([str(HERE), str(ROOT)]),
            },
            cwd=self.database.parent,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert process.stderr is not None
        self._process = process
        for line in process.stderr:
            self.output.append(line)
            if (found := BANNER.search(line)) is not None:
                self.port = int(found[2])
                break
        else:
            raise AssertionError(f"the service did not start:\n{''.join(self.output)}")
        self._reader = threading.Thread(target=self._read, args=(process.stderr,), daemon=True)
        self._reader.start()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        process = self._running()
        process.kill()
        self._leave(process)

    def stop(self) -> int:
        """End it as an operator does; return its exit code."""
        process = self._running()
        process.terminate()
        return self._leave(process)

    def _running(self) -> "subprocess.Popen[str]":
        assert self._process is not None, "the service was not started"
        return self._process

    def _leave(self, process: "subprocess.Popen[str]") -> int:
        try:
            code = process.wait(timeout=STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            if self._reader is not None:
                self._reader.join(timeout=STOP_WITHIN_S)
            if process.stderr is not None:
                process.stderr.close()
            self._process = self._reader = None
        return code

    def _read(self, stderr: IO[str]) -> None:
        # A full pipe would stop the service, so it is read to its end.
        self.output.extend(stderr)
