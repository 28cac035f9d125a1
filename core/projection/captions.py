"""What stands beside a point: the texts of a museum label, from an image record."""

from typing import Any

from core.projection.publish import Point


def caption(record: Any, kind: str, thumbnail: str = "") -> Point:
    """Return a record's texts: artist and date for a painting, place and coordinates for a satellite tile.

    Args:
        record: core.datasets.ImageRecord.
        kind: of the data set: "paintings", "satellite" or another.
        thumbnail: path below the data set's thumbnails folder.
    """
    fields = record.fields
    title = record.title or record.path.rsplit("/", 1)[-1]
    if kind == "paintings":
        parts = [fields.get("artist"), fields.get("date")]
    elif kind == "satellite":
        place = _coordinates(fields.get("latitude"), fields.get("longitude"))
        # A tile without a name is called by its coordinates: they are then said once, as a person writes them.
        words = title if title.replace("°", "") != place.replace("°", "") else ""
        title, parts = place or title, [words if place else "", fields.get("ground_scale")]
    else:
        parts = [f"{record.width} × {record.height}"]
    byline = ", ".join(str(part) for part in parts if part not in (None, ""))
    return Point(title, byline, record.label, thumbnail)


def _coordinates(latitude: Any, longitude: Any) -> str:
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return ""
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.1f}° {north}, {abs(longitude):.1f}° {east}"
