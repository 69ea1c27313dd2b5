"""`phoenixctl auth login|logout|status|whoami|can-i|create-token|tokens|revoke-token`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phoenix.api.host import Host
from phoenix.api.user import User
from phoenix.apimachinery.errors import NotFound, Unauthorized
from phoenix.apimachinery.meta import KindInfo
from phoenix.cli.errors import CliError, UsageError
from phoenix.cli.exitcodes import ExitCode
from phoenix.cli.grid import Grid
from phoenix.cli.kinds import kind_of
from phoenix.cli.options import duration_s
from phoenix.cli.parsing import Parser
from phoenix.cli.session import Session
from phoenix.cli.signing_in import embedded, forget, names_for, remember, who_am_i
from phoenix.cli.wire import send
from phoenix.client.config import ClientConfig
from phoenix.client.credentials import read_token
from phoenix.client.http import HttpClient
from phoenix.client.kubeconfig import kubeconfig_files, load

DESCRIPTION = "Sign in and out, ask what one may do, and make tokens for people and agents."
EXAMPLES = """
phoenixctl auth create-token ann --create --group=observability --ttl=720h
phoenixctl auth login --server=https://phoenix:7443 --certificate-authority=ca.crt --token-file=token
phoenixctl auth status
phoenixctl auth can-i create experiments -n team-a
phoenixctl auth can-i --list
phoenixctl auth create-token --agent edge-1 > edge-1.token     for `phoenixctl agent --token-file`
phoenixctl auth revoke-token ann --all
"""
_RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
_ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class AuthOptions:
    """What was typed; which of it counts depends on the action."""

    action: str
    words: tuple[str, ...] = ()
    subresource: str = ""
    list_rules: bool = False
    all_namespaces: bool = False
    quiet: bool = False
    output: str = ""
    agent: str = ""
    ttl_s: int = 0
    comment: str = ""
    create: bool = False
    groups: tuple[str, ...] = ()
    token_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    token_id: str = ""
    everything: bool = False


def flags(parser: argparse.ArgumentParser) -> None:
    """One sub-parser an action."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    login = actions.add_parser("login", help="check a token or certificate with --server and keep it in the kubeconfig")
    login.add_argument("--token-file", type=Path, metavar="FILE", help="file with the token; - reads it from stdin")
    login.add_argument("--certificate", type=Path, metavar="FILE", help="client certificate (PEM), instead of a token")
    login.add_argument("--key", type=Path, metavar="FILE", help="its key (PEM)")
    logout = actions.add_parser("logout", help="remove a context with its credentials from the kubeconfig")
    logout.add_argument("words", nargs="?", metavar="CONTEXT", help="(default: the current one)")
    actions.add_parser("status", help="who one is, to which server; exit 1 if signed in nowhere")
    whoami = actions.add_parser("whoami", help="the name and groups the server knows one by")
    whoami.add_argument("-o", "--output", choices=("json",), default="", metavar="FORMAT", help="json")
    can_i = actions.add_parser("can-i", help="whether something is allowed: yes, or no with exit 1")
    can_i.add_argument("words", nargs="*", metavar="VERB KIND[/NAME]", help="or VERB /URL/PATH")
    can_i.add_argument("--list", action="store_true", help="everything that is allowed in the namespace")
    can_i.add_argument("--subresource", default="", metavar="NAME", help="status, samples, log or token")
    can_i.add_argument("-A", "--all-namespaces", action="store_true", help="in every namespace at once")
    can_i.add_argument("-q", "--quiet", action="store_true", help="the exit code alone")
    token = actions.add_parser("create-token", help="make a token for a User, or for the agent of a host; shown once")
    _add_owner(token)
    token.add_argument("--ttl", type=duration_s, metavar="DURATION", help="how long it is good (default: for ever)")
    token.add_argument("--comment", default="", metavar="TEXT", help="where it is used, for `auth tokens`")
    token.add_argument("--create", action="store_true", help="make the User where there is none")
    token.add_argument("--group", action="append", default=[], metavar="NAME", help="group of a User made by --create")
    token.add_argument("-o", "--output", choices=("json",), default="", metavar="FORMAT", help="json")
    listing = actions.add_parser("tokens", help="list the tokens of a User or an agent, without their secrets")
    _add_owner(listing)
    revoke = actions.add_parser("revoke-token", help="take tokens back, at once")
    _add_owner(revoke)
    revoke.add_argument("--id", default="", metavar="ID", help="the one to take back; see `auth tokens`")
    revoke.add_argument("--all", action="store_true", help="all of them")


