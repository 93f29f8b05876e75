"""Write `docs/schemas/*.json`: the protocol's JSON Schemas and its AsyncAPI document."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from netra_actors.protocol.schema import asyncapi, commands, events

SCHEMAS: Final = Path(__file__).parent.parent / "docs" / "schemas"


def documents() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file."""
    for make in (events, commands, asyncapi):
        yield f"{make.__name__}.json", json.dumps(make(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the files."""
    SCHEMAS.mkdir(parents=True, exist_ok=True)
    for name, text in documents():
        (SCHEMAS / name).write_text(text)
        print(f"{name}: {len(text)} bytes")


if __name__ == "__main__":
    main()
