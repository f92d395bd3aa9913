"""What a long run has covered, appended point by point, so that it can be run in parts.

`KILL_REPORT` names the file. A point counts as covered only while the product's code is the same.
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tests.crash.studio import ROOT

PRODUCT = ("config", "processing", "recovery")


class Report:
    """A file of JSON lines, one for each thing that was tried."""

    def __init__(self, kind: str) -> None:
        """Read what was covered before; `kind` tells one suite's lines from another's."""
        default = Path(tempfile.gettempdir()) / "stockproof-kills.jsonl"
        self.path = Path(os.environ.get("KILL_REPORT") or default)
        self._code, self._kind = _hash_code(), kind
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self._covered = {_key_of(entry) for entry in map(json.loads, lines) if not entry["problems"]}

    def is_covered(self, **place: Any) -> bool:
        """Whether this was tried before on the same code, and nothing was wrong."""
        return _key_of(self._entry(place)) in self._covered

    def add(self, problems: list[str], told: str = "", **place: Any) -> None:
        """Append one line; `told` says more of what was done there."""
        entry = self._entry(place) | {"problems": problems} | ({"told": told} if told else {})
        line = json.dumps(entry, sort_keys=True)
        with self.path.open("a") as file:
            file.write(line + "\n")

    def _entry(self, place: dict[str, Any]) -> dict[str, Any]:
        return {"kind": self._kind, "code": self._code, "place": place}


def _key_of(entry: dict[str, Any]) -> str:
    return json.dumps([entry["kind"], entry["code"], entry["place"]], sort_keys=True)


def _hash_code() -> str:
    digest = hashlib.sha256()
    for folder in PRODUCT:
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