def _add_owner(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="?", metavar="USER", help="name of a User")
    parser.add_argument("--agent", default="", metavar="HOST", help="instead of USER: the agent of this host")


def options(arguments: argparse.Namespace) -> AuthOptions:
    """Raises UsageError."""
    words = getattr(arguments, "words", None) or ()
    found = AuthOptions(
        action=arguments.action,
        words=(words,) if isinstance(words, str) else tuple(words),
        subresource=getattr(arguments, "subresource", ""),
        list_rules=getattr(arguments, "list", False),
        all_namespaces=getattr(arguments, "all_namespaces", False),
        quiet=getattr(arguments, "quiet", False),
        output=getattr(arguments, "output", ""),
        agent=getattr(arguments, "agent", ""),
        ttl_s=round(getattr(arguments, "ttl", None) or 0),
        comment=getattr(arguments, "comment", ""),
        create=getattr(arguments, "create", False),
        groups=tuple(getattr(arguments, "group", ())),
        token_file=getattr(arguments, "token_file", None),
        certificate=getattr(arguments, "certificate", None),
        key=getattr(arguments, "key", None),
        token_id=getattr(arguments, "id", ""),
        everything=getattr(arguments, "all", False),
    )
    _check(found)
    return found


def _check(found: AuthOptions) -> None:
    match found.action:
        case "create-token" | "tokens" | "revoke-token":
            if bool(found.words) == bool(found.agent):
                raise UsageError("whose token?", "name one User, or give --agent HOST")
            if found.agent and (found.create or found.groups):
                raise UsageError("--create and --group are for Users", "an agent needs none: leave them out")
            if found.groups and not found.create:
                raise UsageError("--group is for a User made by --create", "`phoenixctl edit user/NAME` changes groups")
            if found.action == "revoke-token" and bool(found.token_id) == found.everything:
                raise UsageError("which token?", "give --id ID (`phoenixctl auth tokens` lists them), or --all")
        case "can-i":
            if found.list_rules == bool(found.words) or (found.words and not 2 <= len(found.words) <= 3):
                raise UsageError("may I what?", "write VERB KIND, such as `can-i create experiments`, or --list")
        case "login":
            if bool(found.certificate) != bool(found.key):
                raise UsageError("a certificate needs its key", "give both --certificate and --key")
            if found.certificate and found.token_file:
                raise UsageError("--token-file and --certificate each say who one is", "give one of them")


def run(session: Session, options: AuthOptions) -> Coroutine[Any, Any, int]:
    """Do the action. Raises CliError, ConfigError, ApiError."""
    return _ACTIONS[options.action](session, options)


# ---- signing in -----------------------------------------------------------------------------------------------------


async def _login(session: Session, options: AuthOptions) -> int:
    given = session.options
    if not given.server:
        raise UsageError("which server?", "give --server https://HOST:PORT, as `phoenixctl cluster-info` prints it")
    token = given.token or ("" if options.certificate else _read_token(options.token_file))
    config = ClientConfig(
        given.server.rstrip("/"), given.ca_file, token, skip_verify=given.skip_verify,
        cert_file=options.certificate, key_file=options.key,
    )  # fmt: skip
    async with HttpClient(config, user_agent="phoenixctl") as client:
        who = await who_am_i(client)
    tls: dict[str, Any] = {"insecure-skip-tls-verify": True} if given.skip_verify else {}
    if given.ca_file is not None:
        tls["certificate-authority-data"] = embedded(given.ca_file, "the certificate authority")
    if options.certificate is not None and options.key is not None:
        user = {
            "client-certificate-data": embedded(options.certificate, "the certificate"),
            "client-key-data": embedded(options.key, "the key"),
        }
    else:
        user = {"token": token}
    names = names_for(config.server, str(who["username"]), given.context)
    path = remember(load(_own_files(session), required=False), names, config.server, tls, user)
    session.line(f'signed in to {config.server} as {who["username"]} (context "{names.context}" in {path})')
    if session.state is not None:
        session.note(f"commands in this folder still use {session.state}: --context {names.context} names the context")
    return ExitCode.OK


