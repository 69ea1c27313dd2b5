"""The table of verbs: what `--help` lists, without importing any of them."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from phoenix.cli.session import Session


class Command(Protocol):
    """What the module of a verb has."""

    DESCRIPTION: str
    EXAMPLES: str

    def flags(self, parser: argparse.ArgumentParser) -> None:
        """Add what can be typed after the verb."""
        ...

    def options(self, arguments: argparse.Namespace) -> Any:
        """A frozen value of what was typed. Raises UsageError."""
        ...

    def run(self, session: Session, options: Any) -> int | Coroutine[Any, Any, int]:
        """Do it; the exit code. Raises CliError, ApiError."""
        ...


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb, its line in `--help`, and the heading it stands under."""

    name: str
    help: str
    group: str

    def load(self) -> Command:
        """Its module."""
        return cast(Command, importlib.import_module(f"phoenix.cli.commands.{self.name.replace('-', '_')}"))


_RUN, _OBJECTS, _RUNS, _ROLLOUTS, _HOSTS, _FILES, _OTHER = (
    "Run Phoenix", "Objects", "Experiments", "Deployments", "Hosts", "Manifests", "Other",
)  # fmt: skip

VERBS: tuple[Verb, ...] = (
    Verb("up", "run all of Phoenix on one state folder", _RUN),
    Verb("serve", "run API server and controllers, for hosts that join", _RUN),
    Verb("agent", "join this machine to a server as a host", _RUN),
    Verb("demo", "run a whole experiment from nothing to verdict, and clean up", _RUN),
    Verb("apply", "make objects what their manifests say", _OBJECTS),
    Verb("diff", "show what apply would change", _OBJECTS),
    Verb("create", "create objects that must not exist yet", _OBJECTS),
    Verb("replace", "make objects exactly what their manifests say", _OBJECTS),
    Verb("edit", "change objects in an editor", _OBJECTS),
    Verb("patch", "change fields of objects", _OBJECTS),
    Verb("label", "set or remove labels", _OBJECTS),
    Verb("annotate", "set or remove annotations", _OBJECTS),
    Verb("get", "list objects", _OBJECTS),
    Verb("describe", "show everything about an object, with its events", _OBJECTS),
    Verb("delete", "delete objects and wait until their processes are gone", _OBJECTS),
    Verb("wait", "wait until something is so", _OBJECTS),
    Verb("events", "show what happened, in order", _OBJECTS),
    Verb("logs", "show the output of processes", _OBJECTS),
    Verb("watch", "watch an experiment run, live", _RUNS),
    Verb("metrics", "compare baseline and candidates, figure by figure", _RUNS),
    Verb("start", "start a stopped or suspended experiment", _RUNS),
    Verb("stop", "stop a running experiment, keeping its results", _RUNS),
    Verb("promote", "promote the candidate, whatever the verdict", _RUNS),
    Verb("rollback", "undo a promotion", _RUNS),
    Verb("record", "write metrics to a file that experiments replay", _RUNS),
    Verb("rollout", "status, history and undo of a deployment", _ROLLOUTS),
    Verb("cordon", "place nothing new on a host", _HOSTS),
    Verb("uncordon", "let a host be used again", _HOSTS),
    Verb("drain", "move what runs on a host away, before it is taken down", _HOSTS),
    Verb("validate", "check manifests without a server", _FILES),
    Verb("convert", "mend pipelines of an older Phoenix", _FILES),
    Verb("render", "print what each collector would run", _FILES),
    Verb("explain", "say what a kind or a field is for", _OTHER),
    Verb("api-resources", "list the kinds and their short names", _OTHER),
    Verb("api-versions", "list the API groups of the server", _OTHER),
    Verb("cluster-info", "print where the server and its hosts are", _OTHER),
    Verb("auth", "sign in and out, ask what one may do, make tokens", _OTHER),
    Verb("config", "look at and change kubeconfigs: contexts, namespace", _OTHER),
    Verb("completion", "print the completion script of a shell", _OTHER),
    Verb("version", "print the versions of client and server", _OTHER),
)
PROGRAMS = {"up": "phoenix.up", "serve": "phoenix.serve", "agent": "phoenix.agent"}
"""Verbs that become another program, with flags of its own: verb → module."""
_ELSEWHERE = {
    "top": "`get hosts -o wide` and `metrics experiment/NAME` have figures",
    "scale": "a deployment runs on every host its spec.hostSelector matches",
    "ls": 'did you mean "get"?',
    "list": 'did you mean "get"?',
    "show": 'did you mean "describe"?',
    "rm": 'did you mean "delete"?',
    "tail": 'did you mean "logs -f"?',
    "suspend": 'did you mean "stop"?',
    "resume": 'did you mean "start"?',
    "status": 'did you mean "describe", or "rollout status"?',
    "login": 'did you mean "auth login"?',
    "logout": 'did you mean "auth logout"?',
    "whoami": 'did you mean "auth whoami"?',
    "history": 'did you mean "rollout history"?',
    "undo": 'did you mean "rollout undo"?',
    "run": 'did you mean "apply", then "watch"?',
}
_KUBECTL_ONLY = frozenset(
    ("attach", "autoscale", "certificate", "cp", "debug", "exec", "expose", "kustomize", "plugin", "port-forward",
     "proxy", "set", "taint")
)  # fmt: skip


def elsewhere(word: str) -> str:
    """What to say of a verb that other programs have; empty where there is nothing to say."""
    if word in _KUBECTL_ONLY:
        return "kubectl has it for what Phoenix has not"
    return _ELSEWHERE.get(word, "")


BY_NAME: dict[str, Verb] = {verb.name: verb for verb in VERBS}
