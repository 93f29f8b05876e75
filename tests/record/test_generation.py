"""When epochs change."""

from pathlib import Path

import pytest

from netra_actors.record.generation import (
    CLOSED,
    boot_id,
    epoch_for,
    epoch_in,
    generation_at_open,
    opened,
)


def test_an_epoch_follows_the_generation_and_keeps_its_random_part() -> None:
    assert epoch_for(3, "abc") == "e_3_abc"
    assert epoch_in(4, epoch_for(3, "abc")) == "e_4_abc"


@pytest.mark.parametrize(
    ("closed", "durability", "boot", "expected"),
    [
        (True, "commit", "same", 5),
        (True, "commit", "other", 5),
        (False, "commit", "same", 5),
        (False, "commit", "other", 6),
        (False, "commit", None, 6),
        (False, "fsync", "other", 5),
    ],
)
def test_the_generation_rises_when_the_machine_may_have_forgotten_commits(
    closed: bool, durability: str, boot: str | None, expected: int
) -> None:
    meta = dict(opened(5, "same", durability))
    if closed:
        meta |= CLOSED
    assert generation_at_open(meta, boot) == expected


def test_a_new_record_has_the_first_generation() -> None:
    assert generation_at_open({"generation": "1", "readable_from": "0001"}, "boot") == 1


def test_a_machine_without_boot_ids_counts_as_started_anew() -> None:
    assert generation_at_open(opened(1, None, "commit"), None) == 2


def test_the_boot_id_is_none_where_there_is_none(tmp_path: Path) -> None:
    assert boot_id(tmp_path / "missing") is None
    (tmp_path / "boot").write_text("abc\n")
    assert boot_id(tmp_path / "boot") == "abc"
