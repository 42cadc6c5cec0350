"""Sentences that are stored where nobody knows who will read them: why a lead matched, what amoCRM answered.

They are stored in English, which logs and scripts rely on, and retold in the reader's language when they are shown:

    lead.match_detail = told("contact %(id)s has no phone") % {"id": 7}   # where it is written
    {{ lead.match_detail|retold }}                                        # where it is read

Several sentences in one text stand on lines of their own, or are parted by `; `.

The process that reads has seldom run the line that wrote. So the sentences are found in the translations themselves,
where they stand under a context of their own (`config.translations`).
"""

from __future__ import annotations

import functools
import re
from typing import Any, cast

from django.utils.translation import get_language
from django.utils.translation.trans_real import translation

CONTEXT = "told\x04"
_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


def told(sentence: str) -> str:
    """The sentence itself: marked for the translators, and for `retold`."""
    return sentence


def retold(text: str) -> str:
    """A stored text in the reader's language. What was not said by `told`, such as amoCRM's own words, stays."""
    language = get_language() or "en"
    return text if not text or language.startswith("en") else _retold(text, language)


@functools.lru_cache(maxsize=4096)  # a page of sales says the same few reasons over and over
def _retold(text: str, language: str) -> str:
    for parting in ("\n", "; "):
        if parting in text:
            return parting.join(_retold(part, language) for part in text.split(parting))
    patterns, fixed = _sentences(language)
    for pattern, translated in patterns:
        if match := pattern.fullmatch(text):
            return translated % {name: _retold(value, language) for name, value in match.groupdict().items()}
    for sentence, translated in fixed:
        text = text.replace(sentence, translated)
    return text


@functools.cache
def _sentences(language: str) -> tuple[list[tuple[re.Pattern[str], str]], list[tuple[str, str]]]:
    """Those with something to fill in, as patterns, and the others; the longest first, lest a part of one wins."""
    known = {
        key.removeprefix(CONTEXT): str(translated)
        for key, translated in cast("Any", translation(language))._catalog.items()
        if isinstance(key, str) and key.startswith(CONTEXT)
    }
    pairs = sorted(known.items(), key=lambda pair: len(pair[0]), reverse=True)
    patterns = [(_pattern_of(sentence), text) for sentence, text in pairs if _PLACEHOLDER.search(sentence)]
    return patterns, [(sentence, text) for sentence, text in pairs if not _PLACEHOLDER.search(sentence)]


def _pattern_of(sentence: str) -> re.Pattern[str]:
    # Words and names take turns.
    parts = _PLACEHOLDER.split(sentence)
    return re.compile(
        "".join(f"(?P<{part}>.*)" if index % 2 else re.escape(part) for index, part in enumerate(parts)), re.DOTALL
    )
