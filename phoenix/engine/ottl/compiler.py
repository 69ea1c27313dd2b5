"""Parsed statements to closures: names looked up, arguments checked, all before any data is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from phoenix.engine.ottl import ast
from phoenix.engine.ottl.context import LEVELS, Context
from phoenix.engine.ottl.errors import OttlError, OttlSyntaxError
from phoenix.engine.ottl.functions import ELSEWHERE
from phoenix.engine.ottl.functions.text import camel_case
from phoenix.engine.ottl.functions.types import bool_of, double_of
from phoenix.engine.ottl.paths import OF_VALUES, Access, Getter, indexed, level_of, resolve
from phoenix.engine.ottl.signature import Function, Kind, MapTarget, Param
from phoenix.engine.ottl.values import Value, calculate, comparison, negative

Predicate = Callable[[Context], bool]
ENUMS: dict[str, int] = {
    "METRIC_DATA_TYPE_NONE": 0, "METRIC_DATA_TYPE_GAUGE": 1, "METRIC_DATA_TYPE_SUM": 2,
    "METRIC_DATA_TYPE_HISTOGRAM": 3, "METRIC_DATA_TYPE_EXPONENTIAL_HISTOGRAM": 4, "METRIC_DATA_TYPE_SUMMARY": 5,
    "AGGREGATION_TEMPORALITY_UNSPECIFIED": 0, "AGGREGATION_TEMPORALITY_DELTA": 1,
    "AGGREGATION_TEMPORALITY_CUMULATIVE": 2, "FLAG_NONE": 0, "FLAG_NO_RECORDED_VALUE": 1,
}  # fmt: skip


class Compiler:
    """Compiles for one context.

    Args:
        level: the context items are of.
        bare: paths may leave the context's name out (an explicit `context:`).
        functions: what may be called.
    """

    def __init__(self, level: str, bare: bool, functions: Mapping[str, Function]) -> None:
        self._level = level
        self._bare = bare
        self._functions = functions
        self.by_identity = True
        """whether nothing compiled so far reads or writes times or values, nor calls what does"""

    def editor(self, call: ast.Call) -> Callable[[Context], None]:
        """The closure of a statement's editor."""
        edit: Callable[[Context], None] = self._call(call)
        return edit

    def condition(self, condition: ast.Condition) -> Predicate:
        """The closure of a boolean expression."""
        match condition:
            case ast.Compare(op, left, right):
                return self._compare(op, left, right)
            case ast.Constant(bool() as value):
                return lambda _context: value
            case ast.Constant(ast.Call() as call):
                return self._boolean_call(call)
            case ast.Not(inner):
                negated = self.condition(inner)
                return lambda context: not negated(context)
            case ast.Junction(all_of, parts):
                compiled = [self.condition(part) for part in parts]
                if all_of:
                    return lambda context: _all(compiled, context)
                return lambda context: _any(compiled, context)
        raise AssertionError(condition)

    def _compare(self, op: str, left: ast.Expression, right: ast.Expression) -> Predicate:
        compare, get_left, get_right = comparison(op), self.value(left), self.value(right)
        if isinstance(right, ast.Literal):  # by far the usual form
            constant = right.value
            return lambda context: compare(get_left(context), constant)
        return lambda context: compare(get_left(context), get_right(context))

    def _boolean_call(self, call: ast.Call) -> Predicate:
        get = self._converter(call)

        def test(context: Context) -> bool:
            value = get(context)
            if type(value) is not bool:
                raise OttlError(f"{call.name} did not give a bool, so it cannot stand alone in a condition")
            return value

        return test

    def value(self, expression: ast.Expression) -> Getter:
        """The closure that reads an expression."""
        match expression:
            case ast.Literal(value):
                return lambda _context: value
            case ast.EnumName(name):
                if name not in ENUMS:
                    raise OttlSyntaxError(f'enum symbol "{name}" not found')
                number = ENUMS[name]
                return lambda _context: number
            case ast.Path():
                return self.path(expression).get
            case ast.Call():
                return self._converter(expression)
            case ast.ListLiteral(items):
                getters = [self.value(item) for item in items]
                return lambda context: [get(context) for get in getters]
            case ast.MapLiteral(items):
                pairs = [(key, self.value(item)) for key, item in items]
                return lambda context: {key: get(context) for key, get in pairs}
            case ast.Math(op, left, right):
                get_left, get_right = self.value(left), self.value(right)
                return lambda context: calculate(op, get_left(context), get_right(context))
            case ast.Negative(inner):
                get_inner = self.value(inner)
                return lambda context: negative(get_inner(context))

    def path(self, path: ast.Path) -> Access:
        """How to read and write a path."""
        fields = list(path.fields)
        level = level_of(fields[0].name)
        # `resource` alone is no path, and in datapoint context a bare `metric` neither: a context word needs a field.
        if level is not None and len(fields) > 1 and not fields[0].keys:
            fields = fields[1:]
            if LEVELS.index(level) > LEVELS.index(self._level):
                raise OttlSyntaxError(f'path "{path}" cannot be used in the {self._level} context')
        elif self._bare:
            level = self._level
        else:
            raise OttlSyntaxError(
                f'missing context name for path "{path}", possibly valid options are: '
                + ", ".join(f'"{option}.{path}"' for option in LEVELS)
            )
        if any(field.keys for field in fields[:-1]):
            raise OttlSyntaxError(f'path "{path}" has a key where it cannot have one')
        access = resolve([field.name for field in fields], level, str(path))
        self.by_identity = self.by_identity and (level, fields[0].name) not in OF_VALUES
        keys = fields[-1].keys
        if not keys:
            return access
        if fields[-1].name not in _INDEXED:
            raise OttlSyntaxError(f'path "{path}" has keys, but {fields[-1].name} cannot be indexed')
        literal = keys[0].value if isinstance(keys[0], ast.Literal) else None
        return indexed(access, [self.value(key) for key in keys], literal)

    def _converter(self, call: ast.Call) -> Getter:
        if not call.name[0].isupper():
            raise OttlSyntaxError(f"{call.name} is an editor; only converters give values")
        get: Getter = self._call(call)
        if not call.keys:
            return get
        return indexed(Access(get, None), [self.value(key) for key in call.keys], None).get

    def _call(self, call: ast.Call) -> Any:
        function = self._functions.get(call.name)
        if function is None:
            raise OttlSyntaxError(_undefined(call.name))
        if function.level not in (None, self._level):
            raise OttlSyntaxError(f"{call.name} works in the {function.level} context only, not in {self._level}")
        given: dict[str, ast.Expression] = {}
        if len(call.positional) > len(function.params):
            raise OttlSyntaxError(
                f"{call.name}: incorrect number of arguments: takes {len(function.params)}, got {len(call.positional)}"
            )
        for param, argument in zip(function.params, call.positional, strict=False):
            given[param.name] = argument
        names = {camel_case(param.name): param.name for param in function.params}
        for name, argument in call.named:
            known = names.get(camel_case(name))  # `replacement_format` and `replacementFormat` are one
            if known is None or known in given:
                raise OttlSyntaxError(f"{call.name}: no parameter to take {name!r}")
            given[known] = argument
        arguments = []
        for param in function.params:
            if param.name not in given and not param.optional:
                raise OttlSyntaxError(f"{call.name}: incorrect number of arguments: {param.name!r} is missing")
            argument_ = given.get(param.name)
            arguments.append(None if argument_ is None else self._argument(call.name, param, argument_))
        self.by_identity = self.by_identity and function.by_identity
        return function.build(*arguments)

    def _argument(self, function: str, param: Param, expression: ast.Expression) -> Any:
        fault = OttlSyntaxError(f"{function}: invalid argument {param.name!r}: must be {_WANTED[param.kind]}")
        if _may_be(param.kind, expression):
            if param.kind in _CONVERTED and isinstance(expression, ast.Literal):
                _convertible(param.kind, expression.value)
            return self.value(expression)
        match param.kind, expression:
            case Kind.TARGET, ast.Path():
                access = self.path(expression)
                if access.set is None:
                    raise OttlSyntaxError(f'{function}: path "{expression}" cannot be changed')
                return access
            case Kind.MAP, ast.Path():
                return MapTarget(self.path(expression))
            case Kind.KEY, ast.Path() | ast.Call():
                return self.value(expression)
            case Kind.STRINGS, ast.ListLiteral(items):
                return self._strings(items, fault)
            case Kind.SOME_VALUES, ast.ListLiteral(items) if items:
                return self.value(expression)
            case Kind.FUNCTION, ast.EnumName(name):
                return self._one_argument_function(name)
        found = _as_written(param.kind, expression)
        if found is None:
            raise fault
        return found

    def _strings(self, items: tuple[ast.Expression, ...], fault: OttlSyntaxError) -> list[str] | Getter:
        if not all(_may_be(Kind.STRING, item) for item in items):
            raise fault
        texts = [item.value for item in items if isinstance(item, ast.Literal) and isinstance(item.value, str)]
        return texts if len(texts) == len(items) else self.value(ast.ListLiteral(items))

    def _one_argument_function(self, name: str) -> Callable[[Value], Value]:
        function = self._functions.get(name)
        if function is None or not name[0].isupper():
            raise OttlSyntaxError(_undefined(name))
        if sum(not param.optional for param in function.params) != 1 or function.params[0].kind not in _OF_ONE:
            raise OttlSyntaxError(f"{name} does not take exactly one value, so it cannot be passed as a function")
        self.by_identity = self.by_identity and function.by_identity
        held: list[Value] = [None]
        get: Getter = function.build(lambda _context: held[0], *[None] * (len(function.params) - 1))

        def apply(value: Value) -> Value:
            held[0] = value
            return get(_NOWHERE)

        return apply


