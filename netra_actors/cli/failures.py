"""Errors into one sentence on stderr and an exit code."""

import os
import sys
from typing import Final

import click

from netra_actors.errors import ClientError, NetraError, Unauthorized

FAILED: Final = 1
CANCELLED: Final = 3
UNREACHABLE: Final = 4


def exit_code_of(error: BaseException) -> int | None:
    """Say what happened and return the exit code; None for an error nobody foresaw."""
    error = _single(error)
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return CANCELLED
    if isinstance(error, BrokenPipeError | SystemExit):  # the latter: what rich makes of the former
        _forget_stdout()
        return FAILED
    if isinstance(error, NetraError):
        click.echo(f"netra-actors: {_sentence(error)}", err=True)
        return UNREACHABLE if isinstance(error, Unauthorized) or _has_ended(error) else FAILED
    return None


def _forget_stdout() -> None:
    """Let what is buffered for a reader that has left go nowhere, silently."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
    os.close(sink)


def _single(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _has_ended(error: NetraError) -> bool:
    # Imported here: most commands have nothing to do with the client.
    from netra_actors.client.errors import SessionEnded  # noqa: PLC0415

    return isinstance(error, SessionEnded)


def _sentence(error: NetraError) -> str:
    text = str(error)
    return f"{text} ({error.advice})" if isinstance(error, ClientError) else text
