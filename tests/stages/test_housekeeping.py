"""What is stored is shown and verified; what nothing needs is cleared away, and nothing else."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages.keys import key
from stages.store import Store, StoredRun, artifacts
from stages.store.__main__ import main
from tests.stages.published import chain, components, publish

Command = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def command(store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """``python -m stages.store`` on the store: exit code, lines, lines of errors."""
    monkeypatch.setenv("CARRYOVER_ROOT", str(store.root))

    def run(*argv: str) -> tuple[int, list[str], list[str]]:
        with pytest.raises(SystemExit) as end:
            main(argv)
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out.splitlines(), said.err.splitlines()

    return run


def _stored(store: Store) -> set[str]:
    return {record.run_id for record in store.database.every()}


def _ids(*runs: StoredRun) -> set[str]:
    return {run.run_id for run in runs}


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _make_old(path: Path, days: float) -> None:
    then = time.time() - days * 86400
    for each in [*path.rglob("*"), path]:
        os.utime(each, (then, then))


def test_list(store: Store, command: Command) -> None:
    assert command("list") == (0, ["nothing of that kind is stored"], [])
    older, newer = publish(store), publish(store, steps=4)
    ant = publish(store, body="ant", seed=7)
    code, lines, _ = command("list")
    rows = [line.split() for line in lines]
    assert code == 0 and rows[0] == ["run", "stage", "body", "seed", "age", "size"]
    assert [row[0] for row in rows[1:]] == [run.run_id[:8] for run in (ant, newer, older)]
    assert rows[1][1:4] == ["low_level", "ant", "7"]
    assert [row[-1] == "newest" for row in rows[1:]] == [True, True, False]
    assert len(command("list", "--body", "ant")[1]) == 2 and len(command("list", "--stage", "low_level")[1]) == 4
    assert command("list", "--stage", "plots")[1] == ["nothing of that kind is stored"]


def test_list_leaves_out_what_is_damaged(store: Store, command: Command) -> None:
    older, newer, gone = publish(store), publish(store, steps=4), publish(store, steps=5)
    _flip(newer.artifact.folder / "weights")
    store.find(newer.artifact.key, lambda words: None)
    gone.artifact.folder.rename(store.root / "elsewhere")
    (line,) = command("list")[1][1:]
    assert line.startswith(older.run_id[:8]) and line.endswith("newest")
    _, *lines = command("list", "--all")[1]
    assert len(lines) == 3 and lines[0].endswith("its files are gone")
    assert lines[1].endswith("put aside: weights is damaged")


def test_show_follows_the_lineage(store: Store, command: Command) -> None:
    toy, low, striding = chain(store)
    evaluation = publish(store, "evaluation", {"low_level": low, "striding": striding})
    code, lines, _ = command("show", evaluation.run_id[:7])
    assert code == 0 and lines == command("show", evaluation.artifact.key)[1]
    text = "\n".join(lines)
    assert f"key     {evaluation.artifact.key}" in text and f"digest  {evaluation.artifact.digest}" in text
    assert "\n  seed  0" in text and "\n  folder/table     5 B" in text and "\n  loss  0.5" in text
    named = {
        name: f"run {run.run_id[:8]}, digest {run.artifact.digest[:12]}"
        for name, run in (("toy", toy), ("low", low), ("striding", striding))
    }
    assert lines[lines.index("inputs") + 1 : lines.index("files")] == [
        f"  low_level: low_level, {named['low']}",
        f"  striding: striding, {named['striding']}",
        f"    low_level: low_level, {named['low']}",
        f"    toy_inference: toy_inference, {named['toy']}",
    ]  # fmt: skip


def test_verify(store: Store, command: Command) -> None:
    sound, damaged = publish(store), publish(store, steps=4)
    assert command("verify") == (0, ["2 runs sound, 0 damaged, 0 put aside before"], [])
    _flip(damaged.artifact.folder / "weights")
    code, (line, count), _ = command("verify")
    assert code == 1 and count == "1 runs sound, 1 damaged, 0 put aside before"
    assert f"{damaged.run_id[:8]}: weights is damaged; put aside as .carryover/quarantine/" in line
    assert (store.root / line.split()[-1]).is_dir() and store.find(sound.artifact.key)
    assert command("verify") == (0, ["1 runs sound, 0 damaged, 1 put aside before"], [])


def test_verify_mentions_what_lies_about(store: Store, command: Command) -> None:
    run = publish(store)
    _lay_about(store, run.artifact.key)
    code, lines, _ = command("verify")
    assert code == 0 and len(lines) == 6
    assert {line.split(": ")[0]: line.split(": ")[1].split(",")[0] for line in lines[:-2]} == {
        f"mlruns/{store.experiment}/{'0' * 32}": "orphaned",
        f".carryover/work/{run.artifact.key}": "its run is stored",
        f".carryover/work/{'1' * 64}": "checkpoints",
        ".carryover/work/import": "left by an import",
    }
    assert lines[-2].startswith(".carryover/logs: 1 of 2: logs of no stored run")


def _lay_about(store: Store, stored: str) -> None:
    """An orphaned folder, working folders and logs, of a run that is stored and of others, and MLflow's own."""
    home, state = store.root / "mlruns" / store.experiment, store.state
    for path in (home / ("0" * 32), home / "models", *(state / "work" / name for name in (stored, "1" * 64, "import"))):
        path.mkdir(parents=True)
        (path / "file").write_text("text")
    (state / "logs").mkdir()
    for name in (stored, "1" * 64):
        (state / "logs" / f"{name}.log").write_text("text")


