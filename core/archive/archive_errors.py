"""Errors about what an archive needs and this machine does not have; they name both hashes."""

from core.errors import StaleError


def wrong_model(path: object, needed: str, present: str) -> StaleError:
    """Return the error for streams of another codec model."""
    return StaleError(
        f"{path} was made with codec model {needed[:16]}, this program has {present[:16]}; give the right weights with "
        "--model FILE, or use the program's version that made it"
    )


def wrong_codebook(encoder: str, needed: str, present: str | None) -> StaleError:
    """Return the error for search codes of another codebook."""
    has = f"this program has {present[:16]}" if present else "this program has none"
    return StaleError(
        f"the search codes were made with codebook {needed[:16]} of {encoder}, {has}; "
        "use the program's version that made the archive"
    )
