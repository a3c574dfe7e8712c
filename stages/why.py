"""``python -m stages.why low_level``: why it would be computed again, as its ``--dry-run`` says."""

from __future__ import annotations

import sys

from stages.cli import main

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print("usage: python -m stages.why STAGE [the stage's own options]", file=sys.stderr)
        sys.exit(2)
    main(sys.argv[1], [*sys.argv[2:], "--dry-run"])
