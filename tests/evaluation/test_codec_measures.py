"""The codec's measurements: rows from real files, BD-rates, the chart, and the embedding check."""

from xml.etree import ElementTree

import numpy as np
import pytest

from core.codec import LearnedCodec
from core.evaluation.bench_codec import bench_codec
from core.evaluation.codec_curves import CodecRow, CurvePoint, at_bytes, at_rates, evaluate_codec, format_points
from core.evaluation.codec_embedding import barlow_twins, cross_correlation
from core.evaluation.rd_chart import rd_chart
from core.settings import Settings
from core.types import Image


def picture(seed: int) -> Image:
    """Return 64x64 coarse noise."""
    noise = np.random.default_rng(seed).normal(128, 40, (8, 8, 3)).repeat(8, 0).repeat(8, 1)
    return np.clip(noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def codec() -> LearnedCodec:
    return LearnedCodec()


def test_every_number_of_a_row_comes_from_files_and_has_its_key(codec: LearnedCodec, settings: Settings) -> None:
    pictures = [(f"{seed}.png", picture(seed)) for seed in range(3)]
    result = evaluate_codec("made up", codec, pictures, settings, qualities=(0.0, 3.0, 5.0), formats=("webp", "avif"))
    assert set(result) >= {"dataset", "rows", "bd_rate"}
    assert set(result["bd_rate"]) == {"webp", "avif", "avif_payload"}
    for row in result["rows"]:
        assert row["stream_bytes"] < row["record_bytes"] < row["archive_bytes"]
        assert row["bits_per_pixel"] == pytest.approx(8 * row["stream_bytes"] / 64**2)
        streams = codec.encode([image for _, image in pictures], codec.position_of(row["quality"]))
        assert row["stream_bytes"] == pytest.approx(np.mean([len(stream.data) for stream in streams]))
    assert [row["psnr_db"] for row in result["rows"]] == sorted(row["psnr_db"] for row in result["rows"])
    for point in result["formats"]["avif"]:
        assert point["payload_bytes"] < point["bytes"] - 250  # the container
    with pytest.raises(ValueError, match="no pictures"):
        evaluate_codec("none", codec, [], settings)


def test_a_value_at_a_number_of_bytes_is_interpolated_and_never_extrapolated(codec: LearnedCodec) -> None:
    rows = [CodecRow(q, rate, rate, rate, psnr, 0, 0, 0, 0, 0) for q, rate, psnr in ((0, 100, 20.0), (1, 400, 24.0))]
    assert at_bytes(rows, 200, lambda row: row.psnr_db) == pytest.approx(22)
    with pytest.raises(ValueError, match="outside"):
        at_bytes(rows, 50, lambda row: row.psnr_db)


def test_coders_are_set_side_by_side_at_equal_bytes_where_both_were_measured() -> None:
    rows = [CodecRow(q, n, n, n, psnr, 0, 0.9, 0, 0, 0) for q, n, psnr in ((0, 40, 20.0), (1, 160, 24.0))]
    points = {"webp": [CurvePoint(1, 80, 80, 22.0, 0, 0.8), CurvePoint(2, 320, 320, 26.0, 0, 0.8)]}
    table = at_rates(rows, points, 640, rates=(0.1, 1.0, 2.0, 3.0, 9.0))
    assert [entry["bits_per_pixel"] for entry in table] == [1.0, 2.0, 3.0]
    assert table[0]["ours"]["psnr_db"] == pytest.approx(22)
    assert table[0]["webp"]["psnr_db"] == pytest.approx(22)
    assert table[1]["ours"]["psnr_db"] == table[1]["webp"]["psnr_db"] == pytest.approx(24)
    assert table[2]["ours"] is None
    assert table[2]["webp"]["ms_ssim"] == pytest.approx(0.8)


def test_a_formats_curve_rises() -> None:
    points = format_points("webp", [("a", picture(0))])
    assert points[-1].psnr_db > points[0].psnr_db
    assert points[-1].bytes > points[0].bytes


def test_equal_embeddings_have_ones_on_the_diagonal_and_unrelated_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    first = rng.standard_normal((400, 12)).astype(np.float32)
    first[:, 5] = 1.0  # does not vary
    same = barlow_twins(first, first)
    assert same["on_diagonal"] == pytest.approx(1, abs=1e-6)
    assert same["cosine"] == pytest.approx(1, abs=1e-5)
    other = barlow_twins(first, rng.standard_normal((400, 12)).astype(np.float32))
    assert abs(other["on_diagonal"]) < 0.2
    assert other["loss"] > same["loss"]
    slow = np.corrcoef(first[:, 0], first[:, 3])[0, 1]
    assert cross_correlation(first, first)[0, 3] == pytest.approx(slow, abs=1e-5)
    with pytest.raises(ValueError, match="two"):
        barlow_twins(first[:1], first[:1])


def test_the_chart_is_well_formed_and_names_its_curves() -> None:
    svg = rd_chart({"ours": ("Pentimento", [(100, 20), (900, 30)]), "webp": ("Web <P>", [(400, 22), (2000, 31)])})
    root = ElementTree.fromstring(svg)
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert {"Pentimento", "Web <P>", "bytes"} <= set(texts)
    with pytest.raises(ValueError, match="points"):
        rd_chart({})


def test_the_benchmark_measures_both_ways(codec: LearnedCodec) -> None:
    result = bench_codec(codec, threads=1, n_tiles=4, megapixels=0.05)
    assert min(result["encode_tiles_per_s"], result["decode_tiles_per_s"], result["large_encode_s"]) > 0
