"""Words for kinds and objects: `exp`, `experiments`, `exp,pd`, `all`, `experiment/http-lean`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phoenix.api.scheme import BY_WORD, KINDS
from phoenix.apimachinery.meta import KindInfo, Resource
from phoenix.cli.errors import UsageError, did_you_mean

CATEGORIES = frozenset(category for kind in KINDS for category in kind.info.categories)


@dataclass(frozen=True, slots=True)
class Ref:
    """One object by kind and name."""

    kind: type[Resource]
    name: str

    def __str__(self) -> str:
        return f"{self.kind.info.singular}/{self.name}"


def kind_of(word: str) -> type[Resource]:
    """The kind a word stands for; `experiments.phoenix.io` too. Raises UsageError."""
    bare, _, group = word.lower().partition(".")
    found = BY_WORD.get(bare)
    if found is None:
        raise _no_kind(word)
    info = found.info
    if group not in ("", info.group, f"{info.version}.{info.group}".rstrip(".")):
        raise UsageError(f'there is no kind "{word}"', f"{info.plural} are of {info.group or 'the core group'}")
    return found


def kinds_of(words: str) -> list[type[Resource]]:
    """The kinds of `exp,pd`, or of a category such as `all`. Raises UsageError."""
    found: list[type[Resource]] = []
    for word in filter(None, words.split(",")):
        if word.lower() in CATEGORIES:
            found += [kind for kind in KINDS if word.lower() in kind.info.categories]
        else:
            found.append(kind_of(word))
    if not found:
        raise UsageError("name a kind", "`phoenixctl api-resources` lists them")
    return list(dict.fromkeys(found))


def _no_kind(word: str) -> UsageError:
    hint = did_you_mean(word, [*BY_WORD, *CATEGORIES]) or "`phoenixctl api-resources` lists the kinds"
    return UsageError(f'there is no kind "{word}"', hint)


def parse_ref(text: str, default: type[Resource] | None = None) -> Ref:
    """`experiment/http-lean`; with `default` a bare name is one of that kind. Raises UsageError."""
    word, slash, name = text.partition("/")
    if slash and name and "/" not in name:
        return Ref(kind_of(word), name)
    if not slash and default is not None and text:
        return Ref(default, text)
    example = default.info.singular if default else "experiment"
    raise UsageError(f'"{text}" names no object', f"write KIND/NAME, such as {example}/http-lean")


def parse_refs(words: Sequence[str]) -> list[Ref]:
    """`experiment/a pd/b`, or `experiment a b`. Raises UsageError."""
    if not words:
        raise UsageError("name an object", "write KIND/NAME or KIND NAME")
    if "/" in words[0]:
        return [parse_ref(word) for word in words]
    kind = kind_of(words[0])
    if len(words) == 1:
        raise UsageError(f"which {kind.info.singular}?", f"write {kind.info.singular}/NAME")
    for word in words[1:]:
        if "/" in word:
            raise UsageError(f'"{word}" after "{words[0]}"', "write either KIND NAME... or KIND/NAME...")
    return [Ref(kind, name) for name in words[1:]]


def expect(ref: Ref, kind: type[Resource]) -> Ref:
    """The reference, which must be of this kind. Raises UsageError."""
    if ref.kind is not kind:
        raise UsageError(f"{ref} is no {kind.info.singular}", f"write {kind.info.singular}/NAME")
    return ref


def qualified(info: KindInfo) -> str:
    """`experiment.phoenix.io`, as changes are reported; a core kind has no group."""
    return f"{info.singular}.{info.group}" if info.group else info.singular


def scope(info: KindInfo, namespace: str) -> str:
    """The namespace to ask in: none for kinds that have none."""
    return namespace if info.namespaced else ""
