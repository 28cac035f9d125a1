"""Folders into archives and back, by the functions and by the command line, and search by codes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from core.archive.pack import PackOptions, folder_items, pack
from core.archive.reader import Archive
from core.archive.search_codes import (
    SHIPPED,
    find_search_coder,
    load_search_coder,
    shipped_search_coder,
    train_search_coder,
)
from core.archive.searching import search_archive
from core.archive.unpack import unpack
from core.arrays import normalize
from core.cli.app import build
from core.codec import LearnedCodec
from core.codec.quality import psnr
from core.errors import DamagedFileError, ImageError, StaleError, StorageError, UnavailableError
from core.settings import Settings

HISTOGRAM = PackOptions(quality=4, encoder="histogram")


@pytest.fixture
def packed(folder: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path) -> Path:
    """An archive of the folder, with search codes of the colour histogram."""
    path = tmp_path / "a.pent"
    report = pack(folder_items(folder), path, codec, settings, options=HISTOGRAM)
    assert report.count == 8
    assert [name for name, _ in report.skipped] == ["notes.png"]
    assert report.modes == {"learned": 6, "lossless": 2}
    assert report.archive_bytes == path.stat().st_size
    return path


def test_a_folder_comes_back_with_names_sub_folders_and_kinds(
    packed: Path, folder: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path
) -> None:
    with Archive.open(packed) as archive:
        report = unpack(archive, tmp_path / "out", codec, settings)
    assert (report.count, report.skipped) == (8, [])
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")}
    assert written == {
        *(f"fields/field{n}.png" for n in range(5)), "fields/north/river.png", "grey.png", "glass.png",
    }  # fmt: skip
    for exact in ("grey.png", "glass.png"):
        np.testing.assert_array_equal(
            np.array(Image.open(tmp_path / "out" / exact)), np.array(Image.open(folder / exact))
        )
    restored = np.array(Image.open(tmp_path / "out" / "fields" / "field1.png"))
    assert psnr(np.array(Image.open(folder / "fields" / "field1.png")), restored) > 22


def test_files_that_exist_are_not_replaced_unless_forced(
    packed: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "out" / "fields").mkdir(parents=True)
    (tmp_path / "out" / "fields" / "field3.png").write_text("mine")
    with Archive.open(packed) as archive:
        with pytest.raises(StorageError, match=r"field3\.png exists"):
            unpack(archive, tmp_path / "out", codec, settings)
        assert len(list((tmp_path / "out").rglob("*.png"))) == 1
        assert unpack(archive, tmp_path / "out", codec, settings, force=True).count == 8


def test_a_link_in_the_folder_cannot_lead_files_out_of_it(
    packed: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "fields").symlink_to(tmp_path / "elsewhere")
    with Archive.open(packed) as archive, pytest.raises(StorageError, match="outside"):
        unpack(archive, tmp_path / "out", codec, settings)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_lossless_gives_every_sample_back(
    folder: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path
) -> None:
    pack(folder_items(folder), tmp_path / "l.pent", codec, settings, options=PackOptions(quality=None, encoder=None))
    with Archive.open(tmp_path / "l.pent") as archive:
        assert archive.codec_sha256 is None  # nothing needs the model
        unpack(archive, tmp_path / "out", codec, settings)
    for name in ("fields/field2.png", "grey.png"):
        np.testing.assert_array_equal(
            np.array(Image.open(tmp_path / "out" / name)), np.array(Image.open(folder / name))
        )


def test_a_number_of_bytes_is_kept_by_every_stream(
    folder: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path
) -> None:
    options = PackOptions(n_bytes=60, encoder=None)
    pack(folder_items(folder / "fields"), tmp_path / "b.pent", codec, settings, options=options)
    with Archive.open(tmp_path / "b.pent") as archive:
        assert archive.lengths.max() <= 60


def test_a_folder_without_a_readable_picture_makes_no_archive(
    codec: LearnedCodec, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.png").write_text("no")
    with pytest.raises(ImageError, match=r"none of 1 pictures.*x\.png"):
        pack(folder_items(tmp_path / "in"), tmp_path / "x.pent", codec, settings, options=HISTOGRAM)
    assert not (tmp_path / "x.pent").exists()


def test_search_by_codes_finds_the_picture_itself_and_decodes_nothing(
    packed: Path, folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Archive, "record", lambda self, row: pytest.fail("a record was read"))
    with Archive.open(packed) as archive:
        outcome = search_archive(archive, folder / "fields" / "field4.png", settings, k=3)
    assert outcome.hits[0].name == "fields/field4.png"
    assert outcome.n_searched == 8
    found = outcome.to_json()
    assert set(found["results"][0]) >= {"rank", "path", "similarity", "metadata"}
    assert found["results"][0]["is_approximate"] is True


def test_appended_pictures_are_found_too(packed: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    Image.fromarray(np.full((30, 30, 3), (250, 10, 10), np.uint8)).save(tmp_path / "more" / "red.png")
    pack(folder_items(tmp_path / "more"), packed, codec, settings, options=HISTOGRAM, append=True)
    with Archive.open(packed) as archive:
        assert len(archive) == 9
        outcome = search_archive(archive, tmp_path / "more" / "red.png", settings, k=9)
    assert "red.png" in [hit.name for hit in outcome.hits]


def test_an_archive_without_codes_says_so(
    folder: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path
) -> None:
    options = PackOptions(quality=0, encoder=None)
    pack(folder_items(folder / "fields"), tmp_path / "n.pent", codec, settings, options=options)
    with Archive.open(tmp_path / "n.pent") as archive, pytest.raises(DamagedFileError, match="no search codes"):
        search_archive(archive, folder / "grey.png", settings)


def test_codes_keep_the_order_of_neighbours_and_survive_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((20, 160))
    vectors = normalize(
        (centres[rng.integers(20, size=1500)] + 0.3 * rng.standard_normal((1500, 160))).astype(np.float32)
    )
    coder = train_search_coder(vectors, rng)
    codes = coder.encode(vectors)
    assert codes.shape == (1500, 16)
    exact = vectors @ vectors[0]
    close = coder.similarities(vectors[0], codes)
    near = set(np.argsort(-exact)[:60])
    assert len(near & set(np.argsort(-close)[:60])) >= 50  # one cluster has about 75 members
    decoded = coder.mean + coder.quantizer.decode(codes) @ coder.basis.T
    cosines = decoded @ vectors[0] / np.linalg.norm(decoded, axis=1)
    np.testing.assert_allclose(close, cosines, atol=1e-3)  # float16 bases are orthonormal to about that
    again = load_search_coder(coder.data)
    np.testing.assert_array_equal(again.encode(vectors), codes)
    assert again.sha256 == coder.sha256


def test_few_vectors_get_few_codewords_and_too_few_are_refused() -> None:
    vectors = normalize(np.random.default_rng(0).standard_normal((6, 32)).astype(np.float32))
    coder = train_search_coder(vectors, np.random.default_rng(0))
    assert coder.quantizer.Ks == 4
    with pytest.raises(UnavailableError, match="--no-search"):
        train_search_coder(vectors[:1], np.random.default_rng(0))


def test_the_shipped_codebook_is_small_and_another_one_is_named_by_its_hash() -> None:
    coder = shipped_search_coder("efficientnet_lite0")
    assert coder is not None
    assert coder.dim == 1280
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 1_000_000
    with pytest.raises(StaleError, match=f"{'0' * 16}.*{coder.sha256[:16]}"):
        find_search_coder("efficientnet_lite0", "0" * 64, None)
    with pytest.raises(DamagedFileError):
        load_search_coder(b"nothing")


def test_the_command_line_compresses_restores_and_searches(folder: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(tmp_path / "home"))
    app, runner = build(), CliRunner()

    def run(*arguments: object) -> tuple[int, str]:
        done = runner.invoke(app, [str(argument) for argument in arguments])
        return done.exit_code, done.stdout

    path = tmp_path / "c.pent"
    code, out = run("compress", folder, "--out", path, "-q", 2, "--fast", "--encoder", "histogram", "--json")
    assert code == 3  # notes.png was skipped
    assert json.loads(out)["count"] == 8
    assert json.loads(out)["skipped"][0]["path"] == "notes.png"
    assert run("compress", folder, "--out", path)[0] == 1  # it exists
    assert run("compress", "--out", path)[0] == 2
    assert run("compress", folder, "--out", tmp_path / "d.pent", "-q", 9)[0] == 2
    assert run("compress", folder, "--out", tmp_path / "d.pent", "-q", 2, "--bytes", 90)[0] == 2
    assert run("compress", folder, "--out", tmp_path / "d.pent", "--bytes", 90, "--lossless")[0] == 2
    tight = ("compress", folder / "fields" / "field1.png", "--out", tmp_path / "d.pent", "--no-search", "--show", 1)
    code, out = run(*tight, "--bytes", 1, "--json")
    assert (code, json.loads(out)["too_long"]) == (0, 1)
    assert Image.open(tmp_path / "d-sheet.png").width > 2 * 256  # the original beside what is restored
    code, out = run("archive", "info", path, "--check", "--json")
    assert code == 0
    assert json.loads(out)["modes"] == {"learned": 6, "lossless": 2}
    code, out = run("archive", "search", path, folder / "fields" / "field0.png", "--json", "-k", 2)
    assert code == 0
    assert json.loads(out)["results"][0]["path"] == "fields/field0.png"
    code, out = run("decompress", path, "--out", tmp_path / "o", "--show", 3, "--originals", folder, "--json")
    assert code == 0
    assert json.loads(out)["count"] == 8
    assert (tmp_path / "o" / "contact-sheet.png").exists()
    damaged = bytearray(path.read_bytes())
    with Archive.open(path) as archive:
        start = archive.segments[0].planes["streams"]["at"]
    damaged[start + 2] ^= 8
    (tmp_path / "e.pent").write_bytes(damaged)
    code, out = run("decompress", tmp_path / "e.pent", "--out", tmp_path / "p", "--json")
    assert code == 3
    assert json.loads(out)["count"] == 7
    assert run("decompress", tmp_path / "e.pent", "--out", tmp_path / "q", "--strict")[0] == 1
    assert run("archive", "info", tmp_path / "e.pent", "--check")[0] == 3
    assert run("decompress", folder / "notes.png", "--out", tmp_path / "r")[0] == 1


def test_another_model_is_refused_with_both_hashes(
    packed: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path
) -> None:
    import dataclasses

    other = LearnedCodec(dataclasses.replace(codec.weights, sha256="12" * 32))
    with Archive.open(packed) as archive, pytest.raises(StaleError, match=f"{codec.sha256[:16]}.*{'12' * 8}"):
        unpack(archive, tmp_path / "out", other, settings)


def test_importing_the_codec_and_the_archive_does_not_import_torch() -> None:
    code = (
        "import sys, core.codec, core.archive.pack, core.archive.reader, core.archive.searching;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
