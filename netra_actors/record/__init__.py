"""Where logs, threads and messages are durable: SQLite, PostgreSQL, or memory."""

from netra_actors.record.memory import MemoryRecord
from netra_actors.record.opening import Durability, migrate, open_record

__all__ = ["Durability", "MemoryRecord", "migrate", "open_record"]
