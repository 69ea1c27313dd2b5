"""Cross-field rules of the models, run on JSON objects that were never made into models.

A rule (`@model_validator(mode="after")`) reads attributes. A view gives it those of the JSON object it stands for: the
object is the view's own `__dict__`, so that most fields are read as fast as a model's. What differs is worked out when
a rule asks: Python names for camelCase ones, nested objects as views, texts as enum members; absent fields are the
model's defaults, methods and properties are as they are. An instance of each model would cost more than the rules do.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

JsonObject = dict[str, Any]
Wrap = Callable[[Any], Any]
"""Makes what a model would hold out of a JSON value that is known to be right."""

_ABSENT: Final = object()
_CONSTANTS: Final = (str, int, float, type(None))


class _Made:
    """A default that is made anew each time. The instance has the field where it is not absent."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __get__(self, view: Any, owner: type | None = None) -> Any:
        return self._make()


class _Seen:
    """A field that is named or held otherwise than in the JSON object. Asked before the instance, since it can set."""

    def __init__(self, alias: str, wrap: Wrap | None, constant: Any, make: Callable[[], Any] | None) -> None:
        self._alias, self._wrap, self._constant, self._make = alias, wrap, constant, make

    def __get__(self, view: Any, owner: type | None = None) -> Any:
        value = view.__dict__.get(self._alias, _ABSENT)
        if value is _ABSENT:
            return self._constant if self._make is None else self._make()
        return value if self._wrap is None else self._wrap(value)

    def __set__(self, view: Any, value: Any) -> None:
        raise AttributeError("a rule may read an object, not change it")


@cache
def view_of(model: type[BaseModel]) -> type:
    """The class of views of a model. A view's `__dict__` is a JSON object that is right field by field."""
    members: dict[str, Any] = {}
    for base in reversed(model.__mro__[: model.__mro__.index(BaseModel)]):
        members |= {name: member for name, member in vars(base).items() if _is_own(name, member)}
    for name, info in model.model_fields.items():
        alias, wrap, make = info.alias or name, _wrapping(info.annotation), _maker(info)
        if alias != name or wrap is not None:
            members[name] = _Seen(alias, wrap, info.default, make)
        else:
            members[name] = info.default if make is None else _Made(make)
    return type(f"{model.__name__}View", (), members)


def _is_own(name: str, member: Any) -> bool:
    """Whether a member of a class body is one people wrote: a method, a property, a constant."""
    return not name.startswith(("__", "model_", "_abc")) and not hasattr(member, "decorator_info")


def _maker(info: FieldInfo) -> Callable[[], Any] | None:
    """Makes the default of an absent field; None where it is one constant."""
    if info.default_factory is None and isinstance(info.default, _CONSTANTS):
        return None
    return lambda: info.get_default(call_default_factory=True)


def _wrapping(annotation: Any) -> Wrap | None:
    """How a value of a field of this type is seen; None: as it is, which for a text of a type of its own is right."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _view_maker(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return annotation
    origin, arguments = get_origin(annotation), get_args(annotation)
    wraps = [wrap for argument in arguments if (wrap := _wrapping(argument)) is not None]
    if not wraps:
        return None
    (wrap,) = wraps  # a union of two models has no schema: none of ours has one
    if origin is list:
        return lambda values: [wrap(value) for value in values]
    if origin is dict:
        return lambda values: {key: wrap(value) for key, value in values.items()}
    return wrap


def _view_maker(model: type[BaseModel]) -> Wrap:
    def see(wire: JsonObject) -> Any:
        seen: Any = object.__new__(view_of(model))
        seen.__dict__ = wire
        return seen

    return see