def _own_files(session: Session) -> tuple[Path, ...]:
    """The kubeconfigs people keep; never the state folder's, which the server writes."""
    return (session.options.kubeconfig,) if session.options.kubeconfig else kubeconfig_files()


def _read_token(path: Path | None) -> str:
    if path is None and sys.stdin.isatty():
        import getpass

        text = getpass.getpass("token: ")
    elif path is None or str(path) == "-":
        text = sys.stdin.read()
    else:
        text = read_token(path)
    if not text.strip():
        raise CliError("there is no token", "give --token TOKEN, --token-file FILE, or write it to stdin")
    return text.strip()


async def _logout(session: Session, options: AuthOptions) -> int:
    config = load(_own_files(session))
    context = options.words[0] if options.words else session.options.context or config.current
    if not context:
        raise CliError(f"{config.named} has no current context", f"name one: {config.listed('contexts')}")
    path = forget(config, context)
    session.line(f'signed out: context "{context}" and its credentials are gone from {path}')
    session.note("the token itself is still good: `phoenixctl auth revoke-token` takes it back")
    return ExitCode.OK


async def _status(session: Session, _: AuthOptions) -> int:
    config = session.config
    session.line(f"server:   {config.server}")
    async with session.client() as client:
        try:
            who = await who_am_i(client)
        except Unauthorized as error:
            raise CliError(f"not signed in to {config.server}: its answer is {error.message}",
                           "`phoenixctl auth login --server ... --token-file ...` signs in") from error  # fmt: skip
    session.line(f"user:     {who['username']}")
    session.line(f"groups:   {', '.join(who.get('groups') or ()) or 'none'}")
    proof = (who.get("extra") or {}).get("authentication.kubernetes.io/credential-id") or ["not said"]
    session.line(f"proof:    {proof[0]}")
    return ExitCode.OK


async def _whoami(session: Session, options: AuthOptions) -> int:
    async with session.client() as client:
        who = await who_am_i(client)
    if options.output == "json":
        session.line(json.dumps(who, indent=2))
        return ExitCode.OK
    grid = Grid(("ATTRIBUTE", "VALUE"), keep=(1,))
    grid.add("Username", str(who["username"]))
    grid.add("Groups", ", ".join(who.get("groups") or ()))
    _print(session, grid)
    return ExitCode.OK


# ---- asking ---------------------------------------------------------------------------------------------------------


async def _can_i(session: Session, options: AuthOptions) -> int:
    namespace = "" if options.all_namespaces else session.namespace
    async with session.client() as client:
        if options.list_rules:
            review = await send(client, "POST", _RULES, {"spec": {"namespace": namespace or "default"}})
            _print_rules(session, review["status"])
            return ExitCode.OK
        review = await send(client, "POST", _ACCESS, {"spec": _question(options, namespace)})
    allowed = bool(review["status"]["allowed"])
    if not options.quiet:
        session.line("yes" if allowed else "no")
    return ExitCode.OK if allowed else ExitCode.ERROR


def _question(options: AuthOptions, namespace: str) -> dict[str, Any]:
    verb, what, *names = options.words
    if what.startswith("/"):
        return {"nonResourceAttributes": {"verb": verb, "path": what}}
    if what == "*":
        return {"resourceAttributes": {"verb": verb, "group": "*", "resource": "*", "namespace": namespace}}
    word, _, name = what.partition("/")
    info = kind_of(word).info
    return {
        "resourceAttributes": {
            "verb": verb,
            "group": info.group,
            "version": info.version,
            "resource": info.plural,
            "subresource": options.subresource,
            "namespace": namespace if info.namespaced else "",
            "name": name or (names[0] if names else ""),
        }
    }


