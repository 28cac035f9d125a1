"""Settings say where things are, and names are safe in an address, a path and a URL."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.settings import Address, Settings, check_name


def test_the_root_comes_from_the_argument_then_the_environment_then_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PENTIMENTO_HOME", raising=False)
    assert Settings.from_environment().root == Path(__file__).resolve().parents[1]
    monkeypatch.setenv("PENTIMENTO_HOME", str(tmp_path / "home"))
    assert Settings.from_environment().root == tmp_path / "home"
    assert Settings.from_environment(tmp_path / "given").root == tmp_path / "given"
    monkeypatch.setenv("PENTIMENTO_HOME", "~/pictures")
    assert Settings.from_environment().root == Path.home().resolve() / "pictures"


def test_the_threads_are_limited_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENTIMENTO_THREADS", raising=False)
    assert Settings.from_environment().threads >= 1
    monkeypatch.setenv("PENTIMENTO_THREADS", "3")
    assert Settings.from_environment().threads == 3
    for wrong in ("0", "-1", "two", "1.5", "²"):
        monkeypatch.setenv("PENTIMENTO_THREADS", wrong)
        with pytest.raises(ValueError, match="PENTIMENTO_THREADS must be a positive integer"):
            Settings.from_environment()


def test_making_settings_creates_no_folder(settings: Settings) -> None:
    assert not settings.root.exists()
    folders = (settings.datasets, settings.features, settings.indexes, settings.cache)
    assert all(path.is_relative_to(settings.root) for path in folders)


def test_an_address_names_its_folders(settings: Settings) -> None:
    address = Address("paintings", "resnet50")
    assert str(address) == "paintings@resnet50"
    assert address.features(settings) == settings.root / "features" / "paintings" / "resnet50"
    assert address.index(settings, "flat") == settings.root / "indexes" / "paintings" / "resnet50" / "flat"


@hypothesis_settings(deadline=None)
@given(st.text(max_size=70))
def test_an_allowed_name_is_safe_in_a_path_and_a_url(name: str) -> None:
    try:
        assert check_name(name) == name
    except ValueError:
        return
    assert Path(name).name == name
    assert name not in (".", "..")
    assert name.isascii()
    assert not set(name) & set("@/\\ :?#&%")


@pytest.mark.parametrize("name", ["a", "my-pictures_2.0", "0", "a" * 64])
def test_ordinary_names_are_allowed(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "A", "é", "a b", "-a", ".hidden", "a" * 65, "a@b", "a\n"]
)
def test_other_names_are_refused_with_the_rule(name: str) -> None:
    with pytest.raises(ValueError, match=r"gallery must be 1 to 64 of a-z 0-9 _ - \."):
        check_name(name, what="gallery")
