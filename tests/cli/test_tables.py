import sys

import pytest

from netra_actors.cli.tables import print_table


def test_a_pipe_gets_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("a", "b"), [("1", "[x]")])
    assert capsys.readouterr().out == "a\tb\n1\t[x]\n"


def test_a_terminal_gets_columns_and_markup_is_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(("name", "value"), [("long one", "[red]x[/red]")])
    out = capsys.readouterr().out
    assert "\t" not in out
    assert "[red]x[/red]" in out
