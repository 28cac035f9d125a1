"""The codec's network: a lapped KLT with convolutional branches, quantiser gains, and context networks.

Multi-rate by gain vectors: Z. Cui et al., "Asymmetric Gained Deep Image Compression with Continuous Rate Adaptation",
CVPR 2021. Contexts by channel groups and a quincunx order of positions: D. Minnen and S. Singh, "Channel-wise
Autoregressive Entropy Models", ICIP 2020; D. He et al., "ELIC", CVPR 2022. This module needs torch; nothing imports
it except to train, or to run the two transforms. The context networks are evaluated here only while training:
a stream is coded with their integer form (`core.codec.context`).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from core.codec.klt import MIDDLE, boundary_filter
from core.codec.shape import BLOCK, PHASE_OFFSETS, Shape

LEAK = 0.125  # of every leaky ReLU; a power of two, so that the context networks have an exact integer form
SCALE_LOW, SCALE_HIGH = 0.04, 200.0  # of the symbols' distributions, in quantiser steps
DISTORTION_WEIGHT = 8.656  # 6 / ln 2: bits per squared quantiser step at the best trade-off of fine quantisation
FEATURE_FLOOR = 20.0  # smaller deviations are not amplified for the decoder's branch


class Coded(NamedTuple):
    """What one pass gives: restored (B, 3, H, W) pixels and the (B,) bits of the streams."""

    restored: Tensor
    bits: Tensor


class Residual(nn.Module):
    """Two convolutions added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.second.weight.data *= 0.2

    def forward(self, x: Tensor) -> Tensor:
        inner = F.leaky_relu(self.first(F.leaky_relu(x, LEAK)), LEAK)
        added: Tensor = x + self.second(inner)
        return added


class Modulate(nn.Module):
    """Scale and shift channels by the quality, interpolated between anchors."""

    def __init__(self, n_anchors: int, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(n_anchors, width))
        self.shift = nn.Parameter(torch.zeros(n_anchors, width))

    def forward(self, x: Tensor, mix: Tensor) -> Tensor:
        return x * (1 + mix @ self.scale)[:, :, None, None] + (mix @ self.shift)[:, :, None, None]


class EncoderBranch(nn.Module):
    """Corrects the linear analysis."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        quarter, eighth = shape.encoder_widths
        self.enter = nn.Conv2d(48, quarter, 3, padding=1)
        self.modulate = Modulate(shape.n_anchors, quarter)
        self.quarter = Residual(quarter)
        self.down = nn.Conv2d(quarter, eighth, 4, 2, 1)
        self.eighth = Residual(eighth)
        self.leave = nn.Conv2d(eighth, shape.n_latents, 4, 2, 1)
        _quieten(self.leave, 0.01)

    def forward(self, pixels: Tensor, mix: Tensor) -> Tensor:
        x = self.quarter(self.modulate(self.enter(F.pixel_unshuffle(pixels / 64, 4)), mix))
        result: Tensor = self.leave(F.leaky_relu(self.eighth(self.down(x)), LEAK))
        return result


class DecoderBranch(nn.Module):
    """Corrects the linear synthesis from the latents and from its result."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        quarter, eighth = shape.decoder_widths
        self.enter = nn.Conv2d(shape.n_latents, eighth, 3, padding=1)
        self.modulate = Modulate(shape.n_anchors, eighth)
        self.sixteenth = Residual(eighth)
        self.up = nn.Conv2d(eighth, eighth * 4, 1)
        self.eighth = Residual(eighth)
        self.up_again = nn.Conv2d(eighth, quarter * 4, 1)
        self.join = nn.Conv2d(quarter + 48, quarter, 3, padding=1)
        self.modulate_again = Modulate(shape.n_anchors, quarter)
        self.quarter = nn.Sequential(Residual(quarter), Residual(quarter))
        self.leave = nn.Conv2d(quarter, 48, 3, padding=1)
        _quieten(self.leave, 0.01)

    def forward(self, features: Tensor, linear: Tensor, mix: Tensor) -> Tensor:
        x = self.sixteenth(self.modulate(self.enter(features), mix))
        x = self.eighth(F.pixel_shuffle(self.up(x), 2))
        x = torch.cat([F.pixel_shuffle(self.up_again(x), 2), F.pixel_unshuffle(linear / 64, 4)], 1)
        x = self.quarter(self.modulate_again(self.join(x), mix))
        return 16 * F.pixel_shuffle(self.leave(F.leaky_relu(x, LEAK)), 4)


