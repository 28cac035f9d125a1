"""Style periods of European painting, from school and time: a table, so that everybody can see what was decided.

A period is given to a work by the table's first row that has its school and holds the middle of its time. The table is
coarse on purpose: it says what was painted mostly, not what a single painter did.
"""

from typing import NamedTuple

NORTHERN = ("Flemish", "Netherlandish", "Dutch", "German", "Austrian", "Swiss", "Bohemian", "Danish")


class Period(NamedTuple):
    """One row: `schools` empty means any; years are inclusive."""

    name: str
    schools: tuple[str, ...]
    begin: int
    end: int


TABLE = (
    Period("Medieval", (), 0, 1250),
    Period("Gothic", ("Italian",), 1251, 1400),
    Period("Gothic", (), 1251, 1420),
    Period("Early Renaissance", ("Italian",), 1401, 1490),
    Period("High Renaissance", ("Italian",), 1491, 1530),
    Period("Northern Renaissance", NORTHERN, 1421, 1580),
    Period("Early Renaissance", (), 1421, 1500),
    Period("High Renaissance", (), 1501, 1540),
    Period("Mannerism", (), 1520, 1600),
    Period("Baroque", (), 1581, 1700),
    Period("Rococo", ("French", "Italian", "German", "Austrian", "English", "British"), 1701, 1770),
    Period("Baroque", ("Spanish", "Flemish", "Dutch"), 1701, 1750),
    Period("Rococo", (), 1701, 1770),
    Period("Neoclassicism", (), 1751, 1815),
    Period("Romanticism", (), 1801, 1850),
    Period("Impressionism", ("French", "American"), 1861, 1890),
    Period("Realism", (), 1831, 1885),
    Period("Post-Impressionism", ("French", "Dutch", "Belgian"), 1886, 1910),
    Period("Symbolism and Art Nouveau", (), 1880, 1920),
)


def period(school: str, years: tuple[int, int] | None) -> str:
    """Return the name of the period, or nothing where the table has none.

    Args:
        school: as the Web Gallery of Art writes it ("Italian", "French", ...).
        years: first and last, see `core.datasets.dates.years`.
    """
    if years is None:
        return ""
    middle = (years[0] + years[1]) // 2
    for row in TABLE:
        if row.begin <= middle <= row.end and (not row.schools or school in row.schools):
            return row.name
    return ""
