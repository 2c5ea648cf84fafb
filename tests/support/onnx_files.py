"""ONNX files made byte by byte, so that the tests need no package for it: small graphs that claim large things.

A file is a message of Protocol Buffers; the numbers of the fields are those of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Sequence

FLOAT, INT64, BOOL = 1, 7, 9
ATTRIBUTE_INT, ATTRIBUTE_GRAPH = 2, 5
"""Kinds of an attribute (AttributeProto)."""


def varint(number: int) -> bytes:
    """Return a number in groups of seven bits, the lowest first."""
    octets = b""
    while number > 127:
        octets += bytes([number & 127 | 128])
        number >>= 7
    return octets + bytes([number])


def field(number: int, content: bytes | str | int) -> bytes:
    """Return a field: a number, or bytes with their length in front."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    octets = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(octets)) + octets


def tensor(name: str, dims: Sequence[int], kind: int, raw: bytes) -> bytes:
    """Return a constant (TensorProto)."""
    sizes = b"".join(field(1, dim) for dim in dims)
    return sizes + field(2, kind) + field(8, name) + field(9, raw)


def value(name: str, dims: Sequence[int | str]) -> bytes:
    """Return an input or output of float32 (ValueInfoProto); a dimension that is a text is free."""
    shape = b"".join(field(1, field(2 if isinstance(dim, str) else 1, dim)) for dim in dims)
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, shape)))


def node(operator: str, inputs: Sequence[str], output: str) -> bytes:
    """Return a step of the computation (NodeProto)."""
    return b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, operator)


def cast(number: str, kind: int, output: str) -> bytes:
    """Return a step that makes values of another kind."""
    return node("Cast", [number], output) + field(5, field(1, "to") + field(3, kind) + field(20, ATTRIBUTE_INT))


def truth(number: str, output: str) -> list[bytes]:
    """Return steps that say whether the largest value of a float32 is more than 0, as a truth (bool [])."""
    return [node("ReduceMax", [number], "largest"), cast("largest", BOOL, "cast"), node("Squeeze", ["cast"], output)]


def endless_loop(condition: str, carried: str, output: str) -> bytes:
    """Return a step that hands a value on, and never ends if this one truth (bool []) is true (NodeProto, Loop)."""

    def kind(name: str, number: int) -> bytes:
        shape = b"" if number == FLOAT else field(2, b"")
        return field(1, name) + field(2, field(1, field(1, number) + shape))

    body = field(1, node("Identity", ["goes_on"], "goes_on_after")) + field(1, node("Identity", ["in"], "out"))
    body += field(2, "body")
    for name, number in (("count", INT64), ("goes_on", BOOL), ("in", FLOAT)):
        body += field(11, kind(name, number))
    for name, number in (("goes_on_after", BOOL), ("out", FLOAT)):
        body += field(12, kind(name, number))
    return node("Loop", ["", condition, carried], output) + field(
        5, field(1, "body") + field(6, body) + field(20, ATTRIBUTE_GRAPH)
    )


def model(
    metadata: dict[str, str],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    nodes: Sequence[bytes],
    constants: Sequence[bytes] = (),
) -> bytes:
    """Return a file (ModelProto)."""
    graph = b"".join(field(1, one) for one in nodes) + field(2, "graph")
    graph += b"".join(field(5, one) for one in constants)
    graph += b"".join(field(11, one) for one in inputs) + b"".join(field(12, one) for one in outputs)
    entries = b"".join(field(14, field(1, name) + field(2, text)) for name, text in metadata.items())
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17)) + entries
