"""Values as JSON: written only if they come back equal and of their declared type, read only if nothing is dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any, NoReturn, final

import msgspec

from cnstra.errors import PayloadError
from cnstra.persist.classes import is_model, is_secret
from cnstra.persist.parts import first_difference, place_of, short, walk
from cnstra.persist.reading import MAX_DEPTH, depth_of, first_dropped, parse
from cnstra.persist.strictness import Strictness, is_lossy_float

__all__ = ["ValueCodec", "make_strictness"]

_Failure = tuple[str, str]  # path and problem
_SHALLOW = 2 * MAX_DEPTH  # a text of this length has no room for more levels
_DROPPED = "this would be dropped unread: the declared type has no place for it; give a version and an upcast"
_HIDDEN = "{} is written as asterisks: give its model a @field_serializer that writes what it hides"
_LOSSY = "{!r} has no JSON form that every store keeps"


def make_strictness() -> Strictness:
    """Return the comparison that codecs share; it knows the one value that means an absent field of a Struct."""
    return Strictness(type(msgspec.UNSET))


@final
class ValueCodec:
    """Writes and reads the values of one declared type.

    Args:
        declared: The type; ``None`` takes plain JSON values only.
        where: Tells what the values belong to, for errors: the text of ``PayloadError.where``.
        strictness: Compares what was written with what would be read.
        max_bytes: The longest JSON text that is written or read.

    Raises:
        PayloadError: If values of this type cannot be stored.
    """

    __slots__ = ("_declared", "_decode", "_max_bytes", "_safe_bytes", "_same", "_where")

    def __init__(self, declared: Any, where: Callable[[], str], strictness: Strictness, max_bytes: int) -> None:
        self._declared = Any if declared is None or declared is object else declared
        self._where = where
        self._same = strictness.same
        self._max_bytes = max_bytes
        self._safe_bytes = min(max_bytes, _SHALLOW)
        try:
            self._decode = msgspec.json.Decoder(self._declared, dec_hook=_from_plain).decode
            foreign = next(_foreign_types(msgspec.inspect.type_info(self._declared)), None)
        except Exception as error:  # noqa: BLE001 - an annotation or a class body may raise anything
            self._refuse(("$", _unusable(declared, error)), error)
        if foreign is not None:
            self._refuse(("$", f"{_name(foreign)} has no JSON form: declare a dataclass, or another type that has one"))

    def encode(self, value: Any) -> bytes:
        """Return *value* as JSON.

        Raises:
            PayloadError: If it would not come back equal and of its declared type, or is too long or too deep.
        """
        try:
            data = _encode(value)
            kept = self._same(value, self._decode(data))
        except Exception as error:  # noqa: BLE001 - user code runs here too: __post_init__, validators
            self._refuse(_write_failure(value, error), error)
        if not kept:
            self._refuse(self._change(value, data))
        if len(data) > self._safe_bytes:
            self._require_bounded(data)
        return data

    def decode(self, data: bytes) -> Any:
        """Return the value that *data* holds, as the declared type.

        Raises:
            PayloadError: If it is no such JSON, is too long or deep, or has content that the declared type would drop.
        """
        self._require_bounded(data)
        try:
            value = self._decode(data)
            kept = _encode(value)
            # What this codec wrote is written the same again; anything else is looked at key by key.
            dropped = None if kept == data else first_dropped(parse(data), parse(kept))
        except Exception as error:  # noqa: BLE001 - user code runs here too: __post_init__, validators
            self._refuse(_read_failure(error), error)
        if dropped is not None:
            self._refuse((dropped, _DROPPED))
        return value

    def _require_bounded(self, data: bytes) -> None:
        if len(data) > self._max_bytes:
            problem = f"{len(data):,} bytes of JSON are more than max_payload_bytes={self._max_bytes:,}"
            self._refuse(("$", f"{problem}: store the bulk elsewhere and send a reference, or raise the limit"))
        if len(data) > _SHALLOW and depth_of(data) > MAX_DEPTH:
            self._refuse(("$", f"nested deeper than {MAX_DEPTH} levels"))

    def _change(self, value: Any, data: bytes) -> _Failure:
        path, own, read = first_difference(value, self._decode(data), self._same)
        if is_lossy_float(own):
            return path, _LOSSY.format(own)
        if is_secret(type(own)):
            return path, _HIDDEN.format(_name(type(own)))
        before, after = f"{short(own)} ({_name(type(own))})", f"{short(read)} ({_name(type(read))})"
        if before == after:
            return path, f"{before} holds more than its declared fields, which would be lost"
        problem = f"{before} would come back as {after}"
        return path, f"{problem}; declare a payload type that keeps it" if self._declared is Any else problem

    def _refuse(self, failure: _Failure, cause: Exception | None = None) -> NoReturn:
        raise PayloadError(self._where(), *failure) from cause


def _to_plain(value: Any) -> Any:
    """Return a value that msgspec does not know as one that it does."""
    if is_model(type(value)):
        # round_trip leaves out computed fields, which validation would not take back.
        return value.model_dump(mode="json", by_alias=True, round_trip=True)
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{_name(type(value))} has no JSON form")


def _from_plain(declared: Any, data: Any) -> Any:
    if is_model(declared):
        return _as_model(declared, data)
    if isinstance(declared, type) and issubclass(declared, PurePath) and isinstance(data, str):
        return declared(data)
    if declared is object:
        return data
    raise TypeError(f"{_name(declared)} has no JSON form")


def _as_model(declared: Any, data: Any) -> Any:
    try:
        return declared.model_validate_json(_encode(data))  # as JSON: a strict model then takes text for a date
    except ValueError as error:
        if not hasattr(error, "errors"):
            raise
        # Its own text quotes what it was given, which may be a secret, and goes to logs and to whoever ordered a run.
        first, *others = error.errors(include_url=False, include_context=False, include_input=False)
        problem = ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
        raise ValueError(f"{problem} (and {len(others)} more)" if others else problem) from None


_encode = msgspec.json.Encoder(enc_hook=_to_plain).encode


def _foreign_types(info: Any) -> Iterator[Any]:
    """Yield the classes inside a declared type that neither msgspec nor a hook here can handle."""
    seen: set[int] = set()
    stack = [info]
    while stack:
        part = stack.pop()
        if isinstance(part, (tuple, list)):
            stack.extend(part)
        elif isinstance(part, (msgspec.inspect.Type, msgspec.inspect.Field)) and id(part) not in seen:
            seen.add(id(part))
            if isinstance(part, msgspec.inspect.CustomType) and not _is_hooked(part.cls):
                yield part.cls
            stack.extend(getattr(part, name) for name in part.__struct_fields__)


def _is_hooked(declared: Any) -> bool:
    return is_model(declared) or declared is object or (isinstance(declared, type) and issubclass(declared, PurePath))


def _unusable(declared: Any, error: Exception) -> str:
    if isinstance(error, NameError):
        return (
            f"{_name(declared)} has an annotation that cannot be resolved ({error}): define it at the top of its module"
        )
    return f"{_name(declared)} cannot be stored: {error}"


def _write_failure(value: Any, error: Exception) -> _Failure:
    if isinstance(error, RecursionError):
        return "$", "nested too deeply, or contains itself"
    for path, part in walk(value):
        if is_lossy_float(part):
            return path, _LOSSY.format(part)
    if not _cannot_encode(value):
        path, problem = _read_failure(error)
        return path, f"it would not be read back: {problem}"
    path, part = place_of(value, _cannot_encode)
    if isinstance(error, UnicodeEncodeError):
        return path, f"{short(part)} contains half of a surrogate pair, which has no UTF-8 form"
    return path, str(error)


def _cannot_encode(value: Any) -> bool:
    try:
        _encode(value)
    except Exception:  # noqa: BLE001 - user code runs here too
        return True
    return False


def _read_failure(error: Exception) -> _Failure:
    if isinstance(error, RecursionError):
        return "$", "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "$", "not UTF-8"
    problem, _, place = " ".join(str(error).split()).partition(" - at `")
    if isinstance(error, (msgspec.MsgspecError, ValueError)):
        return place.rstrip("`") or "$", problem
    return "$", f"{type(error).__name__}: {problem}"


def _name(kind: Any) -> str:
    return kind.__qualname__ if isinstance(kind, type) else str(kind)
