"""Reads a page for the sentences that stand beside its fields, in the way in which a screen reader finds them."""

from html.parser import HTMLParser

VOID = {"input", "meta", "link", "img", "br", "hr", "source"}
ERRORS = {"error", "errorlist"}


class Sayings(HTMLParser):
    """The texts of a page by the ids of their elements, and which of them describe a field."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._open: list[tuple[str, dict[str, str]]] = []
        self._texts: dict[str, str] = {}
        self._errors: set[str] = set()
        self._beside: dict[str, set[str]] = {}
        self.feed(page)

    def error_of(self, name: str) -> str:
        """Give the sentence that describes a field as wrong; empty if there is none."""
        ids = sorted(self._beside.get(name, set()) & self._errors)
        return " ".join(self._texts.get(one, "").strip() for one in ids)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what describes a field: its own description, or that of what it stands in."""
        given = {name: value or "" for name, value in attrs}
        around = [*(one for _tag, one in self._open), given]
        described = {one for each in around for one in each.get("aria-describedby", "").split()}
        self._beside.setdefault(given.get("name", ""), set()).update(described)
        if ERRORS & {*given.get("class", "").split()}:
            self._errors.add(given.get("id", ""))
        if tag not in VOID:
            self._open.append((tag, given))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Leave a shape aside, which says nothing."""

    def handle_endtag(self, tag: str) -> None:
        """Leave the element, and what was not closed inside it."""
        if tag in (name for name, _given in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Add a text to all elements around it."""
        for _tag, given in self._open:
            if "id" in given:
                self._texts[given["id"]] = self._texts.get(given["id"], "") + data
