"""Unit tests of rooms.py: a name goes in, an answer comes out; no page, no socket."""

import pytest
from channels.layers import BaseChannelLayer

from chat.rooms import group_name, room_name_error

GOOD_NAMES = ["my room", "大家", "100%", "what?#1", '<b>"&amp;"', "...", "x" * 80, "👋" * 80]

BAD_NAMES = {
    "": "Type the name",
    "x" * 81: "81 characters are too many",
    "👋" * 81: "81 characters are too many",
    " kitchen": "start or end with a space",
    "kitchen ": "start or end with a space",
    "kit/chen": "slash",
    "kit\tchen": "control characters",
    "kit\x7fchen": "control characters",
    "kit\ud800chen": "control characters",  # half of an emoji: no text that can be sent
    ".": "folders",
    "..": "folders",
}


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_room_may_be_called(name):
    assert room_name_error(name) == ""


@pytest.mark.parametrize(("name", "reason"), BAD_NAMES.items())
def test_a_room_may_not_be_called(name, reason):
    assert reason in room_name_error(name)


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_channel_layer_takes_the_group_name_of(name):
    assert BaseChannelLayer().require_valid_group_name(group_name(name))


def test_no_two_rooms_share_a_group():
    names = ["room 1", "room-1", "room_1", "room.1", "Room 1", "room 2", *GOOD_NAMES]
    groups = {group_name(name) for name in names}
    assert len(groups) == len(names), f"{len(names)} rooms should not share {len(groups)} groups."
