"""`phoenixctl config`: contexts of the kubeconfigs."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from phoenix.cli.changing import Wire
from phoenix.cli.completing import complete_clusters, complete_contexts, complete_users
from phoenix.cli.errors import CliError, UsageError, did_you_mean
from phoenix.cli.grid import Grid
from phoenix.cli.parsing import Parser
from phoenix.cli.session import Session
from phoenix.client.kubeconfig import SECTIONS, KubeConfig, load, put, set_current

DESCRIPTION = (
    "Look at and change the kubeconfigs: --kubeconfig, else that of the state folder, else $KUBECONFIG's (merged),\n"
    "else ~/.kube/config. kubectl reads the same files."
)
EXAMPLES = """
phoenixctl config get-contexts
phoenixctl config use-context lab
phoenixctl config set-context --current --namespace=team-a
phoenixctl config view --minify
"""
_SECRETS = ("token", "password")
_DATA = ("certificate-authority-data", "client-certificate-data", "client-key-data")
_ENTRY = ("cluster", "user", "namespace")


@dataclass(frozen=True, slots=True)
class ConfigOptions:
    """Which action, on which name; the rest is for some of them."""

    action: str
    name: str = ""
    new_name: str = ""
    raw: bool = False
    minify: bool = False
    current: bool = False
    output: str = ""
    changes: Mapping[str, str] = field(default_factory=dict)


def flags(parser: argparse.ArgumentParser) -> None:
    """One sub-parser an action."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    contexts = actions.add_parser("get-contexts", help="list contexts; * is the current one")
    _add_name(contexts, nargs="?")
    contexts.add_argument("-o", "--output", choices=("name",), default="", metavar="FORMAT", help="name")
    actions.add_parser("current-context", help="print the current context")
    _add_name(actions.add_parser("use-context", help="make a context the current one"))
    setting = actions.add_parser("set-context", help="change a context, or make one")
    _add_name(setting, nargs="?")
    setting.add_argument("--current", action="store_true", help="the current one")
    for name, complete in (("cluster", complete_clusters), ("user", complete_users)):
        added = setting.add_argument(f"--{name}", dest=f"set_{name}", metavar="NAME", help=f"its {name}")
        added.completer = complete  # type: ignore[attr-defined]  # argcomplete's own way
    setting.add_argument("-n", "--namespace", dest="set_namespace", metavar="NAME", help="its namespace")
    renaming = actions.add_parser("rename-context", help="give a context another name")
    _add_name(renaming)
    renaming.add_argument("new_name", metavar="NEW", help="the other name")
    _add_name(actions.add_parser("delete-context", help="remove a context; its cluster and user stay"))
    for section in ("clusters", "users"):
        actions.add_parser(f"get-{section}", help=f"list {section}")
    viewing = actions.add_parser("view", help="print the merged kubeconfig, without secrets")
    viewing.add_argument("--raw", action="store_true", help="with secrets")
    viewing.add_argument("--minify", action="store_true", help="only what the current context needs")
    viewing.add_argument("-o", "--output", choices=("yaml", "json"), default="yaml", metavar="FORMAT",
                         help="yaml or json (default: yaml)")  # fmt: skip


def _add_name(parser: argparse.ArgumentParser, nargs: str | None = None) -> None:
    word = parser.add_argument("name", nargs=nargs, metavar="CONTEXT", help="name of a context")
    word.completer = complete_contexts  # type: ignore[attr-defined]  # argcomplete's own way


def options(arguments: argparse.Namespace) -> ConfigOptions:
    """Raises UsageError."""
    found = {key: getattr(arguments, f"set_{key}", None) for key in _ENTRY}
    if arguments.action == "set-context":
        if bool(arguments.name) == arguments.current:
            raise UsageError("which context?", "name one, or give --current")
        if not any(found.values()):
            raise UsageError("what is to be set?", "give --namespace, --cluster or --user")
    return ConfigOptions(
        arguments.action,
        getattr(arguments, "name", None) or "",
        getattr(arguments, "new_name", ""),
        getattr(arguments, "raw", False),
        getattr(arguments, "minify", False),
        getattr(arguments, "current", False),
        getattr(arguments, "output", ""),
        {key: str(value) for key, value in found.items() if value},
    )


def run(session: Session, options: ConfigOptions) -> int:
    """Do it; asks no server. Raises CliError, ConfigError."""
    config = load(session.kubeconfig_files, required=False)
    _ACTIONS[options.action](session, config, options)
    return 0


