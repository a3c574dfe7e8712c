"""README says what is there: its commands exist, and the quick ones run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flows.parameters import deployment_names
from stages.plan import STAGES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
COMMANDS = [line.strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
TARGETS = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_two_commands_come_first() -> None:
    assert COMMANDS[:2] == ["make run", "make test"]
    assert "## Results" in README


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make (\w+)", README))))
def test_make_targets_exist(target: str) -> None:
    assert target in TARGETS
    assert subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"(?:transfer|stage|compare-bodies)/[\w-]+", " ".join(COMMANDS))))
)
def test_deployments_exist(name: str) -> None:
    flow, _, deployment = name.partition("/")
    assert deployment in deployment_names()[flow]


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("python ")])
def test_python_commands_take_these_options(command: str) -> None:
    words = command.split()[1:]
    where = words[: next((i for i, word in enumerate(words) if word.startswith("--")), len(words))]
    shown = subprocess.run([sys.executable, *where, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    for option in (word for word in words if word.startswith("--")):
        assert option in shown.stdout


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_described(stage: str) -> None:
    assert f"| [`{stage}`](docs/stages/{stage}.md) |" in README


def test_links_lead_somewhere() -> None:
    links = re.findall(r"(?:\]\(|src=\")(?!https?:|#)([^)#\"]+)", README)
    assert links and all((ROOT / link).is_file() for link in links)


def test_ci_starts_with_the_test_command() -> None:
    lines = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("make")]
    assert lines[0] == "make test"