def _print_rules(session: Session, status: dict[str, Any]) -> None:
    """A line a resource or path, as kubectl has it."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for rule in (*status.get("resourceRules", ()), *status.get("nonResourceRules", ())):
        groups = rule.get("apiGroups") or [""]
        resources = [f"{name}.{group}".rstrip(".") for group in groups for name in rule.get("resources") or ()]
        for one in (*resources, *(rule.get("nonResourceURLs") or ())):
            found = verbs.setdefault((one, ", ".join(rule.get("resourceNames") or ())), [])
            found += [verb for verb in rule.get("verbs") or () if verb not in found]
    grid = Grid(("WHAT", "NAMES", "VERBS"), keep=(0, 2))
    for (what, names), allowed in sorted(verbs.items()):
        grid.add(what, names, ", ".join(sorted(allowed)))
    _print(session, grid)


def _print(session: Session, grid: Grid) -> None:
    for line in grid.lines(session.width, session.style):
        session.line(line)


# ---- tokens ---------------------------------------------------------------------------------------------------------


def _owner(options: AuthOptions) -> tuple[KindInfo, str]:
    return (Host.info, options.agent) if options.agent else (User.info, options.words[0])


async def _create_token(session: Session, options: AuthOptions) -> int:
    info, name = _owner(options)
    spec: dict[str, Any] = {"comment": options.comment} if options.comment else {}
    if options.ttl_s:
        spec["expirationSeconds"] = options.ttl_s
    async with session.client() as client:
        if options.create:
            await _ensure_user(session, client, name, options.groups)
        try:
            made = await send(client, "POST", info.path(name=name, subresource="token"), {"spec": spec})
        except NotFound as error:
            hint = "make him with --create, and --group GROUP for his groups"
            raise CliError(error.message, hint) from error
    if options.output == "json":
        session.line(json.dumps(made["status"], indent=2))
    else:
        session.line(made["status"]["token"])
    until = made["status"].get("expirationTimestamp") or "until it is revoked"
    session.note(f"token {made['status'].get('id', '')} of {info.singular}/{name}, good {until}; it is shown only now")
    return ExitCode.OK


async def _ensure_user(session: Session, client: HttpClient, name: str, groups: tuple[str, ...]) -> None:
    try:
        await client.raw_get(User.info, name)
    except NotFound:
        wire = {"apiVersion": User.info.api_version, "kind": "User", "metadata": {"name": name},
                "spec": {"groups": list(groups)}}  # fmt: skip
        await client.raw_create(User.info, wire)
        session.note(f"user/{name} made")
        return
    if groups:
        session.warn(f"user/{name} is there already: --group changed nothing; see `phoenixctl edit user/{name}`")


async def _tokens(session: Session, options: AuthOptions) -> int:
    info, name = _owner(options)
    async with session.client() as client:
        found = await send(client, "GET", info.path(name=name, subresource="token"))
    if not found["items"]:
        session.note(f"{info.singular}/{name} has no tokens")
        return ExitCode.OK
    grid = Grid(("ID", "CREATED", "EXPIRES", "COMMENT"))
    for item in found["items"]:
        grid.add(item["id"], item["createdAt"], item.get("expiresAt") or "never", item.get("comment") or "")
    _print(session, grid)
    return ExitCode.OK


async def _revoke(session: Session, options: AuthOptions) -> int:
    info, name = _owner(options)
    async with session.client() as client:
        path = info.path(name=name, subresource="token")
        answer = await send(client, "DELETE", path, params={"id": options.token_id})
    for item in answer["items"]:
        session.line(f"token {item['id']} of {info.singular}/{name} revoked")
    if not answer["items"]:
        session.note(f"{info.singular}/{name} has no tokens")
    return ExitCode.OK


_ACTIONS: dict[str, Callable[[Session, AuthOptions], Coroutine[Any, Any, int]]] = {
    "login": _login, "logout": _logout, "status": _status, "whoami": _whoami, "can-i": _can_i,
    "create-token": _create_token, "tokens": _tokens, "revoke-token": _revoke,
}  # fmt: skip
