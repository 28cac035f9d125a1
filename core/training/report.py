"""What is left for people after a run: the curves and a model card."""

import io
import shlex
from pathlib import Path

from core.storage import write_bytes
from core.training.pictures import Pictures
from core.types import Json


def write_curves(path: Path, history: list[Json], title: str) -> None:
    """Draw the loss and the validation score of each pass."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, left = pyplot.subplots(figsize=(7, 4), layout="constrained")
    passes = [row["epoch"] + 1 for row in history]
    left.plot(passes, [row["loss"] for row in history], color="tab:blue", label="training loss")
    left.set(xlabel="pass", ylabel="training loss", title=title)
    right = left.twinx()
    right.plot(passes, [row["score"] for row in history], color="tab:orange", label="validation score")
    right.set_ylabel("validation score")
    figure.legend(loc="outside lower center", ncols=2)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    pyplot.close(figure)
    write_bytes(path, buffer.getvalue())


def write_card(path: Path, facts: Json, pictures: Pictures) -> None:
    """Write a model card: what it is, what it learned from, under which licence, how it was measured."""
    plan, schedule, on, validation = facts["plan"], facts["schedule"], facts["trained_on"], facts["validation"]
    size = facts["input_size"]
    lines = [
        f"# {facts['name']}",
        "",
        f"{facts['title']}. A {facts['kind']} on {facts['backbone']} with {facts['dim']} numbers, "
        f"input {size} x {size} pixels, method `{facts['method']}`.",
        "",
        "## Learned from",
        "",
    ]
    for dataset in pictures.sets:
        meta = dataset.catalog.meta()
        lines.append(f"- {dataset.title}: {meta.get('citation', '')}. Licence: {meta.get('licence') or 'not stated'}.")
    lines += [
        "",
        f"{on['pictures']:,} pictures (parts: {', '.join(on['parts'])}), {len(pictures.classes[0])} classes, "
        f"{plan['views']} augmented views each. Pictures of the test part were not seen.",
        "",
        "## Validation",
        "",
        f"{validation['measure']} {validation['value']:.4f} on fold 1 among the training folds, in pass "
        f"{validation['epoch'] + 1} of {schedule['epochs']} (negative: the loss, for methods without labels).",
        "",
        "## Made by",
        "",
        f"    {command(facts)}",
        "",
    ]
    write_bytes(path, "\n".join(lines).encode())


def command(facts: Json) -> str:
    """Return the command that trains this encoder again."""
    plan, schedule = facts["plan"], facts["schedule"]
    words = ["python", "-m", "core", "train", plan["method"], *plan["galleries"], "--name", plan["name"]]
    words += [f"--{flag}" for flag in ("whole", "frozen", "refit") if plan[flag]]
    for option, value in (
        ("backbone", plan["backbone"]), ("dim", plan["dim"]), ("hidden", plan["hidden"]), ("dropout", plan["dropout"]),
        ("views", plan["views"]),
        ("strength", plan["strength"]), ("keep", plan["keep"]), ("kept-dim", plan["kept_dim"]), ("size", plan["size"]),
        ("batch", plan["batch"]), ("mixing", plan["mixing"]), ("epochs", schedule["epochs"]),
        ("learning-rate", schedule["learning_rate"]), ("backbone-rate", schedule["backbone_rate"]),
        ("seed", schedule["seed"]), ("patience", schedule["patience"]),
    ):  # fmt: skip
        words += [f"--{option}", str(value)]
    for name in plan["fields"]:
        words += ["--label", name]
    for name, value in plan["options"].items():
        words += ["--option", f"{name}={value}"]
    words += ["--group", plan["group"]] if plan["group"] else []
    words += ["--title", plan["title"]] if plan["title"] else []
    return shlex.join(words)
