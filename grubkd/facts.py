"""Dataclasses and named tuples that take no time until they are used: the part of Python's own that grubkd needs.

Python's own write and compile methods for each class when its module is imported, up to a millisecond a class, used or
not: for all of grubkd's that is several times the interpreter's own start. Here the methods that can be are shared, and
`__init__` or `__new__` is compiled for the eighth instance. To type checkers these are Python's own.
"""

from __future__ import annotations

import sys
from operator import attrgetter

TYPE_CHECKING = False  # known to type checkers by its name

# From 3.14 on a class does not hold its annotations any more; Python's own knows how to ask for them.
if TYPE_CHECKING or sys.version_info >= (3, 14):
    from dataclasses import dataclass, field, replace
    from typing import NamedTuple
else:
    # What Python makes the fields of its named tuples of: of C, which reads them a third faster than a property.
    from collections import _tuplegetter as _item

    class _Factory:
        """A default that is made anew for every instance."""

        def __init__(self, make):
            self.make = make

    def field(*, default_factory):
        """As dataclasses.field."""
        return _Factory(default_factory)

    def dataclass(*, frozen=False, slots):
        """As dataclasses.dataclass, with slots always; without inheritance of fields, ordering and __post_init__."""
        assert slots  # noqa: S101 - for the readers of a class

        def decorate(cls):
            return _made(cls, frozen)

        return decorate

    def replace(instance, /, **changes):
        """As dataclasses.replace."""
        for name in instance.__match_args__:
            if name not in changes:
                changes[name] = getattr(instance, name)
        return type(instance)(**changes)

    class _Fields:
        """The fields as dataclasses.fields tells them, for those who ask."""

        def __get__(self, _instance, owner):
            import dataclasses

            space = {"__annotations__": owner.__annotations__}
            for name, default in owner.__defaults__.items():
                made = isinstance(default, _Factory)
                space[name] = dataclasses.field(default_factory=default.make) if made else default
            return dataclasses.dataclass(type(owner.__name__, (), space)).__dataclass_fields__

    _FIELDS = _Fields()

    def _made(cls, frozen):
        """The class with slots, and the methods that its decorator gives it where it has none of its own."""
        names = tuple(cls.__annotations__)
        space = dict(cls.__dict__)
        for name in ("__dict__", "__weakref__"):
            space.pop(name, None)
        defaults = {name: space.pop(name) for name in names if name in space}
        values = attrgetter(*names)
        left = _FEW
        setters = None

        def equal(self, other):
            return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

        def hashed(self):
            return hash(values(self))

        def start(self, *args, **kwargs):
            nonlocal left, setters
            left -= 1
            found = _bound(names, defaults, args, kwargs) if left else None
            if found is None:
                _compile(made)
                self.__init__(*args, **kwargs)
                return
            setters = setters or [made.__dict__[name].__set__ for name in names]
            for setter, value in zip(setters, found, strict=True):
                setter(self, value)

        space.update(
            __slots__=names,
            __match_args__=names,
            __defaults__=defaults,
            __dataclass_fields__=_FIELDS,
            __init__=start,
            __reduce__=_reduce,
        )
        space.setdefault("__eq__", equal)
        space.setdefault("__repr__", _repr)
        if space.get("__hash__") is None:
            space["__hash__"] = hashed if frozen else None
        if frozen:
            space.update(__setattr__=_refuse, __delattr__=_refuse)
        made = type(cls.__name__, cls.__bases__, space)
        made.__qualname__ = cls.__qualname__
        return made

    # So many instances of a class are made without a method of its own, which takes longer to compile than these.
    _FEW = 8

    def _bound(names, defaults, args, kwargs):
        """The values of all fields in order, or None for arguments that are not those of the fields."""
        found = list(args)
        named = 0
        for name in names[len(args) :]:
            if name in kwargs:
                found.append(kwargs[name])
                named += 1
            elif name in defaults:
                default = defaults[name]
                found.append(default.make() if isinstance(default, _Factory) else default)
            else:
                return None
        return found if len(found) == len(names) and named == len(kwargs) else None

    def _compile(cls):
        """Give the class its __init__. A slot's own descriptor writes where __setattr__ refuses to."""
        space = {"_Factory": _Factory}
        parameters, body = [], []
        for number, name in enumerate(cls.__match_args__):
            space[f"_set{number}"] = getattr(cls, name).__set__
            value = name
            if name in cls.__defaults__:
                default = space[f"_default{number}"] = cls.__defaults__[name]
                parameters.append(f"{name}=_default{number}")
                if isinstance(default, _Factory):
                    value = f"_default{number}.make() if {name} is _default{number} else {name}"
            else:
                parameters.append(name)
            body.append(f"    _set{number}(self, {value})\n")
        exec(f"def __init__(self, {', '.join(parameters)}):\n{''.join(body)}", space)  # noqa: S102 - of names alone
        cls.__init__ = space["__init__"]

    class _Tuple(type):
        """What makes the class of a named tuple: as typing.NamedTuple, without what grubkd does not use."""

        def __new__(cls, name, bases, space):
            if not bases:
                return super().__new__(cls, name, bases, space)
            names = tuple(space.get("__annotations__", ()))
            defaults = {each: space.pop(each) for each in names if each in space}

            left = _FEW

            def start(own, *args, **kwargs):
                nonlocal left
                left -= 1
                found = _bound(names, defaults, args, kwargs) if left else None
                if found is None:
                    _compile_new(made)
                    return made.__new__(own, *args, **kwargs)
                return tuple.__new__(own, found)

            space.update((each, _item(number, None)) for number, each in enumerate(names))
            space.update(__slots__=(), __match_args__=names, _fields=names, _field_defaults=defaults, __new__=start)
            space.update(__repr__=_repr, __getnewargs__=_values, _replace=_replaced)
            made = super().__new__(cls, name, (tuple,), space)
            return made

    class NamedTuple(metaclass=_Tuple):
        """As typing.NamedTuple, with `_replace` and the fields' names; neither `_make` nor `_asdict`."""

    def _compile_new(cls):
        """Give the class its __new__."""
        space = {"_tuple": tuple.__new__}
        parameters = []
        for number, name in enumerate(cls._fields):
            if name in cls._field_defaults:
                space[f"_default{number}"] = cls._field_defaults[name]
                parameters.append(f"{name}=_default{number}")
            else:
                parameters.append(name)
        made = f"_tuple(_own, ({', '.join(cls._fields)},))"
        exec(f"def __new__(_own, {', '.join(parameters)}):\n    return {made}", space)  # noqa: S102 - of names alone
        cls.__new__ = space["__new__"]

    def _values(self):
        return tuple(self)

    def _replaced(self, /, **changes):
        return type(self)(**{**dict(zip(self._fields, self, strict=True)), **changes})

    def _repr(self):
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__qualname__}({fields})"

    def _reduce(self):
        return type(self), tuple(getattr(self, name) for name in self.__match_args__)

    def _refuse(self, name, *_value):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to field {name!r}")


__all__ = ["NamedTuple", "dataclass", "field", "replace"]
