"""Files: which are allowed, and which a browser may show. Pure functions, without Django."""

import unicodedata
from pathlib import PurePath

MAX_SIZE = 5 * 2**20  # bytes
MAX_LENGTH = 100  # of a name, in Unicode code points

# Never HTML, SVG or XML: a script in such a file would run as a script of this site.
IMAGES = {".gif": "image/gif", ".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


def file_error(name, data):
    """Take the name of a file (str) and what is in it (bytes). Return what is wrong, or ""."""
    if not name:
        return "A file needs a name."
    if len(name) > MAX_LENGTH:
        return f"A name of {len(name):,} characters is too long; {MAX_LENGTH} is the most."
    if "/" in name:
        return "The name of a file cannot contain a slash (/)."
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "The name of a file cannot contain control characters, such as line breaks."
    if "\u202d" in name or "\u202e" in name:  # they would show "cat\u202egpj.exe" as catexe.jpg
        return "The name of a file cannot contain characters that turn its direction."
    if not data:
        return "This file is empty."
    if len(data) > MAX_SIZE:
        return f"This file is too big; {MAX_SIZE // 2**20} MiB is the most."
    return ""


def image_type(name):
    """Take the name of a file. Return the type to show it as, or None if it is only for saving."""
    return IMAGES.get(PurePath(name).suffix.lower())
