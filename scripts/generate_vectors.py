"""Write `tests/vectors/*.json`, against which the Python and JavaScript clients are checked.

Run it after a change to the protocol and read the difference: it is the change.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from scripts.decode_vectors import USER, decode_vectors
from scripts.fold_vectors import fold_vectors
from scripts.grammar_vectors import apply_vectors, lifecycle_vectors

VECTORS: Final = Path(__file__).parent.parent / "tests" / "vectors"


def documents() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file."""
    cases: dict[str, dict[str, Any]] = {
        "fold": {"cases": list(fold_vectors())},
        "lifecycle": {"cases": list(lifecycle_vectors())},
        "decode": {"user_id": USER, "cases": list(decode_vectors())},
        "apply": {"cases": list(apply_vectors())},
    }
    for name, document in cases.items():
        yield f"{name}.json", _layout(document)


def _layout(document: dict[str, Any]) -> str:
    """Return the document with one case a line, so that differences can be read."""
    head = {name: value for name, value in document.items() if name != "cases"}
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in document["cases"])
    start = json.dumps(head)[1:-1]
    return "{" + (start + "," if start else "") + '"cases":[\n' + lines + "\n]}\n"


def main() -> None:
    """Write the files."""
    VECTORS.mkdir(exist_ok=True)
    for name, text in documents():
        (VECTORS / name).write_text(text)
        print(f"{name}: {len(text)} bytes")


if __name__ == "__main__":
    main()
