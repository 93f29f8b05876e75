import subprocess
import sys

import click
import pytest

from netra_actors.cli.failures import exit_code_of
from netra_actors.client.errors import Refused, Unreachable
from netra_actors.errors import ConfigurationError, Conflict, Unauthorized


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("wrong"), 1),
        (Conflict("no"), 1),
        (Unauthorized("who?"), 4),
        (Unreachable("nobody"), 4),
        (Refused(4403, "not you"), 4),
        (KeyboardInterrupt(), 3),
        (click.UsageError("eh?"), 2),
        (BaseExceptionGroup("g", [ExceptionGroup("g", [Unreachable("nobody")])]), 4),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert exit_code_of(error) == code


@pytest.mark.parametrize(
    "error", [ValueError("a defect"), ExceptionGroup("g", [Conflict("a"), Conflict("b")])]
)
def test_what_nobody_foresaw_is_not_hidden(error: Exception) -> None:
    assert exit_code_of(error) is None


def test_a_refusal_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code_of(Unauthorized("a token is wanted", recovery="Give --token."))
    assert capsys.readouterr().err == "netra-actors: a token is wanted (Give --token.)\n"


def test_a_reader_that_leaves_early_is_no_traceback() -> None:
    program = (
        "import sys; from netra_actors.cli import main\n"
        "import netra_actors.cli.tables as t\n"
        "t.print_table = lambda *_: (_ for _ in ()).throw(BrokenPipeError())\n"
        "sys.exit(main(['settings']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr == b""