def _as_written(kind: Kind, expression: ast.Expression) -> Any:
    """The value of an argument that must be a literal, or a list of such; None where it is no such."""
    if isinstance(expression, ast.Negative) and kind is Kind.SIGNED:
        number = _as_written(kind, expression.value)
        return None if number is None else -number
    if isinstance(expression, ast.Literal) and type(expression.value) is _AS_WRITTEN.get(kind):
        return expression.value
    item = _ITEMS_AS_WRITTEN.get(kind)
    if item is None or not isinstance(expression, ast.ListLiteral):
        return None
    found = [one.value for one in expression.items if isinstance(one, ast.Literal) and type(one.value) is item]
    return found if len(found) == len(expression.items) else None


def _undefined(name: str) -> str:
    if name in ELSEWHERE:
        return f"the embedded engine has no function {name}"
    return f'undefined function "{name}"'


def _convertible(kind: Kind, value: Value) -> None:
    """Raises OttlSyntaxError where a literal cannot become what a function reads it as."""
    try:
        _CONVERTED[kind](value)
    except OttlError as error:
        raise OttlSyntaxError(str(error)) from error


_CONVERTED = {Kind.DOUBLE_LIKE: double_of, Kind.BOOL_LIKE: bool_of}
_NOWHERE = Context()
_OF_ONE = frozenset({Kind.VALUE, Kind.STRING, Kind.DOUBLE_LIKE, Kind.BOOL_LIKE})
_INDEXED = frozenset({"attributes", "cache"})
_LITERALS: dict[Kind, type] = {
    Kind.STRING: str, Kind.INTEGER: int, Kind.DOUBLE: float, Kind.BOOLEAN: bool,
}  # fmt: skip
_AS_WRITTEN = {Kind.TEXT: str, Kind.KEY: str, Kind.BOOL: bool, Kind.INT: int, Kind.FLOAT: float, Kind.SIGNED: float}
_ITEMS_AS_WRITTEN = {Kind.TEXTS: str, Kind.FLOATS: float}
"""Arguments that must be literals, and of which type."""
_RUN = ast.Path | ast.Call | ast.Math | ast.Negative
_READ: dict[Kind, Any] = {
    **dict.fromkeys((Kind.VALUE, Kind.DOUBLE_LIKE, Kind.BOOL_LIKE), object),
    Kind.VALUES: ast.ListLiteral, Kind.MAPPING: _RUN | ast.MapLiteral, Kind.MOMENT: _RUN,
    Kind.ITEMS: _RUN | ast.ListLiteral, Kind.LENGTH: _RUN,
    **dict.fromkeys(_LITERALS, _RUN | ast.Literal | ast.EnumName),
}  # fmt: skip
"""Which expressions a parameter takes; whether they give what it needs is seen when they run."""


