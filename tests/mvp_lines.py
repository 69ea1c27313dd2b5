"""The lines of the MVP tracker, and what proves each: tests by node id, or small checks.

The tracker is read as what must work; its file names and programs belong to another code base. Where a checkbox names
a fault, the line here says what must be so instead; validation signals and criteria are in the tracker's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Line:
    """One line. It passes when each of `tests` (files, tests or cases) ran and passed, and `check` returns nothing."""

    text: str
    tests: tuple[str, ...] = ()
    check: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its lines."""

    title: str
    lines: tuple[Line, ...]


def no_todo_in_code() -> str:
    """Files that still hold a TODO, FIXME or XXX, or a body that is only a stand-in."""
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("phoenix", "controllers", "bin", "resources")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if marks.search(line)
    ]
    return ", ".join(found)


def make_target(name: str) -> Callable[[], str]:
    """A check that the Makefile has a target."""
    return lambda: "" if re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.M) else f"no make target {name}"


def line(text: str, *tests: str, check: Callable[[], str] | None = None) -> Line:
    """A line proved by tests, given below tests/."""
    return Line(text, tuple(f"tests/{test}" for test in tests), check)


EXAMPLES = "e2e/test_examples.py::"
PROMOTED = f"{EXAMPLES}test_http_microservices_is_promoted"
STREAM = "e2e/test_event_stream.py"
PROMETHEUS = "e2e/test_prometheus.py::test_prometheus_finds_every_target_and_sees_both_variants"
STOP = "e2e/test_lifecycle.py::test_stop_midway_keeps_results_and_ends_every_process"
DELETE = "e2e/test_lifecycle.py::test_delete_midway_ends_every_process"
ROLLED_BACK = "e2e/test_lifecycle.py::test_a_revision_that_cannot_start_is_rolled_back"
MENDED = "e2e/test_lifecycle.py::test_a_reference_that_leads_nowhere_is_said_and_mended"
CANNOT_START = "e2e/test_lifecycle.py::test_a_config_that_cannot_start_is_refused_before_anything_runs"
WRONG_FILES = "e2e/test_lifecycle.py::test_wrong_files_are_refused_with_line_and_field_and_nothing_is_lost"
ROLLOUT = "e2e/test_rollout.py"
PROMOTION = "e2e/test_promotion.py"
FAULTS = "e2e/test_faults.py"
EXACT = "e2e/test_exact_counts.py"
TOUR = "docs/test_commands.py::test_the_tour_runs_as_written_and_the_excerpt_is_real"
REQUESTS = "docs/test_commands.py::test_the_request_log_has_the_endpoints_hit_and_no_failure"
NO_ERRORS = "docs/test_commands.py::test_no_component_logged_an_error"
METRICS = "integration/cli/test_runs.py::test_metrics_shows_both_sides_and_no_figure_for_what_is_not_known"
SHIM = "process/agent/test_shim.py"
AGENT = "process/agent/test_agent.py"
CHANGES = "process/agent/test_agent_changes.py"

