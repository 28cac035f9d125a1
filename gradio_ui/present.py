"""How things are said: captions, sentences, numbers with units. Pure functions of plain values."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from core.types import Json

if TYPE_CHECKING:
    from core.datasets import ImageRecord

NOUNS = {"paintings": ("painting", "paintings"), "satellite": ("tile", "tiles"), "pictures": ("picture", "pictures")}
_SHOWN_ELSEWHERE = {"licence", "source_url", "credit"}


class Caption(TypedDict):
    """The label beside a picture: who, what, when; and a second, smaller line."""

    lead: str
    title: str
    date: str
    second: str


def sentence(error: Exception) -> str:
    """Return an error's message with a capital and a full stop."""
    text = str(error).strip() or type(error).__name__
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def noun(kind: str, count: int) -> str:
    """Return what a gallery of that kind holds, in the number that `count` asks for."""
    one, many = NOUNS.get(kind, NOUNS["pictures"])
    return one if count == 1 else many


def caption(record: "ImageRecord") -> Caption:
    """Return the label of a picture: a painting's, a tile's, or that of any other picture."""
    fields = record.fields
    latitude, longitude = fields.get("latitude"), fields.get("longitude")
    if isinstance(latitude, int | float) and isinstance(longitude, int | float):
        place = coordinates(latitude, longitude)
        scale = _text(fields.get("ground_scale")).split(" north to south")[0]
        return Caption(lead="", title=place, date="", second=_joined(record.label, scale))
    second = _joined(_text(fields.get("culture")), _text(fields.get("medium"))) or record.label
    title = record.title or record.path.rsplit("/", 1)[-1]
    return Caption(lead=_text(fields.get("artist")), title=title, date=_text(fields.get("date")), second=second)


def spoken(caption_: Caption) -> str:
    """Return a caption as one line: alternative text of a picture, name of a button."""
    return ", ".join(part for part in (caption_["lead"], caption_["title"], caption_["date"]) if part)


def coordinates(latitude: float, longitude: float) -> str:
    """Return degrees in words, such as "38.4° N, 20.1° E"."""
    north = "N" if latitude >= 0 else "S"
    east = "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.1f}° {north}, {abs(longitude):.1f}° {east}"


def milliseconds(value: float) -> str:
    """Return a duration: tenths below 10 ms, hundredths below 0.1 ms, seconds from 1000 ms on."""
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    if value >= 10:
        return f"{value:.0f} ms"
    return f"{value:.1f} ms" if value >= 0.1 else f"{value:.2f} ms"


def headline(count: int, title: str) -> str:
    """Return what was found: "32 look-alikes in Paintings"."""
    if count == 0:
        return f"Nothing found in {title}"
    return f"{count} look-alike{'' if count == 1 else 's'} in {title}"


def account(timings_ms: Mapping[str, float], n_searched: int, kind: str, index: str, *, cached: bool = False) -> str:
    """Return what was done and how long each part took; a part that did not happen is not mentioned.

    Args:
        timings_ms: "decode", "encode" and "search".
        n_searched: pictures that could have been found.
        kind: of the gallery.
        index: its name.
        cached: whether the query's vector was remembered from an earlier search.
    """
    parts = []
    if timings_ms.get("decode", 0) > 0:
        parts.append(f"decoded in {milliseconds(timings_ms['decode'])}")
    if cached:
        parts.append("query remembered")
    elif timings_ms.get("encode", 0) > 0:
        parts.append(f"encoded in {milliseconds(timings_ms['encode'])}")
    parts.append(
        f"searched {n_searched:,} {noun(kind, n_searched)} in {milliseconds(timings_ms.get('search', 0.0))}, {index}"
    )
    said = ", ".join(parts)
    return said[0].upper() + said[1:]


def metadata(record: "ImageRecord", titles: Mapping[str, str]) -> list[Json]:
    """Return the rows of the details panel: {"name", "label", "value"}, empty ones left out.

    Args:
        record: whose fields they are.
        titles: what people read for a field's name, in the order of the rows; a name that is absent comes last.
    """
    rows: list[Json] = []

    def add(name: str, label: str, value: Any) -> None:
        if value is not None and value != "":
            rows.append({"name": name, "label": label, "value": field_value(name, value)})

    add("label", "Label", record.label)
    for name in [*titles, *(name for name in record.fields if name not in titles)]:
        value = record.fields.get(name)
        if name not in _SHOWN_ELSEWHERE:
            add(name, titles.get(name) or name.replace("_", " ").capitalize(), value)
    add("size", "Size", f"{record.width} × {record.height} pixels")
    add("path", "File", record.path)
    add("image_id", "Number", record.image_id)
    return rows


def rights(record: "ImageRecord", licence: str = "") -> Json:
    """Return {"licence", "source_url", "credit"}; what is not recorded says so.

    Args:
        record: whose rights they are.
        licence: of the gallery, where the picture has none of its own.
    """
    fields = record.fields
    url = _text(fields.get("source_url"))
    return {
        "licence": _text(fields.get("licence")) or licence or "not recorded",
        "source_url": url if url.startswith(("https://", "http://")) else "",
        "credit": _text(fields.get("credit")),
    }


def field_value(name: str, value: Any) -> str:
    """Return a field's value as a person would write it: years plain, shares in percent, degrees to a tenth."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if name.endswith("_share"):
            return f"{value:.0%}"
        if name in ("latitude", "longitude"):
            return f"{value:.2f}°"
        return f"{value:g}" if float(value).is_integer() else f"{value:.2f}"
    return str(value)


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
