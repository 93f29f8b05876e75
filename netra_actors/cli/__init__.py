"""The command line: one module for each command, imported when it is run.

Exit codes: 0 done (for `ask`: the run completed), 1 failed, 2 wrong usage, 3 cancelled or
interrupted, 4 the service cannot be reached or does not want this user.
"""

from netra_actors.cli.root import main

__all__ = ["main"]
