"""The models that the page offers."""

from dataclasses import dataclass

from klein_ui.contract import InvalidRequest
from klein_ui.loading import Source
from klein_ui.models import ModelRow


@dataclass(frozen=True, slots=True)
class Choices:
    """Models by their names, in the order in which they are offered."""

    sources: tuple[Source, ...]

    @property
    def rows(self) -> tuple[ModelRow, ...]:
        """What can be chosen."""
        return tuple(source.row for source in self.sources)

    def named(self, name: str) -> Source:
        """The model called `name`. Raises `InvalidRequest`."""
        for source in self.sources:
            if source.row.name == name:
                return source
        known = ", ".join(row.name for row in self.rows)
        raise InvalidRequest("model", f"There is no model “{name}”; choose one of {known}.")