def _may_be(kind: Kind, expression: ast.Expression) -> bool:
    """Whether an expression can be of a kind: a literal must be, of others running tells."""
    if isinstance(expression, ast.Literal) and kind in _LITERALS:
        return type(expression.value) is _LITERALS[kind]
    return kind in _READ and isinstance(expression, _READ[kind])


_WANTED = {
    Kind.TARGET: "a path", Kind.MAP: "a path to a map", Kind.TEXT: "a string", Kind.TEXTS: "a list of strings",
    Kind.INT: "an integer", Kind.FLOAT: "a number", Kind.BOOL: "true or false", Kind.VALUE: "a value",
    Kind.VALUES: "a list in brackets", Kind.FUNCTION: "the name of a converter", Kind.STRING: "a string",
    Kind.INTEGER: "an integer", Kind.DOUBLE: "a double", Kind.BOOLEAN: "true or false", Kind.MAPPING: "a map",
    Kind.STRINGS: "a list of strings", Kind.SOME_VALUES: "a list in brackets that is not empty",
    Kind.DOUBLE_LIKE: "a value", Kind.BOOL_LIKE: "a value", Kind.KEY: "a string",
    Kind.SIGNED: "a number", Kind.FLOATS: "a list of numbers with a dot",
    Kind.ITEMS: "a list", Kind.MOMENT: "a time", Kind.LENGTH: "a duration",
}  # fmt: skip


