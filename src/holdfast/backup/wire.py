"""Typed reading of what an attacker may have written: msgpack, of which only IntegrityError comes out, and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import msgpack
from blake3 import blake3

from holdfast.errors import IntegrityError

T = TypeVar("T")
Limit = int | None
SUM = "sum"
SUM_DIGITS = 32


def pack(value: object) -> bytes:
    """Return the msgpack form of `value`; equal values of equal key order give equal bytes."""
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def unpack(data: bytes | memoryview, what: str) -> object:
    """Return the value that `data` spells; `what` names it in the error.

    Raises:
        IntegrityError: the bytes are not exactly one msgpack value.
    """
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=True)
    except (ValueError, TypeError, OverflowError) as error:
        raise IntegrityError(f"{what} cannot be decoded: {type(error).__name__}; run `holdfast verify`") from error


def pack_json(body: Mapping[str, object]) -> bytes:
    """Return the canonical JSON of an object, with a sum by which damage shows; for what people may want to read."""
    return json.dumps({**body, SUM: _sum_of(body)}, indent=1, sort_keys=True).encode()


def unpack_json(data: bytes) -> dict[str, Any] | None:
    """Return the object that `pack_json` wrote; None if a single byte of it is another."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and pack_json(body) == data else None


def _sum_of(body: Mapping[str, object]) -> str:
    text = json.dumps({name: value for name, value in body.items() if name != SUM}, sort_keys=True)
    return blake3(text.encode()).hexdigest()[:SUM_DIGITS]


class Fields:
    """A map whose values are taken out by key and type; keys nobody asks for are ignored."""

    __slots__ = ("_values", "_what")

    def __init__(self, value: object, what: str) -> None:
        self._what = what
        if type(value) is not dict:
            raise self.refusal(f"is {type(value).__name__}, not a map")
        self._values: Mapping[Any, Any] = value

    def refusal(self, problem: str) -> IntegrityError:
        """Return the error to raise for this map."""
        return IntegrityError(f"{self._what} {problem}; run `holdfast verify`")

    def names(self) -> list[str]:
        """Return the map's keys, which must be text."""
        if any(type(name) is not str for name in self._values):
            raise self.refusal("has a key that is not text")
        return list(self._values)

    def checked(self, kinds: Mapping[str, tuple[type, int, int]]) -> Mapping[Any, Any]:
        """Return the map, once each of these keys that is there has the type; an integer within least and most."""
        type_: Any
        for key, value in self._values.items():
            kind = kinds.get(key)
            if kind is None:
                continue
            type_, least, most = kind
            if type(value) is not type_:
                raise self.refusal(f"has {type(value).__name__} for '{key}', not {type_.__name__}")
            if type_ is int and not least <= value <= most:
                raise self.refusal(f"has {value} for '{key}', out of {least} to {most}")
        return self._values

    def get(self, key: str, type_: type[T], default: T | None = None) -> T:
        """Return the value of exactly this type; `default` (if not None) where the key is absent."""
        value = self._values.get(key, default)
        if type(value) is not type_:
            raise self.refusal(f"has {type(value).__name__} for '{key}', not {type_.__name__}")
        return value

    def integer(self, key: str, default: int | None = None, *, least: Limit = 0, most: Limit = None) -> int:
        """Return an integer within the limits."""
        value = self.get(key, int, default)
        if (least is not None and value < least) or (most is not None and value > most):
            raise self.refusal(f"has {value} for '{key}', out of {least} to {most}")
        return value

    def list_of(self, key: str, type_: type[T]) -> list[T]:
        """Return a list whose items are all of exactly this type; empty where the key is absent."""
        values: list[T] = self.get(key, list, [])
        if any(type(value) is not type_ for value in values):
            raise self.refusal(f"has a wrong item in '{key}', not {type_.__name__}")
        return values

    def ids(self, key: str) -> list[bytes]:
        """Return a list of 32-byte ids; empty where the key is absent."""
        values = self.list_of(key, bytes)
        if any(len(value) != 32 for value in values):
            raise self.refusal(f"has an id in '{key}' that is not 32 bytes")
        return values
