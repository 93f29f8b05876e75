"""The sample that ships with the package: eight weeks of an invented company's calls.

It is made by `scripts/generate_sample.py` with a fixed seed; a test makes it again and compares.
"""

import gzip
from functools import lru_cache
from importlib.resources import files
from typing import Final

from netra_actors.analyst.reading import Reading, read

FILE: Final = "usage_sample.csv.gz"


def sample_csv() -> str:
    """Return the sample as the text of its CSV file."""
    packed = files("netra_actors.analyst").joinpath("data", FILE).read_bytes()
    return gzip.decompress(packed).decode()


@lru_cache(maxsize=1)
def load_sample() -> Reading:
    """Return the sample, read once for the process: it never changes and nobody changes it."""
    return read(sample_csv())
