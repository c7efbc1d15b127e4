"""Fingerprints: by its fingerprint, a picture knows what it was made from. Comments, docstrings and
blank lines have no part in it, so that rewording them makes nothing out of date."""

import hashlib
from functools import cache

from pygments.lexers import CssLexer, HtmlDjangoLexer, JavascriptLexer, PythonLexer
from pygments.token import Comment, String, _TokenType

LEXERS = {".css": CssLexer, ".html": HtmlDjangoLexer, ".js": JavascriptLexer, ".py": PythonLexer}


def fingerprint(*texts: str) -> str:
    """Return a hash of these texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


@cache
def without_comments(text: str, suffix: str) -> str:
    """Return a text, in the language of files with this suffix, without comments, docstrings and
    blank lines."""
    tokens = LEXERS[suffix]().get_tokens(text)
    lines = "".join(value for kind, value in tokens if not _is_comment(kind)).splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _is_comment(kind: _TokenType) -> bool:
    # Pygments calls Django's tags and <!doctype> comments, too: Preproc.
    return (kind in Comment and kind not in Comment.Preproc) or kind in String.Doc
