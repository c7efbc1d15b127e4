"""The scenarios: for each row of the matrix, functions that prove it, or prove its absence.

They know a site by its address and its pages: no step's folder, no test. What proves that a row
holds has up to two parts: over HTTP and bare sockets, which takes milliseconds, and in tabs, for
what only a page can show."""

from collections.abc import Callable

from course.judge.scenarios import failures, frames, messages, own_tests, pages
from course.judge.scenarios.stage import Stage

Scenario = Callable[[Stage], None]

ON_THE_WIRE: dict[str, Scenario] = {
    "choose_room": pages.choose_room,
    "any_name": pages.any_name,
    "socket_opens": lambda stage: stage.client(),
    "own_message": messages.own_message,
    "second_tab": messages.second_tab,
    "other_room": messages.other_room,
    "as_typed": messages.as_typed,
    "bad_frames": frames.bad_frames,
    "foreign_origin": frames.foreign_origin,
    "idle": frames.idle,
    "two_servers": messages.second_tab,
    "two_servers_in_memory": messages.second_tab,
    "frozen_redis": failures.frozen_redis,
    "burst": messages.burst,
    "stalled_tab": failures.stalled_tab,
    "own_tests": lambda stage: own_tests.own_tests_hold(stage.servers[0].folder),
}
IN_TABS: dict[str, Scenario] = {
    "choose_room": pages.choose_room_in_a_tab,
    "any_name": pages.any_name_in_a_tab,
    "socket_opens": pages.socket_opens_in_a_tab,
    "own_message": messages.own_message_in_a_tab,
    "second_tab": messages.second_tab_in_tabs,
    "other_room": messages.other_room_in_tabs,
    "as_typed": messages.as_typed_in_a_tab,
    "before_open": messages.before_open,
    "bad_frames": frames.bad_messages_in_a_tab,
    "server_restart": failures.server_restart,
    "two_servers": messages.second_tab_in_tabs,
    "redis_restart": failures.redis_restart,
}
DOES_NOT_HOLD: dict[str, Scenario] = {
    "socket_opens": pages.no_socket,
    "second_tab": messages.second_tab_hears_nothing,
    "two_servers": messages.second_tab_hears_nothing,
    "two_servers_in_memory": messages.second_tab_hears_nothing,
    "frozen_redis": failures.frozen_redis_blocks_every_room,
    "burst": messages.burst_is_not_complete,
    "stalled_tab": failures.stalled_tab_keeps_its_socket,
    "own_tests": lambda stage: own_tests.no_own_tests(stage.servers[0].folder),
}


def parts(row: str) -> list[Scenario]:
    """Return what proves together that this row holds, the quickest part first."""
    return [kind[row] for kind in (ON_THE_WIRE, IN_TABS) if row in kind]
