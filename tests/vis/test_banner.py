"""README's moving picture can be drawn anew, and is small."""

from __future__ import annotations

import sys
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from envs.palette import BASE_TASK_COLOURS, rgb
from stages.closure import PROJECT
from vis import banner

needs_opengl = pytest.mark.skipif(
    sys.platform == "linux" and not (find_library("EGL") or find_library("OSMesa")), reason="no EGL, no OSMesa here"
)


@needs_opengl
def test_it_moves_and_shows_what_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banner, "_SECONDS", 0.1)
    banner.run(banner.parser().parse_args(["--out", f"{tmp_path}/banner.webp"]))
    with Image.open(tmp_path / "banner.webp") as drawn:
        assert getattr(drawn, "n_frames") == 3  # noqa: B009 (of some formats alone)
        pixels = np.asarray(drawn.convert("RGB")).astype(int)
    wanted = np.array(rgb(BASE_TASK_COLOURS["velocity forward"]))
    assert (np.abs(pixels - wanted).max(axis=-1) < 12).sum() > 500


def test_the_picture_of_the_front_page_is_small() -> None:
    assert 100_000 < (PROJECT / "docs" / "carryover.webp").stat().st_size < 700_000
