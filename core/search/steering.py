"""How a person steers a search: more query pictures, pluses and minuses, what counts how much, variety."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.arrays import as_count
from core.types import Json

if TYPE_CHECKING:
    from core.search.query import Query

MOST = 64  # pluses, minuses, and further pictures: each


@dataclass(frozen=True)
class Steering:
    """Everything that steers a search; as it is made, nothing.

    Attributes:
        also: further query pictures; each counts as much as the first.
        plus: ids of pictures of the gallery that the results should come nearer to.
        minus: ids that they should move away from; these are not among the results.
        content: weight of what a picture shows: the similarity of embeddings.
        colour: weight of the colours that both have.
        texture: weight of the local patterns that both have.
        variety: from 0, the most alike first, to 1, each as unlike those before it as can be.
        hide_duplicates: of pictures that are nearly the same only the best is shown.
    """

    also: tuple["Query", ...] = ()
    plus: tuple[int, ...] = ()
    minus: tuple[int, ...] = ()
    content: float = 1.0
    colour: float = 0.0
    texture: float = 0.0
    variety: float = 0.0
    hide_duplicates: bool = False

    def __post_init__(self) -> None:
        for name in ("also", "plus", "minus"):
            if len(getattr(self, name)) > MOST:
                raise ValueError(f"at most {MOST} pictures may be given as {name}, got {len(getattr(self, name))}")
        for image_id in (*self.plus, *self.minus):
            as_count(image_id, what="image_id", least=0)
        if both := sorted(set(self.plus) & set(self.minus)):
            raise ValueError(f"picture {both[0]} cannot be a plus and a minus at once")
        weights = (self.content, self.colour, self.texture)
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not sum(weights) > 0:
            raise ValueError(f"weights of content, colour and texture must not be negative, and one must be positive, "
                             f"got {weights}")  # fmt: skip
        if not 0 <= self.variety <= 1:
            raise ValueError(f"variety must be within 0..1, got {self.variety}")

    @property
    def moves(self) -> bool:
        """Whether the query's vector is another one than that of its picture."""
        return bool(self.also or self.plus or self.minus)

    @property
    def weighs(self) -> bool:
        """Whether colour or texture count."""
        return self.colour > 0 or self.texture > 0

    @property
    def reorders(self) -> bool:
        """Whether results are chosen among more candidates than are asked for."""
        return self.weighs or self.variety > 0 or self.hide_duplicates

    def weights(self) -> dict[str, float]:
        """Return the weights that are not 0, by the names of the scores."""
        found = {"content": self.content, "colour": self.colour, "texture": self.texture}
        return {name: weight for name, weight in found.items() if weight}

    def to_json(self) -> Json:
        """Return what is not as it is made; empty when nothing is steered."""
        facts = {
            "also": len(self.also), "plus": list(self.plus), "minus": list(self.minus),
            "weights": self.weights() if self.weighs else {}, "variety": self.variety,
            "hide_duplicates": self.hide_duplicates,
        }  # fmt: skip
        return {name: value for name, value in facts.items() if value}


NONE = Steering()
