"""What is published is found again byte for byte, or not at all."""

from __future__ import annotations

import errno
import json
import math
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from envs.errors import UserError
from stages.keys import Components, key
from stages.store import Store, StoredRun, artifacts

PARTS: Components = {"schema": 1, "stage": "low_level", "config": {"steps": 3}, "inputs": {}, "sources": {"a.py": "x"}}
METRICS = {"loss": 0.5, "undefined": math.nan}


def _publish(store: Store, parts: Components = PARTS, text: str = "weights") -> StoredRun:
    work = store.work(key(parts))
    (work / "folder").mkdir(parents=True)
    (work / "weights").write_text(text)
    (work / "folder" / "table").write_text("table")
    (work / ".checkpoint").mkdir()
    with store.lock(key(parts)), store.begin(key(parts), parts, {"body": "cheetah", "seed": "0"}) as writer:
        writer.progress(0.5, {"loss": 1.0, "step": 128})
        return writer.publish(work, key(parts), METRICS)


def _statuses(store: Store) -> list[str]:
    return sorted(run.info.status for run in store.client.search_runs([store.experiment]))


def test_a_store_can_be_made_before_its_first_run(tmp_path: Path) -> None:
    Store(tmp_path).create()
    assert Store(tmp_path).database.every() == []
    made = (tmp_path / "mlflow.db").stat().st_mtime_ns
    Store(tmp_path).create()  # what is there is left alone
    assert (tmp_path / "mlflow.db").stat().st_mtime_ns == made


def test_published_is_found(store: Store) -> None:
    assert store.find(key(PARTS)) is None
    made = _publish(store)
    found = Store(store.root).find(key(PARTS))
    assert found is not None and found.hit and not made.hit
    assert (found.run_id, found.artifact) == (made.run_id, made.artifact)
    assert found.metrics["loss"] == 0.5 and math.isnan(found.metrics["undefined"])
    names = {path.relative_to(found.artifact.folder).as_posix() for path in found.artifact.folder.rglob("*")}
    assert names == {"weights", "folder", "folder/table", "metrics.json", "manifest.json", "components.json"}
    assert found.artifact.json("components.json") == PARTS
    assert not store.work(key(PARTS)).exists()


def test_mlflow_shows_the_run(store: Store) -> None:
    made = _publish(store)
    run = store.client.get_run(made.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"steps": "3"}
    assert run.data.metrics["loss"] == 0.5
    assert {"key", "stage", "body", "seed", "digest", "pid", "host", "seconds"} <= set(run.data.tags)
    assert run.info.artifact_uri == str(made.artifact.folder)
    assert "weights" in [file.path for file in store.client.list_artifacts(made.run_id)]
    history = store.client.get_metric_history(made.run_id, "loss")
    assert (history[0].step, history[0].value) == (128, 1.0)


def test_a_curve_is_logged_once_and_the_result_counts(store: Store) -> None:
    work = store.work(key(PARTS))
    work.mkdir(parents=True)
    with store.lock(key(PARTS)), store.begin(key(PARTS), PARTS, {}) as writer:
        writer.progress(0.1, {})
        for fraction, step, loss in ((0.2, 5000, 2.0), (0.3, 5000, 2.0), (0.4, 9000, 2.0), (0.5, 9000, 2.0)):
            writer.progress(fraction, {"loss": loss, "step": step})
        made = writer.publish(work, key(PARTS), {"loss": 0.5})
    history = store.client.get_metric_history(made.run_id, "loss")
    assert sorted((point.step, point.value) for point in history) == [(5000, 2.0), (9000, 2.0), (9001, 0.5)]
    assert store.client.get_run(made.run_id).data.metrics["loss"] == 0.5
    assert [share for _, share in store.database.history(made.run_id, "progress")] == [0.1, 0.2, 0.3, 0.4, 0.5, 1.0]


def test_same_bytes_same_digest(store: Store) -> None:
    one, other = _publish(store), _publish(store, PARTS | {"config": {"steps": 4}})
    assert one.artifact.digest == other.artifact.digest
    assert _publish(store, PARTS | {"config": {"steps": 5}}, "others").artifact.digest != one.artifact.digest


