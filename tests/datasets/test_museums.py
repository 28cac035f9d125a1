"""The Web Gallery of Art and the Metropolitan Museum, against a server on this machine; dates and periods."""

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image as Pillow

from core import datasets
from core.datasets.dates import years
from core.datasets.download import Patience
from core.datasets.met import DATASET as MET
from core.datasets.periods import TABLE, period
from core.datasets.polite import PoliteFetcher
from core.datasets.wga import DATASET as WGA
from core.datasets.wga import picture_url
from core.errors import DamagedFileError, DownloadError, ImageError
from core.settings import Settings
from core.types import no_progress

HEADINGS = "AUTHOR;BORN-DIED;TITLE;DATE;TECHNIQUE;LOCATION;URL;FORM;TYPE;SCHOOL;TIMEFRAME"


def jpeg(seed: int) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8)).save(file, "JPEG")
    return file.getvalue()


class Museum(ThreadingHTTPServer):
    """Serves `pages` and writes down what was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.failing = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Museum

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        page = self.server.pages.get(urlsplit(self.path).path)
        if self.server.failing and not self.path.startswith("/robots"):
            return self.send_error(503)
        if page is None:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
        return None

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def museum() -> Iterator[Museum]:
    running = Museum()
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def patience(waits: list[float]) -> Patience:
    return Patience(attempts=2, timeout_s=5.0, sleep=waits.append)


def test_a_document_is_fetched_once_and_a_broken_link_asked_for_once(
    museum: Museum, tmp_path: Path, patience: Patience
) -> None:
    museum.pages = {"/a.jpg": b"picture"}
    for _ in range(2):  # a second run of the program
        fetcher = PoliteFetcher(tmp_path, pause_s=0.0, patience=patience)
        assert fetcher.fetch(f"{museum.address}/a.jpg", "a.jpg") == b"picture"
        with pytest.raises(ImageError, match="404"):
            fetcher.fetch(f"{museum.address}/gone.jpg", "gone.jpg")
    assert museum.asked == ["/robots.txt", "/a.jpg", "/gone.jpg"]
    assert list(fetcher.broken) == [f"{museum.address}/gone.jpg"]


def test_what_robots_txt_forbids_is_not_fetched_and_its_delay_is_kept(
    museum: Museum, tmp_path: Path, patience: Patience, waits: list[float]
) -> None:
    museum.pages = {"/robots.txt": b"User-agent: *\nDisallow: /private\nCrawl-delay: 9\n", "/a": b"1", "/b": b"2"}
    fetcher = PoliteFetcher(tmp_path, pause_s=0.0, patience=patience)
    with pytest.raises(ImageError, match=r"robots\.txt"):
        fetcher.fetch(f"{museum.address}/private/x.jpg", "x")
    fetcher.fetch(f"{museum.address}/a", "a")
    fetcher.fetch(f"{museum.address}/b", "b")
    assert "/private/x.jpg" not in museum.asked
    assert waits and 8 < waits[-1] <= 9


def test_a_server_that_stops_answering_stops_the_harvest_and_is_not_taken_for_a_broken_link(
    museum: Museum, tmp_path: Path, patience: Patience
) -> None:
    museum.failing = True
    fetcher = PoliteFetcher(tmp_path, pause_s=0.0, patience=patience)
    with pytest.raises(DownloadError):
        fetcher.fetch(f"{museum.address}/a.jpg", "a.jpg")
    assert not fetcher.broken


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c. 1490", (1490, 1490)), ("1503-06", (1503, 1506)), ("1520s", (1520, 1529)), ("1498-02", (1498, 1502)),
        ("1470/75", (1470, 1475)), ("c. 1630-c. 1640", (1630, 1640)), ("before 1600", (1600, 1600)),
        ("1760s-1770s", (1760, 1769)), ("15th century", (1400, 1499)), ("late 15th century", (1467, 1499)),
        ("second half of 16th century", (1550, 1599)), ("1501-1550", (1501, 1550)), ("-", None), ("", None),
        ("1640-50s", (1640, 1650)), ("1888", (1888, 1888)),
    ],
)  # fmt: skip
def test_dates_become_years(text: str, expected: tuple[int, int] | None) -> None:
    assert years(text) == expected


def test_periods_follow_the_table() -> None:
    assert period("Italian", (1503, 1506)) == "High Renaissance"
    assert period("Flemish", (1434, 1434)) == "Northern Renaissance"
    assert period("French", (1872, 1872)) == "Impressionism"
    assert period("Russian", (1872, 1872)) == "Realism"
    assert period("Dutch", (1642, 1642)) == "Baroque"
    assert period("Italian", None) == ""
    assert all(row.begin <= row.end for row in TABLE)


def test_a_page_s_address_becomes_its_picture_s() -> None:
    page = "https://www.wga.hu/html/m/monet/01/early01.html"
    assert picture_url(page, "art") == "https://www.wga.hu/art/m/monet/01/early01.jpg"
    assert picture_url(page, "detail") == "https://www.wga.hu/detail/m/monet/01/early01.jpg"
    for bad in ("https://www.wga.hu/frames.html", "html/a.html", "https://www.wga.hu/html/../x.html", ""):
        with pytest.raises(ImageError):
            picture_url(bad, "art")


def catalogue(museum: Museum) -> bytes:
    def row(author: str, title: str, date: str, page: str, form: str, kind: str, school: str) -> str:
        url = f"{museum.address}/html/{page}.html"
        return f"{author};(b. 1);{title};{date};Oil;Paris;{url};{form};{kind};{school};1851-1900"

    rows = [
        HEADINGS,
        row("MONET, Claude", "Poppies", "1873", "m/monet/poppies", "painting", "landscape", "French"),
        row("DÜRER, Albrecht", "Hare", "c. 1502", "d/durer/hare", "painting", "study", "German"),
        row("RODIN, Auguste", "Thinker", "1880s", "r/rodin/thinker", "sculpture", "other", "French"),
        row("MONET, Claude", "Gone", "1874", "m/monet/gone", "painting", "landscape", "French"),
        "NOBODY;;No page;;;;;painting;;;",
    ]
    return "\n".join(rows).encode("latin-1")


def test_the_web_gallery_becomes_a_gallery_with_periods_and_groups(
    museum: Museum, tmp_path: Path, settings: Settings, patience: Patience
) -> None:
    museum.pages = {"/art/m/monet/poppies.jpg": jpeg(1), "/art/d/durer/hare.jpg": jpeg(2)}
    (tmp_path / "catalog.csv").write_bytes(catalogue(museum))
    wga = replace(WGA, patience=patience, pause_s=0.0)
    report = wga.prepare(settings, tmp_path, no_progress)
    assert report.count == 2
    assert len(report.skipped) == 2  # the picture that is gone, and the row without a page
    records = {record.title: record for record in datasets.open("wga", settings)}
    poppies = records["Poppies"]
    assert poppies.fields["style_group"] == "French / Impressionism / landscape"
    assert (poppies.fields["begin_year"], poppies.label) == (1873, "Impressionism")
    assert records["Hare"].fields["artist"] == "DÜRER, Albrecht"
    asked = len(museum.asked)
    assert wga.prepare(settings, tmp_path, no_progress).count == 2
    assert len(museum.asked) == asked + 0  # neither what is here nor what is broken is asked for again


def test_a_harvest_that_was_interrupted_goes_on(
    museum: Museum, tmp_path: Path, settings: Settings, patience: Patience
) -> None:
    museum.pages = {"/art/m/monet/poppies.jpg": jpeg(1), "/art/d/durer/hare.jpg": jpeg(2)}
    (tmp_path / "catalog.csv").write_bytes(catalogue(museum))
    wga = replace(WGA, patience=patience, pause_s=0.0)
    museum.failing = True
    with pytest.raises(DownloadError):
        wga.prepare(settings, tmp_path, no_progress)
    museum.failing = False
    assert wga.prepare(settings, tmp_path, no_progress).count == 2


def test_options_choose_what_is_fetched(museum: Museum, tmp_path: Path, settings: Settings, patience: Patience) -> None:
    museum.pages = {"/detail/r/rodin/thinker.jpg": jpeg(3)}
    (tmp_path / "catalog.csv").write_bytes(catalogue(museum))
    chosen = WGA.configured({"form": "sculpture", "pictures": "detail", "limit": "1"})
    assert replace(chosen, patience=patience, pause_s=0.0).prepare(settings, tmp_path, no_progress).count == 1
    for unknown in ({"colour": "red"}, {"limit": "some"}, {"pause": "long"}, {"pause": "nan"}):
        with pytest.raises(ValueError, match="wga understands"):
            WGA.configured(unknown)


def test_a_catalogue_with_other_columns_is_refused(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "catalog.csv").write_bytes(b"a;b\n1;2\n")
    with pytest.raises(DamagedFileError, match="columns"):
        WGA.prepare(settings, tmp_path, no_progress)


def test_works_of_the_museum_are_chosen_by_its_api(museum: Museum, settings: Settings, patience: Patience) -> None:
    def work(number: int, **changed: object) -> bytes:
        facts = {
            "objectID": number, "title": f"Work {number}", "artistDisplayName": f"Painter {number}",
            "objectBeginDate": 1650, "classification": "Paintings", "isPublicDomain": True,
            "primaryImageSmall": f"{museum.address}/images/{number}.jpg", "department": "European Paintings",
        }  # fmt: skip
        return json.dumps(facts | changed).encode()

    museum.pages = {
        "/search": json.dumps({"total": 6, "objectIDs": [4, 1, 2, 3, 5, 6]}).encode(),
        "/objects/1": work(1), "/objects/2": work(2, isPublicDomain=False),
        "/objects/3": work(3, classification="Drawings"), "/objects/4": work(4), "/objects/6": work(6),
        "/images/1.jpg": jpeg(1), "/images/4.jpg": b"broken", "/images/6.jpg": jpeg(6),
    }  # fmt: skip
    met = replace(MET.configured({"begin": "1600", "end": "1700", "limit": "0"}), api=museum.address, patience=patience)
    report = replace(met, pause_s=0.0).prepare(settings, None, no_progress)
    assert report.count == 2
    assert {path for path, _ in report.skipped} == {"4.jpg", "object 5"}
    asked = parse_qs(urlsplit(next(path for path in museum.asked if path.startswith("/search"))).query)
    assert (asked["departmentId"], asked["dateBegin"], asked["isPublicDomain"]) == (["11"], ["1600"], ["true"])
    records = {record.path: record for record in datasets.open("met", settings)}
    assert records["1.jpg"].fields["artist"] == "Painter 1"
    assert records["1.jpg"].fields["century"] == "17th century"
    for unknown in ({"limit": "many"}, {"pause": "long"}):
        with pytest.raises(ValueError, match="met understands"):
            MET.configured(unknown)
