"""Who imports whom in lib, firmware, boards and tools, read from the source: modules, and rooms, which are folders."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOPS = ("lib", "firmware", "tools")  # where the names of modules begin
BASE = "tools/tosplus"


def modules(root=ROOT):
    """-> {name: file}. A package's name stands for its __init__.py; a board is boards.NAME.board."""
    found = {}
    for top in (*TOPS, "boards"):
        for file in sorted((root / top).rglob("*.py")):
            parts = file.relative_to(root if top == "boards" else root / top).with_suffix("").parts
            if not {"migrations", "manifest", "manifests"} & set(parts):
                found[".".join(parts).removesuffix(".__init__")] = file
    return found


def imports(root=ROOT):
    """-> {name: {names it imports, at once or late}}; imports for type checkers alone do not count."""
    known = modules(root)
    return {name: set(_imports(name, file, known)) for name, file in known.items()}


def rooms(root=ROOT):
    """-> {room: {rooms it imports from}}; a room is a folder, from the root of the repository."""
    where = {name: _room(file.parent.relative_to(root).as_posix()) for name, file in modules(root).items()}
    found = {}
    for name, others in imports(root).items():
        found.setdefault(where[name], set()).update(where[other] for other in others)
    return {name: others - {name} for name, others in found.items()}


def _room(folder):
    if folder.startswith("boards"):
        return "boards"
    return "/".join(folder.split("/")[:3]) if folder.startswith(BASE + "/") else folder


def circles(graph):
    """-> [[names that reach one another], ...] (Tarjan's strongly connected components of more than one)."""
    index, low, stack, found = {}, {}, [], []

    def visit(name):
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == index[name]:
            at = stack.index(name)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for name in graph:
        if name not in index:
            visit(name)
    return found


def reduced(graph):
    """The same without what a longer way says as well. graph: without circles."""

    def below(name):
        return set().union(*({other} | below(other) for other in graph[name]))

    return {name: others - set().union(*(below(other) for other in others)) for name, others in graph.items()}


def _imports(name, file, known):
    parts = name.split(".")
    package = parts if file.name == "__init__.py" else parts[:-1]
    nodes = [ast.parse(file.read_text())]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            wanted = [".".join([*above, *filter(None, [node.module]), alias.name]) for alias in node.names]
        else:
            continue
        for full in wanted:
            while full and full not in known:
                full = full.rpartition(".")[0]
            if full and full != name:
                yield full
