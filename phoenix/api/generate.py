"""Writes the schemas of every kind: `python -m phoenix.api.generate DIR [--check]`.

    DIR/crds/<plural>.phoenix.io.yaml   CustomResourceDefinitions, for a real Kubernetes API server
    DIR/json/<kind>.json                JSON Schemas, for editors and validators
    DIR/README.md                       what is there

Same models, same bytes. Exit codes: 0 done or fresh; 1 `--check` found stale, missing or left-over files; 2 usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import cache
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from phoenix.api.schema import JsonObject, crd, json_schema
from phoenix.api.scheme import KINDS
from phoenix.apimachinery.meta import API_VERSION, GROUP

_MARK = "Generated from the models in phoenix/api by `make schemas`. Do not edit."


@cache
def documents() -> dict[str, str]:
    """Every file by its path below DIR, in order. Shared: do not change it."""
    files: dict[str, str] = {}
    for kind in KINDS:
        info = kind.info
        if info.group == GROUP:
            files[f"crds/{info.plural}.{info.group}.yaml"] = f"# {_MARK}\n{_yaml(crd(kind))}"
        files[f"json/{info.singular}.json"] = json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n"
    files["README.md"] = _index()
    return dict(sorted(files.items()))


def _yaml(document: JsonObject) -> str:
    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    # NB: shared values would become anchors, which some Kubernetes tools do not take.
    yaml.representer.ignore_aliases = lambda _: True
    text = StringIO()
    yaml.dump(document, text)
    return text.getvalue()


def _index() -> str:
    lines = [
        "# Schemas",
        "",
        _MARK,
        "",
        f"All kinds of `{API_VERSION}`, and the Kubernetes ones Phoenix serves. `kubectl apply -f crds/` installs them",
        "on a Kubernetes API server; point an editor's YAML support at `json/` for completion and checks.",
        "",
        "| kind | short | scope | what it is | CRD | JSON Schema |",
        "|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        info = kind.info
        name = f"{info.plural}.{info.group}.yaml"
        cells = [
            f"`{info.kind}`",
            " ".join(f"`{short}`" for short in info.short_names) or "–",
            "namespace" if info.namespaced else "cluster",
            info.description,
            f"[{name}](crds/{name})" if info.group == GROUP else "Kubernetes' own",
            f"[{info.singular}.json](json/{info.singular}.json)",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def stale(root: Path) -> list[str]:
    """Paths below root that differ from what the models give: changed, missing, or of a kind that is gone."""
    wanted = documents()
    different = [name for name, text in wanted.items() if not _holds(root / name, text)]
    return sorted([*different, *_left_over(root, wanted)])


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False


def _left_over(root: Path, wanted: dict[str, str]) -> list[str]:
    found = [*root.glob("crds/*.yaml"), *root.glob("json/*.json")]
    return [name for name in (path.relative_to(root).as_posix() for path in found) if name not in wanted]


def write(root: Path) -> list[str]:
    """Write what is stale and remove what is left over; returns the paths below root that changed."""
    wanted, changed = documents(), stale(root)
    for name in changed:
        path = root / name
        if name not in wanted:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[name], encoding="utf-8")
    return changed


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m phoenix.api.generate", description="Write the schemas of all kinds."
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="where to, such as schemas")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 and list the files that are stale")
    options = parser.parse_args(argv)
    root: Path = options.directory
    if not options.check:
        for name in write(root):
            sys.stdout.write(f"{root / name}\n")
        return 0
    differing = stale(root)
    for name in differing:
        sys.stderr.write(f"stale: {root / name}\n")
    if differing:
        sys.stderr.write("run `make schemas` and commit what changes\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
