"""Progress: a line now and then where stderr is a file, a bar on a terminal."""

import sys

import pytest

from core.cli import console


def test_lines_say_what_is_done_how_fast_and_how_long_it_will_take(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(console.time, "monotonic", lambda: now)
    with console.progress() as report:
        for done in range(0, 101):
            report(done, 100, "encoding mine")
            now += 0.5
        report(3, None, "scanning")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "encoding mine: 0 of 100"
    assert lines[1] == "encoding mine: 10 of 100, 2/s, 45 s left"
    assert lines[-2] == "encoding mine: 100 of 100, 2/s"
    assert lines[-1] == "scanning: 3"
    assert len(lines) == 12  # one in five seconds


def test_a_terminal_gets_a_bar_for_each_kind_of_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with console.progress() as report:
        report(0, 2, "indexing mine: flat")
        report(1, 2, "indexing mine: lsh")
        report(2, 2, "indexing mine")
        report(5, None, "scanning")
    shown = capsys.readouterr().err
    assert "indexing mine" in shown
    assert "2/2" in shown
    assert "scanning" in shown


def test_skipped_inputs_are_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_skipped([("a.jpg", "is empty"), ("b.jpg", "b.jpg is truncated")])
    assert capsys.readouterr().err.splitlines() == ["skipped: a.jpg: is empty", "skipped: b.jpg is truncated"]
