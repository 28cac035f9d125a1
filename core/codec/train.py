"""Training of the codec: seeded, resumable, within a budget of minutes.

The loss is bits + lambda * squared error, with the bits that the coder's own decisions cost (see `network.choose`) and
lambda tied to each quality's quantiser step.
"""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.codec.crops import CropSource, draw_batch
from core.codec.klt import karhunen_loeve
from core.codec.shape import Shape
from core.types import Image, Progress, no_progress

_WARM_STEPS = 100
_DECAY_FROM, _LAST_RATE = 0.5, 0.02  # share of the budget after which the learning rate falls, and what remains of it
_KLT_PICTURES = 400
_WATCHED, _TOO_MUCH, _ANY_GOOD_LOSS = 12, 2.0, 1.0  # losses looked at, and how far they may rise before going back
_SPIKE = 5.0  # a gradient so many times as long as usual is left out


@dataclass(frozen=True)
class TrainingPlan:
    """How to train.

    Attributes:
        minutes: wall-clock budget, pauses between resumed runs not counted.
        batch_pixels: pixels of a batch; 8 crops of 128x128.
        rate: of Adam, for the networks; the linear transforms and the gains learn at an eighth of it.
        threads: torch's threads.
        save_every_s: seconds between checkpoints.
    """

    minutes: float = 40.0
    batch_pixels: int = 8 * 128 * 128
    rate: float = 5e-4
    seed: int = 0
    threads: int = 1
    save_every_s: float = 90.0
    device: str = "cpu"


