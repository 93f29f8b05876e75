"""The generation of a record, and the epochs that contain it.

An epoch names a log's identity: ``e_<generation>_<random>``. The random part is made with the
session and never changes. The generation is the record's: it rises when events that clients have
seen may be gone, and with it every session's epoch changes at once, without touching a row.

With SQLite below durability `fsync` that is the case when the machine died: the record was not
closed, and the machine has started since. PostgreSQL survives it, so there only a restore from a
backup raises the generation.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

FIRST: Final = 1
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def epoch_for(generation: int, random: str) -> str:
    """Return the epoch of a session with that random part."""
    return f"e_{generation}_{random}"


def epoch_in(generation: int, epoch: str) -> str:
    """Return a stored *epoch* as it reads in that generation."""
    return epoch_for(generation, epoch.rpartition("_")[2])


def boot_id(path: Path = _BOOT_ID) -> str | None:
    """Return what names this run of the machine; None where nothing does."""
    try:
        return path.read_text().strip() or None
    except OSError:
        return None


def generation_at_open(meta: Mapping[str, str], boot: str | None) -> int:
    """Return the record's generation from now on.

    Args:
        meta: what `opened` and `CLOSED` left in the record; empty at the very first time.
        boot: `boot_id` now; None counts as another one than before.
    """
    generation = int(meta.get("generation", FIRST))
    survived = (
        meta.get("closed", "1") == "1"
        or meta.get("durability") == "fsync"
        or (boot is not None and meta.get("boot_id") == boot)
    )
    return generation if survived else generation + 1


def opened(generation: int, boot: str | None, durability: str) -> Mapping[str, str]:
    """Return what to store before anything else is written."""
    return {
        "generation": str(generation),
        "closed": "0",
        "boot_id": boot or "",
        "durability": durability,
    }


CLOSED: Final[Mapping[str, str]] = {"closed": "1"}
"""What to store after everything else was written."""
