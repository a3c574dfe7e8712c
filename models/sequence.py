"""How an encoder looks along its context: four networks behind one interface.

Each gives a state per transition that depends on this one and those before it, at once or one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.transitions import CONTEXT


class Sequence(nn.Module):
    """States of embedded transitions; what is carried from step to step is the network's own business.

    Args:
        width: features of a transition, and of a state.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, embedded: Tensor) -> Tensor:
        """States (n, time, width) of embedded transitions (n, time, width)."""
        raise NotImplementedError

    def begin(self, n: int) -> Tensor:
        """What is carried before anything was seen."""
        return torch.zeros(n, 0, self.width)

    def carried(self, embedded: Tensor, states: Tensor) -> Tensor:
        """What is carried after all of embedded transitions, whose states are known."""
        return embedded

    def follow(self, carried: Tensor, one: Tensor) -> tuple[Tensor, Tensor]:
        """State (n, 1, width) after one more (n, 1, width), and what is carried from there; up to 32 in all."""
        seen = torch.cat([carried, one], dim=1)
        return self(seen)[:, -1:], seen


class Recurrent(Sequence):
    """``gru``: one layer."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.gru = nn.GRU(width, width, batch_first=True)

    def forward(self, embedded: Tensor) -> Tensor:
        return self.gru(embedded)[0]

    def begin(self, n: int) -> Tensor:
        return torch.zeros(1, n, self.width)

    def carried(self, embedded: Tensor, states: Tensor) -> Tensor:
        return states[None, :, -1]

    def follow(self, carried: Tensor, one: Tensor) -> tuple[Tensor, Tensor]:
        return self.gru(one, carried)


class Window(Sequence):
    """``mlp``: two layers over the last 32 transitions side by side, with a flag for each that is there."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.first = nn.Conv1d(width + 1, width, CONTEXT)
        self.second = nn.Linear(width, width)

    def forward(self, embedded: Tensor) -> Tensor:
        flagged = torch.cat([embedded, torch.ones_like(embedded[..., :1])], dim=-1).transpose(1, 2)
        hidden = nn.functional.elu(self.first(nn.functional.pad(flagged, (CONTEXT - 1, 0))))
        return nn.functional.elu(self.second(hidden.transpose(1, 2)))


class Dilated(Sequence):
    """``conv``: five causal convolutions that look 1, 2, 4, 8 and 16 transitions back, each added to what it saw."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.layers = nn.ModuleList(nn.Conv1d(width + 1, width, 2, dilation=2**i) for i in range(5))

    def forward(self, embedded: Tensor) -> Tensor:
        hidden, there = embedded.transpose(1, 2), torch.ones_like(embedded[..., :1]).transpose(1, 2)
        for i, layer in enumerate(self.layers):
            seen = nn.functional.pad(torch.cat([hidden, there], dim=1), (2**i, 0))
            hidden = hidden + nn.functional.elu(layer(seen))
        return hidden.transpose(1, 2)


class Attention(Sequence):
    """``transformer``: two causal layers with as many heads as divide the width, and learnt places."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        layer = nn.TransformerEncoderLayer(
            width, 4 if width % 4 == 0 else 1, 2 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.net = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.places = nn.Parameter(0.02 * torch.randn(CONTEXT, width))

    def forward(self, embedded: Tensor) -> Tensor:
        time = embedded.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(time)
        return self.net(embedded + self.places[:time], mask=mask, is_causal=True)


#: By the name of the encoder; ``product`` has no order and is an encoder of its own kind.
SEQUENCES: Mapping[str, type[Sequence]] = {"gru": Recurrent, "mlp": Window, "conv": Dilated, "transformer": Attention}
