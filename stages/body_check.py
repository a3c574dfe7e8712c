"""Whether a body's file can be used, asked in a process of its own: that of a flow loads no simulator."""

from __future__ import annotations

import sys
from typing import cast

from envs.body import load_body
from envs.body_files import AskedFor
from envs.errors import UserError


def main(name: str, asked: str) -> int:
    """Exit code: 0 it can, 2 what is wrong is said in one line."""
    try:
        load_body(name, cast(AskedFor, asked))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
