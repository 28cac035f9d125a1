"""Every command that README.md and docs/ print is one that the command line understands."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from core.cli.app import build

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "core").rglob("*.md"))]
_SPAN = re.compile(r"(?<!`)`[^`]+`(?!`)")  # code within a sentence may be broken between lines
_COMMAND = re.compile(r"python[\d.]* -m core ([^`|\n]+)")


def commands() -> list[tuple[str, str]]:
    """Return (page, arguments) of every command in the pages; a line that ends in a backslash goes on."""
    found = []
    for page in PAGES:
        text = _SPAN.sub(lambda span: span[0].replace("\n", " "), page.read_text().replace("\\\n", " "))
        name = page.relative_to(ROOT).as_posix()
        texts = (match[1].strip(" \\.,;:") for match in _COMMAND.finditer(text))
        found += [(name, arguments) for arguments in texts if arguments]
    return found


def is_pattern(arguments: str) -> bool:
    """Tell whether it shows what there is to choose from, and is not meant to be typed."""
    return bool(re.search(r"\.\.\.|[\[\]<>]|\w\|\w|^train METHOD", arguments)) or not arguments[:1].isalpha()


@pytest.mark.parametrize(("page", "arguments"), [pair for pair in commands() if not is_pattern(pair[1])])
def test_a_documented_command_is_understood(
    page: str, arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(arguments, comments=True)
    monkeypatch.chdir(tmp_path)  # where every file of vectors that a command reads exists
    for word in words:
        if word.endswith(".npy"):
            (tmp_path / word).touch()
    command = typer.main.get_command(build())
    path = []
    while hasattr(command, "commands"):
        assert words and words[0] in command.commands, f"{page}: there is no {' '.join([*path, *words[:1]])}"
        path.append(words[0])
        command, words = command.commands[words[0]], words[1:]
    if words:  # else a page names the verb
        command.make_context(" ".join(path), words)


def test_the_pages_document_commands() -> None:
    verbs = {arguments.split()[0] for _, arguments in commands()}
    assert {"data", "search", "index", "train", "evaluate", "bench", "compress"} <= verbs
