"""From galleries and a method to an encoder that every other command knows by its name."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from core import encoders, storage
from core.encoders import trained
from core.encoders.network import Network
from core.errors import UnavailableError
from core.features import FeatureStore, extract
from core.settings import Address, Settings, check_name
from core.training import losses
from core.training.head_problem import HeadProblem
from core.training.losses import Method
from core.training.pictures import NothingToLearnError, Pictures, collect
from core.training.report import write_card, write_curves
from core.training.trainer import Outcome, Problem, Schedule, fit, require_device
from core.training.views import Strength, view_vectors
from core.types import Ids, Json, Progress, Vectors, no_progress

Finish = Callable[[Path, Ids], Json]  # writes the weights that were learned from these rows; returns what they are
Build = Callable[[Ids], tuple[Problem, Finish]]  # for training rows


@dataclass(frozen=True)
class Plan:
    """What to train.

    Attributes:
        method: see `core.training.losses`.
        galleries: names of data sets, of one encoder.
        backbone: the encoder to start from.
        whole: train the whole network on pictures; else a head on the backbone's stored vectors.
        fields, group: see `core.training.pictures.collect`.
        dim: of the learned embedding; 0: the method's own.
        hidden: width of a head's hidden layer.
        views: augmented views of each picture, beside the plain one, for a head.
        strength: of their augmentation, "mild" or "strong".
        keep: share of the similarity left to the backbone's own vectors, see `core.encoders.head`.
        kept_dim: numbers for that share.
        size: side in pixels at which a whole network is trained.
        batch: 0: a sixteenth of the pictures, from 32 to 256, for a head; 32 for a network.
        frozen: a whole network's backbone is left as it is.
        refit: when the validation has been looked at, train once more with the validation part included.
        options: of the loss.
    """

    method: str
    galleries: tuple[str, ...]
    name: str
    backbone: str = encoders.registry.DEFAULT
    whole: bool = False
    fields: tuple[str, ...] = ("label",)
    group: str = ""
    dim: int = 0
    hidden: int = 448
    dropout: float = 0.3
    views: int = 0
    strength: Strength = "mild"
    keep: float = 0.0
    kept_dim: int = 192
    size: int = 128
    batch: int = 0
    mixing: float = 0.3
    frozen: bool = False
    refit: bool = False
    title: str = ""
    options: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """What came of it.

    Attributes:
        score: on the validation part, of the pass that counts.
        n_train: pictures that were learned from.
        lonely: labels of a single training picture, which teach little.
    """

    name: str
    folder: Path
    score: float
    n_train: int
    outcome: Outcome
    lonely: list[str]


def train(
    plan: Plan, settings: Settings, schedule: Schedule, *, restart: bool = False, progress: Progress = no_progress
) -> Trained:
    """Train an encoder and register it; a run that was interrupted goes on.

    Raises:
        NothingToLearnError: there are no labels, one class only, one picture of each, or an empty part.
        DivergedError: the loss became NaN.
        OtherRunError: a run of that name has another configuration, see `restart`.
        UnavailableError: the backbone cannot be loaded, or cannot be trained; or there is no such device here.
    """
    check_name(plan.name, what="an encoder's name")
    if plan.name in encoders.names():
        raise ValueError(f"{plan.name} is the name of a built-in encoder; choose another")
    require_device(schedule.device)
    if not 0 <= plan.keep < 1:
        raise ValueError(f"keep must be at least 0 and below 1, got {plan.keep}")
    method = losses.method(plan.method)
    folder = trained.folder_of(plan.name, settings)
    runs = folder / "training"
    if restart:
        for path in runs.glob("*/*"):
            path.unlink()
    unlabelled = method.sampling == "two views"
    pictures = collect(plan.galleries, settings, fields=plan.fields, group=plan.group, unlabelled=unlabelled)
    lonely = [] if unlabelled else _lonely_classes(pictures, plan.galleries)
    parts: tuple[str, ...] = ("train",)
    if plan.whole:
        build = _prepare_network(plan, method, pictures, settings, schedule, progress)
    else:
        pictures, vectors = _with_vectors(pictures, plan.backbone, settings, progress)
        build = _prepare_head(plan, method, pictures, vectors, settings, schedule, progress)
    problem, finish = build(pictures.rows(*parts))
    outcome = fit(problem, runs / "first", schedule, progress)
    if plan.refit:
        parts = ("train", "validation")
        problem, finish = build(pictures.rows(*parts))

        def again(done: int, total: int | None, what: str) -> None:
            progress(done, total, what.replace("training", "training with the validation part", 1))

        fit(problem, runs / "refit", replace(schedule, patience=0, select="last"), again)
    folder.mkdir(parents=True, exist_ok=True)
    rows = pictures.rows(*parts)
    facts = finish(folder, rows)
    facts |= {
        "format": trained.FORMAT, "name": plan.name, "method": plan.method, "backbone": plan.backbone,
        "title": plan.title or f"{plan.method} on {', '.join(plan.galleries)}",
        "weights_sha256": storage.sha256_of(folder / trained.WEIGHTS),
        "trained_on": {
            "galleries": list(plan.galleries), "pictures": len(rows), "parts": list(parts), "fields": list(plan.fields),
        },
        "validation": {"measure": "precision_at_10", "value": outcome.best_score, "epoch": outcome.best_epoch},
        "schedule": asdict(schedule), "plan": asdict(plan),
    }  # fmt: skip
    storage.write_json(folder / trained.FACTS, facts)
    storage.write_bytes(folder / "log.csv", (runs / "first" / "log.csv").read_bytes())
    write_curves(folder / "curves.png", outcome.history, plan.name)
    write_card(folder / "README.md", facts, pictures)
    return Trained(plan.name, folder, outcome.best_score, len(rows), outcome, lonely)


def _lonely_classes(pictures: Pictures, galleries: tuple[str, ...]) -> list[str]:
    """Return the labels of one training picture each, once there are two of several."""
    if len(pictures.classes[0]) < 2:
        raise NothingToLearnError(f"all pictures of {', '.join(galleries)} have one label; there must be two")
    counts = np.bincount(pictures.labels[pictures.rows("train"), 0], minlength=len(pictures.classes[0]))
    if (counts > 1).sum() < 2:
        raise NothingToLearnError(
            f"{len(pictures.records):,} pictures of {', '.join(galleries)} have {len(pictures.classes[0]):,} labels: "
            "there must be two with two training pictures each"
        )
    return [name.split("/", 1)[1] for name, count in zip(pictures.classes[0], counts, strict=True) if count == 1]


def _prepare_head(
    plan: Plan, method: Method, pictures: Pictures, vectors: Vectors, settings: Settings, schedule: Schedule,
    progress: Progress,
) -> Build:  # fmt: skip
    from core.training.kept import fit_kept

    encoder = encoders.load(plan.backbone, settings)
    views = [vectors]
    for number in range(plan.views):
        one = view_vectors(
            pictures, encoder, settings, number=number, strength=plan.strength, seed=schedule.seed, progress=progress
        )
        views.append(one)

    def build(rows: Ids) -> tuple[Problem, Finish]:
        problem = HeadProblem(
            method, views, pictures.labels, pictures.domains, pictures.class_domains, rows, pictures.rows("validation"),
            dim=plan.dim or method.default_dim, hidden=plan.hidden, dropout=plan.dropout,
            batch=plan.batch or min(256, max(32, len(rows) // 16)),
            mixing=plan.mixing, seed=schedule.seed, options=plan.options,
        )  # fmt: skip

        def finish(folder: Path, rows: Ids) -> Json:
            head = problem.head.cpu().export(discrete=method.discrete)
            if plan.keep:
                head = replace(head, keep=plan.keep, kept=fit_kept(views, rows, plan.kept_dim))
            with storage.atomic_path(folder / trained.WEIGHTS) as temporary:
                head.save(temporary)
            return {
                "kind": "head", "dim": head.dim, "keep": plan.keep, "discrete": method.discrete,
                "backbone_dim": encoder.dim, "input_size": encoder.input_size,
            }  # fmt: skip

        return problem, finish

    return build


def _prepare_network(
    plan: Plan, method: Method, pictures: Pictures, settings: Settings, schedule: Schedule, progress: Progress
) -> Build:
    from safetensors.torch import save_file

    from core.encoders.embedding_network import create
    from core.training.decoded import decoded
    from core.training.network_problem import NetworkProblem

    below = encoders.registry.back_end(plan.backbone)
    if not isinstance(below, Network):
        raise UnavailableError(f"{plan.backbone} is not a network that can be trained; train a head on it instead")
    pixels = decoded(pictures, plan.size, settings, progress)
    dim = plan.dim or method.default_dim
    upright = np.array([pictures.sets[int(number)].kind != "satellite" for number in pictures.domains])

    def build(rows: Ids) -> tuple[Problem, Finish]:
        network = create(below, dim=dim, pooling=method.pooling, discrete=method.discrete)
        problem = NetworkProblem(
            method, network, pixels, below.mean, below.deviation, upright, pictures.labels, pictures.domains,
            pictures.class_domains, rows, pictures.rows("validation"), dim=dim, batch=plan.batch or 32,
            device=schedule.device, frozen=plan.frozen, seed=schedule.seed, options=plan.options,
        )  # fmt: skip

        def finish(folder: Path, rows: Ids) -> Json:
            state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
            with storage.atomic_path(folder / trained.WEIGHTS) as temporary:
                save_file(state, str(temporary))
            return {
                "kind": "network", "dim": dim, "discrete": method.discrete, "pooling": method.pooling,
                "input_size": plan.size,
            }  # fmt: skip

        return problem, finish

    return build


def _with_vectors(
    pictures: Pictures, backbone: str, settings: Settings, progress: Progress
) -> tuple[Pictures, Vectors]:
    """Return the pictures that could be encoded and their vectors; a gallery without features gets them first."""
    parts, kept = [], np.zeros(len(pictures.records), dtype=bool)
    ids = np.array([record.image_id for record in pictures.records], dtype=np.int64)
    for number, dataset in enumerate(pictures.sets):
        address = Address(dataset.name, backbone)
        extract(address, settings, progress)
        store = FeatureStore.open(address, settings)
        rows = store.row_of(ids[pictures.domains == number])
        kept[np.flatnonzero(pictures.domains == number)] = rows >= 0
        parts.append(np.asarray(store.vectors[rows[rows >= 0]]))
    return pictures.only(kept), np.concatenate(parts)
