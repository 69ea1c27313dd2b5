"""`phoenixctl render`: what each collector would run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from phoenix.api.experiment import Experiment
from phoenix.api.pipeline import PipelineDeployment, PipelineTemplate
from phoenix.cli.catalogue import shipped_catalogue
from phoenix.cli.completing import complete_refs
from phoenix.cli.errors import CliError, UsageError, did_you_mean
from phoenix.cli.files import add_files_flag, load
from phoenix.cli.finding import fetch_typed
from phoenix.cli.kinds import Ref, parse_refs
from phoenix.cli.printers.yaml import to_yaml
from phoenix.cli.rendering import FindTemplate, planned, render_planned, resolve_planned
from phoenix.cli.session import Session
from phoenix.pipelines.errors import PipelineError

DESCRIPTION = (
    "Print the collector configuration of each variant of an experiment, or of a deployment, as its collector would\n"
    "get it: parameters filled in, receivers and exporters replaced for measuring. A host fills in ${phoenix:…}."
)
EXAMPLES = """
phoenixctl render -f resources/examples/http-microservices.yaml
phoenixctl render -f experiment.yaml --variant candidate
phoenixctl render experiment/http-lean               as pinned at the start of its run
phoenixctl render pd/edge
"""
Owner = Experiment | PipelineDeployment


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """Objects in files, or one on the server; of an experiment all variants or one."""

    files: tuple[str, ...] = ()
    ref: Ref | None = None
    variant: str = ""


def flags(parser: argparse.ArgumentParser) -> None:
    """-f or KIND/NAME, --variant."""
    words = parser.add_argument(
        "what", nargs="*", metavar="KIND/NAME", help="an experiment or deployment on the server"
    )
    words.completer = complete_refs  # type: ignore[attr-defined]  # argcomplete's own way
    add_files_flag(parser, required=False)
    parser.add_argument("--variant", default="", metavar="NAME", help="only this variant (default: all)")


def options(arguments: argparse.Namespace) -> RenderOptions:
    """Raises UsageError."""
    if bool(arguments.what) == bool(arguments.filename):
        raise UsageError("what is to be rendered?", "name an experiment or deployment, or files with -f")
    if not arguments.what:
        return RenderOptions(files=tuple(arguments.filename), variant=arguments.variant)
    refs = parse_refs(arguments.what)
    if len(refs) != 1 or refs[0].kind not in (Experiment, PipelineDeployment):
        raise UsageError("render takes one experiment or deployment", "write experiment/NAME")
    return RenderOptions(ref=refs[0], variant=arguments.variant)


async def run(session: Session, options: RenderOptions) -> int:
    """Print a YAML document for each."""
    if options.ref is not None:
        async with session.client() as client:
            kind: type[Experiment | PipelineDeployment] = (
                Experiment if options.ref.kind is Experiment else PipelineDeployment
            )
            owner: Owner = await fetch_typed(client, kind, options.ref.name, session.namespace)
            templates = (await client.list(PipelineTemplate)).items
        by_name = {name: item for item in templates for name in (item.metadata.name, *item.spec.aliases)}
        _print(session, owner, by_name.get, options.variant)
        return 0
    loaded = load(options.files)
    for fault in loaded.errors:
        session.error(str(fault))
    catalogue = shipped_catalogue()
    catalogue.add(loaded.objects)
    owners = [found for found in loaded.objects if found.kind in (Experiment, PipelineDeployment)]
    if not owners and not loaded.errors:
        raise UsageError(f"no experiment or deployment in {', '.join(options.files)}", "there is nothing to render")
    for found in owners:
        try:
            owner = (Experiment if found.kind is Experiment else PipelineDeployment).from_wire(found.wire)
        except ValidationError as error:
            raise CliError(f"{found.where()}: {found.ref} is not valid", "`phoenixctl validate` says why") from error
        _print(session, owner, catalogue.templates.get, options.variant)
    return 1 if loaded.errors else 0


def _print(session: Session, owner: Owner, find: FindTemplate, variant: str) -> None:
    names = [plan.variant for plan in planned(owner)]
    if variant and variant not in names:
        raise CliError(
            f'{owner.ref} has no variant "{variant}"', did_you_mean(variant, names) or f"it has {', '.join(names)}"
        )
    for text in _documents(owner, find, variant):
        session.out.write(text)


def _documents(owner: Owner, find: FindTemplate, variant: str) -> Iterator[str]:
    pinned: Mapping[str, Any] = {}
    if isinstance(owner, Experiment):
        kept = owner.status.resolved.get("pipelines")
        pinned = kept if isinstance(kept, dict) else {}
    for plan in planned(owner):
        if variant and plan.variant != variant:
            continue
        try:
            # What was pinned at the start of the run is what runs, whatever the template says by now.
            config = pinned.get(plan.variant) or resolve_planned(plan, find).config
            rendered = render_planned(plan, config)
        except PipelineError as error:
            raise CliError(
                f"{owner.ref} cannot be rendered: {error.findings[0]}", "\n  ".join(map(str, error.findings[1:]))
            ) from error
        whose = f" variant {plan.variant}" if plan.variant else ""
        yield f"---\n# {owner.ref}{whose}, configHash {rendered.config_hash}\n{to_yaml(rendered.config)}"
