"""A generation counts once it is whole, and the one before stays until then."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from core import storage
from core.errors import DamagedFileError, RetrievalError, StorageError
from core.storage import Generations


class Crash(Exception):
    """Stands for anything that stops a writer."""


def refusing(code: int) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return refuse


def make(folder: Path, text: str = "content") -> storage.Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.txt").write_text(text)
    (folder / "inner").mkdir(exist_ok=True)
    np.save(folder / "inner" / "array.npy", np.arange(5))
    return storage.seal(folder, "test/kind", 2, built_from={"state": "x"}, params={"n": 5})


def test_a_generation_counts_once_it_is_whole(tmp_path: Path) -> None:
    generations = Generations(tmp_path / "features")
    assert generations.current() is None
    for number in (1, 2, 3):
        with generations.new() as folder:
            assert (generations.current() is None) == (number == 1)
            make(folder, f"content {number}")
        current = generations.current()
        assert current is not None
        assert current.name == str(number)
        assert (current / "data.txt").read_text() == f"content {number}"
        assert storage.verify(current) == []
    kept = {path.name for path in (tmp_path / "features" / "generations").iterdir()}
    assert kept == {"2", "3"}  # the one before stays for readers that are just opening it


@pytest.mark.parametrize("stop", [Crash, KeyboardInterrupt])
def test_a_generation_that_fails_leaves_the_one_before(tmp_path: Path, stop: type[BaseException]) -> None:
    generations = Generations(tmp_path / "features")
    with generations.new() as folder:
        make(folder)

    def fail() -> None:
        with generations.new() as folder:
            (folder / "half").write_text("half")
            raise stop

    with pytest.raises(stop):
        fail()
    current = generations.current()
    assert current is not None
    assert current.name == "1"
    assert [path.name for path in (tmp_path / "features" / "generations").iterdir()] == ["1"]


def test_a_full_disk_while_a_generation_is_made_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generations = Generations(tmp_path / "features")
    with generations.new() as folder:
        make(folder)

    def fail() -> None:
        with generations.new() as folder:
            (folder / "data").write_text("data")
            monkeypatch.setattr(os, "fsync", refusing(errno.ENOSPC))
            storage.seal(folder, "test/kind", 2, built_from={}, params={})

    with pytest.raises(StorageError, match="full"):
        fail()
    monkeypatch.undo()
    current = generations.current()
    assert current is not None
    assert storage.verify(current) == []


@pytest.mark.parametrize("content", ["7", "x", "", "../../..", "1\n2"])
def test_a_current_that_names_nothing_is_damaged(tmp_path: Path, content: str) -> None:
    generations = Generations(tmp_path / "features")
    with generations.new() as folder:
        make(folder)
    (tmp_path / "features" / storage.CURRENT).write_text(content)
    with pytest.raises(DamagedFileError, match="CURRENT"):
        generations.current()


def test_readers_see_whole_generations_while_writers_publish(tmp_path: Path) -> None:
    """A process that publishes without pause, and a reader that opens what is current."""
    code = (
        "import sys; from pathlib import Path; from core import storage\n"
        "for number in range(25):\n"
        "    with storage.Generations(Path(sys.argv[1])).new() as folder:\n"
        "        (folder / 'a').write_text(str(number)); (folder / 'b').write_text(str(number))\n"
        "        storage.seal(folder, 'test/kind', 1, built_from={}, params={'n': number})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[1])
    generations, seen = Generations(tmp_path), set()
    while process.poll() is None:
        current = generations.current()
        if current is None:
            continue
        try:
            number = str(storage.read_manifest(current, "test/kind", 1).params["n"])
            content = (current / "a").read_text(), (current / "b").read_text()
        except (RetrievalError, FileNotFoundError):
            assert generations.current() != current  # two were published since, and it was removed
            continue
        assert content == (number, number)
        seen.add(number)
    assert process.returncode == 0
    assert len(seen) > 1
