"""The notebook runs from top to bottom on what the repository carries, and is stored without what comes out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
PATH = ROOT / "docs" / "carryover.ipynb"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What its cells put out, in order, run where Jupyter runs it, with an empty store."""
    notebook = nbformat.read(PATH, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("root")
        patch.setenv("CARRYOVER_ROOT", str(root))
        NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(PATH.parent)}}).execute()
        assert not [*root.iterdir()]
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_it_tells_the_story(outputs: list[Any]) -> None:
    said = "".join(output.text for output in outputs if output.output_type == "stream")
    first, last = (float(number) for number in re.findall(r"error at first ([\d.]+), .* ([\d.]+)\n", said)[0])
    assert last < 0.3 < first
    late = re.findall(r"wanted from \d+ s on, believed ([\d.]+) s later", said)
    assert len(late) == 3 and all(float(seconds) < 3.0 for seconds in late)
    assert "did not fall" in said
    [share] = re.findall(r"(\d+)% of 64 walkers believe in the right base task", said)
    assert int(share) >= 90


def test_it_draws_two_figures(outputs: list[Any]) -> None:
    kinds = [set(output.data) for output in outputs if output.output_type in ("display_data", "execute_result")]
    assert sum("application/vnd.plotly.v1+json" in kind for kind in kinds) == 2


def test_nothing_that_came_out_is_stored() -> None:
    notebook = nbformat.read(PATH, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and all(not cell.outputs and cell.execution_count is None for cell in code)
    assert PATH.stat().st_size < 30_000
