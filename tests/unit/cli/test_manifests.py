"""validate and render: no server, and every finding has its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from phoenix.cli.main import main

ROOT = Path(__file__).resolve().parents[3]
BAD = """\
apiVersion: phoenix.io/v1alpha1
kind: Experiment
metadata: {name: bad}
spec:
  source: {load: {profileRef: {name: microservices-htp}}}
  variants:
    - {name: baseline, role: Baseline, pipeline: {templateRef: {name: baselin}}}
    - name: candidate
      role: Candidate
      pipeline:
        config:
          processors:
            nosuch: {}
          service:
            pipelines:
              metrics: {processors: [nosuch]}
  analysis:
    signals:
      - {name: q, query: "topk(3, x"}
---
apiVersion: phoenix.io/v1alpha1
kind: Experiment
metadata: {name: other}
spec:
  tming: {warmup: 5s}
---
kind: [broken
"""


def test_every_shipped_manifest_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "-f", str(ROOT / "resources")]) == 0
    captured = capsys.readouterr()
    assert "experiment/http-lean is valid" in captured.out
    assert "identity" not in captured.err
    assert "0 errors" in captured.err


def test_each_fault_has_file_and_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    assert main(["validate", "-f", str(path)]) == 1
    said = capsys.readouterr().err
    for line in (
        f'{path}:5: experiment/bad: spec.source.load.profileRef.name: no LoadProfile "microservices-htp"',
        'did you mean "microservices-http"?',
        f'{path}:7: experiment/bad: spec.variants[0].pipeline.templateRef.name: no PipelineTemplate "baselin"',
        f"{path}:13: experiment/bad: spec.variants[1].pipeline.config.processors.nosuch:",
        f"{path}:19: experiment/bad: spec.analysis.signals[0].query:",
        f'{path}:25: experiment/other: spec.tming: there is no such field; did you mean "timing"?',
        f"{path}:28:1: this is not YAML",
    ):
        assert line in said
    assert main(["apply", "-f", str(path), "--dry-run=client"]) == 1


def test_a_template_in_the_same_files_is_found_and_its_lines_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "t.yaml").write_text(
        "apiVersion: phoenix.io/v1alpha1\nkind: PipelineTemplate\nmetadata: {name: mine}\nspec:\n  config:\n"
        "    processors:\n      batch: {timeuot: 1s}\n    service: {pipelines: {metrics: {processors: [batch]}}}\n"
    )
    (tmp_path / "d.yaml").write_text(
        "apiVersion: phoenix.io/v1alpha1\nkind: PipelineDeployment\nmetadata: {name: d}\n"
        "spec: {pipeline: {templateRef: {name: mine}}}\n"
    )
    assert main(["validate", "-f", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"{tmp_path}/t.yaml:7: pipelinedeployment/d: PipelineTemplate/mine.spec.config.processors.batch" in said


def test_render_shows_what_each_variant_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    example = str(ROOT / "resources" / "examples" / "http-microservices.yaml")
    assert main(["render", "-f", example]) == 0
    text = capsys.readouterr().out
    assert text.count("---\n# experiment/http-lean variant") == 2
    assert "${phoenix:endpoint:meter}" in text
    assert main(["render", "-f", example, "--variant", "baselin"]) == 1
    assert 'did you mean "baseline"?' in capsys.readouterr().err