def test_gc_is_dry_unless_told_and_keeps_the_lineage(store: Store, command: Command) -> None:
    toy, low, striding = chain(store)
    middle, newest = publish(store, steps=4), publish(store, steps=5)
    code, lines, _ = command("gc")
    assert code == 0 and len(lines) == 2 and lines[-1].endswith("to free; gc --yes does it")
    assert lines[0].startswith(f"run {middle.run_id[:8]} low_level cheetah seed 0: superseded by {newest.run_id[:8]}")
    assert len(_stored(store)) == 5 and middle.artifact.folder.is_dir()
    code, lines, _ = command("gc", "--yes")
    assert code == 0 and lines[-1].startswith("freed ")
    assert _stored(store) == _ids(toy, low, striding, newest), "low is older, but striding came from it"
    assert store.find(middle.artifact.key) is None and not middle.artifact.folder.parent.exists()
    assert store.client.get_run(middle.run_id).info.lifecycle_stage == "deleted"
    assert all(store.find(run.artifact.key) for run in (toy, low, striding, newest))
    assert command("gc") == (0, ["0 B to free; gc --yes does it"], [])


def test_gc_drops_a_superseded_run_with_its_lineage(store: Store, command: Command) -> None:
    toy, low, striding = chain(store)
    other = chain(store, steps=4)[1:]
    command("gc", "--yes")
    # The toy was published twice under one key.
    assert _ids(*other) <= _stored(store) and not _ids(toy, low, striding) & _stored(store)


@pytest.mark.parametrize("difference", [{"seed": 1}, {"body": "ant"}, {"tasks": "all"}, {"space": "plane"}])
def test_gc_keeps_the_newest_of_every_kind(store: Store, command: Command, difference: dict[str, Any]) -> None:
    one, two = publish(store), publish(store, **difference)
    command("gc", "--yes")
    assert _stored(store) == _ids(one, two)


def test_gc_keeps_what_is_wanted(store: Store, command: Command) -> None:
    toy, low, striding = chain(store)
    tagged, plain, newest = publish(store, steps=4), publish(store, steps=5), publish(store, steps=6)
    later = publish(store, "striding", {"toy_inference": toy, "low_level": newest})
    store.client.create_registered_model("cheetah")
    for run, alias in ((striding, "best"), (plain, None)):
        version = store.client.create_model_version("cheetah", run.artifact.folder.as_uri(), run.run_id)
        if alias:
            store.client.set_registered_model_alias("cheetah", alias, version.version)
    store.client.set_tag(tagged.run_id, "keep", "for the paper")
    command("gc", "--yes")
    assert _stored(store) == _ids(toy, low, striding, tagged, newest, later)


