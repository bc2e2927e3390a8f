"""A NamedTuple for the modules that every import loads. Making one takes a seventh of the time of `typing`'s.

It has fields by position and name, defaults and `_replace`, and can be copied and pickled. Type checkers see
`typing.NamedTuple`. Twenty of `typing`'s would add a millisecond to each start.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Self

__all__ = ["NamedTuple"]

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from collections import _tuplegetter as field  # `collections.namedtuple` makes its fields of it

    class NamedTuple(tuple):
        """The base of a tuple whose annotations name its fields. The later fields may have defaults."""

        __slots__ = ()
        _fields: ClassVar[tuple[str, ...]] = ()
        _field_defaults: ClassVar[dict[str, Any]] = {}

        def __init_subclass__(cls) -> None:
            cls._fields = tuple(cls.__annotations__)
            cls._field_defaults = {name: vars(cls)[name] for name in cls._fields if name in vars(cls)}
            for at, name in enumerate(cls._fields):
                setattr(cls, name, field(at, None))

        def __new__(cls, *values: Any, **named: Any) -> Self:
            if named or len(values) != len(cls._fields):
                given = {**cls._field_defaults, **dict(zip(cls._fields, values, strict=False)), **named}
                twice = named.keys() & set(cls._fields[: len(values)])
                if twice or len(values) > len(cls._fields) or given.keys() != set(cls._fields):
                    raise TypeError(f"{cls.__name__} has the fields {', '.join(cls._fields)}")
                values = tuple(given[name] for name in cls._fields)
            return tuple.__new__(cls, values)

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(f"a {type(self).__name__} is immutable")

        def __repr__(self) -> str:
            shown = (f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({', '.join(shown)})"

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

        def _replace(self, **named: Any) -> Self:
            """A copy with other values for the named fields."""
            return type(self)(**{**dict(zip(self._fields, self, strict=True)), **named})
