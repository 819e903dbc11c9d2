"""What makes a Python string no text."""

from eigenlm.errors import DataError, explain


def check_unicode(operation: str, text: str) -> None:
    """Refuse a string that holds half a surrogate pair.

    Raises:
        DataError: with the place of the first.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        got = f"a lone surrogate at character {error.start}"
        raise DataError(explain(operation, expected="Unicode text", got=got)) from error