def train(
    sources: Sequence[CropSource],
    checks: Sequence[Image],
    folder: Path,
    *,
    plan: TrainingPlan | None = None,
    shape: Shape | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Train into `folder`, continuing from its checkpoint if there is one, and return the checkpoint's path.

    Args:
        sources: what crops are drawn from.
        checks: pictures of one size, a multiple of 32 px, to report rate and PSNR on; not trained on.
        folder: holds checkpoint.pt and log.jsonl (one JSON object a line: step, minutes, loss, rows).
    """
    import torch

    plan = plan or TrainingPlan()
    torch.set_num_threads(plan.threads)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    network, optimizer, state = _start(checkpoint, sources, plan, shape or Shape())
    rng = np.random.default_rng([plan.seed, state["step"]])
    torch.manual_seed(plan.seed + state["step"])
    network.train()
    begun, saved, spent = time.monotonic(), time.monotonic(), float(state["minutes"])
    losses: list[float] = []
    while (minutes := spent + (time.monotonic() - begun) / 60) < plan.minutes:
        for options in optimizer.param_groups:
            options["lr"] = options["base"] * _rate_at(minutes / plan.minutes, state["step"])
        losses.append(_step(network, optimizer, draw_batch(sources, plan.batch_pixels, rng), state, plan.device))
        state["step"] += 1
        if _has_diverged(losses):
            spent, begun = minutes, time.monotonic()
            step, losses = state["step"], []
            network, optimizer, state = _start(checkpoint, sources, plan, shape or Shape())
            state["step"] = step  # so that other crops come than those that led here
            network.train()
            continue
        progress(int(minutes * 60), int(plan.minutes * 60), f"step {state['step']}")
        if time.monotonic() - saved > plan.save_every_s:
            saved = time.monotonic()
            state["minutes"] = minutes
            _save(checkpoint, network, optimizer, state)
            _log(folder, network, state, losses, checks, plan.device)
            losses.clear()
    state["minutes"] = minutes
    _save(checkpoint, network, optimizer, state)
    _log(folder, network, state, losses, checks, plan.device)
    return checkpoint


def load_checkpoint(path: Path) -> Any:
    """Return the trained network of a checkpoint, in evaluation mode."""
    import torch

    from core.codec.network import CodecNetwork

    stored = torch.load(path, map_location="cpu", weights_only=True)
    network = CodecNetwork(Shape.from_json(stored["shape"]))
    network.load_state_dict(stored["network"])
    return network.eval()


def _start(checkpoint: Path, sources: Sequence[CropSource], plan: TrainingPlan, shape: Shape) -> tuple[Any, Any, Any]:
    import torch

    from core.codec.network import CodecNetwork

    stored = torch.load(checkpoint, map_location="cpu", weights_only=True) if checkpoint.exists() else None
    if stored:
        network = CodecNetwork(Shape.from_json(stored["shape"]))
        network.load_state_dict(stored["network"])
    else:
        torch.manual_seed(plan.seed)
        largest = max(sources, key=lambda source: source.weight)
        pictures = largest.pictures
        chosen = [pictures[i] for i in range(0, len(pictures), max(1, len(pictures) // _KLT_PICTURES))]
        kernels, deviations = karhunen_loeve(chosen, shape.n_latents)
        network = CodecNetwork(shape, torch.tensor(kernels), torch.tensor(deviations))
    network = network.to(plan.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    linear = [network.analysis.weight, network.synthesis.weight, network.log_gain, network.log_step]
    others = [parameter for parameter in network.parameters() if all(parameter is not one for one in linear)]
    optimizer = torch.optim.Adam(
        [{"params": others, "base": plan.rate}, {"params": linear, "base": plan.rate / 8}], lr=plan.rate
    )
    if stored:
        optimizer.load_state_dict(stored["optimizer"])
    state = {"step": 0, "minutes": 0.0, "norm": 0.0}
    return network, optimizer, stored["state"] if stored else state


def _step(network: Any, optimizer: Any, batch: Any, state: dict[str, Any], device: str) -> float:
    import torch

    pixels = torch.from_numpy(batch).to(device).permute(0, 3, 1, 2).float()
    shape: Shape = network.shape
    quality = torch.rand(len(batch), device=device) * (shape.n_anchors - 1)
    log_steps = network.mix(quality) @ torch.log(torch.tensor(shape.steps, device=device))
    trade = 6 / (math.log(2) * torch.exp(2 * log_steps))  # lambda: bits per squared grey value
    coded = network(pixels, quality)
    squared = ((coded.restored - pixels) ** 2).sum((1, 2, 3))
    # Coarse qualities have few bits; without a weight they would hardly count. The root balances them (as measured).
    loss = ((coded.bits + trade * squared) / trade.sqrt()).mean() / pixels[0].numel() / 20
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    limit = 2 * state["norm"] if state["step"] > _WARM_STEPS else math.inf
    norm = float(torch.nn.utils.clip_grad_norm_(network.parameters(), limit))
    if math.isfinite(norm) and (state["step"] <= _WARM_STEPS or norm < _SPIKE * state["norm"]):
        optimizer.step()
        state["norm"] += (min(norm, limit) - state["norm"]) * (0.02 if state["step"] > _WARM_STEPS else 0.2)
    return float(loss.detach())


def _rate_at(share: float, step: int) -> float:
    warm = min(1.0, (step + 1) / _WARM_STEPS)
    fall = max(0.0, (share - _DECAY_FROM) / (1 - _DECAY_FROM))
    return warm * (_LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * min(1.0, fall))))


def _has_diverged(losses: list[float]) -> bool:
    """Tell whether the last losses are far above those before them: the weights are then beyond repair."""
    recent = float(np.median(losses[-_WATCHED:]))
    before = float(np.median(losses[:_WATCHED])) if len(losses) > 2 * _WATCHED else math.inf
    return len(losses) > _WATCHED and not recent < min(_TOO_MUCH * before, _ANY_GOOD_LOSS)


def _save(checkpoint: Path, network: Any, optimizer: Any, state: dict[str, Any]) -> None:
    import torch

    temporary = checkpoint.with_suffix(".tmp")
    stored = {
        "shape": network.shape.to_json(),
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "state": state,
    }
    torch.save(stored, temporary)
    temporary.replace(checkpoint)


def _log(
    folder: Path, network: Any, state: dict[str, Any], losses: list[float], checks: Sequence[Image], device: str
) -> None:
    import torch

    pixels = torch.from_numpy(np.stack(checks)).to(device).permute(0, 3, 1, 2).float()
    rows = []
    network.eval()
    with torch.no_grad():
        for anchor in range(network.shape.n_anchors):
            coded = network(pixels, torch.full((len(pixels),), float(anchor), device=device))
            error = ((coded.restored.clamp(0, 255).round() - pixels) ** 2).mean((1, 2, 3))
            psnr = 10 * torch.log10(65025 / error.clamp(min=1e-3))
            rows.append([round(float(coded.bits.mean()) / 8, 1), round(float(psnr.mean()), 3)])
    network.train()
    entry = {
        "step": state["step"],
        "minutes": round(state["minutes"], 2),
        "loss": round(float(np.mean(losses)), 5) if losses else None,
        "rows": rows,
    }
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(entry) + "\n")
