import gzip
from pathlib import Path
from types import ModuleType

from netra_actors.analyst.sample import load_sample, sample_csv

ROOT = Path(__file__).parent.parent.parent


def test_the_script_makes_the_sample_that_ships(generator: ModuleType) -> None:
    assert generator.generate() == sample_csv()


def test_the_sample_is_small_and_its_archive_says_nothing_of_when_or_where() -> None:
    packed = (ROOT / "netra_actors/analyst/data/usage_sample.csv.gz").read_bytes()
    assert len(packed) < 600_000
    assert packed[4:8] == bytes(4)
    assert gzip.decompress(packed).decode() == sample_csv()


def test_the_damaged_rows_and_no_others_are_refused(generator: ModuleType) -> None:
    reading = load_sample()
    assert [each.line for each in reading.refusals] == list(generator.DAMAGED)
    assert reading.refused == 7
    assert 20_000 <= len(reading.usage) <= 20_500


def test_the_sample_is_read_once() -> None:
    assert load_sample() is load_sample()
