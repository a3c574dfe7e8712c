"""Runs go from one store to another with all that they came from, and nothing else gets in."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages.keys import digest
from stages.plan import Node, Settings
from stages.runner import Event, materialise
from stages.store import Store, packing
from stages.store.__main__ import main
from stages.store.writer import StoredRun, Writer
from tests.conftest import empty_store
from tests.stages.published import chain, publish

#: Content by name, as a pack has them.
Files = dict[str, bytes]


def _silent(words: str) -> None:
    pass


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> bytes:
    """A toy, a low level and a striding that came from both, as ``export`` packs them."""
    root = tmp_path_factory.mktemp("packed")
    store = empty_store(root / "store", empty_database)
    packing.export(store, chain(store)[-1].run_id, root / "runs.tar", _silent)
    return (root / "runs.tar").read_bytes()


@pytest.fixture
def pack(packed: bytes, tmp_path: Path) -> Path:
    """The same in a file of the test's own."""
    out = tmp_path / "runs.tar"
    out.write_bytes(packed)
    return out


def _import(store: Store, file: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and all that the command says."""
    patch.setenv("CARRYOVER_ROOT", str(store.root))
    with pytest.raises(SystemExit) as end:
        main(["import", str(file)])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out + said.err


def _content(store: Store) -> set[str]:
    """Names of all that a store holds, but for its locks."""
    files = {path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file()}
    return {name for name in files if not name.startswith((".carryover/locks", "mlflow.db"))} | store.database.known()


def _read(file: Path) -> Files:
    with tarfile.open(file) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar.getmembers()}  # pyright: ignore


def _write(file: Path, files: Files) -> None:
    with tarfile.open(file, "w") as tar:
        for name, content in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))


def _edit(files: Files, edit: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the index, and seal it again."""
    runs = json.loads(files["carryover.json"])["runs"]
    edit(runs)
    files["carryover.json"] = json.dumps({"format": 1, "runs": runs, "sha256": digest(runs)}).encode()


def test_imported_runs_are_all_hits(store: Store, other: Store, project: Path, tmp_path: Path) -> None:
    node, events = Node("striding"), list[Event]()
    made = materialise(node, Settings(), events.append, store)
    packing.export(store, made.run_id[:8], tmp_path / "runs.tar", _silent)
    packing.bring_in(other, tmp_path / "runs.tar", _silent)
    events.clear()
    found = materialise(node, Settings(), events.append, other)
    assert [event.kind for event in events] == ["hit"] * 3
    assert found.artifact.digest == made.artifact.digest and found.run_id != made.run_id
    assert (found.metrics, found.seconds) == (made.metrics, pytest.approx(made.seconds, abs=1e-3))
    tags = {store: store.client.get_run(run.run_id).data.tags for store, run in ((store, made), (other, found))}
    assert all(tags[store][name] == tags[other][name] for name in ("body", "seed", "key", "components.0"))
    parents = json.loads(tags[other]["parents"])
    assert set(parents) == {"toy_inference", "low_level"}
    assert other.run(parents["low_level"]["run"]).artifact.digest == parents["low_level"]["digest"]
    names = {path.relative_to(found.artifact.folder).as_posix() for path in found.artifact.folder.rglob("*")}
    assert names >= {"data.json", "folder/more.txt", "manifest.json", "components.json", "metrics.json"}


def test_equal_runs_are_equal_bytes(store: Store, other: Store, pack: Path, tmp_path: Path) -> None:
    striding = chain(store)[-1]
    packing.bring_in(other, pack, _silent)
    for name, each, run in (("one", store, striding.run_id), ("two", other, striding.artifact.key)):
        packing.export(each, run, tmp_path / name, _silent)
        packing.export(each, run, tmp_path / "again", _silent)
        assert (tmp_path / name).read_bytes() == (tmp_path / "again").read_bytes()
    assert (tmp_path / "two").read_bytes() == pack.read_bytes()
    with tarfile.open(pack) as tar:
        members = tar.getmembers()
    assert members[0].name == "carryover.json" and [m.name for m in members[1:]] == sorted(m.name for m in members[1:])
    assert {(m.mtime, m.uid, m.gid, m.uname, m.type) for m in members} == {(0, 0, 0, "", tarfile.REGTYPE)}


def test_stored_runs_are_skipped(other: Store, pack: Path) -> None:
    toy = publish(other, "toy_inference", body="")
    said: list[str] = []
    packing.bring_in(other, pack, said.append)
    assert ["stored already" in line for line in said].count(True) == 1 and len(said) == 3
    before = _content(other)
    packing.bring_in(other, pack, _silent)
    assert _content(other) == before
    parents = json.loads(other.database.every()[0].tags["parents"])
    assert parents["toy_inference"]["run"] == toy.run_id


def test_damaged_run_is_replaced(other: Store, pack: Path) -> None:
    low = publish(other, steps=3)
    (low.artifact.folder / "weights").write_text("no")
    packing.bring_in(other, pack, _silent)
    found = other.find(low.artifact.key)
    assert found and found.artifact.digest == low.artifact.digest and found.run_id != low.run_id


def test_damaged_or_missing_parent_is_not_packed(store: Store, tmp_path: Path) -> None:
    _, low, striding = chain(store)
    (low.artifact.folder / "weights").write_text("no")
    for words in ("weights is damaged", "its low_level is no longer stored"):
        with pytest.raises(ValueError, match=words):
            packing.export(store, striding.run_id, tmp_path / "runs.tar", _silent)
    assert not list(tmp_path.glob("runs.tar*"))


def test_export_to_nowhere(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^--out: .*No such file or directory; choose another place"):
        packing.export(store, publish(store).run_id, tmp_path / "nowhere" / "runs.tar", _silent)


def _key(files: Files) -> str:
    return json.loads(files["carryover.json"])["runs"][-1]["key"]


def _low(files: Files) -> str:
    return next(run["key"] for run in json.loads(files["carryover.json"])["runs"] if run["stage"] == "low_level")


def _swap(runs: list[dict[str, Any]]) -> None:
    toy, low = (next(run for run in runs if run["stage"] == stage) for stage in ("toy_inference", "low_level"))
    toy["digest"], low["digest"] = low["digest"], toy["digest"]


def _replace(name: str, content: bytes) -> Callable[[Files], object]:
    return lambda files: files.update({f"{_low(files)}/{name}": content})


TAMPERED: dict[str, tuple[Callable[[Files], object], str]] = {
    "traversal": (lambda files: files.update({f"{_key(files)}/../../../evil": b""}), "no name of a run's file"),
    "parent": (lambda files: files.update({"../evil": b""}), "no name of a run's file"),
    "absolute": (lambda files: files.update({"/tmp/evil": b""}), "no name of a run's file"),
    "hidden": (lambda files: files.update({f"{_key(files)}/.evil": b""}), "no name of a run's file"),
    "below a file": (lambda files: files.update({f"{_key(files)}/weights/evil": b""}), "is there twice"),
    "foreign run": (lambda files: files.update({f"{'0' * 64}/evil": b""}), "no name of a run's file"),
    "foreign file": (lambda files: files.update({f"{_key(files)}/evil": b""}), "evil is foreign"),
    "missing file": (lambda files: files.pop(f"{_key(files)}/weights"), "weights is missing"),
    "flipped": (_replace("weights", b"weightz"), "weights is damaged"),
    "manifest": (_replace("manifest.json", b'{"files": {}}'), "manifest.json is damaged"),
    "no manifest": (_replace("manifest.json", b'{"files": []}'), "manifest.json: files"),
    "no metrics": (lambda files: files.pop(f"{_low(files)}/metrics.json"), "metrics.json is missing"),
    "wrong metrics": (_replace("metrics.json", b'{"loss": "high"}'), "metrics.json: metrics.loss"),
    "components": (_replace("components.json", b"{}"), "components.json: schema"),
    "deep": (_replace("components.json", b"[" * 100_000), "damaged, or no pack"),
    "no index": (lambda files: files.pop("carryover.json"), "carryover.json does not come first"),
    "unsealed index": (
        lambda files: files.update({"carryover.json": files["carryover.json"].replace(b'"cheetah"', b'"ant"')}),
        "carryover.json is damaged",
    ),
    "digest": (
        lambda files: _edit(files, lambda runs: [run.update(digest="0" * 64) for run in runs]),
        "manifest.json is damaged",
    ),
    "swapped": (lambda files: _edit(files, _swap), "manifest.json is damaged"),
    "stage": (
        lambda files: _edit(files, lambda runs: [run.update(stage="plots") for run in runs]),
        "the stage is not that of its components.json",
    ),
    "no parents": (
        lambda files: _edit(files, lambda runs: [run.update(parents={}) for run in runs]),
        "its parents are not those of its components.json",
    ),
    "parent left out": (lambda files: _edit(files, lambda runs: runs.pop(0)), "before its parents"),
    "child first": (lambda files: _edit(files, lambda runs: runs.reverse()), "before its parents"),
    "strange tag": (
        lambda files: _edit(files, lambda runs: runs[0]["tags"].update(host="evil")),
        "carryover.json: runs.0.tags.host",
    ),
    "no time": (
        lambda files: _edit(files, lambda runs: runs[0].update(seconds=float("nan"))),
        "carryover.json: runs.0.seconds",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_pack_is_refused(
    other: Store, pack: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper, words = TAMPERED[name]
    files = _read(pack)
    tamper(files)
    _write(pack, files)
    _assert_refused(other, pack, words, monkeypatch, capsys)


def _assert_refused(
    store: Store, file: Path, words: str, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, around = _content(store), set(file.parent.rglob("*evil*"))
    code, said = _import(store, file, patch, capsys)
    assert code == 2 and said.count("\n") == 1 and words in said and len(said) < 500
    assert _content(store) == before and set(file.parent.rglob("*evil*")) == around


def _link(kind: bytes) -> tarfile.TarInfo:
    about = tarfile.TarInfo("link")
    about.type, about.linkname = kind, "/etc/passwd"
    return about


def _huge(size: int) -> tarfile.TarInfo:
    about = tarfile.TarInfo("huge")
    about.size = size
    return about


@pytest.mark.parametrize(
    ("member", "words"),
    [
        *((_link(kind), "is no plain file") for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE)),
        (_link(tarfile.FIFOTYPE), "is no plain file"),
        (_huge(2**40), "is larger than it may be, or cut off"),
        (_huge(2**20), "is larger than it may be, or cut off"),
        (_huge(-512), "is larger than it may be, or cut off"),
    ],
    ids=["symlink", "hard link", "folder", "pipe", "oversize", "cut off", "negative"],
)
def test_strange_member_is_refused(
    other: Store,
    pack: Path,
    member: tarfile.TarInfo,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = pack.read_bytes().rstrip(b"\0")
    content += bytes(-len(content) % tarfile.BLOCKSIZE)
    pack.write_bytes(content + member.tobuf(tarfile.GNU_FORMAT) + bytes(2 * tarfile.BLOCKSIZE))
    _assert_refused(other, pack, words, monkeypatch, capsys)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.5, 0.8])
def test_truncated_pack_is_refused(
    other: Store, pack: Path, share: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = pack.read_bytes()
    pack.write_bytes(content[: int(share * len(content.rstrip(b"\0")))])
    _assert_refused(other, pack, "nothing was imported", monkeypatch, capsys)


@pytest.mark.parametrize("content", [b"no pack, but text " * 100, b"", bytes(10240)])
def test_other_files_are_refused(
    other: Store, tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(content)
    _assert_refused(other, tmp_path / "file", "nothing was imported", monkeypatch, capsys)
    assert "no such file" in _import(other, tmp_path / "nowhere", monkeypatch, capsys)[1]


def test_other_bytes_of_a_stored_key_are_refused(
    other: Store, pack: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(other, text="other weights", steps=3)
    _assert_refused(other, pack, "is stored here with other bytes", monkeypatch, capsys)


def test_key_that_is_being_computed_is_left_alone(
    other: Store, pack: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with other.lock(_key(_read(pack))):
        _assert_refused(other, pack, "is being computed here", monkeypatch, capsys)
    packing.bring_in(other, pack, _silent)
    assert other.latest("striding")


def test_interrupted_import_goes_on(other: Store, pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adopt, calls = Writer.adopt, list[str]()

    def interrupted(writer: Writer, work: Path, key: str, seconds: float) -> StoredRun:
        calls.append(key)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return adopt(writer, work, key, seconds)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Writer, "adopt", interrupted)
        packing.bring_in(other, pack, _silent)
    assert [other.find(key) is not None for key in calls] == [True, False] and not other.work("import").exists()
    said: list[str] = []
    packing.bring_in(other, pack, said.append)
    assert "stored already" in said[0] and other.latest("striding")
