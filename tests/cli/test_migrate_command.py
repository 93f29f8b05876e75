from collections.abc import Callable
from pathlib import Path

Run = Callable[..., tuple[int, str, str]]


def test_a_database_is_made_and_doing_it_again_changes_nothing(run: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/n.db"
    first = run("migrate", "--database-url", url)
    assert first[0] == 0
    assert first[1].startswith(f"{url} has the schema ")
    assert (tmp_path / "n.db").exists()
    assert run("migrate", "--database-url", url) == first


def test_what_is_no_database_is_a_clear_error(run: Run) -> None:
    assert run("migrate", "--database-url", "mysql://x")[0] == 1