def test_gc_touches_nothing_that_is_being_computed(store: Store, command: Command) -> None:
    older, _newer = publish(store), publish(store, steps=4)
    parts, tags = components("low_level", {}, steps=5), {"body": "cheetah", "seed": "0"}
    work = store.work(key(parts))
    with store.lock(key(parts)), store.begin(key(parts), parts, tags) as writer:
        work.mkdir(parents=True)
        _make_old(work, 40)
        lines = command("gc", "--yes", "--older-than", "0")[1]
        assert lines == ["superseded runs: 1 stay while a stage is being computed, which may need them", "freed 0 B"]
        assert older.run_id in _stored(store) and writer.run_id in _stored(store)
        made = writer.publish(work, key(parts), {})
    command("gc", "--yes")
    assert _stored(store) == _ids(made)


def test_gc_leaves_a_key_alone_whose_lock_is_taken_meanwhile(
    store: Store, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, _newer = publish(store), publish(store, steps=4)
    monkeypatch.setattr("stages.store.locks.Locks.held", lambda *_: set())
    with store.lock(older.artifact.key):
        assert "in use, left alone" in command("gc", "--yes")[1][0]
    assert store.find(older.artifact.key)


def test_gc_clears_what_lies_about(store: Store, command: Command) -> None:
    run = publish(store)
    _lay_about(store, run.artifact.key)
    checkpoints = store.work("1" * 64)
    command("gc", "--yes")
    assert not (store.root / "mlruns" / store.experiment / ("0" * 32)).exists()
    assert {path.name for path in checkpoints.parent.iterdir()} == {checkpoints.name}, "a stage may resume from these"
    assert (store.root / "mlruns" / store.experiment / "models" / "file").exists()
    assert [path.stem for path in (store.state / "logs").iterdir()] == [run.artifact.key]
    _make_old(checkpoints, 40)
    command("gc", "--yes", "--older-than", "50")
    assert checkpoints.exists()
    command("gc", "--yes")
    assert not checkpoints.exists() and store.find(run.artifact.key)


def test_gc_drops_abandoned_runs(store: Store, command: Command) -> None:
    with pytest.raises(RuntimeError), store.begin("a", components("low_level", {}), {}):
        raise RuntimeError
    owned = {name: store.client.create_run(store.experiment, tags={"key": name, "stage": "low_level", "host": host})
             for name, host in (("b", socket.gethostname()), ("c", "elsewhere"))}  # fmt: skip
    lines = command("gc", "--yes")[1]
    assert [line.split(": ")[1].split(",")[0] for line in lines[:-1]] == ["its process died", "failed"]
    assert _stored(store) == {owned["c"].info.run_id}


def test_gc_never_prefers_a_damaged_run(store: Store, command: Command) -> None:
    older, newer = publish(store), publish(store, steps=4)
    _flip(newer.artifact.folder / "weights")
    lines = command("gc", "--yes")[1]
    assert "put aside as" in lines[0] and store.find(older.artifact.key)
    (aside,) = (store.state / "quarantine").iterdir()
    _make_old(aside, 40)
    command("gc", "--yes", "--older-than", "50")
    assert aside.exists() and newer.run_id in _stored(store)
    command("gc", "--yes")
    assert not aside.exists() and _stored(store) == _ids(older)


def test_killed_gc_leaves_nothing_that_could_be_served(
    store: Store, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = publish(store), publish(store, steps=4)
    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "remove", _interrupt)
        assert command("gc", "--yes")[0] == 130
    assert older.artifact.folder.is_dir() and store.find(older.artifact.key) is None
    assert "orphaned" in command("gc", "--yes")[1][0]
    assert not older.artifact.folder.exists() and store.find(newer.artifact.key)


def _interrupt(path: Path) -> None:
    raise KeyboardInterrupt


def test_one_gc_at_a_time(store: Store, command: Command) -> None:
    with store.locks.alone():
        code, out, (line,) = command("gc")
    assert (code, out) == (2, []) and line.startswith("store: a gc or an import is under way")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "required: COMMAND"),
        (["tidy"], "invalid choice: 'tidy'"),
        (["show"], "required: RUN"),
        (["show", "zzz"], "no finished run 'zzz'"),
        (["list", "--stage", "low"], "--stage: invalid choice: 'low'"),
        (["gc", "--older-than", "-1"], "--older-than: '-1' is no number of days"),
        (["export", "zzz"], "required: --out"),
        (["export", "zzz", "--out", "x.tar"], "no finished run 'zzz'"),
    ],
)
def test_mistakes_are_one_line(command: Command, argv: list[str], words: str) -> None:
    code, out, (line,) = command(*argv)
    assert (code, out) == (2, []) and words in line
