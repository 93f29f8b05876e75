"""The example in the documentation runs and does what the page says."""

import runpy
from pathlib import Path

import pytest

_PAGE = Path(__file__).parents[2] / "docs" / "actors.md"


def test_the_example_of_the_page_prints_what_the_page_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = _PAGE.read_text(encoding="utf-8")
    _, _, rest = page.partition("```python\n")
    code, _, after = rest.partition("```")
    script = tmp_path / "example.py"
    script.write_text(code, encoding="utf-8")
    runpy.run_path(str(script), run_name="__main__")
    assert f"It prints `{capsys.readouterr().out.strip()}`" in after
