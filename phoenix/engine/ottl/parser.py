"""OTTL by recursive descent: text to `ast`. Knows grammar only; names are looked up by the compiler."""

from __future__ import annotations

from phoenix.engine.ottl.ast import (
    Call,
    Compare,
    Condition,
    Constant,
    EnumName,
    Expression,
    Field,
    Junction,
    ListLiteral,
    Literal,
    MapLiteral,
    Math,
    Negative,
    Not,
    Path,
    Statement,
)
from phoenix.engine.ottl.errors import OttlSyntaxError
from phoenix.engine.ottl.lexer import Token, position, tokens, unquote

_KEYWORDS = frozenset({"and", "or", "not", "where", "true", "false", "nil"})
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


def parse_statement(source: str) -> Statement:
    """Read `editor(…) [where condition]`.

    Raises:
        OttlSyntaxError: it is no statement.
    """
    parser = _Parser(source, "statement")
    statement = parser.statement()
    parser.end()
    return statement


def parse_condition(source: str) -> Condition:
    """Read a boolean expression.

    Raises:
        OttlSyntaxError: it is none.
    """
    parser = _Parser(source, "condition")
    condition = parser.condition()
    parser.end()
    return condition


class _Parser:
    def __init__(self, source: str, kind: str) -> None:
        self._source = source
        self._kind = kind
        try:
            self._tokens = tokens(source)
        except OttlSyntaxError as error:
            raise OttlSyntaxError(f"{kind} has invalid syntax: {error}") from error
        self._at = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _fail(self, expected: str, token: Token | None = None) -> OttlSyntaxError:
        token = token or self._next
        where = position(self._source, token.at)
        return OttlSyntaxError(
            f'{self._kind} has invalid syntax: {where}: unexpected token "{token.text}" (expected {expected})'
        )

    def _is(self, text: str) -> bool:
        return self._next.text == text and self._next.kind in {"punct", "name"}

    def _accept(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._fail(f'"{text}"')

    def end(self) -> None:
        """Nothing may follow."""
        if self._next.kind != "end":
            raise self._fail("end of the statement" if self._kind == "statement" else "end of the condition")

    def statement(self) -> Statement:
        """An editor call, and `where` perhaps."""
        token = self._next
        if token.kind != "name" or token.text in _KEYWORDS:
            raise self._fail("an editor such as set(…)")
        if not token.text[0].islower():
            raise OttlSyntaxError(f"editor names must start with a lowercase letter but got '{token.text}'")
        self._at += 1
        call = self._call(token)
        if call.keys:
            raise OttlSyntaxError(f"only paths and converters may be indexed, not editors, but got {token.text}")
        return Statement(call, self.condition() if self._accept("where") else None)

    def condition(self) -> Condition:
        """`or` of `and` of `not`."""
        parts = [self._conjunction()]
        while self._accept("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Junction(False, tuple(parts))

    def _conjunction(self) -> Condition:
        parts = [self._negation()]
        while self._accept("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else Junction(True, tuple(parts))

    def _negation(self) -> Condition:
        if self._accept("not"):
            return Not(self._boolean())
        return self._boolean()

    def _boolean(self) -> Condition:
        """A comparison, a constant, or a parenthesised condition; parentheses may also open a math expression."""
        if self._is("("):
            start = self._at
            try:
                self._at += 1
                inner = self.condition()
                self._expect(")")
            except OttlSyntaxError:
                self._at = start
            else:
                if self._next.kind not in {"compare", "add", "multiply"}:
                    return inner
                self._at = start
        if self._next.text in {"true", "false"} and self._next.kind == "name":
            after = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
            if after.kind != "compare":
                return Constant(self._take().text == "true")
        left = self._value()
        if self._next.kind != "compare":
            if isinstance(left, Call):
                return Constant(left)
            raise self._fail("a comparison: == != < <= > >=")
        op = self._take().text
        return Compare(op, left, self._value())

    def _value(self) -> Expression:
        """Sums of products of primaries."""
        left = self._product()
        while self._next.kind == "add":
            self._calculable(left)
            op = self._take().text
            left = Math(op, left, self._calculable(self._product()))
        return left

    def _product(self) -> Expression:
        left = self._primary()
        while self._next.kind == "multiply":
            self._calculable(left)
            op = self._take().text
            left = Math(op, left, self._calculable(self._primary()))
        return left

    def _calculable(self, operand: Expression) -> Expression:
        """Only numbers, paths and converters are calculated with: the rest is no grammar."""
        number = isinstance(operand, Literal) and type(operand.value) in (int, float)
        if not number and not isinstance(operand, Path | Call | Math | Negative):
            raise self._fail("a number, a path or a converter to calculate with")
        return operand

    def _primary(self) -> Expression:
        token = self._take()
        match token.kind:
            case "int":
                value = int(token.text)
                if not _INT64_MIN <= value <= _INT64_MAX:
                    raise self._fail("a 64-bit integer", token)
                return Literal(value, token.at)
            case "float":
                return Literal(float(token.text), token.at)
            case "bytes":
                digits = token.text[2:]
                if len(digits) % 2:
                    raise self._fail("an even number of hex digits", token)
                return Literal(bytes.fromhex(digits), token.at)
            case "string":
                return Literal(unquote(token, self._source), token.at)
            case "name":
                return self._named(token)
            case "add":
                operand = self._calculable(self._primary())
                return Negative(operand) if token.text == "-" else operand
            case "punct" if token.text in "([{":
                return self._bracketed(token)
            case _:
                raise self._fail("a value", token)

    def _bracketed(self, token: Token) -> Expression:
        if token.text == "(":
            inner = self._calculable(self._value())
            self._expect(")")
            return inner
        if token.text == "[":
            return ListLiteral(self._values("]"))
        items: list[tuple[str, Expression]] = []
        while not self._accept("}"):
            if items:
                self._expect(",")
            key = self._take()
            if key.kind != "string":
                raise self._fail("a string as key", key)
            self._expect(":")
            items.append((unquote(key, self._source), self._value()))
        return MapLiteral(tuple(items))

    def _values(self, closing: str) -> tuple[Expression, ...]:
        items: list[Expression] = []
        while not self._accept(closing):
            if items:
                self._expect(",")
            items.append(self._value())
        return tuple(items)

    def _named(self, token: Token) -> Expression:
        """A keyword, an enum, a call or a path."""
        name = token.text
        if name in {"true", "false"}:
            return Literal(name == "true", token.at)
        if name == "nil":
            return Literal(None, token.at)
        if name in _KEYWORDS:
            raise self._fail("a value", token)
        if self._is("("):
            if name[0].islower():
                raise OttlSyntaxError(f"converter names must start with an uppercase letter but got '{name}'")
            return self._call(token)
        if name[0].isupper():
            return EnumName(name, token.at)
        return self._path(token)

    def _path(self, first: Token) -> Path:
        fields = [self._field(first)]
        while self._accept("."):
            token = self._take()
            if token.kind != "name":
                raise self._fail("a field name", token)
            fields.append(self._field(token))
        return Path(tuple(fields), first.at)

    def _field(self, token: Token) -> Field:
        if token.text != token.text.lower():
            raise self._fail("a path in lower case", token)
        return Field(token.text, self._keys())

    def _keys(self) -> tuple[Expression, ...]:
        keys = []
        while self._accept("["):
            keys.append(self._value())
            self._expect("]")
        return tuple(keys)

    def _call(self, name: Token) -> Call:
        self._expect("(")
        positional: list[Expression] = []
        named: list[tuple[str, Expression]] = []
        while not self._accept(")"):
            if positional or named:
                self._expect(",")
            following = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
            if self._next.kind == "name" and following.text == "=" and following.kind == "punct":
                key = self._take().text
                self._at += 1
                named.append((key, self._value()))
            elif named:
                raise OttlSyntaxError("unnamed argument used after named argument")
            else:
                positional.append(self._value())
        return Call(name.text, tuple(positional), tuple(named), self._keys(), name.at)