class ContextNetwork(nn.Module):
    """Predicts mean and scale of one channel group at one phase from everything coded before."""

    def __init__(self, shape: Shape, group: int) -> None:
        super().__init__()
        start, stop = shape.groups[group], shape.groups[group + 1]
        width = shape.context_widths[group]
        self.enter = nn.Conv2d(stop + 1, width, 3)  # one more channel is 1 inside the picture
        self.by_phase = nn.Parameter(torch.zeros(len(PHASE_OFFSETS), width))
        self.by_quality = nn.Parameter(torch.zeros(shape.n_anchors, width))
        self.middle = nn.Conv2d(width, width, 1)
        self.leave = nn.Conv2d(width, 2 * (stop - start), 1)
        _quieten(self.leave, 0.1)

    def forward(self, known: Tensor, phase: int, mix: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and log scales at the positions of `phase`, both in units of the channels' deviations.

        Args:
            known: (B, channels up to this group, h, w) normalised latents, zero where not yet coded; h, w even.
        """
        height, width = known.shape[2:]
        row, column = PHASE_OFFSETS[phase]
        padded = F.pad(F.pad(known, (0, 0, 0, 0, 0, 1), value=1.0), (1, 1, 1, 1))
        window = padded[:, :, row : row + height + 1, column : column + width + 1]
        x = F.conv2d(window, self.enter.weight, self.enter.bias, stride=2)
        x = F.leaky_relu(x + (self.by_phase[phase] + mix @ self.by_quality)[:, :, None, None], LEAK)
        mean, log_scale = self.leave(F.leaky_relu(self.middle(x), LEAK)).chunk(2, 1)
        return 2 * mean, 2 * log_scale - 0.6931


class CodecNetwork(nn.Module):
    """Everything that is trained."""

    deviations: Tensor
    boundary: Tensor

    def __init__(self, shape: Shape, kernels: Tensor | None = None, deviations: Tensor | None = None) -> None:
        super().__init__()
        self.shape = shape
        self.analysis = nn.Conv2d(3, shape.n_latents, BLOCK, BLOCK, bias=False)
        self.synthesis = nn.ConvTranspose2d(shape.n_latents, 3, BLOCK, BLOCK, bias=False)
        self.encoder = EncoderBranch(shape)
        self.decoder = DecoderBranch(shape)
        self.contexts = nn.ModuleList(ContextNetwork(shape, group) for group in range(len(shape.groups) - 1))
        steps = torch.log(torch.tensor(shape.steps))[:, None].repeat(1, shape.n_latents)
        self.log_gain = nn.Parameter(-steps)
        self.log_step = nn.Parameter(steps.clone())
        self.register_buffer("deviations", torch.ones(shape.n_latents))
        self.register_buffer("boundary", torch.tensor(boundary_filter(), dtype=torch.float32), persistent=False)
        if kernels is not None and deviations is not None:
            self.analysis.weight.data.copy_(kernels)
            self.synthesis.weight.data.copy_(kernels)
            self.deviations.copy_(deviations)

    def mix(self, quality: Tensor) -> Tensor:
        """Return (B, n_anchors) interpolation weights for (B,) qualities in 0..n_anchors-1."""
        anchors = torch.arange(self.shape.n_anchors, device=quality.device)
        return (1 - (quality[:, None] - anchors).abs()).clamp(min=0)

    def analyse(self, pixels: Tensor, mix: Tensor) -> Tensor:
        """Return the (B, n_latents, h, w) latents of (B, 3, H, W) pixels in 0..255, in quantiser steps."""
        centred = pixels - MIDDLE
        linear = self.analysis(self._lap(self._lap(centred, self.boundary, 2), self.boundary, 3))
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=self.training):
            branch = self.encoder(centred, mix)
        latents: Tensor = linear + branch.float() * self.deviations[:, None, None]
        return latents * torch.exp(mix @ self.log_gain)[:, :, None, None]

    def synthesise(self, symbols: Tensor, mix: Tensor) -> Tensor:
        """Return (B, 3, H, W) pixels (not clipped) from latents in quantiser steps."""
        latents = symbols * torch.exp(mix @ self.log_step)[:, :, None, None]
        linear = self.synthesis(latents)
        linear = self._lap(self._lap(linear, self.boundary.T, 3), self.boundary.T, 2)
        with torch.autocast(symbols.device.type, torch.bfloat16, enabled=self.training):
            floor = self.deviations.clamp(min=FEATURE_FLOOR)[:, None, None]
            branch = self.decoder(latents / floor, linear, mix)
        restored: Tensor = linear + branch.float() + MIDDLE
        return restored

    def forward(self, pixels: Tensor, quality: Tensor) -> Coded:
        """Quantise and restore as the coder does; the bits' gradients reach contexts and transforms apart."""
        mix = self.mix(quality)
        values = self.analyse(pixels, mix)
        ratio = torch.exp(mix @ self.log_step)[:, :, None, None] / self.deviations[:, None, None]
        symbols: list[Tensor] = []
        bits = values.new_zeros(len(values))
        for group, network in enumerate(self.contexts):
            channels = slice(self.shape.groups[group], self.shape.groups[group + 1])
            lattices = [torch.zeros_like(values[:, channels, 0::2, 0::2]) for _ in PHASE_OFFSETS]
            before = [part * ratio[:, : channels.start] for part in symbols]
            for phase, (row, column) in enumerate(PHASE_OFFSETS):
                current = _interleave(lattices) * ratio[:, channels]
                known = torch.cat([*before, current], 1)
                mean, log_scale = network(known, phase, mix)
                mean = mean / ratio[:, channels]
                scale = torch.exp(log_scale - torch.log(ratio[:, channels])).clamp(SCALE_LOW, SCALE_HIGH)
                value = values[:, channels, row::2, column::2]
                chosen = choose(value.detach(), mean.detach(), scale.detach())
                noisy = value + torch.rand_like(value) - 0.5
                soft = bits_of(noisy, mean.detach(), scale.detach())
                bits = bits + (bits_of(chosen, mean, scale) + soft - soft.detach()).sum((1, 2, 3))
                lattices[phase] = value + (chosen - value).detach()
            symbols = [torch.cat([*symbols, _interleave(lattices)], 1)]
        return Coded(self.synthesise(symbols[0], mix), bits)

    @staticmethod
    def _lap(x: Tensor, matrix: Tensor, axis: int) -> Tensor:
        size = x.shape[axis]
        if size <= BLOCK:
            return x
        half = BLOCK // 2
        inner = x.narrow(axis, half, size - BLOCK)
        cells = inner.reshape(*x.shape[:axis], -1, BLOCK, *x.shape[axis + 1 :]).movedim(axis + 1, -1) @ matrix.T
        inner = cells.movedim(-1, axis + 1).flatten(axis, axis + 1)
        return torch.cat([x.narrow(axis, 0, half), inner, x.narrow(axis, size - half, half)], axis)


def bits_of(values: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Return the information of `values` under a logistic distribution integrated over one quantiser step."""
    distance = (values - mean).abs()
    mass = torch.sigmoid((0.5 - distance) / scale) - torch.sigmoid((-0.5 - distance) / scale)
    return -torch.log2(mass.clamp(min=1e-7))


def choose(values: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Return for each value the nearest integer or the next one towards the mean, whichever costs less."""
    nearest = torch.round(values)
    nearer = nearest - torch.sign(nearest - torch.round(mean))
    cost = DISTORTION_WEIGHT * (values - nearest) ** 2 + bits_of(nearest, mean, scale)
    other = DISTORTION_WEIGHT * (values - nearer) ** 2 + bits_of(nearer, mean, scale)
    return torch.where(other < cost, nearer, nearest)


def _quieten(layer: nn.Conv2d, factor: float) -> None:
    """Let a branch begin near zero, so that training begins from the linear transform."""
    layer.weight.data *= factor
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _interleave(lattices: list[Tensor]) -> Tensor:
    """Put the lattices of the four phases, (B, C, h/2, w/2) each, into one (B, C, h, w)."""
    ordered = [lattices[PHASE_OFFSETS.index((row, column))] for row in (0, 1) for column in (0, 1)]
    return F.pixel_shuffle(torch.stack(ordered, 2).flatten(1, 2), 2)
