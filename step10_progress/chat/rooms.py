"""Room names: which are allowed. Pure functions, without Django."""

import hashlib
import unicodedata

MAX_LENGTH = 80  # Unicode code points, so that every script counts the same


def room_name_error(name):
    """Take a room name (str). Return what is wrong with it, or "" if it is allowed."""
    if not name:
        return "Type the name of a room."
    if len(name) > MAX_LENGTH:
        return f"{len(name):,} characters are too many; {MAX_LENGTH} is the most."
    if name != name.strip():
        return "A room name does not start or end with a space."
    if "/" in name:
        return "A room name cannot contain a slash (/)."
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "A room name cannot contain control characters, such as tabs or line breaks."
    if name in (".", ".."):
        return "A browser reads . and .. as folders, so they cannot name a room."
    return ""


def group_name(room_name):
    """Take any room name (str). Return a name for its group that no other room's has: a hash, since
    channel layers take ASCII letters, digits, "-", "_" and "." only, and fewer than 100 of them."""
    return "chat." + hashlib.sha256(room_name.encode()).hexdigest()
