"""Configs of which there are several kinds, told apart by a name: `kind`."""

from typing import ClassVar

from eigenlm.errors import ConfigError, nearest


class Tagged:
    """A frozen dataclass that is one of several kinds; each subclass that names its `kind` is one.

    `eigenlm.config` writes the kind beside the fields, and reads the subclass that it names.

    Attributes:
        kind: what the subclass is called in files and on the command line.
        kinds: of the family of classes that a base begins, by name.
    """

    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type["Tagged"]]]

    def __init_subclass__(cls) -> None:
        """Begin a family, or join the one of the base."""
        if Tagged in cls.__bases__:
            cls.kinds = {}
        if "kind" in vars(cls):
            cls.kinds[cls.kind] = cls

    @classmethod
    def of_kind(cls, kind: object, where: str) -> type["Tagged"]:
        """The class of a kind.

        Raises:
            ConfigError: there is none; the nearest is named.
        """
        if not isinstance(kind, str) or kind not in cls.kinds:
            raise ConfigError(nearest(where, kind, cls.kinds))
        return cls.kinds[kind]
