"""The dimensions that a codec model is built with; written into its weights file."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

BLOCK = 16  # side in pixels of one latent position
N_PHASES = 4  # quincunx order in which latent positions are coded
PHASE_OFFSETS = ((0, 0), (1, 1), (0, 1), (1, 0))  # (row, column) of each phase in a 2x2 cell


@dataclass(frozen=True)
class Shape:
    """Dimensions of a model.

    Attributes:
        n_latents: channels per latent position.
        groups: boundaries of the channel groups, coded one after the other; first 0, last n_latents.
        context_widths: hidden width of each group's context network.
        encoder_widths, decoder_widths: channels at a quarter and at an eighth of the resolution.
        steps: quantiser step (in grey values of an orthonormal transform) of each anchor quality, coarse to fine.
        positions_per_step: how many qualities lie between two anchors.
    """

    n_latents: int = 160
    groups: tuple[int, ...] = (0, 3, 14, 48, 160)
    context_widths: tuple[int, ...] = (48, 64, 96, 128)
    encoder_widths: tuple[int, int] = (48, 96)
    decoder_widths: tuple[int, int] = (64, 128)
    steps: tuple[float, ...] = (480.0, 288.0, 172.0, 103.0, 62.0, 37.0)
    positions_per_step: int = 8

    @property
    def n_anchors(self) -> int:
        return len(self.steps)

    @property
    def n_positions(self) -> int:
        """Number of quality positions, anchors included."""
        return (self.n_anchors - 1) * self.positions_per_step + 1

    def step_at(self, position: int) -> float:
        """Return the quantiser step of a quality position, by geometric interpolation between the anchors."""
        anchor, rest = divmod(position, self.positions_per_step)
        if not rest:
            return self.steps[anchor]
        share = rest / self.positions_per_step
        return math.exp((1 - share) * math.log(self.steps[anchor]) + share * math.log(self.steps[anchor + 1]))

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Shape":
        values: dict[str, Any] = json.loads(text)
        fields: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
        return cls(**fields)
