"""Stores of two machines, so to speak: two roots that share a database and a folder for artifacts."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from envs.errors import UserError
from stages.plan import Node, Settings
from stages.runner import Event, materialise
from stages.store import Store, StoredRun
from stages.store.__main__ import main
from stages.store.address import ARTIFACTS, TRACKING
from stages.store.artifacts import list_files
from tests.conftest import empty_store

_NODE = Node("low_level")


@pytest.fixture
def shared(tmp_path: Path, empty_database: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a database, and place for artifacts; the roots ``a`` and ``b`` use it."""
    folder = empty_store(tmp_path / "shared", empty_database).root
    with sqlite3.connect(folder / "mlflow.db") as connection:
        connection.execute("DELETE FROM experiments WHERE name = 'carryover'")
    monkeypatch.setenv(TRACKING, f"sqlite:///{folder}/mlflow.db")
    monkeypatch.setenv(ARTIFACTS, f"{folder}/files")
    return folder


@pytest.fixture
def a(tmp_path: Path, shared: Path) -> Store:
    return Store(tmp_path / "a")


@pytest.fixture
def b(tmp_path: Path, shared: Path) -> Store:
    return Store(tmp_path / "b")


def _run(store: Store, *, force: bool = False) -> tuple[StoredRun, list[Event]]:
    events: list[Event] = []
    return materialise(_NODE, Settings(), events.append, store, force), events


def _stored(shared: Path, run: StoredRun) -> Path:
    return shared / "files" / "carryover" / run.run_id / "artifacts"


def _spoil(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


def test_what_one_computes_the_other_has(a: Store, b: Store, shared: Path) -> None:
    made, _ = _run(a)
    found, events = _run(b)
    assert [event.kind for event in events] == ["hit"] and found.run_id == made.run_id
    assert found.artifact.folder.is_relative_to(b.root) and made.artifact.folder.is_relative_to(a.root)
    files = list_files(made.artifact.folder)
    assert files and list_files(found.artifact.folder) == files == list_files(_stored(shared, made))
    assert not (a.root / "mlflow.db").exists() and not (a.root / "mlruns").exists()


def test_a_copy_that_is_damaged_is_fetched_again(a: Store, b: Store) -> None:
    made, found = _run(a)[0], _run(b)[0]
    _spoil(found.artifact.folder / "data.json")
    again, events = _run(b)
    assert again.run_id == made.run_id and [event.note for event in events] == [""]
    assert list_files(again.artifact.folder) == list_files(made.artifact.folder)


def test_what_is_damaged_where_it_lies_is_put_aside_and_computed_again(a: Store, b: Store, shared: Path) -> None:
    made, _ = _run(a)
    _spoil(_stored(shared, made) / "data.json")
    again, events = _run(b)
    assert [event.kind for event in events if event.kind in ("miss", "done")] == ["miss", "done"]
    assert "data.json is damaged; put aside as .carryover/quarantine/" in events[0].note
    assert _run(a)[0].run_id == again.run_id != made.run_id


def test_verify_reads_what_lies_elsewhere(
    a: Store, b: Store, shared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, _ = _run(a)
    monkeypatch.setenv("CARRYOVER_ROOT", str(a.root))

    def verified() -> object:
        with pytest.raises(SystemExit) as ended:
            main(["verify"])
        return ended.value.code

    assert verified() == 0 and made.artifact.folder.is_dir()
    _spoil(_stored(shared, made) / "data.json")
    assert verified() == 1 and "data.json is damaged; put aside" in capsys.readouterr().out
    assert b.find(made.artifact.key) is None


def test_what_is_cleared_goes_from_where_it_lies(
    a: Store, b: Store, shared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    older, _ = _run(a)
    newer, _ = _run(b, force=True)
    a.client.delete_registered_model_alias("low-level-cheetah", "champion")
    monkeypatch.setenv("CARRYOVER_ROOT", str(b.root))
    with pytest.raises(SystemExit):
        main(["gc", "--yes"])
    assert f"run {older.run_id[:8]}" in capsys.readouterr().out
    assert not _stored(shared, older).exists() and _stored(shared, newer).is_dir()
    assert _run(a)[0].run_id == newer.run_id


def test_an_artifact_that_cannot_be_brought_there_keeps_its_checkpoints(
    a: Store, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert a.elsewhere
    upload, asked = a.elsewhere.upload, list[str]()

    def refuse_the_second(run_id: str, files: dict[str, Path]) -> None:
        asked.append(run_id)
        if len(asked) == 2:
            raise UserError("no way")
        upload(run_id, files)

    monkeypatch.setattr(a.elsewhere, "upload", refuse_the_second)
    with pytest.raises(UserError, match="no way"):
        _run(a)
    run, events = _run(a)
    assert run.metrics["resumed"] == 3.0 and events[-1].kind == "done"
    assert not a.database.running() and not _stored(shared, run).with_name(asked[0]).exists()


def test_a_folder_that_is_not_mounted_is_no_damage(a: Store, b: Store, shared: Path) -> None:
    made, _ = _run(a)
    place = (shared / "files").rename(shared / "unmounted")
    with pytest.raises(UserError, match=r"^MLFLOW_DEFAULT_ARTIFACT_ROOT: .*/files/carryover: no such folder; mount it"):
        b.find(made.artifact.key)
    place.rename(shared / "files")
    assert b.find(made.artifact.key)


def test_a_key_is_locked_for_all_who_share_the_file(a: Store, b: Store) -> None:
    with a.lock("key"):
        assert not b.locks.is_free("key")
    assert b.locks.is_free("key")


def test_another_place_than_the_first_is_refused(b: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _run(b)
    monkeypatch.setenv(ARTIFACTS, "s3://bucket/prefix")
    late = Store(tmp_path / "c")
    with pytest.raises(UserError, match=r"^MLFLOW_DEFAULT_ARTIFACT_ROOT: s3://bucket/prefix: .* lie at .*/files"):
        late.latest("low_level")


@pytest.mark.parametrize(
    ("uri", "artifacts", "line"),
    [
        ("http://127.0.0.1:5000", "", "MLFLOW_TRACKING_URI: http: no database that a store can be in; give sqlite"),
        ("mlruns", "", "MLFLOW_TRACKING_URI: mlruns: no database"),
        ("sqlite://", "", "MLFLOW_TRACKING_URI: sqlite: no database"),
        ("postgresql+nodriver://user@host/name", "", "MLFLOW_TRACKING_URI: Can't load plugin: "),
        ("", "s3://bucket/prefix", "MLFLOW_DEFAULT_ARTIFACT_ROOT: s3://bucket/prefix: the store of a folder keeps"),
    ],
)
def test_a_wrong_setting_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    uri: str,
    artifacts: str,
    line: str,
) -> None:
    for name, value in (("CARRYOVER_ROOT", str(tmp_path)), (TRACKING, uri), (ARTIFACTS, artifacts)):
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["list"])
    out, err = capsys.readouterr()
    assert (ended.value.code, out, len(err.splitlines())) == (2, "", 1) and err.startswith(line), err
