"""Protobuf message types from a few lines of text, so that no generated code and no compiler is needed.

A message is named with its fields, `name=number:type`: a scalar (`string bytes bool int32 int64 double`) or another
message of the same table; `[]` makes a list, `{}` a map from string. A `?` at the end is for the reader of the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor

_SCALARS = {
    "string": FieldDescriptor.TYPE_STRING,
    "bytes": FieldDescriptor.TYPE_BYTES,
    "bool": FieldDescriptor.TYPE_BOOL,
    "double": FieldDescriptor.TYPE_DOUBLE,
    "int32": FieldDescriptor.TYPE_INT32,
    "int64": FieldDescriptor.TYPE_INT64,
}


def message_types(package: str, messages: Mapping[str, str]) -> dict[str, type[Any]]:
    """Classes by message name, in a pool of their own. Fields know whether they were set (as in proto2)."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto2")
    for name, terms in messages.items():
        message = file.message_type.add(name=name)
        for term in terms.split():
            _add_field(package, message, term)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"{package}.{name}") for name in messages}
    return {name: message_factory.GetMessageClass(descriptor) for name, descriptor in found.items()}


def _add_field(package: str, message: descriptor_pb2.DescriptorProto, term: str) -> None:
    name, _, rest = term.partition("=")
    number, _, kind = rest.rstrip("?").partition(":")
    plain = kind.rstrip("[]{}")
    field = message.field.add(name=name, number=int(number), label=FieldDescriptor.LABEL_OPTIONAL)
    if kind.endswith("{}"):
        entry = message.nested_type.add(name=f"{name[0].upper()}{name[1:]}Entry")
        entry.options.map_entry = True
        for number_in_entry, (part, part_type) in enumerate((("key", "string"), ("value", plain)), start=1):
            part_field = entry.field.add(name=part, number=number_in_entry, label=FieldDescriptor.LABEL_OPTIONAL)
            _set_type(package, part_field, part_type)
        plain = f"{message.name}.{entry.name}"
    if plain != kind:
        field.label = FieldDescriptor.LABEL_REPEATED
    _set_type(package, field, plain)


def _set_type(package: str, field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    scalar = _SCALARS.get(kind)
    if scalar is None:
        field.type, field.type_name = FieldDescriptor.TYPE_MESSAGE, f".{package}.{kind}"
    else:
        field.type = scalar
