"""The project's own source as syntax trees."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "journal", "download", "upload", "market", "moderation", "narrative")


@dataclass(frozen=True)
class Source:
    path: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """`journal/actions/nodes.py` → `actions`; `writeorperish/privacy/circles.py` → `circles`."""
        parts = self.path.removesuffix(".py").split("/")
        return parts[2] if parts[0] == "writeorperish" and len(parts) > 2 else parts[1]


@cache
def sources() -> tuple[Source, ...]:
    """Every module of ours but tests and migrations, read once."""
    paths = [
        path for top in (*APPS, "writeorperish") for path in sorted((ROOT / top).rglob("*.py"))
    ]
    return tuple(
        Source(str(path.relative_to(ROOT)), ast.parse(path.read_text()))
        for path in paths
        if "migrations" not in path.parts
    )


def parse(text: str, path: str) -> Source:
    return Source(path, ast.parse(text))


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def dotted(node: ast.AST) -> str:
    """`Node.objects.filter` as text, with `()` where a call stands in the chain; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        return f"{dotted(node.func)}()"
    return ""
