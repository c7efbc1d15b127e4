"""Rooms: what they may be called, and what their groups are called."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from unicodedata import category


def room_name_error(name):
    """Take a room name (str). Return what is wrong with it, or "" if it is allowed."""
    if not 1 <= len(name) <= 80:
        return f"A room name has 1 to 80 characters; this one has {len(name)}."
    if name != name.strip() or name in (".", ".."):
        return "A room name is more than dots, and has no space at its ends."
    if "/" in name or any(category(character) in ("Cc", "Cs") for character in name):
        return "A room name has neither slashes nor control characters in it."
    return ""


def group_name(room_name):
    """Take any room name (str). Return a name for its group: a digest of 32 bytes, in base64."""
    digest = urlsafe_b64encode(sha256(room_name.encode()).digest())
    return f"room-{digest.decode().rstrip('=')}"
