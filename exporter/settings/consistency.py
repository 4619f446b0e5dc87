"""Options that cannot be meant together: refused in one wording, whichever group they are of."""

from collections.abc import Sequence

from pydantic import BaseModel


class InvalidSettingError(ValueError):
    """Options that cannot be meant: one line, and the fields of ``Settings`` that are to blame."""

    def __init__(self, text: str, *fields: str, value: str | None = None) -> None:
        """``value`` is the text of the one value that is wrong; then ``text`` need not say whose.

        Without it, ``text`` calls the options by their flags.
        """
        super().__init__(text)
        self.fields = fields
        self.value = value


def refuse_without(needed: str, settings: BaseModel, group: type[BaseModel]) -> None:
    """Refuse what was given of a group that does nothing while the field ``needed`` is empty."""
    if not getattr(settings, needed):
        for name in group.model_fields:
            if name in settings.model_fields_set:
                raise InvalidSettingError(
                    f"{_flag(settings, name)} does nothing without {_flag(settings, needed)}", name
                )


def refuse_unless(settings: BaseModel, field: str, value: str, group: type[BaseModel]) -> None:
    """Refuse what was given of a group that does nothing unless ``field``, of it, has the value."""
    if getattr(settings, field) != value:
        for name in group.model_fields:
            if name != field and name in settings.model_fields_set:
                needed = f"{_flag(settings, field)}={value}"
                raise InvalidSettingError(
                    f"{_flag(settings, name)} does nothing without {needed}", name
                )


def refuse_while_off(settings: BaseModel, switch: str, field: str) -> None:
    """Refuse a field that was given and does nothing while the switch is off."""
    if not getattr(settings, switch) and field in settings.model_fields_set:
        off = _flag(settings, switch).replace("--", "--no-", 1)
        raise InvalidSettingError(
            f"{_flag(settings, field)} does nothing with {off}", field, switch
        )


def refuse_alone(settings: BaseModel, one: str, other: str) -> None:
    """Refuse one of two fields without the other."""
    if len(alone := {one, other} & settings.model_fields_set) == 1:
        flags = f"{_flag(settings, one)} and {_flag(settings, other)}"
        raise InvalidSettingError(f"{flags} are of use only together", *alone)


def refuse_both(settings: BaseModel, one: str, other: str) -> None:
    """Refuse two fields of which each excludes the other."""
    if {one, other} <= settings.model_fields_set:
        flags = f"{_flag(settings, one)} and {_flag(settings, other)}"
        raise InvalidSettingError(f"{flags} exclude each other", one, other)


def refuse_twice(field: str, flag: str, given: Sequence[str]) -> None:
    """Refuse a value that a repeated flag has more than once."""
    for twice in {value for value in given if given.count(value) > 1}:
        raise InvalidSettingError(f"{flag}: {twice} is given twice", field)


def _flag(settings: BaseModel, name: str) -> str:
    return f"--{type(settings).model_fields[name].alias}"
