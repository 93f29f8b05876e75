import subprocess
import sys
from collections.abc import Callable

import click
import pytest

from netra_actors.cli.root import _COMMANDS, root
from netra_actors.version import __version__

Run = Callable[..., tuple[int, str, str]]


def test_help_lists_every_command(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert all(name in out for name in _COMMANDS)


def test_help_imports_none_of_the_commands_and_nothing_large() -> None:
    program = (
        "import sys; from netra_actors.cli import main; main(['--help'])\n"
        "large = {'trio', 'httpx', 'rich', 'sqlalchemy', 'quart'} & set(sys.modules)\n"
        "sys.exit(str(large) if large else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", list(_COMMANDS))
def test_every_listed_command_is_there_and_has_help(run: Run, name: str) -> None:
    code, out, _ = run(name, "--help")
    assert code == 0
    assert "Usage:" in out
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert command.name == name


def test_the_version_is_told(run: Run) -> None:
    assert run("--version")[:2] == (0, f"netra-actors, version {__version__}\n")


@pytest.mark.parametrize("arguments", [("bogus",), ("serve", "--port", "x"), ("ask",), ("ask", "")])
def test_wrong_usage_is_exit_code_two_and_no_traceback(run: Run, arguments: list[str]) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert "Usage" in err
    assert "Traceback" not in err


def test_an_error_is_one_sentence_and_with_debug_a_traceback(run: Run) -> None:
    code, _, err = run("agents", "--agents", "no_such_module_at_all")
    assert code == 1
    assert err.count("\n") == 1
    assert "no_such_module_at_all" in err
    with pytest.raises(Exception, match="no_such_module_at_all"):
        run("--debug", "agents", "--agents", "no_such_module_at_all")


def test_the_module_can_be_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "netra_actors", "--version"], capture_output=True, check=True
    )
    assert __version__.encode() in done.stdout
