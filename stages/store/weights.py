"""Weights that may be served: safetensors, whose reading executes nothing, with finite numbers only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

SUFFIX = ".safetensors"
#: No network here has a hundredth of it.
_MOST_BYTES = 2**30


def unfit(path: Path) -> str | None:
    """Why weights cannot be used; None if they can, or if it is another kind of file."""
    if path.suffix != SUFFIX:
        return None
    if path.stat().st_size > _MOST_BYTES:
        return f"{path.name} is larger than any weights here"
    try:
        with safe_open(path, framework="np") as file:
            wrong = [name for name in file.keys() if not np.isfinite(file.get_tensor(name)).all()]  # noqa: SIM118
    except (SafetensorError, TypeError) as error:  # the second: numbers of a kind that no network here has
        return f"{path.name} is no safetensors file: {' '.join(str(error).split())}"
    return f"{path.name}: {wrong[0]} is not finite" if wrong else None
