"""The operations page names what exists: reasons, flags, exit codes, files, metrics."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from phoenix.api.results import Verdict
from phoenix.cli.exitcodes import MEANINGS
from phoenix.up import main as up
from tests.docs.pages import DOCS, rows, section, sources, words

PAGE = DOCS / "operations.md"
_PASCAL = re.compile(r"(?:[A-Z][a-z]+)+")


def calls(*folders: str) -> Iterator[ast.Call]:
    for _, tree in sources(*folders):
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def finding_codes() -> set[str]:
    """Codes of errors a pipeline can have: `Finding(path, message, hint, code)`, or its default."""
    found = {"InvalidPipeline"}
    for call in calls("phoenix/pipelines", "controllers"):
        match call:
            case ast.Call(func=ast.Name(id="Finding"), args=[_, _, _, ast.Constant(value=str(code))]):
                found.add(code)
            case ast.Call(func=ast.Name(id="Finding"), args=[_, _, _, ast.Name(id="CODE")]):
                found.add("UnmeasuredReceiverCut")
    return found


def pascal_words(folder: str, *modules: str) -> set[str]:
    """Every PascalCase text in these modules: where they speak of conditions, types and reasons."""
    trees = [tree for path, tree in sources(folder) if path.stem in modules]
    assert len(trees) == len(modules)
    return {word for tree in trees for word in words(tree) if _PASCAL.fullmatch(word)}


def experiment_reasons() -> set[str]:
    """Every reason a condition of an Experiment can have."""
    found = finding_codes() | {str(verdict) for verdict in Verdict}
    said = pascal_words("controllers/experiment", "status", "settling")
    found |= {word for word in said if not word.startswith("Experiment")}  # those are events
    for call in calls("controllers/experiment"):
        match call:
            case ast.Call(func=ast.Attribute(attr="condition"), args=[_, _, ast.Constant(value=str(reason)), _]):
                found.add(reason)
            case ast.Call(func=ast.Name(id="Unresolved" | "Hint"), args=[ast.Constant(value=str(reason)), _]):
                found.add(reason)
            case ast.Call(func=ast.Name(id="Step"), args=[_, ast.Constant(value=str(reason)), _, _]):
                found.add(reason)
            case ast.Call(
                func=ast.Name(id="Step"), args=[ast.Attribute(attr="WAIT"), ast.Constant(value=str(reason)), _]
            ):
                found.add(reason)
            case ast.Call(func=ast.Name(id="Settlement"), args=[_, _, ast.Constant(value=str(reason)), _]):
                found.add(reason)
            case ast.Call(func=ast.Name(id="Settlement"), keywords=[*keywords]):
                for keyword in keywords:
                    found |= set(words(keyword.value)) if keyword.arg == "reason" else set()
    types = {name for name, _ in rows(section(DOCS / "reference" / "experiment.md", "## Conditions"))}
    return found - types


def deployment_reasons() -> set[str]:
    """Every reason a condition of a PipelineDeployment can have: all PascalCase words of its status but the types."""
    return finding_codes() | pascal_words("controllers/pipelinedeployment", "status") - {"Available", "Progressing"}


@pytest.mark.parametrize(
    ("kind", "reasons"), [("Experiment", experiment_reasons), ("PipelineDeployment", deployment_reasons)]
)
def test_every_reason_is_explained_and_every_explained_one_exists(kind: str, reasons: Callable[[], set[str]]) -> None:
    emitted = reasons()
    explained = [reason for reason, _ in rows(section(PAGE, f"### {kind}"))]
    assert len(emitted) > 10, "the search found too little to mean anything"
    assert sorted(explained) == sorted(emitted)


def test_every_exit_code_is_listed() -> None:
    assert {code for code, _ in rows(section(PAGE, "## Exit codes"))} == {str(int(code)) for code in MEANINGS}


def test_every_flag_of_up_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        up(["--help"])
    flags = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert {flag for flag, _ in rows(section(PAGE, "## Start and stop"))} == flags
