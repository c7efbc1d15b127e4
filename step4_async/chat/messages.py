"""Messages: what a browser may send. Pure functions, nothing of Django in here."""

import json
import unicodedata

MAX_LENGTH = 1000  # Unicode code points, so that every script counts the same


class BadMessage(ValueError):
    """A frame that is not a message; its text says, to a person, what is wrong."""


def read_message(frame):
    """Take a text frame (str), or None for a binary one. Return its message, trimmed.

    Raise BadMessage, and nothing else, whatever the frame holds."""
    if frame is None:
        raise BadMessage("Send text: this frame is binary.")
    try:
        data = json.loads(frame)
    except (ValueError, RecursionError):  # RecursionError: thousands of nested brackets
        raise BadMessage('Send JSON, such as {"message": "text"}: this frame is not JSON.') from None
    if not isinstance(data, dict) or not isinstance(data.get("message"), str):
        raise BadMessage('Send an object with a text in it: {"message": "text"}.')
    message = data["message"].strip()
    if not message:
        raise BadMessage("Type a message first.")
    if len(message) > MAX_LENGTH:
        raise BadMessage(f"This message has {len(message):,} characters; {MAX_LENGTH:,} is the most.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in message):
        raise BadMessage("A message cannot contain control characters, such as line breaks.")
    return message
