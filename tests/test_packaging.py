"""The project as it is installed and deployed: requirement files, wheel, Makefile, Procfile."""

import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from netra_actors.version import __version__

ROOT = Path(__file__).parent.parent
FILES = ("run.txt", "build.txt", "dev.txt")
_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==(\S+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return dict(_PIN.findall((ROOT / "requirements" / name).read_text(encoding="utf-8")))


def project() -> dict[str, object]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert lines
    for line in lines:
        assert "==" in line, line
        assert "--hash=sha256:" in line, line


@pytest.mark.parametrize("name", [*FILES, "../requirements.txt"])
def test_no_requirement_file_names_an_index(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--extra-index|--find-links|@ ", text)


def test_one_environment_can_hold_all_requirement_files() -> None:
    everything = pins("dev.txt")
    for name in ("run.txt", "build.txt"):
        assert pins(name).items() <= everything.items()


def test_every_direct_dependency_is_locked() -> None:
    def names(requirements: object) -> set[str]:
        assert isinstance(requirements, list)
        return {re.split(r"[\[<>=!~; ]", item)[0] for item in requirements} - {"netra-actors"}

    metadata = project()
    extras = metadata["optional-dependencies"]
    assert isinstance(extras, dict)
    assert names(metadata["dependencies"]) | names(extras["postgres"]) <= pins("run.txt").keys()
    assert names(extras["dev"]) | names(extras["redis"]) <= pins("dev.txt").keys()


def test_hypercorn_is_pinned_to_the_release_that_the_server_was_made_for() -> None:
    from netra_actors.server.hypercorn import SUPPORTED  # noqa: PLC0415  # heavy, for this alone

    assert pins("run.txt")["hypercorn"] == SUPPORTED
    assert f"hypercorn=={SUPPORTED}" in str(project()["dependencies"])


def test_the_wheel_has_everything_but_python_too(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    inside = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "netra_actors").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside <= names
    assert not [name for name in names if name.startswith("tests/")]


def test_the_module_runs_as_a_program() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "netra_actors", "--version"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert __version__ in result.stdout


def test_the_command_is_where_the_package_says() -> None:
    scripts = project()["scripts"]
    assert isinstance(scripts, dict)
    module, _, name = scripts["netra-actors"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line)


@pytest.fixture
def platform(tmp_path: Path) -> dict[str, str]:
    """An environment as a platform gives it: PORT, DATABASE_URL, and its own python."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NETRA_")}
    return {
        **inherited,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PORT": "0",
        "DATABASE_URL": f"sqlite:///{tmp_path}/platform.db",
        "REDIS_URL": "redis://127.0.0.1:1",
        "WEB_CONCURRENCY": "2",
        "NETRA_JWT_SECRET": "0123456789abcdef0123456789abcdef",
        "NETRA_TRUSTED_PROXIES": "*",
    }


def test_the_procfile_releases_and_serves(platform: dict[str, str]) -> None:
    lines = procfile()
    assert set(lines) == {"web", "release"}
    for _ in range(2):  # Every deployment runs it again.
        subprocess.run(
            ["sh", "-c", lines["release"]], cwd=ROOT, env=platform, check=True, capture_output=True
        )
    web = subprocess.Popen(
        ["sh", "-c", lines["web"]], cwd=ROOT, env=platform, stderr=subprocess.PIPE, text=True
    )
    try:
        said = ready_line(web)
        assert "http://0.0.0.0:" in said
        assert not said.endswith(":8000")
    finally:
        web.send_signal(signal.SIGTERM)
        assert web.wait(timeout=30) == 0
        assert web.stderr is not None
        web.stderr.close()


def ready_line(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("netra_actors serves"):
            return line.strip()
    raise AssertionError("the service ended before it served")


def test_ci_and_make_name_files_that_exist() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for name in ("setup.sh", "lock.sh"):
        assert (ROOT / "scripts" / name).stat().st_mode & 0o111


def test_setup_without_python_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "scripts")
    result = subprocess.run(
        ["bash", "scripts/setup.sh", "run"],
        cwd=tmp_path, env={**os.environ, "PYTHON": "python-that-is-not-there"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert "no Python 3.11 or newer" in result.stderr
    assert "make PYTHON=" in result.stderr
