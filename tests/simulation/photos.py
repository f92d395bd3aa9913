"""Photos that are one line of text: what they say is what their measuring finds, so every verdict is known."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from processing.analysis.records import Facts, Measured, PhotoRefused

if TYPE_CHECKING:
    from tests.simulation.world import World

RULES: dict[str, Any] = {"formats": ["JPEG"], "focus_min": 0.5, "similar_distance_max": 0}
GROUP_SIZE = 2
MEASURE_S_MAX = 1.5
POISONS = ("segfault", "hang", "memory")


@dataclass(frozen=True, slots=True)
class Expected:
    """What becomes of a photo, before it is compared."""

    verdict: str
    reasons: tuple[str, ...]


def expected_of(data: bytes) -> Expected:
    """Say what a photo's content makes of it; a poison never gets a row of this kind."""
    kind = data.split()[0].decode()
    if kind == "blurred":
        return Expected("rejected", ("out_of_focus",))
    if kind == "torn":
        return Expected("unreadable", ("unreadable",))
    return Expected("approved", ())


def measured_of(data: bytes) -> Measured:
    """Measure a photo: a pure function of its bytes."""
    sha256 = hashlib.sha256(data).hexdigest()
    kind = data.split()[0]
    if kind == b"torn":
        return Measured(sha256, None, {}, b"", PhotoRefused("unreadable", None, None, "It is torn."))
    focus = 0.1 if kind == b"blurred" else 0.6
    return Measured(sha256, Facts("JPEG", 3000, 2000, len(data), "sRGB"), {"focus": focus}, b"", None)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is read of a photo before it is measured; nobody looks at pictures in a world."""

    data: bytes
    sha256: str = ""
    pictures: None = None
    facts: None = None


class FakePipeline:
    """Stands for the pipeline of one process: measures by reading, dies of poison, takes the world's time."""

    device_name = "cpu"

    def __init__(self, world: "World", *, group_size: int = GROUP_SIZE) -> None:
        self.world, self.batch_size = world, group_size

    def set_batch_size(self, batch_size: int) -> None:
        """Set how many photos are in flight at once."""
        self.batch_size = max(1, batch_size)

    def count_device_bytes(self) -> None:
        """Hold no device memory, as on the CPU."""

    def free_memory(self) -> None:
        """Hold no buffers."""

    def prepare(self, data: bytes) -> Draft:
        """Decode."""
        return Draft(data)

    def measure(self, batch: Sequence[Draft]) -> list[Measured]:
        """Measure, unless one of them is poison."""
        self.world.pause(self.world.random.uniform(0.1, MEASURE_S_MAX))
        for draft in batch:
            kind = draft.data.split()[0].decode()
            if kind in POISONS:
                self._suffer(kind)
        return [measured_of(draft.data) for draft in batch]

    def _suffer(self, kind: str) -> None:
        acts: dict[str, Callable[[], object]] = {
            "segfault": lambda: self.world.die(-11),
            "hang": self._hang,
            "memory": self._run_out_of_memory,
        }
        acts[kind]()

    def _hang(self) -> None:
        while True:
            self.world.pause(3600.0)

    def _run_out_of_memory(self) -> None:
        raise MemoryError


class Album:
    """One source folder, and every content that each of its photos ever had."""

    def __init__(self, folder: Path, world: "World") -> None:
        self.folder, self.world = folder, world
        # Where the photos are: elsewhere while their disk is not mounted.
        self.place = folder
        self.names: list[str] = []
        self.written: dict[int, tuple[bytes, int]] = {}
        self.known: dict[str, bytes] = {}
        self.changes_count = 0
        self.was_gone: set[int] = set()
        self._changed_at: dict[int, float] = {}
        self._clock_ns = 10**18
        folder.mkdir(parents=True)

    def add(self, data: bytes) -> None:
        """Add a photo behind the last."""
        self.names.append(f"{len(self.names):02d}.jpg")
        self.write(len(self.names) - 1, data)

    def write(self, position: int, data: bytes) -> None:
        """Give a photo this content; the time always goes on."""
        path = self.place / self.names[position]
        path.write_bytes(data)
        self._clock_ns += 1_000_000
        self.written[position] = (data, self._clock_ns)
        os.utime(path, ns=(self._clock_ns, self._clock_ns))
        self.known[hashlib.sha256(data).hexdigest()] = data
        self._note(position)

    def remove(self, position: int) -> None:
        """Take a photo away."""
        (self.place / self.names[position]).unlink(missing_ok=True)
        self.written.pop(position, None)
        self.was_gone.add(position)
        self._note(position)

    def _note(self, position: int) -> None:
        self.changes_count += 1
        self._changed_at[position] = self.world.now

    def move(self, place: Path) -> None:
        """Let the folder be elsewhere: its disk is gone, or back."""
        self.place = self.place.rename(place)

    def is_untouched(self) -> bool:
        """Whether the folder holds just what was written to it, to the byte and to the nanosecond."""
        expected = {self.names[position]: content for position, content in self.written.items()}
        found = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in self.place.iterdir()}
        return found == expected

    def is_stale(self, position: int, row: Any, since: float | None) -> bool:
        """Whether a result is not of the present file; with an instant: and was not then."""
        if since is not None and self._changed_at[position] >= since:
            return False
        try:
            found = (self.place / self.names[position]).stat()
        except FileNotFoundError:
            return bool(row.sha256) or row.verdict != "unreadable"
        was_there = bool(row.sha256) or row.verdict != "unreadable"
        return not was_there or (found.st_size, found.st_mtime_ns) != (row.size_bytes, row.mtime_ns)


def draw_album(folder: Path, world: "World", photos_count: int) -> Album:
    """Fill a folder with photos of known verdicts, some of them twice."""
    album = Album(folder, world)
    chance = world.random
    contents: list[bytes] = []
    for number in range(photos_count):
        kind = chance.choices(["sharp", "blurred", "torn"], [6, 3, 1])[0]
        data = f"{kind} {number}".encode()
        contents.append(chance.choice(contents) if contents and chance.random() < 0.15 else data)
        album.add(contents[-1])
    return album
