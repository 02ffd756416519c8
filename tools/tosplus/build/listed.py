"""Files as a manifest and a slot list them: a line each, and each folder once for the names behind it."""

from collections.abc import Iterable


def listed(paths: Iterable[str]) -> str:
    """What Files in lib/toscore/ota_blocks.py takes apart."""
    found = []
    folder = ""
    for path in paths:
        parent, _, name = path.rpartition("/")
        if parent != folder:
            found.append(f"{parent}/\n")
        folder = parent
        found.append(f"{name}\n")
    return "".join(found)


def unlisted(lines: str) -> list[str]:
    """The opposite. What is in no order of listed() comes out as something else."""
    paths = []
    folder = ""
    for name in lines.splitlines():
        if name.endswith("/"):
            folder = name.removeprefix("/")
        else:
            paths.append(folder + name)
    return paths
