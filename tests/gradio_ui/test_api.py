"""The page as a program sees it: named end points, limits, headers."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import gradio_client
import pytest

from core.search import Query


@pytest.fixture(scope="module")
def client(served, tmp_path_factory: pytest.TempPathFactory) -> gradio_client.Client:
    folder: Path = tmp_path_factory.mktemp("client")
    return gradio_client.Client(served.url, verbose=False, download_files=folder, analytics_enabled=False)


def test_only_documented_end_points_are_public(client) -> None:
    documented = client.view_api(return_format="dict", print_info=False)
    assert set(documented["named_endpoints"]) == {
        "/galleries", "/search", "/details", "/why", "/describe", "/compress", "/map", "/compare", "/explain"
    }  # fmt: skip
    assert documented["unnamed_endpoints"] == {}
    names = [one["parameter_name"] for one in documented["named_endpoints"]["/search"]["parameters"]]
    assert names == [
        "picture", "gallery", "image_id", "k", "index", "where", "knobs", "region", "words", "by", "mix",
        "steer",
    ]  # fmt: skip


def test_a_program_gets_what_the_engine_finds(served, client) -> None:
    dataset = served.engine.dataset("paintings")
    file = dataset.source_path(dataset.catalog.get(21))
    where = {"begin_year": {"min": 1500}}
    answer = client.predict(
        picture=gradio_client.handle_file(file),
        gallery="paintings",
        k=6,
        index="flat",
        where=json.dumps(where),
        region="[0, 0, 0.8, 0.8]",
        api_name="/search",
    )
    wanted = served.engine.search(
        "paintings", Query.picture(file, (0, 0, 0.8, 0.8)), k=6, index="flat", where=where
    ).to_json()
    assert [one["image_id"] for one in answer["results"]] == [one["image_id"] for one in wanted["results"]]
    assert answer["index"] == "flat"
    assert set(answer["timings_ms"]) == {"decode", "encode", "search"}


def test_a_program_can_search_with_a_stored_picture_and_ask_for_its_details(served, client) -> None:
    answer = client.predict(picture=None, gallery="satellite", image_id=5, k=3, api_name="/search")
    assert [one["image_id"] for one in answer["results"]] == [
        result.image_id for result in served.engine.search("satellite", Query.stored(5), k=3).results
    ]
    details = client.predict(gallery="satellite", image_id=5, api_name="/details")
    assert details["licence"] == served.engine.record("satellite", 5).fields["licence"]


def test_a_program_can_steer_and_ask_why(served, client) -> None:
    steer = {"plus": [9], "minus": [20], "also": [{"id": 30}], "variety": 0.2, "hide_duplicates": True}
    answer = client.predict(
        picture=None, gallery="paintings", image_id=5, k=6, steer=json.dumps(steer), api_name="/search"
    )
    query = Query.stored(5).steered(also=(Query.stored(30),), plus=(9,), minus=(20,), variety=0.2, hide_duplicates=True)
    wanted = served.engine.search("paintings", query, k=6)
    assert [one["image_id"] for one in answer["results"]] == [one.image_id for one in wanted.results]
    assert answer["steering"] == {"also": 1, "plus": [9], "minus": [20], "variety": 0.2, "hide_duplicates": True}
    why = client.predict(picture=None, gallery="paintings", image_id=32, result=62, api_name="/why")
    assert why["aspects"][0]["name"] == "content"
    assert why["aspects"][0]["percentile"] > 99
    assert why["heat"]["matches"]
    with pytest.raises(gradio_client.exceptions.AppError, match="Variety must be within"):
        client.predict(picture=None, gallery="paintings", image_id=5, steer='{"variety": 3}', api_name="/search")


def test_twenty_at_once_are_all_answered_as_one_would_be(served, client) -> None:
    asked = {
        image_id: client.submit(picture=None, gallery="paintings", image_id=image_id, k=5, api_name="/search")
        for image_id in range(1, 21)
    }
    for image_id, job in asked.items():
        wanted = served.engine.search("paintings", Query.stored(image_id), k=5).results
        assert [one["image_id"] for one in job.result(timeout=120)["results"]] == [r.image_id for r in wanted]


def test_galleries_are_listed(client) -> None:
    assert [one["dataset"] for one in client.predict(api_name="/galleries")] == ["paintings", "satellite"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"gallery": "nowhere", "image_id": 1}, "no gallery"),
        ({"gallery": "paintings", "image_id": 1, "k": 0}, "Number of results"),
        ({"gallery": "paintings", "image_id": 1, "where": "[1]"}, "JSON object"),
        ({"gallery": "paintings"}, "picture"),
    ],
)
def test_a_program_is_told_what_was_wrong(client, options, word) -> None:
    with pytest.raises(gradio_client.exceptions.AppError, match=word):
        client.predict(picture=None, api_name="/search", **options)


def test_no_answer_lets_the_browser_ask_another_host(served) -> None:
    with urllib.request.urlopen(served.url) as answer:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "https:" not in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
        body = answer.read().decode()
    assert "run_history" not in body or '"run_history":false' in body.replace(" ", "")


def test_thumbnails_are_served_and_originals_are_not(served) -> None:
    dataset = served.engine.dataset("paintings")
    record = dataset.catalog.get(1)
    gradio_client.Client(served.url, verbose=False, analytics_enabled=False)
    with urllib.request.urlopen(f"{served.url}gradio_api/file={dataset.thumbnail_path(record)}") as answer:
        assert answer.headers["content-type"] == "image/webp"
        assert "max-age" in answer.headers["cache-control"]
    for path in (dataset.source_path(record), dataset.folder / "catalog.sqlite", "/etc/passwd"):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{served.url}gradio_api/file={path}")


def test_an_upload_beyond_the_limit_is_refused(served) -> None:
    border = "x7"
    body = (
        f'--{border}\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'.encode()
        + bytes(served.settings.max_upload_bytes + 1)
        + f"\r\n--{border}--\r\n".encode()
    )
    request = urllib.request.Request(
        f"{served.url}gradio_api/upload", body, {"Content-Type": f"multipart/form-data; boundary={border}"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 413
