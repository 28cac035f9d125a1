"""An archive becomes a gallery: pictures, metadata and search codes; what it claims is not trusted."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as PillowImage
from typer.testing import CliRunner

from core import datasets, encoders
from core.archive import imported_metadata, importing, writer
from core.archive.gallery import gallery_items
from core.archive.importing import import_archive
from core.archive.pack import Item, PackOptions, folder_items, pack
from core.archive.reader import Archive
from core.archive.unpack import restore
from core.cli.app import build
from core.codec import LearnedCodec, modes
from core.errors import Cancelled, DamagedFileError, ImageError, NotPreparedError, StaleError, StorageError
from core.features import FeatureStore
from core.imaging import open_image
from core.search import Engine, Query, prepare_gallery
from core.settings import Address, Settings

COLOURS = PackOptions(quality=4, encoder="histogram")
FIELDS = {"title": "A field", "label": "fields", "year": 1650, "painter": "Ruisdael", "link": "https://example.org/1"}


@pytest.fixture
def packed(folder: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path) -> Path:
    """Eight pictures with metadata and codes of the colour histogram."""
    path = tmp_path / "tiles.pent"
    items = [Item(item.name, item.source, FIELDS) for item in folder_items(folder)]
    about = {
        "kind": "paintings", "title": "Fields", "note": "Flat ones.", "licence": "CC0",
        "homepage": "javascript:alert(1)",
        "fields": [
            {"name": "painter", "title": "Painter", "kind": "choice"}, {"name": "not a name", "kind": "text"},
            {"name": "title", "title": "No", "kind": "choice"}, "junk", {"name": "x", "title": "X", "kind": "magic"},
        ],
    }  # fmt: skip
    pack(items, path, codec, settings, options=COLOURS, title="Fields", extra=about)
    return path


def test_the_gallery_has_the_restored_pictures_under_their_names(
    packed: Path, codec: LearnedCodec, settings: Settings
) -> None:
    done = import_archive(packed, "fields", settings, codec=codec)
    assert (done.count, done.added, done.skipped, done.encoder) == (8, 8, [], "histogram")
    dataset = datasets.open("fields", settings)
    assert {record.path for record in dataset} == {
        *(f"fields/field{n}.webp" for n in range(5)), "fields/north/river.webp", "grey.png", "glass.png",
    }  # fmt: skip
    with Archive.open(packed) as archive:
        rows = {name: row for row, name in enumerate(archive.names)}
        expected = restore(archive, codec, [rows["fields/north/river.jpg"], rows["grey.png"]], settings)
    records = {record.path: record for record in dataset}
    np.testing.assert_array_equal(dataset.load(records["fields/north/river.webp"]), expected[0])
    np.testing.assert_array_equal(dataset.load(records["grey.png"])[:, :, 1], expected[1])
    assert all(dataset.thumbnail_path(record).is_file() for record in dataset)


def test_the_metadata_come_along_and_can_be_filtered_by(packed: Path, codec: LearnedCodec, settings: Settings) -> None:
    import_archive(packed, "fields", settings, codec=codec)
    dataset = datasets.open("fields", settings)
    record = next(iter(dataset))
    assert (record.title, record.label) == ("A field", "fields")
    assert record.fields == {"year": 1650, "painter": "Ruisdael", "link": "https://example.org/1"}
    specs = {spec.name: (spec.title, spec.kind) for spec in dataset.catalog.fields()}
    assert specs == {"painter": ("Painter", "choice"), "year": ("Year", "range"), "link": ("Link", "choice")}
    assert len(dataset.catalog.select({"painter": "Ruisdael", "year": {"min": 1600}})) == 8
    assert (dataset.title, dataset.kind, dataset.licence) == ("Fields", "paintings", "CC0")
    assert dataset.note.startswith("Flat ones. Restored from tiles.pent; found by its 16-byte search codes")
    assert dataset.catalog.meta()["homepage"] == ""  # no address that a browser would run


def test_it_is_searched_by_the_archives_codes_without_encoding_a_restored_picture(
    packed: Path, folder: Path, codec: LearnedCodec, settings: Settings
) -> None:
    import_archive(packed, "fields", settings, codec=codec)
    report = prepare_gallery("fields@histogram", settings, indexes=["flat"])
    assert report.features.encoded == 0
    store = FeatureStore.open(Address("fields", "histogram"), settings)
    assert store.is_approximate
    np.testing.assert_allclose(np.linalg.norm(store.vectors, axis=1), 1, atol=1e-5)
    engine = Engine(settings)
    outcome = engine.search("fields@histogram", Query.picture(folder / "fields" / "field3.png"), k=3, index="flat")
    assert outcome.results[0].path == "fields/field3.webp"
    assert outcome.to_json()["is_approximate"]


def test_interrupted_it_says_what_to_run_and_then_goes_on_where_it_was(
    packed: Path, codec: LearnedCodec, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    whole = importing.restore

    def stops(archive, model, rows, limits):
        if calls:
            raise Cancelled("stopped")
        calls.append(len(rows))
        return whole(archive, model, rows, limits)

    monkeypatch.setattr(importing, "restore", stops)
    monkeypatch.setattr("core.archive.pipeline.MOST_TOGETHER", 3)
    with pytest.raises(Cancelled):
        import_archive(packed, "fields", settings, codec=codec)
    with pytest.raises(NotPreparedError, match=r"data import tiles\.pent --name fields"):
        datasets.open("fields", settings)
    monkeypatch.undo()
    assert import_archive(packed, "fields", settings, codec=codec).count == 8
    dataset = datasets.open("fields", settings)
    record = next(iter(dataset))
    dataset.source_path(record).unlink()
    with pytest.raises(ImageError, match=r"data import tiles\.pent --name fields"):
        dataset.load(record)
    assert import_archive(packed, "fields", settings, codec=codec).count == 8  # it is restored again
    assert dataset.load(record).shape[2] == 3


def test_imported_again_it_is_as_it_was_and_other_pictures_do_not_take_its_name(
    packed: Path, folder: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path
) -> None:
    import_archive(packed, "fields", settings, codec=codec)
    before = [record.image_id for record in datasets.open("fields", settings)]
    again = import_archive(packed, "fields", settings, codec=codec)
    assert (again.count, again.added) == (8, 0)
    assert [record.image_id for record in datasets.open("fields", settings)] == before
    other = tmp_path / "other.pent"
    pack(folder_items(folder / "fields"), other, codec, settings, options=COLOURS)
    with pytest.raises(ValueError, match="data remove fields"):
        import_archive(other, "fields", settings, codec=codec)
    for name in ("paintings", "../up", ""):
        with pytest.raises(ValueError, match="name"):
            import_archive(other, name, settings, codec=codec)


def test_records_that_are_damaged_or_have_dangerous_names_are_skipped_by_name(
    packed: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(packed.read_bytes())
    with Archive.open(packed) as archive:
        data[archive.segments[0].planes["streams"]["at"] + 1] ^= 4
        first = archive.names[0]
    (tmp_path / "damaged.pent").write_bytes(data)
    done = import_archive(tmp_path / "damaged.pent", "damaged", settings, codec=codec)
    assert done.count == 7
    assert [name for name, _ in done.skipped] == [first]
    assert len(FeatureStore.open(Address("damaged", "histogram"), settings)) == 7
    picture = np.full((8, 8), 7, np.uint8)
    monkeypatch.setattr(writer, "fault_of", lambda name: None)
    with writer.create(tmp_path / "evil.pent", codec_sha256=codec.sha256) as archive:
        for name in ("../../evil.png", "/evil.png", "good.png"):
            archive.add(name, modes.lossless(picture))
    monkeypatch.undo()
    done = import_archive(tmp_path / "evil.pent", "evil", settings, codec=codec)
    assert done.count == 1
    assert {name for name, _ in done.skipped} == {"../../evil.png", "/evil.png"}
    assert not list(tmp_path.rglob("evil.png"))


def test_an_archive_of_which_nothing_can_be_restored_is_refused(
    folder: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "one.pent"
    pack([Item("a.png", folder / "fields" / "field0.png")], path, codec, settings, options=PackOptions(encoder=None))
    data = bytearray(path.read_bytes())
    with Archive.open(path) as archive:
        data[archive.segments[0].planes["streams"]["at"] + 1] ^= 4
    (tmp_path / "bad.pent").write_bytes(data)
    with pytest.raises(DamagedFileError, match=r"none of the 1 records.*a\.png"):
        import_archive(tmp_path / "bad.pent", "bad", settings, codec=codec)


def test_sizes_that_lie_and_disks_that_are_small_stop_it_before_anything_is_decoded(
    codec: LearnedCodec, settings: Settings, tmp_path: Path
) -> None:
    record = modes.encode(codec, [np.zeros((16, 16, 3), np.uint8)], 0)[0]
    huge = modes.Coded(record.mode, record.position, 14_000, 14_000, record.data)
    with writer.create(tmp_path / "huge.pent", codec_sha256=codec.sha256) as archive:
        for number in range(100_000):
            archive.add(f"{number}.png", huge)
    with pytest.raises(StorageError, match="importing 100000 pictures of huge"):
        import_archive(tmp_path / "huge.pent", "huge", settings, codec=codec)
    assert datasets.names(settings) == []


def test_without_codes_or_with_those_of_another_build_the_restored_pictures_are_encoded(
    packed: Path, folder: Path, codec: LearnedCodec, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tmp_path / "plain.pent"
    pack(folder_items(folder / "fields"), plain, codec, settings, options=PackOptions(encoder=None))
    done = import_archive(plain, "plain", settings, codec=codec)
    assert (done.count, done.encoder) == (6, "")
    assert "no search codes" in done.note
    here = encoders.load("histogram", settings)
    here.fingerprint = "another"
    monkeypatch.setattr("core.encoders.load", lambda name, settings: here)
    done = import_archive(packed, "stale", settings, codec=codec)
    assert done.encoder == ""
    assert "another build of histogram" in done.note


def test_another_codec_model_is_refused_and_leaves_nothing(
    packed: Path, codec: LearnedCodec, settings: Settings
) -> None:
    import dataclasses

    other = LearnedCodec(dataclasses.replace(codec.weights, sha256="12" * 32))
    with pytest.raises(StaleError, match=codec.sha256[:16]):
        import_archive(packed, "fields", settings, codec=other)
    assert datasets.names(settings) == []


def test_values_that_no_catalog_holds_are_left_out() -> None:
    stated = [
        {"title": 5, "a": float("nan"), "b": 1 << 70, "c": ["x"], "d e": "x", "e": True, "f": "two\nlines\x00"},
        {"e": 2, "f": "\ud800"},
    ]
    archive = SimpleNamespace(directory={"about": "nothing"}, fields=lambda: stated)
    records = imported_metadata.record_fields(archive)
    assert records == [({}, {"e": 1, "f": "two lines"}), ({}, {"e": 2, "f": "?"})]
    specs = imported_metadata.field_specs(archive, records)
    assert [(spec.name, spec.kind) for spec in specs] == [("e", "range"), ("f", "text")]


def test_a_whole_gallery_goes_through_a_file_and_is_searched_elsewhere(
    prepared: Settings, codec: LearnedCodec, settings: Settings, tmp_path: Path
) -> None:
    items, about = gallery_items(Address("paintings", "efficientnet_lite0"), prepared)
    path = tmp_path / "paintings.pent"
    pack(items[:12], path, codec, settings, options=PackOptions(quality=1), extra=about)
    done = import_archive(path, "copy", settings, codec=codec)
    assert (done.count, done.encoder) == (12, "efficientnet_lite0")
    copy, original = datasets.open("copy", settings), datasets.open("paintings", prepared)
    assert copy.catalog.fields() == original.catalog.fields()
    for one, other in zip(copy, original, strict=False):
        assert one.title == other.title
        assert one.fields == {key: value for key, value in other.fields.items() if value is not None}
    prepare_gallery("copy", settings, indexes=["flat"])
    wanted = items[7].source
    outcome = Engine(settings).search("copy", Query.picture(open_image(wanted)), k=1)
    assert Path(outcome.results[0].path).stem == wanted.stem
    assert outcome.results[0].similarity > 0.6


def test_the_command_imports_and_says_what_to_do_next(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENTIMENTO_HOME", str(tmp_path / "home"))
    app, runner = build(), CliRunner()

    def run(*arguments: object):
        return runner.invoke(app, ["data", "import", *map(str, arguments)])

    done = run(packed, "--name", "fields")
    assert done.exit_code == 0
    assert "8 pictures restored (8 new)" in done.stdout
    assert "next: python -m core index fields@histogram" in done.stdout
    assert json.loads(run(packed, "--name", "fields", "--json").stdout)["added"] == 0
    data = bytearray(packed.read_bytes())
    with Archive.open(packed) as archive:
        data[archive.segments[0].planes["streams"]["at"] + 1] ^= 4
    (tmp_path / "damaged.pent").write_bytes(data)
    done = run(tmp_path / "damaged.pent", "--name", "damaged")
    assert done.exit_code == 3
    assert "skipped: " in done.stderr
    assert run(packed, "--name", "x", "--estimate").exit_code == 2
    (tmp_path / "junk.pent").write_bytes(b"junk")
    done = run(tmp_path / "junk.pent", "--name", "junk")
    assert done.exit_code == 1
    assert "not a .pent archive" in done.stderr


def test_a_picture_is_not_taken_for_an_archive(folder: Path, settings: Settings) -> None:
    PillowImage.new("RGB", (9, 9)).save(folder.parent / "a.png")
    with pytest.raises(DamagedFileError, match=r"not a \.pent archive"):
        import_archive(folder.parent / "a.png", "a", settings)
