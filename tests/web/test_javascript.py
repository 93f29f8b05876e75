"""The JavaScript client and the pages' modules, tested by their own tests under Node."""

import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent / "js"
FILES = sorted(TESTS.glob("*.test.mjs"))
WITHIN_S = 60


def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.fail("node is not installed: the JavaScript client needs Node 20 or later")
    return found


def test_there_are_javascript_tests() -> None:
    assert {"client.test.mjs", "vectors.test.mjs"} <= {file.name for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_javascript_passes_its_tests(file: Path) -> None:
    ended = subprocess.run(
        [node(), "--test", str(file)],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert ended.returncode == 0, f"{file.name}\n{ended.stdout}\n{ended.stderr}"