def _all(parts: list[Predicate], context: Context) -> bool:
    for part in parts:  # noqa: SIM110 (half the cost of all() with a generator)
        if not part(context):
            return False
    return True


def _any(parts: list[Predicate], context: Context) -> bool:
    for part in parts:  # noqa: SIM110 (half the cost of any() with a generator)
        if part(context):
            return True
    return False


def _walk(node: object) -> Iterator[object]:
    """Every node of a parsed statement or condition."""
    yield node
    match node:
        case ast.Statement(editor, where):
            children: tuple[object, ...] = (editor, where)
        case ast.Compare(_, left, right) | ast.Math(_, left, right):
            children = (left, right)
        case ast.Constant(value):
            children = (value,)
        case ast.Not(inner) | ast.Negative(inner):
            children = (inner,)
        case ast.Junction(_, parts):
            children = parts
        case ast.ListLiteral(items):
            children = items
        case ast.MapLiteral(pairs):
            children = tuple(item for _, item in pairs)
        case ast.Path(fields):
            children = tuple(key for field in fields for key in field.keys)
        case ast.Call(_, positional, named, keys):
            children = (*positional, *(item for _, item in named), *keys)
        case _:
            children = ()
    for child in children:
        yield from _walk(child)


def infer_level(nodes: list[ast.Statement | ast.Condition], functions: Mapping[str, Function]) -> str:
    """The context a group without one is for: the narrowest that its paths, functions and enums name.

    Raises:
        OttlSyntaxError: no path names one, or a function of one context stands beside paths of a narrower one.
    """
    found: set[str] = set()
    named = False
    bound: dict[str, str] = {}
    for node in (item for root in nodes for item in _walk(root)):
        if isinstance(node, ast.Path) and len(node.fields) > 1 and (level := level_of(node.fields[0].name)):
            found.add(level)
            named = True
        elif isinstance(node, ast.EnumName) and node.name.startswith(("METRIC_DATA_TYPE", "AGGREGATION_TEMPORALITY")):
            found.add("metric")
        elif isinstance(node, ast.EnumName) and node.name.isupper() and node.name in functions:
            # the Collector takes such a name for an enum here, which no context has
            raise OttlSyntaxError(f'cannot infer the context for "{node.name}": write the group with `context:`')
        elif isinstance(node, ast.Call) and (function := functions.get(node.name)) and function.level:
            bound[function.level] = node.name
            found.add(function.level)
    if not named:
        msg = "cannot infer the context: no path names one (write metric.name, datapoint.attributes[…] and so on)"
        raise OttlSyntaxError(msg)
    level = max(found, key=LEVELS.index)
    for of, name in bound.items():
        if of != level:
            raise OttlSyntaxError(f"{name} works in the {of} context only, but the group has {level} paths: split it")
    return level
