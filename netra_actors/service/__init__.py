"""The composition root of one worker: what it is made of, in which order it starts and stops."""

from netra_actors.service.main import main
from netra_actors.service.running import serve_worker
from netra_actors.service.worker import Worker

__all__ = ["Worker", "main", "serve_worker"]
