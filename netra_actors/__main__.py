"""``python -m netra_actors``: the same as the command ``netra-actors``."""

import sys

from netra_actors.cli import main

if __name__ == "__main__":
    sys.exit(main())