SECTIONS = (
    Section(
        "1. Phoenix CLI",
        (
            line("Pipelines are deployed by the right path", ROLLOUT, REQUESTS),
            line("Experiment metrics come from an endpoint that exists", METRICS),
            line("Experiment rollback", PROMOTION),
            line("Pipeline rollback", ROLLOUT, "integration/cli/test_runs.py::test_rollout_status_history_and_undo"),
            line("CLI commands return 2xx responses", TOUR, REQUESTS),
            line("`experiment metrics` returns real baseline vs candidate stats", TOUR, METRICS),
            line("All commands in the MVP checklist work without errors", TOUR, "integration/cli", "unit/cli"),
            line("API logs show correct endpoints being hit", REQUESTS),
        ),
    ),
    Section(
        "2. Phoenix API: experiment and deployment lifecycle",
        (
            line("One place for an experiment's metrics", PROMOTED, "integration/apiserver/test_namespaces.py"),
            line("Experiment state transitions are complete", "unit/controllers/test_experiment_plan.py"),
            line("Validate and preview are real", "unit/cli/test_manifests.py", CANNOT_START),
            line("WebSocket events for experiment completion", STREAM),
            line("Experiments progress through all phases correctly", "integration/controllers/test_experiments.py"),
            line(
                "GET of an experiment shows results when complete",
                PROMOTED,
                f"{EXAMPLES}test_an_a_a_run_shows_no_difference",
            ),
            line(
                "WebSocket broadcasts experiment_started, experiment_completed",
                STREAM,
                "integration/apiserver/test_watch.py::test_the_same_events_over_a_websocket",
            ),
            line(
                "Task queue shows proper state transitions",
                "unit/agent/test_lifecycle.py",
                "unit/runtime/test_workqueue.py",
            ),
        ),
    ),
    Section(
        "3. Phoenix agent: execution and status",
        (
            line("Rollback of deployments is handled", ROLLED_BACK, CHANGES),
            line(
                "Collectors that run already",
                f"{AGENT}::test_agent_restart_adopts_and_ends_what_was_deleted_meanwhile",
                f"{FAULTS}::test_kill_9_of_up_and_restart_goes_on_with_the_same_processes",
            ),
            line("Process cleanup is verified", SHIM, DELETE),
            line("Agent reports tasks completed", f"{AGENT}::test_from_object_to_ready_process_and_back"),
            line("No orphan processes after experiment stop", STOP),
            line("Rollback tasks execute successfully", ROLLED_BACK, ROLLOUT),
            line("Metrics pushed to API (HTTP 202 responses)", REQUESTS, "unit/samples/test_reporter.py"),
        ),
    ),
    Section(
        "4. Pipeline engine: templates and validation",
        (
            line(
                "Templates of this issue: baseline, http-lean, process-trim, negative control",
                "integration/pipelines/test_catalog.py",
            ),
            line("Template library in full", "integration/pipelines/test_catalogue_figures.py"),
            line("Configurations are validated", "unit/pipelines", CANNOT_START),
            line("Variants are tagged", "unit/pipelines/test_render.py", EXACT),
            line("Rollback logic is defined", "unit/controllers/test_deployment_plan.py", PROMOTION),
            line("Templates render without errors", "docs/test_manifests.py"),
            line("Metrics in Prometheus have variant labels", PROMETHEUS),
            line("Config validation catches malformed YAML", WRONG_FILES, "unit/manifest"),
            line("Rollback stops candidate pipeline cleanly", PROMOTION),
        ),
    ),
    Section(
        "5. Load simulation: profiles",
        (
            line(
                "Profile names are standard: realistic (normal), high-cardinality (high-card)",
                "unit/loadmodel/test_catalogue.py",
            ),
            line(
                "Profiles spike and steady (process-churn)",
                "unit/loadmodel/test_catalogue.py",
                "process/loadgen/test_emitter.py",
                "e2e/test_process_source.py",
            ),
            line("Duration follows the experiment", "process/loadgen", "unit/controllers/test_timeline.py"),
            line("Process cleanup is verified", PROMOTED, STOP),
            line("Load is part of the experiment's spec", PROMOTED, MENDED),
            line("Load processes start/stop with experiment", PROMOTED, STOP, DELETE),
            line(
                "High-card profile generates expected cardinality",
                "unit/loadmodel/test_expected.py",
                "unit/loadmodel/test_catalogue.py",
            ),
            line("No orphan processes remain", STOP, FAULTS),
            line(
                "CPU/memory metrics reflect load",
                f"{CHANGES}::test_measured_collector_gives_a_sample_a_window",
                PROMOTED,
            ),
        ),
    ),
    Section(
        "6. Metrics engine: KPIs",
        (
            line("Costs are computed, not placeholders", "unit/analysis/test_cost.py"),
            line("Accuracy is checked", EXACT, "unit/analysis/test_verdict.py"),
            line("KPI calculations are complete", "unit/analysis"),
            line("Views show real data, and none where there is none", METRICS),
            line("Prices of real vendors", "unit/analysis/test_cost.py::test_the_worked_check_of_the_vendors_books"),
            line("KPI results match manual calculations", EXACT, "unit/analysis/test_cost.py"),
            line("Cost estimates use real metrics data", PROMOTED),
            line("No TODO warnings in logs", NO_ERRORS, check=no_todo_in_code),
            line(
                "Experiment results populated correctly",
                PROMOTED,
                f"{EXAMPLES}test_this_hosts_own_processes_through_the_tee",
            ),
        ),
    ),
    Section(
        "7. WebSocket and real-time feedback",
        (
            line("experiment_started", STREAM),
            line("experiment_completed", STREAM),
            line("experiment_analyzed", STREAM),
            line("deployment_started", STREAM),
            line("kpi_computed", STREAM),
            line("WebSocket client receives all lifecycle events", STREAM),
            line(
                "Events contain sufficient data",
                STREAM,
                f"{EXAMPLES}test_events_tell_the_life_of_a_run_in_order_with_data",
            ),
            line("Events arrive in correct order", STREAM, "integration/apiserver/test_watch.py"),
            line("Near-instantaneous broadcast", STREAM),
        ),
    ),
    Section(
        "8. End-to-end test coverage",
        (
            line("Happy path: Create → Start → Complete → Results", PROMOTED),
            line("Stop mid-flight with cleanup verification", STOP, DELETE),
            line("Pipeline deploy and rollback", ROLLOUT, ROLLED_BACK),
            line("Invalid input handling", MENDED, CANNOT_START, WRONG_FILES),
            line("Multi-agent simulation (optional)", "e2e/test_hosts_joined.py"),
            line("`make test-mvp`", check=make_target("test-mvp")),
            line("All E2E tests pass", "e2e"),
            line("Reasonable completion times", PROMOTED, f"{SHIM}::test_ready_in_a_fifth_of_an_interpreter_start"),
            line(
                "No errors in component logs", NO_ERRORS, "docs/test_commands.py::test_operations_blocks_run_as_written"
            ),
            line("Clean resource state after tests", "e2e", "docs/test_commands.py"),
        ),
    ),
    Section(
        "Validation: component integration",
        (
            line("CLI → API: All commands work", TOUR, "integration/cli"),
            line("API → Agent: Tasks dispatch correctly", AGENT),
            line("Agent → API: Status updates flow", AGENT, CHANGES),
            line("Metrics → Analysis: KPIs computed", EXACT, PROMOTED),
            line("WebSocket: Events broadcast", STREAM),
        ),
    ),
    Section(
        "Validation: data flow",
        (
            line(
                "Experiments persist correctly",
                "process/store",
                "unit/store",
                "integration/apiserver/test_server.py::test_objects_and_versions_survive_a_restart",
            ),
            line("Metrics reach Prometheus", PROMETHEUS),
            line("KPIs stored in database", "unit/samples/test_storage.py", PROMOTED),
            line("Results retrievable via CLI", TOUR, METRICS),
        ),
    ),
    Section(
        "Validation: resource management",
        (
            line("Processes start/stop cleanly", SHIM, AGENT),
            line("No orphan collectors", FAULTS, "process/agent/test_killed_agent.py"),
            line("Memory usage stable", "soak", check=make_target("soak")),
            line(
                "Database connections pooled",
                "unit/samples/test_storage.py::test_many_reporters_share_transactions",
                "unit/store/test_sqlite_store.py::test_concurrent_writes_share_commits",
            ),
        ),
    ),
    Section(
        "Validation: error handling",
        (
            line("Invalid inputs rejected gracefully", WRONG_FILES, "unit/api/test_schema.py"),
            line("Failed tasks marked appropriately", CANNOT_START, f"{AGENT}::test_crash_loop_backs_off_and_says_why"),
            line(
                "Rollback works on errors",
                ROLLED_BACK,
                f"{CHANGES}::test_a_bad_configuration_leaves_the_old_one_running",
            ),
            line("Clear error messages", MENDED, "docs/test_operations.py", "unit/cli/test_command_line.py"),
        ),
    ),
    Section(
        "Success criteria",
        (
            line("Complete experiment workflow executes without manual intervention", PROMOTED),
            line("All CLI commands in the MVP checklist work", TOUR, "integration/cli"),
            line("Metrics show expected cardinality reduction (50-90%)", PROMOTED),
            line("Cost savings calculations are accurate", "unit/analysis/test_cost.py", PROMOTED),
            line("WebSocket provides real-time visibility", STREAM),
            line("E2E tests pass", "e2e"),
            line("No critical TODOs remain in code", check=no_todo_in_code),
            line("Documentation reflects current state", "docs", "unit/cli/test_command_line.py::test_docs_are_fresh"),
        ),
    ),
)
