"""What people and broken programs send where something else is expected, by the kind of the field."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

Values = dict[str, str]

NULL = {"null": "a\0b"}
TEXT = NULL | {"empty": "", "huge": "x" * 20_001, "control": "a\ab"}
CHOICE = TEXT | {"wrong": "nonsense"}
NUMBER = TEXT | {"wrong": "seven", "digits": "9" * 400, "negative": "-1"}
DECIMAL = NUMBER | {"exponent": "1e400", "nan": "NaN"}
DATE = TEXT | {"wrong": "yesterday", "digits": "9" * 400, "month": "2026-13-01", "zero": "0000-00-00"}
# In UTC they lie outside of what can be written.
EDGES = {"early": "0001-01-01T00:00:00+1400", "late": "9999-12-31T23:59:59-1200"}
ID = TEXT | {"wrong": "seven", "digits": "9" * 400}
# What is said where the sentence depends on the status alone.
SAYS = {404: "Either it never was, or it belongs to somebody else."}
NOT_THERE = {"stale": 404, "foreign": 404}


@dataclass(frozen=True)
class Scene:
    """What a form is sent about: rows by a name, and the id of a session that is somebody else's."""

    values: Mapping[str, object]
    foreign: str = ""


@dataclass(frozen=True)
class Field:
    """One field: a value that is right, bad ones by their names, and what those are answered.

    `takes` are bad values that harm nothing here and are taken. The others get the status of the sheet, or that of
    `answers`, and a sentence beside the field; where nobody types into it, the page `says` the sentence.
    """

    right: str | Callable[[Scene], str] | None
    bad: Values
    takes: str = ""
    answers: Mapping[str, int] = field(default_factory=dict)
    says: str = ""
    is_id: bool = False

    def value(self, scene: Scene) -> str | None:
        """Give the value that is right; None where the field is left out."""
        return self.right(scene) if callable(self.right) else self.right

    def bad_values(self, scene: Scene) -> Values:
        """Give the bad values; of an id also one of nothing and one of somebody else's."""
        return self.bad | ({"stale": str(uuid4()), "foreign": scene.foreign} if self.is_id else {})


@dataclass(frozen=True)
class Request:
    """Bad values to send at once; the fields beside which, or the sentence with which, each is refused."""

    name: str
    data: Values
    status: int = 0
    beside: tuple[str, ...] = ()
    says: str = ""


@dataclass(frozen=True)
class Sheet:
    """A form as it is sent to an address. `status` is what bad values are answered there."""

    form: Any
    address: str
    fields: Mapping[str, Field]
    method: str = "post"
    scene: str = "judged"
    status: int = 400
    person: str = "ines"
    plus: Mapping[str, str] = field(default_factory=dict)
    leaves: tuple[str, ...] = ()

    def data(self, scene: Scene) -> Values:
        """Give what is right in every field."""
        typed = {name: one.value(scene) for name, one in self.fields.items()}
        return {**self.plus, **{name: value for name, value in typed.items() if value is not None}}

    def taken(self, scene: Scene) -> Iterator[Request]:
        """Give the bad values that harm nothing, those of one kind at once."""
        kinds = sorted({kind for one in self.fields.values() for kind in one.takes.split()})
        for kind in kinds:
            fields = {name: one for name, one in self.fields.items() if kind in one.takes.split()}
            yield Request(kind, {name: one.bad_values(scene)[kind] for name, one in fields.items()})

    def refused(self, scene: Scene) -> Iterator[Request]:
        """Give what is refused: for fields that people type into by kinds at once, for the others one by one."""
        together: dict[str, Values] = {}
        for name, one in self.fields.items():
            for kind, value in one.bad_values(scene).items():
                if kind in one.takes.split():
                    continue
                if one.says:
                    status = one.answers.get(kind, self.status)
                    yield Request(f"{name} {kind}", {name: value}, status, (), SAYS.get(status, one.says))
                else:
                    together.setdefault(kind, {})[name] = value
        for kind, values in together.items():
            yield Request(kind, values, self.status, tuple(values))
