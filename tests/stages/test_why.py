"""``python -m stages.why`` says what ``--dry-run`` says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stages.changes import differences
from stages.closure import PROJECT
from stages.store import Store


def _typed(*words: str, root: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CARRYOVER_ROOT": str(root)}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


def test_it_is_the_dry_run(store: Store) -> None:
    said = [_typed(*words, root=store.root) for words in (("stages.why", "striding"), ("stages.striding", "--dry-run"))]
    assert [done.returncode for done in said] == [0, 0] and said[0].stdout == said[1].stdout
    assert "striding: to compute: needs toy_inference, low_level (?)" in said[0].stdout.splitlines()


def test_without_a_stage_it_says_what_it_wants(tmp_path: Path) -> None:
    done = _typed("stages.why", root=tmp_path)
    assert done.stderr.startswith("usage: ") and done.returncode == 2


def test_differences_in_words() -> None:
    old = {"config": {"steps": 1}, "inputs": {"low_level": "a"}, "sources": {"a.py": "x"}, "libraries": {"torch": "2"}}
    new = {"config": {"steps": 2}, "inputs": {"low_level": "b"}, "sources": {"b.py": "x"}, "libraries": {"torch": "3"}}
    words = ["steps 1 -> 2", "input low_level changed", "a.py is gone", "b.py is new", "library torch 2 -> 3"]
    assert differences(old, new) == words
