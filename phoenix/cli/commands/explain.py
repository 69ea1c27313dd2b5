"""`phoenixctl explain`: what fields mean."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import orjson

from phoenix.api.schema import structural_schema
from phoenix.apimachinery.errors import ApiError
from phoenix.apimachinery.meta import KindInfo, Resource
from phoenix.cli.completing import complete_kinds
from phoenix.cli.errors import CliError, UsageError
from phoenix.cli.fieldhints import element, nearest, node_at
from phoenix.cli.kinds import kind_of
from phoenix.cli.session import Session
from phoenix.cli.wire import send
from phoenix.client.errors import ConfigError

DESCRIPTION = (
    "Say what a kind or one of its fields is for, which values it takes, and what it contains. From the server's\n"
    "schema where there is a server, else from this program's own."
)
EXAMPLES = """
phoenixctl explain experiment
phoenixctl explain exp.spec.timing
phoenixctl explain exp.spec --recursive       every field below, as a tree
phoenixctl explain pd.spec.pipeline --offline
"""
_WIDTH = 100
_TIMEOUT_S = 3.0
_PRESERVE = "x-kubernetes-preserve-unknown-fields"


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """Of which kind; path is of a field, empty for the kind itself."""

    kind: type[Resource]
    path: str = ""
    recursive: bool = False
    offline: bool = False


def flags(parser: argparse.ArgumentParser) -> None:
    """KIND[.FIELD...], --recursive, --offline."""
    word = parser.add_argument("field", metavar="KIND[.FIELD]", help="a kind, or the path of a field in it")
    word.completer = complete_kinds  # type: ignore[attr-defined]  # argcomplete's own way
    parser.add_argument("-R", "--recursive", action="store_true", help="every field below, without words")
    parser.add_argument("--offline", action="store_true", help="ask no server")
    parser.add_argument("--api-version", default="", metavar="VERSION", help="must be the kind's: there is one of each")


def options(arguments: argparse.Namespace) -> ExplainOptions:
    """Raises UsageError."""
    word, _, path = arguments.field.rstrip(".").partition(".")
    kind = kind_of(word)
    if arguments.api_version not in ("", kind.info.api_version):
        raise UsageError(
            f"{kind.info.kind} is not in {arguments.api_version}", f"its API version is {kind.info.api_version}"
        )
    return ExplainOptions(kind, path.replace("[]", ""), arguments.recursive, arguments.offline)


async def run(session: Session, options: ExplainOptions) -> int:
    """Print. Raises UsageError where there is no such field."""
    schema = structural_schema(options.kind) if options.offline else await _schema(session, options.kind)
    node, above, last = node_at(schema, options.path), options.path, ""
    if node is None:
        while node is None:
            above, _, last = above.rpartition(".")
            node = node_at(schema, above)
        where = ".".join(filter(None, (options.kind.info.singular, above)))
        hint = nearest(last, sorted(node.get("properties") or ()))
        raise UsageError(f'there is no field "{last}" in {where}', hint or "it has no fields that are known")
    for line in explanation(options.kind.info, schema, options.path, recursive=options.recursive):
        session.line(line)
    return 0


async def _schema(session: Session, kind: type[Resource]) -> Mapping[str, Any]:
    """The server's, where it answers at once and knows the kind; else our own."""
    info = kind.info
    wanted = {"group": info.group, "version": info.version, "kind": info.kind}
    try:
        async with session.client(timeout_s=_TIMEOUT_S) as client:
            document = await send(client, "GET", f"/openapi/v3{info.base_path}")
    except (ApiError, CliError, ConfigError):
        return structural_schema(kind)
    schemas = (document.get("components") or {}).get("schemas") or {}
    for schema in schemas.values():
        if wanted in (schema.get("x-kubernetes-group-version-kind") or ()) and schema.get("properties"):
            found: Mapping[str, Any] = schema
            return found
    return structural_schema(kind)


def explanation(info: KindInfo, schema: Mapping[str, Any], path: str, *, recursive: bool) -> Iterator[str]:
    """The lines, in kubectl's order. The field must be there."""
    if info.group:
        yield f"GROUP:      {info.group}"
    yield f"KIND:       {info.kind}"
    yield f"VERSION:    {info.version}"
    yield ""
    node, field = node_at(schema, path) or {}, _field(schema, path)
    if path:
        yield f"FIELD: {path.rpartition('.')[2]} <{type_of(field)}>{_required(schema, path)}"
        yield ""
    yield from _values(field, "")
    yield "DESCRIPTION:"
    yield from _words(field.get("description") or node.get("description") or "<none>", "    ")
    yield ""
    if not node.get("properties"):
        if node.get(_PRESERVE):
            yield "    (any fields)"
        return
    yield "FIELDS:"
    yield from _tree(node, "  ") if recursive else _fields(node)


def _field(schema: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The node of a field itself, not of a list's items."""
    above, _, last = path.rpartition(".")
    found: Mapping[str, Any] = ((node_at(schema, above) or {}).get("properties") or {}).get(last, schema)
    return found


def _required(schema: Mapping[str, Any], path: str) -> str:
    above, _, last = path.rpartition(".")
    return " -required-" if last in ((node_at(schema, above) or {}).get("required") or ()) else ""


def type_of(node: Mapping[str, Any]) -> str:
    """`string`, `[]Object`, `map[string]string`: as kubectl names types."""
    if node.get("x-kubernetes-int-or-string"):
        return "IntOrString"
    match node.get("type"):
        case "array":
            return f"[]{type_of(node.get('items') or {})}"
        case "object":
            values = node.get("additionalProperties")
            return f"map[string]{type_of(values)}" if isinstance(values, dict) else "Object"
        case None:
            return "Object"
        case str() as name:
            return name
    return "Object"


def _values(node: Mapping[str, Any], indent: str) -> Iterator[str]:
    if node.get("enum"):
        yield f"{indent}ENUM: {', '.join(map(str, node['enum']))}"
    if "default" in node:
        yield f"{indent}DEFAULT: {orjson.dumps(node['default']).decode()}"


def _words(text: str, indent: str) -> Iterator[str]:
    for line in str(text).splitlines() or [""]:
        yield from (indent + part for part in wrap(line, _WIDTH - len(indent)) or [""])


def _fields(node: Mapping[str, Any]) -> Iterator[str]:
    required = node.get("required") or ()
    for name, child in sorted((node.get("properties") or {}).items()):
        yield f"  {name}\t<{type_of(child)}>{' -required-' if name in required else ''}"
        yield from _values(child, "    ")
        yield from _words(child.get("description") or "<no description>", "    ")
        yield ""


def _tree(node: Mapping[str, Any], indent: str) -> Iterator[str]:
    required = node.get("required") or ()
    for name, child in sorted((node.get("properties") or {}).items()):
        yield f"{indent}{name}\t<{type_of(child)}>{' -required-' if name in required else ''}"
        yield from _tree(element(child), indent + "  ")
