"""Messages: which frames are allowed. Pure functions, without Django."""

import json
import unicodedata
from uuid import UUID, uuid4

MAX_LENGTH = 1000  # Unicode code points, so that every script counts the same


class BadMessage(ValueError):
    """A frame that is not a message. Its text tells the user what is wrong."""


def read_message(frame):
    """Take a text frame (str), or None for a binary one. Return its message, trimmed, and its id
    (UUID), a new one if it has none.

    Raise BadMessage, and nothing else, whatever is in the frame."""
    if frame is None:
        raise BadMessage('This frame is binary. Send text: {"message": "text"}')
    try:
        data = json.loads(frame)
    except (ValueError, RecursionError):  # RecursionError: thousands of nested brackets
        raise BadMessage('This is not JSON. Send: {"message": "text"}') from None
    if not isinstance(data, dict) or not isinstance(data.get("message"), str):
        raise BadMessage('There is no text in this. Send: {"message": "text"}')
    message = data["message"].strip()
    if not message:
        raise BadMessage("Type a message first.")
    if len(message) > MAX_LENGTH:
        raise BadMessage(f"{len(message):,} characters are too many; {MAX_LENGTH:,} is the most.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in message):
        raise BadMessage("A message cannot contain control characters, such as line breaks.")
    try:
        return message, UUID(data["id"]) if "id" in data else uuid4()
    except (AttributeError, TypeError, ValueError):
        raise BadMessage("The id of a message is a UUID, such as " + str(uuid4())) from None
