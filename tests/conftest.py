"""For all tests: the service's own log prints plainly."""

import structlog

# The default shows every local variable of every frame of a traceback, which takes seconds.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)
