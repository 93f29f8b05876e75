"""The generation of a record, and the epochs that contain it.

An epoch names a log's identity: ``e_<generation>_<random>``. The random part is made with the
session and never changes. The generation is the record's: it rises when events that clients have
seen may be gone, and with it every session's epoch changes at once, without touching a row.
"""


def epoch_for(generation: int, random: str) -> str:
    """Return the epoch of a session with that random part."""
    return f"e_{generation}_{random}"


def epoch_in(generation: int, epoch: str) -> str:
    """Return a stored *epoch* as it reads in that generation."""
    return epoch_for(generation, epoch.rpartition("_")[2])
