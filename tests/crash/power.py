"""A disk whose power can be cut: an image with ext4, mounted by a loop device; and a PostgreSQL that lives on it."""

import os
import subprocess
from pathlib import Path

from tests import postgresql
from tests.crash.studio import kill, until

IMAGE_MB = 512


class NoPowerCuts(Exception):
    """This machine does not let us mount an image."""


class Disk:
    """One image and the folder where it is mounted."""

    def __init__(self, folder: Path, *, size_mb: int = IMAGE_MB) -> None:
        """Make the image and mount it. Raises NoPowerCuts."""
        if os.geteuid() != 0:
            raise NoPowerCuts("Mounting an image takes root.")
        self.image, self.mount = folder / "disk.img", folder / "disk"
        self.mount.mkdir(parents=True)
        with self.image.open("wb") as image:
            image.truncate(size_mb * 1024 * 1024)
        try:
            _run("mkfs.ext4", "-q", "-F", str(self.image))
            self.plug_in()
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise NoPowerCuts(f"No image can be mounted here: {error}") from error

    def plug_in(self, how: str = "rw") -> None:
        """Mount it to be read and written, or read only by "ro": the file system replays its log."""
        _run("mount", "-o", f"loop,{how}", str(self.image), str(self.mount))

    def unplug(self) -> None:
        """Unmount it; a file that somebody has open makes this fail, and the test with it."""
        _run("umount", str(self.mount))


class Server:
    """A PostgreSQL with its data on a disk: it can be killed with all of its processes, and started again."""

    def __init__(self, disk: Path, folder: Path, log_disk: Path | None = None) -> None:
        """Make a database cluster on a disk, with its write-ahead log on another one if there is one for it.

        The programs stay in `folder`, which others must be able to enter, as both disks.
        """
        self._folder = disk / "server"
        self._folder.mkdir()
        self._binaries = postgresql.find_binaries(folder)
        apart = [] if log_disk is None else ["-X", log_disk / "log"]
        initdb = [self._binaries / "initdb", *postgresql.INITDB_OPTIONS, "-D", self._folder / "data", *apart]
        maker = postgresql._start(self._folder, initdb, give_away=True)
        maker.communicate()
        assert maker.returncode == 0
        _run("sync", "-f", str(self._folder))  # initdb was told not to wait for the disk.
        self.url = f"postgres://{postgresql.USER}@/postgres?host={self._folder}"
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers: it replays its log first."""
        options = [part for option in (*postgresql.DURABLE, *postgresql.LIMITS) for part in ("-c", option)]
        logged = ["/bin/sh", "-c", 'exec "$@" >>"$FOLDER/log" 2>&1', "server"]
        command = [
            *logged,
            self._binaries / "postgres",
            "-D",
            self._folder / "data",
            "-k",
            self._folder,
            "-h",
            "",
        ]
        self._process = postgresql._start(self._folder, [*command, *options])
        postgresql._wait_until_ready(self._folder)

    @property
    def has_ended(self) -> bool:
        """Whether it has given up by itself."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """Kill all of its processes at once, those that live, and wait until none has a file open."""
        children = [] if self.has_ended else _children_of(self._process.pid)
        for pid in (self._process.pid, *children):
            kill(pid)
        self._process.communicate()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
