"""Files that are no pictures, or too much of one: a clear sentence, and the page lives on."""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect


def picture(size: tuple[int, int], kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(buffer, kind, **options)
    return buffer.getvalue()


def bomb() -> bytes:
    """A picture of 20000 x 20000 pixels in few bytes."""
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "TIFF", compression="group4")
    return buffer.getvalue()


BAD = {
    "notes.jpg": (b"just some words, not a picture", "."),
    "empty.png": (b"", "no bytes"),
    "report.jpg": (b"%PDF-1.7\n1 0 obj\n", "PDF"),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "SVG"),
    "truncated.jpg": (picture((900, 700), "JPEG")[:6000], "."),
    "dot.png": (picture((1, 1), "PNG"), "1"),
    "bomb.tif": (bomb(), "20"),
    "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 400, "HEI"),
}


def give(page: Page, name: str, data: bytes) -> None:
    page.get_by_label("Choose a picture").set_input_files({"name": name, "mimeType": "", "buffer": data})


def test_each_bad_file_is_refused_in_words_and_a_good_one_works_afterwards(page, visit) -> None:
    visit()
    for name, (data, word) in BAD.items():
        give(page, name, data)
        expect(page.get_by_role("alert")).to_contain_text(word)
        said = page.get_by_role("alert").inner_text()
        assert "Traceback" not in said
        assert "Error" not in said
        page.get_by_role("button", name="Look around in Paintings").click()
        expect(page.locator(".pm-cell")).to_have_count(30)
    give(page, "good.jpg", picture((300, 200), "JPEG"))
    expect(page.locator(".pm-headline")).to_have_text("24 look-alikes in Paintings")


def test_a_file_beyond_the_limit_is_refused_before_it_is_sent(page, visit, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(b"\xff\xd8" + bytes(30 * 2**20))
    visit()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "/upload" in request.url else None)
    page.get_by_label("Choose a picture").set_input_files(large)
    expect(page.get_by_role("alert")).to_contain_text("31.5 MB; the most is 26.2 MB")
    assert not sent


def test_the_first_frame_of_an_animation_is_searched_with(page, visit) -> None:
    frames = [Image.new("RGB", (90, 60), colour) for colour in ("red", "blue", "green")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    visit()
    give(page, "moving.gif", buffer.getvalue())
    expect(page.locator(".pm-headline")).to_have_text("24 look-alikes in Paintings")


def test_a_kind_that_browsers_cannot_show_is_shown_all_the_same(page, visit) -> None:
    visit()
    give(page, "scan.tif", picture((300, 200), "TIFF"))
    expect(page.locator(".pm-headline")).to_have_text("24 look-alikes in Paintings")
    page.wait_for_function("document.querySelector('.pm-stage canvas').width >= 288")


def test_a_server_that_does_not_answer_is_said_and_can_be_tried_again(page, visit) -> None:
    visit()
    page.route("**/component_server/**", lambda route: route.abort())
    page.locator(".pm-with").first.evaluate("(button) => button.click()")
    expect(page.get_by_role("alert")).to_contain_text("did not answer")
    page.unroute("**/component_server/**")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".pm-headline")).to_have_text("24 look-alikes in Paintings")
