"""Compares the environment with constraints.txt, or writes it anew with --write."""

import argparse
import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parent.parent / "constraints.txt"
# pip and setuptools come with the environment; stockproof is what is being tested.
NOT_OURS = {"pip", "setuptools", "wheel", "stockproof"}


def plain_name(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, str]:
    """Name and version of each installed package, the build (`+cpu`) left off."""
    found: list[Distribution] = list(distributions())
    versions = {plain_name(one.metadata["Name"]): one.version.partition("+")[0] for one in found}
    return {name: version for name, version in sorted(versions.items()) if name not in NOT_OURS}


def constrained(text: str) -> dict[str, str]:
    """Name and version of each line of a constraints file."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {plain_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def differences(environment: dict[str, str], constraints: dict[str, str]) -> list[str]:
    """One line for each package that differs."""
    return [
        f"{name}: installed {environment.get(name)}, constraints.txt {constraints.get(name)}"
        for name in sorted(environment.keys() | constraints.keys())
        if environment.get(name) != constraints.get(name)
    ]


def main() -> int:
    """Exit code 1 if the environment and the file disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write constraints.txt from this environment")
    environment = installed()
    if parser.parse_args().write:
        CONSTRAINTS.write_text("".join(f"{name}=={version}\n" for name, version in environment.items()))
    found = differences(environment, constrained(CONSTRAINTS.read_text()))
    sys.stderr.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
