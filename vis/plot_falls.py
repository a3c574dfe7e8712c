"""Who fell: the share of episodes in which the body left its healthy region, by control, in the tasks' colours.

Run ``python vis/plot_falls.py --help`` for the command.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from envs.palette import BASE_TASK_COLOURS, CONTROL_TITLES
from vis.style import by_base_task, panel, plain_axis
from vis.tables import rows, words

#: What the axis shows at least, in percent: one fall in a hundred should not fill it.
_LEAST = 10.0


def figure(table: pd.DataFrame, title: str = "Falls", height: int = 320) -> go.Figure:
    """Falls in an evaluation's ``episodes.parquet``, random tasks among them where the control runs those."""
    present = set(words(table, "control"))
    controls = [control for control in CONTROL_TITLES if control in present]
    episodes = {control: len(rows(table, "control", [control])) for control in controls}
    traces: list[go.Scatter | go.Bar] = []
    total = dict.fromkeys(controls, 0.0)
    for task, part in by_base_task(table).items():
        fell = {control: int(np.sum(rows(part, "control", [control])["fell"])) for control in controls}
        share = {control: 100.0 * fell[control] / episodes[control] for control in controls}
        total = {control: total[control] + share[control] for control in controls}
        traces.append(
            go.Bar(
                x=[CONTROL_TITLES[control] for control in controls],
                y=[round(share[control], 3) for control in controls],
                name=task,
                marker={"color": BASE_TASK_COLOURS[task]},
                customdata=[[fell[control], episodes[control]] for control in controls],
                hovertemplate="%{customdata[0]} falls in %{customdata[1]} episodes, on this task"
                "<extra>%{fullData.name}</extra>",
            )
        )
    y = plain_axis("episodes that ended in a fall (%)", range=[0, max(_LEAST, 1.1 * max(total.values(), default=0.0))])
    none = "" if any(total.values()) else f": none in {sum(episodes.values())} episodes"
    return panel(traces, title + none, plain_axis("control (by name)", showgrid=False), y, height, bargap=0.4)


if __name__ == "__main__":
    from vis.command import main

    main("evaluation", "falls", lambda artifact, _: figure(artifact.table("episodes.parquet")))
