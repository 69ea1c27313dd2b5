"""Each output of `get`, from what a server gives."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from ruamel.yaml import YAML

from phoenix.api.experiment import Experiment
from phoenix.cli.errors import UsageError
from phoenix.cli.printers.base import Page, TableStyle, check_output, printer_for
from phoenix.cli.style import Style

ONE = {
    "apiVersion": "phoenix.io/v1alpha1",
    "kind": "Experiment",
    "metadata": {"name": "a", "namespace": "default", "labels": {"phoenix.io/run": "1"}},
    "spec": {"text": "one\ntwo\n", "odd": " padded \nlines"},
    "status": {"phase": "Running", "progress": 0.5, "conditions": [{"type": "Ready", "status": "True"}]},
}
TWO = {**ONE, "metadata": {"name": "b", "namespace": "other"}, "status": {"phase": "Pending"}}
TABLE: dict[str, Any] = {
    "kind": "Table",
    "columnDefinitions": [
        {"name": "Name", "type": "string", "format": "name", "priority": 0},
        {"name": "Phase", "type": "string", "priority": 0},
        {"name": "Progress", "type": "number", "priority": 0},
        {"name": "Reason", "type": "string", "priority": 1},
    ],
    "rows": [
        {"cells": ["a", "Running", 0.5, "because"], "object": {"metadata": {"namespace": "default"}}},
        {"cells": ["b", None, None, None], "object": {"metadata": {"namespace": "other"}}},
    ],
}


def printed(output: str, *objects: dict[str, Any], single: bool = False, style: TableStyle | None = None) -> str:
    out = StringIO()
    page = Page(Experiment.info, objects, table=TABLE, single=single)
    printer_for(output, style or TableStyle()).print([page], out)
    return out.getvalue()


def test_table_and_wide() -> None:
    assert printed("").splitlines() == [
        "NAME   PHASE     PROGRESS",
        "a      Running        50%",
        "b      -                -",
    ]
    assert printed("wide").splitlines()[1] == "a      Running        50%   because"
    assert printed("", style=TableStyle(with_namespace=True)).splitlines()[0].startswith("NAMESPACE   NAME")
    assert printed("", style=TableStyle(headers=False)).splitlines()[0].startswith("a ")


def test_colours_only_when_asked() -> None:
    assert "\x1b" not in printed("")
    assert "\x1b[32mRunning" in printed("", style=TableStyle(colour=True))


def test_yaml_and_json_say_what_the_server_said() -> None:
    assert YAML(typ="safe").load(printed("yaml", ONE, single=True)) == ONE
    assert "text: |\n" in printed("yaml", ONE, single=True)
    assert json.loads(printed("json", ONE, single=True)) == ONE
    listed = json.loads(printed("json", ONE, TWO))
    assert (listed["kind"], listed["items"]) == ("List", [ONE, TWO])


def test_name() -> None:
    assert printed("name", ONE, TWO) == "experiment.phoenix.io/a\nexperiment.phoenix.io/b\n"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{.status.phase}", "Running\n"),
        (".status.phase", "Running\n"),
        ('{.status.conditions[?(@.type=="Ready")].status}', "True\n"),
        (r"{.metadata.labels.phoenix\.io/run}", "1\n"),
        ("{.status.progress}{' of '}{.metadata.name}", "0.5 of a\n"),
        ("phase={.status.phase}", "phase=Running\n"),
        ("{.status.conditions}", '[{"type":"Ready","status":"True"}]\n'),
        ("{.status.nothing}", ""),
    ],
)
def test_jsonpath_of_one(template: str, expected: str) -> None:
    assert printed(f"jsonpath={template}", ONE, single=True) == expected


def test_jsonpath_of_a_list() -> None:
    assert printed("jsonpath={.items[*].metadata.name}", ONE, TWO) == "a b\n"
    template = '{range .items[*]}{.metadata.name}{"\\t"}{.status.phase}{"\\n"}{end}'
    assert printed(f"jsonpath={template}", ONE, TWO) == "a\tRunning\nb\tPending\n"


@pytest.mark.parametrize("output", ["jsn", "yaml=x", "jsonpath", "jsonpath="])
def test_unknown_outputs_are_refused(output: str) -> None:
    with pytest.raises(UsageError):
        check_output(output)
    with pytest.raises(UsageError):
        printer_for("jsonpath={range .items[*]}{.x}", TableStyle())


@pytest.mark.parametrize(
    ("environment", "terminal", "coloured"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "FORCE_COLOR": "0"}, True, True),
    ],
)
def test_colours_are_for_terminals_unless_somebody_says_otherwise(
    environment: dict[str, str], terminal: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal, raising=False)
    assert Style.of(stream).enabled is coloured