def _context(config: KubeConfig, name: str) -> str:
    """The name, which must be there. Raises CliError."""
    if name in config.contexts:
        return name
    hint = did_you_mean(name, list(config.contexts)) or config.listed("contexts")
    raise CliError(f'there is no context "{name}" in {config.named}', hint)


def _get_contexts(session: Session, config: KubeConfig, options: ConfigOptions) -> None:
    names = [_context(config, options.name)] if options.name else sorted(config.contexts)
    if options.output == "name":
        for name in names:
            session.line(name)
        return
    grid = Grid(("CURRENT", "NAME", "CLUSTER", "USER", "NAMESPACE"), keep=(1,))
    for name in names:
        value = config.contexts[name].value
        said = (str(value.get(key) or "") for key in ("cluster", "user", "namespace"))
        grid.add("*" if name == config.current else "", name, *said)
    if not names:
        session.note(f"no contexts in {config.named}")
        return
    for line in grid.lines(session.width, session.style):
        session.line(line)


def _current_context(session: Session, config: KubeConfig, _: ConfigOptions) -> None:
    if not config.current:
        raise CliError(f"{config.named} has no current context", "choose one: `phoenixctl config use-context NAME`")
    session.line(config.current)


def _use_context(session: Session, config: KubeConfig, options: ConfigOptions) -> None:
    name = _context(config, options.name)
    path = set_current(config, name)
    session.line(f'switched to context "{name}" ({path})')
    if session.state is not None and session.options.kubeconfig is None:
        session.note(f"commands in this folder still use {session.state}: --context {name} names the context for one")


def _set_context(session: Session, config: KubeConfig, options: ConfigOptions) -> None:
    if options.current and not config.current:
        raise CliError(f"{config.named} has no current context", "name one")
    name = config.current if options.current else options.name
    known = config.contexts.get(name)
    path = put(config, "contexts", name, {**(known.value if known else {}), **options.changes})
    session.line(f'context "{name}" {"changed" if known else "created"} ({path})')


def _rename_context(session: Session, config: KubeConfig, options: ConfigOptions) -> None:
    old, new = _context(config, options.name), options.new_name
    if new in config.contexts:
        raise CliError(f'there is a context "{new}" already', "choose another name")
    value = config.contexts[old].value
    files = config.files
    if config.current == old:
        set_current(config, new)
        config = load(files)
    put(config, "contexts", old, None)
    path = put(load(files), "contexts", new, value)
    session.line(f'context "{old}" is now "{new}" ({path})')


def _delete_context(session: Session, config: KubeConfig, options: ConfigOptions) -> None:
    name = _context(config, options.name)
    path = put(config, "contexts", name, None)
    session.line(f'context "{name}" deleted ({path})')
    if name == config.current:
        session.warn("it was the current one: choose another with `phoenixctl config use-context`")


def _list(section: str) -> Callable[[Session, KubeConfig, ConfigOptions], None]:
    def show(session: Session, config: KubeConfig, _: ConfigOptions) -> None:
        for name in sorted(getattr(config, section)):
            session.line(name)

    return show


def _view(session: Session, config: KubeConfig, options: ConfigOptions) -> None:
    current = session.options.context or config.current
    shown: Wire = {"apiVersion": "v1", "kind": "Config", "current-context": current}
    names: Wire = {}
    if options.minify:
        chosen = config.contexts[_context(config, current)].value
        names = {"contexts": current, "clusters": chosen.get("cluster"), "users": chosen.get("user")}
    for section, part in SECTIONS.items():
        shown[section] = [
            {"name": name, part: dict(entry.value) if options.raw else redacted(entry.value)}
            for name, entry in sorted(getattr(config, section).items())
            if not options.minify or name == names.get(section)
        ]
    if options.output == "json":
        import orjson

        session.line(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    else:
        from phoenix.cli.printers.yaml import to_yaml

        session.out.write(to_yaml(shown))


def redacted(value: Mapping[str, Any]) -> Wire:
    """An entry without what must not be on a screen."""
    shown = copy.deepcopy(dict(value))
    shown.update({key: "REDACTED" for key in _SECRETS if key in shown})
    shown.update({key: "DATA+OMITTED" for key in _DATA if key in shown})
    return shown


_ACTIONS: dict[str, Callable[[Session, KubeConfig, ConfigOptions], None]] = {
    "get-contexts": _get_contexts,
    "current-context": _current_context,
    "use-context": _use_context,
    "set-context": _set_context,
    "rename-context": _rename_context,
    "delete-context": _delete_context,
    "get-clusters": _list("clusters"),
    "get-users": _list("users"),
    "view": _view,
}
