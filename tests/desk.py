"""A folder that somebody works in, as the current one, where nothing is compiled that was compiled in another."""

from pathlib import Path

_CACHE = Path(__file__).parents[1] / ".tos/build/cache"  # what is in it is named by all that shapes it


def desk(folder):
    """-> folder, made one."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    (folder / ".tos/build").mkdir(parents=True)
    (folder / ".tos/build/cache").symlink_to(_CACHE)
    return folder
