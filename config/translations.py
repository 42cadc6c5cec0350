"""The translations, without gettext's own programs: `python -m config.translations update | compile | check`.

`update` gathers the texts of the code and templates into `locale/…/django.po`, where a person translates them,
`compile` makes the `.mo` that Django reads (committed, so that a running product needs no tool), and `check` says what
is left to do. There are two catalogues: ours, and what the libraries whose pages we show have left untranslated.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from config.environment import BASE_DIR

LANGUAGE = "ru"
OUR_PLACES = ("config", "leads", "analytics", "integrations", "templates")
# Those whose texts a visitor meets, in the admin or in an answer of the API.
LIBRARIES = ("unfold", "django_celery_beat", "axes", "django_filters", "rest_framework")
SKIPPED_FOLDERS = {"tests", "migrations", "locale", "static"}
# Parts of the libraries that stand on none of our pages.
UNUSED_PARTS = {"import_export", "constance", "guardian", "simple_history", "location_field", "unfold_crispy"}
UNUSED_PARTS |= {"rest_framework/templates", "rest_framework/schemas"}
DJANGO_PARTS = ("admin", "auth", "contenttypes", "sessions")
# Django puts a name into these, and its Russian would need it in other cases than the one a name is given in. Ours says
# them so that any name fits.
DECLINING = (
    *("Add %s", "Change %s", "View %s", "Select %s", "Select %s to change", "Select %s to view", "Add %(name)s"),
    *("Cannot delete %(name)s", "Delete selected %(verbose_name_plural)s", "Add another %(verbose_name)s"),
    *("Added {name} “{object}”.", "Changed {fields} for {name} “{object}”.", "Deleted {name} “{object}”."),
    "The {name} “{obj}” was added successfully.",
    "The {name} “{obj}” was added successfully. You may add another {name} below.",
    "The {name} “{obj}” was changed successfully.",
    "The {name} “{obj}” was changed successfully. You may edit it again below.",
    "The {name} “{obj}” was changed successfully. You may add another {name} below.",
    "The %(name)s “%(obj)s” was deleted successfully.",
    "%(name)s with ID “%(key)s” doesn’t exist. Perhaps it was deleted?",
    "%(model_name)s with this %(field_label)s already exists.",
    (
        'Are you sure you want to delete the %(object_name)s "%(escaped_object)s"? '
        "All of the following related items will be deleted:"
    ),
    (
        "Are you sure you want to delete the selected %(objects_name)s? "
        "All of the following objects and their related items will be deleted:"
    ),
)
# Half in English, or in a case that fits one number only.
HALF_SAID = (
    "Invalid data. Expected a dictionary, but got {datatype}.",
    'Expected a list of items but got type "{input_type}".',
    "Datetime has wrong format. Use one of these formats instead: {format}.",
    "Ensure that there are no more than {max_digits} digits in total.",
    "Ensure that there are no more than {max_decimal_places} decimal places.",
    "Ensure that there are no more than {max_whole_digits} digits before the decimal point.",
)
# `%(name)s`, `%d`, `{name}`.
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?\.?\d*[sdf]|\{\w*(?::\w+)?\}")


class Kind(NamedTuple):
    """How many texts a function takes, and whether a context comes before them."""

    texts: int
    has_context: bool = False


# What `leads.told` marks: the context by which it finds its sentences again.
TOLD = "told"
FUNCTIONS = {
    **dict.fromkeys(("_", "gettext", TOLD), Kind(1)),
    "ngettext": Kind(2),
    "pgettext": Kind(1, has_context=True),
    "npgettext": Kind(2, has_context=True),
}
# What Django makes of a template.
BABEL_KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}

Key = tuple[str, str | None]
MessageId = str | list[str] | tuple[str, ...]
Found = dict[Key, Message]


@dataclass(frozen=True)
class Texts:
    """A catalogue of texts: the folder that `LOCALE_PATHS` names, and how its texts are found."""

    folder: Path
    gather: Callable[[], Found]

    @property
    def po(self) -> Path:
        return self.folder / LANGUAGE / "LC_MESSAGES" / "django.po"

    @property
    def mo(self) -> Path:
        return self.po.with_suffix(".mo")

    def read(self) -> Catalog:
        if not self.po.exists():
            return Catalog(locale=LANGUAGE, project="Voronka", fuzzy=False)
        with self.po.open("rb") as file:
            return read_po(file, locale=LANGUAGE)


def our_texts() -> Found:
    return _gather([(BASE_DIR / place, place) for place in OUR_PLACES])


def library_texts() -> Found:
    """What the libraries say and have no Russian for, neither they themselves nor Django; and what they say badly."""
    homes = {name: _home_of(name) for name in ("django", *LIBRARIES)}
    django = homes.pop("django")
    catalogues = [django / "conf", *(django / "contrib" / part for part in DJANGO_PARTS), *homes.values()]
    known = set().union(*map(_known_in, catalogues))
    found = _gather([(home, name) for name, home in homes.items()])
    badly = {"django/contrib/admin": DECLINING, "rest_framework": HALF_SAID}
    said_anew = {(text, None): Message(text, locations=[(at, 0)]) for at, texts in badly.items() for text in texts}
    return {key: message for key, message in found.items() if key not in known} | said_anew


OURS = Texts(BASE_DIR / "locale", our_texts)
LIBRARIES_TEXTS = Texts(BASE_DIR / "locale" / "libraries", library_texts)
CATALOGUES = (OURS, LIBRARIES_TEXTS)


def update(texts: Texts) -> None:
    """Brings the `.po` to the texts that there are: new ones stand there untranslated, those gone are dropped."""
    catalogue = texts.read()
    # Its own dates again, and files without line numbers: a changed file is one whose texts have changed.
    template = Catalog(creation_date=catalogue.creation_date, project="Voronka", fuzzy=False)
    for message in texts.gather().values():
        template[message.id] = message
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    texts.po.parent.mkdir(parents=True, exist_ok=True)
    with texts.po.open("wb") as file:
        write_po(file, catalogue, width=110, sort_output=True, include_lineno=False)


def compiled(catalogue: Catalog) -> bytes:
    """The `.mo` file of a catalogue. Texts without a translation are left out, and so are shown in English."""
    file = BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def problems(texts: Texts) -> Iterator[str]:
    """What keeps a catalogue from being whole, a line per problem. Nothing: all is well."""
    catalogue = texts.read()
    entries = {_key(message): message for message in catalogue if message.id}
    found = texts.gather()
    yield from (f"not in the catalogue: {key[0]!r}" for key in found.keys() - entries.keys())
    yield from (f"no longer used: {key[0]!r}" for key in entries.keys() - found.keys())
    for key, message in entries.items():
        if message.fuzzy:
            yield f"fuzzy: {key[0]!r}"
        forms = _forms(message, catalogue)
        if not all(forms):
            yield f"not translated: {key[0]!r}"
        elif any(_placeholders(form) != _placeholders(_last(message.id)) for form in forms):
            yield f"other placeholders than in: {key[0]!r}"
    if not texts.mo.exists() or texts.mo.read_bytes() != compiled(catalogue):
        yield f"{texts.mo.relative_to(BASE_DIR)} is not what its .po says"


def _forms(message: Message, catalogue: Catalog) -> list[str]:
    if not message.pluralizable:
        return [str(message.string or "")]
    given = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return [*given, *[""] * (catalogue.num_plurals - len(given))]


def _placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text))


def _last(text: MessageId) -> str:
    """Of a text with a plural: that one."""
    return text if isinstance(text, str) else text[-1]


def _key(message: Message) -> Key:
    return (message.id if isinstance(message.id, str) else message.id[0]), message.context


def _home_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent


def _known_in(home: Path) -> set[Key]:
    path = home / "locale" / LANGUAGE / "LC_MESSAGES" / "django.mo"
    if not path.exists():
        return set()
    with path.open("rb") as file:
        return {_key(message) for message in read_mo(file) if message.id and message.string}


def _gather(places: list[tuple[Path, str]]) -> Found:
    found: Found = {}
    for home, name in places:
        for path in files_of(home):
            where = f"{name}/{path.relative_to(home).as_posix()}"
            if any(f"/{part}/" in f"/{where}" for part in UNUSED_PARTS):
                continue
            for text, context in _texts_in(path):
                if not (message := Message(text, locations=[(where, 0)], context=context)).id:
                    continue
                _add(found, message)
    return found


def _add(found: Found, message: Message) -> None:
    before = found.setdefault(_key(message), message)
    if before is not message:
        before.locations = sorted({*before.locations, *message.locations})
        if message.pluralizable and not before.pluralizable:
            before.id = message.id  # one entry serves both: gettext looks up the first form
    before.flags |= message.flags


def files_of(home: Path) -> Iterator[Path]:
    for path in sorted(home.rglob("*")):
        if path.suffix not in {".py", ".html", ".txt"} or SKIPPED_FOLDERS & {*path.relative_to(home).parts}:
            continue
        if path.suffix == ".py" or "templates" in path.parts:
            yield path


def _texts_in(path: Path) -> Iterator[tuple[MessageId, str | None]]:
    """Texts with their contexts. Of a template Django makes calls, between which it leaves no Python."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
        yield from filter(None, map(_text_of, calls))
        return
    # Blanked out words keep their indentation, which no tokenizer may see.
    flat = "\n".join(line.strip() for line in templatize(source).splitlines())
    for _line, text, _comments, context in extract("python", BytesIO(flat.encode()), BABEL_KEYWORDS):
        yield text, context


def _text_of(call: ast.Call) -> tuple[MessageId, str | None] | None:
    """Also of a call within an f-string, which Babel overlooks before Python 3.12."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    kind = FUNCTIONS.get(name.removesuffix("_lazy").removesuffix("_noop"))
    if kind is None:
        return None
    given = [argument.value if isinstance(argument, ast.Constant) else None for argument in call.args]
    texts = [text for text in given[: kind.texts + kind.has_context] if isinstance(text, str)]
    if len(texts) < kind.texts + kind.has_context:
        return None
    context = texts.pop(0) if kind.has_context else (TOLD if name == TOLD else None)
    return (texts[0] if len(texts) == 1 else tuple(texts)), context


def main(arguments: list[str]) -> int:
    match arguments:
        case ["update"]:
            for texts in CATALOGUES:
                update(texts)
        case ["compile"]:
            for texts in CATALOGUES:
                texts.mo.write_bytes(compiled(texts.read()))
        case ["check"]:
            found = [f"{texts.po.relative_to(BASE_DIR)}: {line}" for texts in CATALOGUES for line in problems(texts)]
            print(*found, sep="\n", end="\n" if found else "")
            return 1 if found else 0
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
