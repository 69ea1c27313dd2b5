"""The commands of README and the operations page run as written, against one Phoenix, in the order of the pages."""

from __future__ import annotations

import json
import re
import ssl
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from phoenix.cli.exitcodes import ExitCode
from tests.docs.pages import DOCS, ROOT, Block, blocks, pages, rows, section
from tests.docs.running import SHORT, Failed, Reader, have_kubectl, reader

README, OPERATIONS, GITOPS = ROOT / "README.md", DOCS / "operations.md", DOCS / "gitops.md"
TAGS = {"setup", "up", "tour", "kubectl", "excerpt", "shell", "logs", "backup"}
needs_kubectl = pytest.mark.skipif(not have_kubectl(), reason="there is no kubectl on PATH")
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def tagged(page: Path, *tags: str) -> list[Block]:
    return [block for block in blocks(page) if block.tag in tags]


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reader(tmp_path_factory.mktemp("docs") / "phoenix") as found:
        yield found


def test_every_shell_block_is_run_or_names_a_make_target_that_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for page in (README, ROOT / "CONTRIBUTING.md", OPERATIONS):
        for block in blocks(page):
            assert block.tag in TAGS or not block.tag, f"{block}: unknown tag {block.tag}"
            if block.tag != "kubectl":
                assert not re.search(r"^kubectl\b", block.text, re.M), f"{block}: would fail where there is no kubectl"
            if block.language == "sh" and not block.tag:
                lines = [line.split("#")[0].split() for line in block.text.splitlines()]
                assert all(line[0] == "make" and line[1] in targets for line in lines), f"{block}: no test runs it"
    for block in tagged(README, "setup"):
        assert block.text.startswith("make install\n")
    assert [block.text for block in tagged(README, "up")] == ["phoenixctl up\n"]


def test_the_readme_begins_with_the_two_commands() -> None:
    first = next(blocks(README))
    assert [line.split("#")[0].strip() for line in first.text.splitlines()] == ["make demo", "make test"]
    assert README.read_text(encoding="utf-8").index(first.text) < 100


def test_every_link_leads_somewhere() -> None:
    for page in pages():
        text = re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)", text):
            found = (page.parent / target).resolve() if target else page
            assert found.exists(), f"{page.relative_to(ROOT)}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.M)
                slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
                assert anchor[1:] in slugs, f"{page.relative_to(ROOT)}: {target}{anchor}"


def toured(at: Reader, block: Block) -> str:
    """What a block of the tour says; run again where a machine that stood still made the run Invalid."""
    for _ in range(2):
        try:
            return at.run(block)
        except Failed as error:
            if error.code != ExitCode.INVALID:
                raise
            at.run("phoenixctl delete experiment http-lean")
    return at.run(block)


def test_the_tour_runs_as_written_and_the_excerpt_is_real(at: Reader) -> None:
    said = ""
    for block in blocks(README):
        if block.tag == "tour":
            said += toured(at, block)
        elif block.tag == "kubectl" and have_kubectl():
            assert "http-lean" in at.run(block)
    # Samples and bytes depend on how long it runs, which is shortened here; what is counted once does not.
    (excerpt,) = tagged(README, "excerpt")
    for line in excerpt.text.splitlines():
        if re.match(r"  (active series|streams|duplicates)", line):
            assert line.split() in [other.split() for other in said.splitlines()], line
        elif line.startswith("verdict"):
            assert line.removeprefix("verdict: ") in said


def test_the_request_log_has_the_endpoints_hit_and_no_failure(at: Reader) -> None:
    group = "/apis/phoenix.io/v1alpha1/namespaces/default"
    requests = re.findall(r"request method=(\w+) path=([^?\s]+)\S* code=(\d+)", at.log())
    assert ("POST", f"{group}/experiments", "201") in requests
    assert ("POST", f"{group}/pipelinedeployments", "201") in requests
    assert ("PATCH", f"{group}/experiments/http-lean/status", "200") in requests
    assert [request for request in requests if request[2].startswith("5")] == []
    assert any(path.endswith("/samples") and code == "202" for _, path, code in requests)


def test_no_component_logged_an_error(at: Reader) -> None:
    assert [line for line in at.log().splitlines() if " ERROR " in line or "Traceback" in line] == []


@needs_kubectl
def test_kubectl_blocks_run_as_written(at: Reader) -> None:
    for block in tagged(OPERATIONS, "kubectl"):
        assert at.run(block)


def test_gitops_blocks_run_as_written(at: Reader) -> None:
    (block,) = tagged(GITOPS, "shell")
    assert "phoenix.io/gitops-small" in at.run(block).replace("loadprofile.", "")


@pytest.fixture(scope="module")
def measuring(at: Reader) -> Reader:
    """With an experiment named http-lean that measures for long."""
    path = at.folder / "long.yaml"
    text = (at.folder / "resources" / "examples" / "http-microservices.yaml").read_text()
    path.write_text(text.replace(SHORT, "timing: {warmup: 1s, duration: 120s, interval: 500ms}"))
    at.run("phoenixctl delete experiment http-lean --ignore-not-found")  # the tour may have ended in the middle
    at.run(f"phoenixctl apply -f {path.name}")
    at.run("phoenixctl wait experiment/http-lean --for=phase=Running --timeout=60s")
    return at


def test_operations_blocks_run_as_written(measuring: Reader) -> None:
    for block in tagged(OPERATIONS, "shell", "logs"):
        assert measuring.run(block) or ">" in block.text
    assert "kind: Experiment" in (measuring.folder / "objects.yaml").read_text()
    written = measuring.run("phoenixctl logs experiment/http-lean")
    assert "INFO" in written
    assert "ERROR" not in written


def fetch(at: Reader, path: str) -> str:
    endpoint = json.loads((at.state / "endpoint.json").read_text())
    token = Path(endpoint["tokenFile"]).read_text()
    request = urllib.request.Request(endpoint["server"] + path, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=endpoint["caFile"])) as answer:
        return str(answer.read().decode())


def families(text: str) -> set[str]:
    """Names of metrics in Prometheus text."""
    return {name for name in re.findall(r"^# TYPE (\S+)", text, re.M) if not name.endswith("_created")}


def test_metrics_named_are_served_and_those_served_are_named(measuring: Reader) -> None:
    served = families(fetch(measuring, "/metrics"))
    group = "/apis/phoenix.io/v1alpha1/namespaces/default"
    for plural, port in (("collectors", "telemetry"), ("meters", "health"), ("loadgenerators", "health")):
        for item in json.loads(fetch(measuring, f"{group}/{plural}"))["items"]:
            with urllib.request.urlopen(f"http://127.0.0.1:{item['status']['ports'][port]}/metrics") as answer:
                served |= families(answer.read().decode())
    named = {name for name, _ in rows(section(OPERATIONS, "## Metrics"))}
    assert named - served == set()
    assert {name for name in served if name.startswith("phoenix_")} - named == set()


def test_a_backup_made_as_written_can_be_restored(measuring: Reader, tmp_path: Path) -> None:
    (block,) = tagged(OPERATIONS, "backup")
    measuring.run(block)
    other = Reader(tmp_path / "restored")
    (measuring.folder / "backup").rename(other.state)
    old_token = (other.state / "token").read_text()
    (other.state / "token").unlink()
    began = time.monotonic()
    other.start()
    try:
        assert "experiment/http-lean" in other.run("phoenixctl get experiments -o name").replace(".phoenix.io", "")
        assert (other.state / "token").read_text() not in ("", old_token), "a deleted token is made anew"
    finally:
        other.stop()
    assert time.monotonic() - began < 60
