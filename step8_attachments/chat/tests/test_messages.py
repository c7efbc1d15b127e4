"""Unit tests of messages.py: every frame gives a message, or a BadMessage."""

import json
from uuid import uuid4

import pytest

from chat.messages import BadMessage, read_message


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("hello", "hello"),
        ("  hello  ", "hello"),
        ("hello\n", "hello"),  # at its end, a line break is only a space
        ("&lt;b&gt; & <i>", "&lt;b&gt; & <i>"),
        ("你好, עולם", "你好, עולם"),
        ("x" * 1000, "x" * 1000),
        (" " + "x" * 1000 + " ", "x" * 1000),  # trimmed first, then counted
        ("😀" * 1000, "😀" * 1000),  # an emoji is one code point, though JavaScript counts two
    ],
)
def test_a_message_is_read(typed, read):
    message, _ = read_message(json.dumps({"message": typed}))
    assert message == read


def test_a_message_has_the_id_that_its_page_gave_it():
    page_id = uuid4()
    assert read_message(json.dumps({"message": "hello", "id": str(page_id)})) == ("hello", page_id)


def test_without_an_id_it_gets_a_new_one():
    (_, first), (_, second) = read_message('{"message": "1"}'), read_message('{"message": "2"}')
    assert first != second


BAD_FRAMES = {
    "a binary frame": (None, "binary"),
    "an empty frame": ("", "not JSON"),
    "no JSON": ("hello", "not JSON"),
    "half of a frame": ('{"message": "hel', "not JSON"),
    "nested brackets": ("[" * 100_000, "not JSON"),  # raises RecursionError, no ValueError
    "a huge integer": ("9" * 100_000, "not JSON"),  # Python reads no more than 4,300 digits
    "NaN": ("NaN", "no text"),  # not JSON either, but Python reads it
    "null": ("null", "no text"),
    "a number": ("42", "no text"),
    "a string": ('"message"', "no text"),  # "message" is in it, but not as a key
    "a list": ('["message"]', "no text"),
    "no message": ("{}", "no text"),
    "a message that is null": ('{"message": null}', "no text"),
    "a message that is a number": ('{"message": 42}', "no text"),
    "a message that is NaN": ('{"message": NaN}', "no text"),
    "a message that is a list": ('{"message": ["hello"]}', "no text"),
    "an empty message": ('{"message": ""}', "Type a message"),
    "a message of spaces": ('{"message": " \\t\\n "}', "Type a message"),
    "1001 characters": (json.dumps({"message": "x" * 1001}), "1,001 characters are too many"),
    "1001 emoji": (json.dumps({"message": "😀" * 1001}), "1,001 characters are too many"),
    "a line break": ('{"message": "one\\ntwo"}', "control characters"),
    "a zero byte": ('{"message": "one\\u0000two"}', "control characters"),
    "an id that is no UUID": ('{"message": "hello", "id": "1"}', "UUID"),
    "an id that is a number": ('{"message": "hello", "id": 1}', "UUID"),
    "an id that is null": ('{"message": "hello", "id": null}', "UUID"),
    "half of an emoji": ('{"message": "\\ud800"}', "control characters"),  # Redis cannot store it
}


@pytest.mark.parametrize(("frame", "reason"), BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_a_frame_is_refused_that_holds(frame, reason):
    with pytest.raises(BadMessage, match=reason):
        read_message(frame)
