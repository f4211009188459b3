"""What a user's input can cause, and what can happen to the processes that work on it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from reprlib import Repr

__all__ = ["InputError", "WorkerError", "meant", "shown"]

_LONGEST = 2000  # characters of a message, however long the value is that it shows
_LONGEST_KEY = 200  # of what says where


class InputError(ValueError):
    """Input that cannot be used: says what was given, where it stands and what is legal.

    The command line prints it without a traceback and exits with code 2.

    Args:
        message: What is wrong, with the value that was given.
        file: The file that holds the value, if it came from one.
        key: The key (or argument) that holds the value.
        legal: The legal values, as text or as the values themselves.

    >>> print(InputError("unknown design 'rde'", key="--design", legal=["red", "zero_padding"]))
    --design: unknown design 'rde' (legal: red, zero_padding)
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | Path | None = None,
        key: str | None = None,
        legal: str | Iterable[object] | None = None,
    ) -> None:
        self.message = _line(message, _LONGEST)
        self.file = None if file is None else _line(str(file), _LONGEST)
        self.key = None if key is None else _line(key, _LONGEST_KEY)
        if legal is not None and not isinstance(legal, str):
            legal = ", ".join(map(str, legal))
        self.legal = None if legal is None else _line(legal, _LONGEST)
        super().__init__(self.message)

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.key) if part)
        legal = f" (legal: {self.legal})" if self.legal else ""
        return f"{where}: {self.message}{legal}" if where else f"{self.message}{legal}"

    def located(self, *, file: str | Path | None = None, key: str | None = None) -> InputError:
        """Return the same error with the file or the key filled in where they are not known yet."""
        return InputError(
            self.message, file=self.file or file, key=self.key or key, legal=self.legal
        )


class WorkerError(RuntimeError):
    """A process beside this one ended before its work did.

    The command line prints it without a traceback and exits with code 1.
    """


def _line(text: str, longest: int) -> str:
    """Return `text` in one line that a terminal shows as it is, cut short."""
    if not text.isprintable():
        text = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def shown(value: object) -> str:
    """Return a value that was given as an error message shows it: as Python writes it, cut short.

    Lists in lists that share their parts (aliases in YAML) stay short too, however many values
    they would be when written out.

    >>> shown([1, "a"]), shown("x" * 100)
    ("[1, 'a']", "'xxxxxxxxxxxxxxxxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxxxxxxx'")
    """
    text = Repr()
    text.maxlevel, text.maxlist, text.maxtuple, text.maxset, text.maxdict = 3, 10, 10, 10, 10
    text.maxstring, text.maxother, text.maxlong = 60, 200, 60
    try:
        written = text.repr(value)
    except ValueError:  # an integer with more digits than Python writes
        return "a number of thousands of digits"
    return written if len(written) <= 200 else written[:197] + "..."


def meant(given: object, legal: Iterable[object]) -> str:
    """Return a question for the legal name that a given one is close to, for a message's end.

    >>> meant("rde", ["red", "zero_padding"]), meant("eyeriss", ["red"])
    ("; did you mean 'red'?", '')
    """
    text, names = str(given)[:_LONGEST_KEY], list(map(str, legal))
    swapped = [name for name in names if sorted(name) == sorted(text)]
    near = swapped or get_close_matches(text, names, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
