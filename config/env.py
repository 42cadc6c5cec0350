"""Strict readers of environment variables: a value is understood, or refused with a line that says how to mend it.

They stand on django-environ, which finds and splits the values; what a value may be is decided here. A blank variable
counts as not set, since compose files pass those.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import SplitResult, urlsplit

import environ
from celery.schedules import ParseException, crontab
from cryptography.fernet import Fernet
from kombu import Connection

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})

# Gunicorn's master ends at once when a worker leaves with 3 (its "boot error"), instead of starting it again for ever.
EXIT_CODE = 3

# What stands between the ends of an address: a name (an international one as xn--…), IPv4, IPv6 without its brackets.
_HOST_NAME = re.compile(r"^([A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+\.?$|^[0-9A-Fa-f:.]+$")
_ENCODING = "utf-8-sig"  # Windows' editors begin UTF-8 with a mark
_ENV_LINE = re.compile(r"(export )?[A-Za-z_0-9]+=|#")
_HOST = re.compile(r"^(\*|\.?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]+\])$")


class EnvError(ValueError):
    """A variable that is missing or makes no sense. Its text: which one, what is wrong, how to mend it, on one line."""


def refuse(name: str, problem: str, remedy: str, *, value: str = "") -> NoReturn:
    """:raises EnvError: always. `value` is shown: leave it out where the variable is a secret."""
    shown = f" is {value!r}," if value else ":"
    raise EnvError(" ".join(f"{name}{shown} {problem}. {remedy}".split()))


def stop(error: EnvError) -> NoReturn:
    """Ends the process with the error as its only line on stderr."""
    print(f"voronka: {error}", file=sys.stderr)
    raise SystemExit(EXIT_CODE)


@contextmanager
def writing(name: str, folder: Path) -> Iterator[None]:
    """:raises EnvError: naming the variable that says which folder, where nothing can be written there."""
    try:
        yield
    except OSError as error:
        remedy = f"Let this process write there, or set {name} to another place"
        refuse(name, f"nothing can be written in {folder} ({error.strerror})", remedy)


def read_file(path: Path) -> None:
    """Adds what a `.env` file says to the environment; what is there already wins. A missing file is none.

    :raises EnvError: at the first line that sets nothing; django-environ passes it over and prints it, secret or not.
    """
    try:
        if not path.is_file():
            return
        for number, line in enumerate(path.read_text(_ENCODING).splitlines(), start=1):
            if line.strip() and not _ENV_LINE.match(line):
                raise EnvError(f"{path.name}: line {number} sets nothing. Write NAME=value, without spaces around =.")
        environ.Env.read_env(path, encoding=_ENCODING)
    except UnicodeDecodeError:
        raise EnvError(f"{path.name} cannot be read: it is not UTF-8 text. Save it as UTF-8.") from None
    except OSError as error:
        raise EnvError(f"{path} cannot be read ({error.strerror}). Let this process read it.") from None


class Reader:
    """Reads variables of the process environment, each as one kind of value."""

    def __init__(self) -> None:
        self._env = environ.Env()

    def text(self, name: str, default: str = "") -> str:
        # Past Env.str(), which takes a leading "$" for a reference to another variable: keys may begin so.
        return str(self._env.ENVIRON.get(name, "")).strip() or default

    def token(self, name: str, *, forbidden: str = "") -> str:
        """A secret or id: one word of ASCII, since it goes into headers. Never shown in an error."""
        value = self.text(name)
        if any(not "!" <= character <= "~" or character in "\"'" + forbidden for character in value):
            refuse(name, "it holds a character that no such value has", "Paste it again, without spaces or quotes")
        return value

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.text(name).lower()
        if value in TRUE_WORDS:
            return True
        if value in FALSE_WORDS:
            return False
        if value:
            refuse(name, "which is neither true nor false", f"Set {name}=true or {name}=false", value=value)
        return default

    def whole(self, name: str, *, default: int, lowest: int = 1, highest: int) -> int:
        value = self.text(name, str(default))
        # Python refuses to read thousands of digits.
        if value.isascii() and value.isdigit() and len(value) < 10 and lowest <= int(value) <= highest:
            return int(value)
        refuse(
            name, f"which is no whole number from {lowest} to {highest}", f"Set it like {name}={default}", value=value
        )

    def positive(self, name: str, *, default: float, highest: float) -> float:
        value = self.text(name, f"{default:g}")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if 0 < number <= highest:
            return number
        refuse(
            name, f"which is no number above 0 and up to {highest:g}", f"Set it like {name}={default:g}", value=value
        )

    def words(self, name: str) -> list[str]:
        """A comma-separated list; blanks between the commas count for nothing."""
        return [word for word in (part.strip() for part in self._env.parse_value(self.text(name), [str])) if word]

    def hosts(self, name: str) -> list[str]:
        hosts = self.words(name)
        for host in hosts:
            if not _HOST.match(host):
                refuse(
                    name, "which is no host name", f"Hosts only, no scheme or port: {name}=roi.example.com", value=host
                )
        return hosts

    def url(self, name: str, default: str = "", *, example: str) -> str:
        """An http(s) address with a host, without a slash at its end. The empty default stays empty."""
        value = self.text(name)
        if not value:
            return default
        parts = _split(value)
        if (
            parts is None
            or parts.scheme not in ("http", "https")
            or not _HOST_NAME.match(parts.hostname or "")
            or parts.port == 0
            or parts.username is not None
        ):
            shown = "" if "@" in value else value  # what stands before an @ may be a password
            refuse(name, "which is no http(s) address with a host", f"Set it like {name}={example}", value=shown)
        return value.rstrip("/")

    def base(self, name: str, default: str = "", *, example: str) -> str:
        """An http(s) address that paths are put behind; it may have one itself."""
        value = self.url(name, default, example=example)
        if "?" in value or "#" in value:
            refuse(name, "which goes on after its path", f"Set it like {name}={example}", value=value)
        return value

    def origin(self, name: str, default: str, *, example: str) -> str:
        """An http(s) address that ends with its host or port: addresses of ours are put behind it."""
        value = self.url(name, default, example=example)
        parts = urlsplit(value)
        if parts.path or parts.query or parts.fragment:
            refuse(name, "which goes on after the host", f"Set it like {name}={example}", value=value)
        return value

    def url_with_key(self, name: str, *, example: str) -> str:
        """An http(s) address that carries a key before its host, as Sentry's do. A secret, so it is never shown."""
        value = self.text(name)
        parts = _split(value) if value else None
        complete = parts is not None and parts.scheme in ("http", "https") and parts.hostname and parts.username
        if value and not complete:
            refuse(name, "it is no address with a key and a host", f"Set it like {name}={example}")
        return value

    def dsn(self, name: str, *, schemes: Iterable[str], example: str, default: str = "") -> str:
        """A connection URL with one of the schemes. Holds passwords, so it is never shown."""
        value = self.text(name, default)
        parts = _split(value)
        if parts is None or parts.scheme not in schemes or "://" not in value:
            known = ", ".join(f"{scheme}://" for scheme in schemes)
            refuse(name, f"it does not begin with one of {known} or cannot be read", f"Set it like {name}={example}")
        if parts.scheme in ("redis", "rediss") and not re.fullmatch(r"/?[0-9]{0,9}", parts.path):
            refuse(name, "a Redis database is a number", f"Set it like {name}={example}")
        return value

    def broker(self, name: str, *, schemes: Iterable[str], example: str, default: str) -> str:
        """A connection URL that Celery can use: of what it does not know behind the `?` a worker dies."""
        value = self.dsn(name, schemes=schemes, example=example, default=default)
        try:
            if "?" in value:
                Connection(value)  # reads it, and connects to nothing yet
        except (KeyError, TypeError):
            refuse(name, "what stands behind its ? is no option of a broker", f"Set it like {name}={example}")
        return value

    def cron(self, name: str, default: str) -> crontab:
        """Five cron fields (minute hour day month weekday), in UTC."""
        value = self.text(name, default)
        try:
            return crontab.from_string(value)
        except (ValueError, ParseException):
            refuse(
                name,
                "which is no cron schedule of five fields (minute hour day month weekday; Sunday is 0)",
                f'Set it like {name}="{default}"',
                value=value,
            )

    def fernet_keys(self, name: str) -> list[str]:
        value = self.text(name)
        keys = self.words(name)
        remedy = (
            "Make one with: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        )
        if value and not keys:
            refuse(name, "there is no key in it", remedy)
        for number, key in enumerate(keys, start=1):
            try:
                Fernet(key)
            except ValueError:
                refuse(name, f"key number {number} is no Fernet key (32 bytes in url-safe base64)", remedy)
        return keys

    def database(self, name: str, *, default: Path) -> dict[str, Any]:
        """The Django database dict of a sqlite:// or postgres:// URL; not set: SQLite in the file `default`."""
        if not self.text(name):
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(default)}
        example = "postgres://user:password@localhost:5432/voronka"
        url = self.dsn(name, schemes=("sqlite", "postgres", "postgresql"), example=example)
        try:
            config: dict[str, Any] = dict(self._env.db_url_config(url))
        except ValueError:
            refuse(name, "its address cannot be read", f"Set it like {name}={example}")
        if config["NAME"] in ("", ":memory:"):
            # Several processes share the database: one that lives in the memory of each is none.
            refuse(
                name, "it names no database", f"Set it like {name}={example} or {name}=sqlite:////srv/voronka.sqlite3"
            )
        return config


def _split(value: str) -> SplitResult | None:
    """The parts of an address, or None where it is none (a port that is no number, unclosed brackets, spaces)."""
    if any(character.isspace() for character in value):
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts
