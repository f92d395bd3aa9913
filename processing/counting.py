"""The dry count: how many photos a folder holds, counted a little at a time before a session begins."""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from django.conf import settings
from django.core import signing

from processing.analysis.verdict import certain_refusal
from processing.sources import Folder, Found, LeftOut, path_text

# How long one request counts: short enough that a page answers at once, long enough that counting gets on.
COUNT_S = 0.5
FORMATS = {
    "jpg": "JPEG",
    "jpeg": "JPEG",
    "jpe": "JPEG",
    "jfif": "JPEG",
    "png": "PNG",
    "tif": "TIFF",
    "tiff": "TIFF",
    "webp": "WebP",
    "heic": "HEIC",
    "heif": "HEIC",
    "avif": "AVIF",
}
# What the count so far is signed for, so that no other text can be passed off as one.
PURPOSE = "dry count"


class CountLost(Exception):
    """What a page sent back as its count so far is none that was made here."""


@dataclass(frozen=True, slots=True)
class DryCount:
    """What was found so far in a folder: photos by ending, bytes, entries left out; where to go on; whether it is all."""

    source: bytes
    recursive: bool
    endings: Mapping[str, int]
    bytes_count: int = 0
    left_out_count: int = 0
    after: bytes | None = None
    is_done: bool = False

    @classmethod
    def begin(cls, source: bytes, *, recursive: bool) -> Self:
        """Begin with nothing."""
        return cls(source, recursive, {})

    @classmethod
    def read(cls, text: str) -> Self:
        """Take up a count that a page has kept. Raises CountLost."""
        try:
            facts = signing.loads(text, salt=PURPOSE)
        except signing.BadSignature as error:
            raise CountLost("The count so far cannot be taken up; count again.") from error
        after = None if facts["after"] is None else urlsafe_b64decode(facts["after"])
        return cls(**(facts | {"source": urlsafe_b64decode(facts["source"]), "after": after}))

    def kept(self) -> str:
        """Write it for the page that asks for more."""
        after = None if self.after is None else urlsafe_b64encode(self.after).decode("ascii")
        facts: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        source = urlsafe_b64encode(self.source).decode("ascii")
        return signing.dumps(facts | {"source": source, "after": after}, salt=PURPOSE, compress=True)

    @property
    def photos_count(self) -> int:
        """Photos found so far."""
        return sum(self.endings.values())

    @property
    def by_format(self) -> dict[str, int]:
        """Photos by format, as their endings name it."""
        counts: dict[str, int] = {}
        for ending, count in sorted(self.endings.items()):
            name = FORMATS.get(ending, ending.upper())
            counts[name] = counts.get(name, 0) + count
        return counts

    def doomed_formats(self, rules: Mapping[str, Any]) -> set[str]:
        """Formats of which every photo can only fail a file rule, by its name alone."""
        return {
            FORMATS.get(ending, ending.upper())
            for ending in self.endings
            if certain_refusal(f"photo.{ending}", rules)
        }

    def go_on(self, budget_s: float = COUNT_S) -> Self:
        """Count on from where it stands for so long. Raises SourceGone when the folder is missing or empty."""
        deadline = time.monotonic() + budget_s
        endings, sizes, left_out, after = (
            dict(self.endings),
            self.bytes_count,
            self.left_out_count,
            self.after,
        )
        folder = Folder(self.source, recursive=self.recursive, left_out=(bytes(settings.STOCKPROOF_VAR),))
        is_done = True
        for step in folder.steps(after):
            after = step.path
            if isinstance(step, Found):
                ending = path_text(step.path).rpartition(".")[2].lower()
                endings[ending] = endings.get(ending, 0) + 1
                sizes += step.size_bytes
            elif isinstance(step, LeftOut):
                left_out += 1
            if time.monotonic() >= deadline:
                is_done = False
                break
        return replace(
            self,
            endings=endings,
            bytes_count=sizes,
            left_out_count=left_out,
            after=after,
            is_done=is_done,
        )