@pytest.mark.parametrize("name", ["weights", "folder/table", "metrics.json", "manifest.json"])
@pytest.mark.parametrize("deed", ["flip", "delete"])
def test_damage_is_put_aside_and_said(store: Store, name: str, deed: str) -> None:
    made = _publish(store)
    file = made.artifact.folder / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()
    if deed == "flip":
        file.write_bytes(content)
    words: list[str] = []
    assert store.find(key(PARTS), words.append) is None
    (line,) = words
    assert name in line and ".carryover/quarantine/" in line and "\n" not in line
    assert (store.root / line.split()[-1]).is_dir() and not made.artifact.folder.exists()
    assert store.find(key(PARTS), words.append) is None and len(words) == 1


def test_missing_folder_is_said(store: Store) -> None:
    made = _publish(store)
    made.artifact.folder.rename(store.root / "elsewhere")
    words: list[str] = []
    assert store.find(key(PARTS), words.append) is None
    assert "the folder is missing" in words[0]


def test_older_sound_run_serves_when_the_newest_is_damaged(store: Store) -> None:
    older, newer = _publish(store), _publish(store)
    (newer.artifact.folder / "weights").write_text("no")
    found = store.find(key(PARTS), lambda words: None)
    assert found is not None and found.run_id == older.run_id


def test_moved_clone_keeps_working(store: Store, tmp_path: Path) -> None:
    made = _publish(store)
    moved = Store(store.root.rename(tmp_path / "moved"))
    found = moved.find(key(PARTS))
    assert found is not None and found.artifact.folder.is_relative_to(moved.root)
    assert moved.experiment
    assert moved.client.get_run(made.run_id).info.artifact_uri == str(found.artifact.folder)


def test_runs_by_stage_and_by_id(store: Store) -> None:
    made = _publish(store)
    latest = store.latest("low_level")
    assert latest is not None and latest.run_id == store.run(made.run_id[:6]).run_id == made.run_id
    assert store.latest("striding") is None
    with pytest.raises(UserError, match="no finished run 'zzz'"):
        store.run("zzz")
    assert store.components("low_level") == [PARTS]


def test_full_disk_leaves_nothing_half_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(artifacts, "publish", full)
    with pytest.raises(UserError, match="disk full"):
        _publish(store)
    assert store.find(key(PARTS)) is None and _statuses(store) == ["FAILED"]
    assert not [path for path in (store.root / "mlruns").rglob("*") if path.is_file()]


def test_interrupt_is_killed_and_keeps_the_work(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), store.begin(key(PARTS), PARTS, {}):
        store.work(key(PARTS)).mkdir(parents=True)
        raise KeyboardInterrupt
    assert _statuses(store) == ["KILLED"] and store.work(key(PARTS)).exists()


def test_run_of_a_dead_owner_is_ended(store: Store) -> None:
    with store.lock("alive"):
        for owner in ("dead", "alive"):
            tags = {"key": owner, "host": socket.gethostname()}
            store.client.create_run(store.experiment, tags=tags)
        _publish(store)
        assert _statuses(store) == ["FINISHED", "KILLED", "RUNNING"]


@pytest.mark.parametrize("content", [b"no database at all, but text " * 200, b""])
def test_foreign_or_empty_database(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mlflow.db").write_bytes(content)
    store = Store(tmp_path)
    if content:
        with pytest.raises(UserError, match=r"mlflow\.db.*not a database"):
            store.find("key")
    else:
        assert store.find("key") is None


def test_unwritable_store_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".carryover").write_text("a file where a folder should be")
    with pytest.raises(UserError, match="store: "):
        Store(tmp_path).lock("key")


def test_two_processes_create_the_store_at_once(tmp_path: Path) -> None:
    code = "import sys, pathlib; from stages.store import Store; print(Store(pathlib.Path(sys.argv[1])).experiment)"
    command = [sys.executable, "-c", code, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0] == said[1] and said[0][1] == ""


def test_manifest_is_readable_json(store: Store) -> None:
    files = json.loads((_publish(store).artifact.folder / "manifest.json").read_text())["files"]
    assert files["weights"]["bytes"] == len("weights")


def test_a_database_whose_creation_was_killed_is_made_anew(tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("CREATE TABLE _alembic_tmp_experiments (experiment_id INTEGER)")
    assert Store(tmp_path).experiment
