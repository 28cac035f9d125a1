"""A retrieval report as people read it: Markdown, charts, and a sheet of the worst queries."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from core.datasets.base import Dataset
from core.evaluation.retrieval import Report
from core.storage import write_bytes, write_json
from core.types import Ids

_SHEET_ROWS, _SHEET_RESULTS, _CELL = 12, 8, 96
_SHOWN_CLASSES = 60


def markdown(report: Report) -> str:
    """Return the report as Markdown."""
    facts = report.facts
    lines = [
        f"# {facts['dataset']}@{facts['encoder']}, index {facts['index']}",
        "",
        f"{facts['queries']:,} queries, {facts['database']:,} pictures searched, {facts['classes']} classes, input "
        f"{facts['input_size']} x {facts['input_size']} pixels. Protocol: {facts['protocol']}.",
        "",
        "| measure | value | 95 % interval | held-out against held-out |",
        "|---|---|---|---|",
    ]
    for name, (low, high) in facts["interval_95"].items():
        held = facts.get("held_out", {}).get(name)
        lines.append(
            f"| {name} | {facts[name]:.4f} | {low:.4f} to {high:.4f} | {'' if held is None else f'{held:.4f}'} |"
        )
    if "auc" in facts:
        lines += [
            "",
            f"Same or different class, random pairs of queries: AUC {facts['auc']:.4f}, EER {facts['eer']:.4f}.",
        ]
    if "as_earlier_projects" in facts:
        earlier = facts["as_earlier_projects"]
        lines += ["", f"As the earlier projects measured ({earlier['protocol']}):", ""]
        lines += [f"- {name}: {value:.4f}" for name, value in earlier.items() if name != "protocol"]
    lines += ["", "| class | queries | precision@10 | mAP@R | accuracy |", "|---|---|---|---|---|"]
    for name, row in facts["per_class"].items():
        lines.append(
            f"| {name.replace('|', ', ')} | {row['queries']} | {row['precision_at_10']:.4f} | {row['map_at_r']:.4f} | "
            f"{row['accuracy_by_majority_of_10']:.4f} |"
        )
    return "\n".join(lines) + "\n"


def write(report: Report, folder: Path, dataset: Dataset) -> list[Path]:
    """Write report.json, report.md, confusion.png, precision-recall.png and worst.jpg; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "report.json", report.facts)
    write_bytes(folder / "report.md", markdown(report).encode())
    write_bytes(folder / "confusion.png", _confusion(report))
    write_bytes(folder / "precision-recall.png", _precision_recall(report))
    write_bytes(folder / "worst.jpg", _worst(report, dataset))
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def confusion(truth: Ids, predicted: Ids, n_classes: int) -> Ids:
    """Return (n_classes, n_classes) counts, rows the truth; queries without a prediction are left out."""
    table = np.zeros((n_classes, n_classes), dtype=np.int64)
    known = predicted >= 0
    np.add.at(table, (truth[known], predicted[known]), 1)
    return table


def _confusion(report: Report) -> bytes:
    truth = report.labels[report.main.queries]
    table = confusion(truth, report.main.predicted, len(report.classes))
    kept = np.argsort(-table.sum(axis=1), kind="stable")[:_SHOWN_CLASSES]
    kept.sort()
    shares = table[np.ix_(kept, kept)] / np.maximum(table[kept].sum(axis=1, keepdims=True), 1)
    pyplot = _pyplot()
    side = max(5.0, 0.22 * len(kept) + 2.5)
    figure, axes = pyplot.subplots(figsize=(side, side), layout="constrained")
    picture = axes.imshow(shares, vmin=0, vmax=1, cmap="cividis")
    names = [report.classes[number] for number in kept]
    axes.set_xticks(range(len(kept)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(kept)), names, fontsize=7)
    axes.set(xlabel="majority of the ten nearest", ylabel="class")
    figure.colorbar(picture, ax=axes, shrink=0.6, label="share of the class")
    return _png(figure)


def _precision_recall(report: Report) -> bytes:
    ranking = report.main.ranking
    asked = ranking.n_relevant > 0
    found = np.cumsum(ranking.hits[asked], axis=1)
    precision = (found / np.arange(1, found.shape[1] + 1)).mean(axis=0)
    recall = (found / ranking.n_relevant[asked][:, None]).mean(axis=0)
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(6, 4.5), layout="constrained")
    axes.plot(recall, precision)
    facts = report.facts
    axes.set(
        xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title=f"{facts['dataset']}@{facts['encoder']}"
    )
    axes.grid(alpha=0.3)
    return _png(figure)


def _worst(report: Report, dataset: Dataset) -> bytes:
    """Return a sheet: each row a query with low precision@10, and its first results; wrong ones are framed in red."""
    order = np.argsort(report.main.values["precision_at_10"], kind="stable")[:_SHEET_ROWS]
    sheet = Pillow.new("RGB", ((_SHEET_RESULTS + 1) * _CELL + 12, len(order) * _CELL), "white")
    for y, number in enumerate(order):
        rows = [int(report.main.queries[number]), *report.main.ranking.rows[number][:_SHEET_RESULTS].tolist()]
        hits = [True, *report.main.ranking.hits[number][:_SHEET_RESULTS].tolist()]
        for x, (row, hit) in enumerate(zip(rows, hits, strict=True)):
            path = dataset.thumbnail_path(report.records[row]) if row >= 0 else None
            if path is None or not path.is_file():
                continue
            frame = Pillow.new("RGB", (_CELL - 4, _CELL - 4), "white" if hit else "red")
            with Pillow.open(path) as opened:
                picture = opened.convert("RGB")
            picture.thumbnail((_CELL - 10, _CELL - 10))
            frame.paste(picture, ((frame.width - picture.width) // 2, (frame.height - picture.height) // 2))
            sheet.paste(frame, (x * _CELL + (12 if x else 0) + 2, y * _CELL + 2))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    _pyplot().close(figure)
    return buffer.getvalue()
