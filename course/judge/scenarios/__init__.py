"""The scenarios: for each row of the matrix, functions that prove it, or prove its absence. A proof
has up to two parts: over HTTP and sockets without a page, which takes milliseconds, and in tabs,
for what only a page can show."""

from collections.abc import Callable

from course.judge.scenarios import (
    accounts,
    alerts,
    failures,
    files,
    frames,
    history,
    jobs,
    messages,
    own_tests,
    pages,
)
from course.judge.scenarios.stage import Stage

Scenario = Callable[[Stage], None]

# For each row: what proves on the wire that it holds, what in tabs, and what proves its absence.
SCENARIOS: dict[str, tuple[Scenario | None, Scenario | None, Scenario | None]] = {
    "choose_room": (pages.choose_room, pages.choose_room_in_a_tab, None),
    "asgi": (pages.asgi, None, None),
    "socket_opens": (Stage.client, pages.socket_opens_in_a_tab, pages.no_socket),
    "own_message": (messages.own_message, messages.own_message_in_a_tab, None),
    "trimmed": (messages.trimmed, None, None),
    "any_name": (pages.any_name, pages.any_name_in_a_tab, None),
    "second_tab": (messages.second_tab, messages.second_tab_in_tabs, messages.no_second_tab),
    "other_room": (messages.other_room, messages.other_room_in_tabs, None),
    "as_typed": (messages.as_typed, messages.as_typed_in_a_tab, None),
    "before_open": (None, messages.before_open, None),
    "bad_frames": (frames.bad_frames, frames.bad_messages_in_a_tab, None),
    "foreign_origin": (frames.foreign_origin, None, None),
    "idle": (frames.idle, None, None),
    "server_restart": (None, failures.server_restart, None),
    "half_open": (None, failures.half_open, None),
    "two_servers": (messages.second_tab, messages.second_tab_in_tabs, messages.no_second_tab),
    "two_servers_in_memory": (messages.second_tab, None, messages.not_shared),
    "redis_restart": (None, failures.redis_restart, None),
    "frozen_redis": (failures.frozen_redis, None, failures.frozen_redis_blocks_every_room),
    "burst": (messages.burst, None, messages.burst_is_not_complete),
    "stalled_tab": (failures.stalled_tab, None, failures.stalled_tab_keeps_its_socket),
    "history": (history.history, history.history_in_tabs, history.no_history),
    "missed": (None, history.missed, history.missed_is_lost),
    "same_order": (history.same_order, None, None),
    "killed": (history.killed, None, history.killed_is_lost),
    "sent_twice": (history.sent_twice, None, history.sent_twice_comes_twice),
    "members_only": (accounts.members_only, None, accounts.open_to_all),
    "author": (accounts.author, accounts.author_in_a_tab, accounts.no_author),
    "log_out": (None, accounts.log_out, accounts.no_log_out),
    "deactivated": (accounts.deactivated, None, None),
    "stolen_session": (accounts.stolen_session, None, None),
    "files": (files.files, files.files_in_tabs, files.no_files),
    "picture": (None, files.picture, None),
    "upload_bar": (None, files.upload_bar, None),
    "no_script": (None, files.no_script, None),
    "bad_upload": (files.bad_upload, None, None),
    "file_access": (files.file_access, None, None),
    "alerts": (alerts.mention, alerts.mention_in_tabs, alerts.no_alerts),
    "command": (alerts.command, None, None),
    "command_in_memory": (alerts.command, None, alerts.command_is_not_received),
    "unseen": (alerts.unseen, None, None),
    "rolled_back": (alerts.rolled_back, None, None),
    "jobs": (jobs.job, jobs.job_in_tabs, jobs.no_job),
    "worker_killed": (jobs.worker_killed, None, None),
    "job_without_redis": (jobs.redis_restarts, None, None),
    "own_tests": (own_tests.own_tests, None, own_tests.no_own_tests),
}
ON_THE_WIRE, IN_TABS, DOES_NOT_HOLD = (
    {row: scenarios[kind] for row, scenarios in SCENARIOS.items() if scenarios[kind]}
    for kind in range(3)
)


# Where only the socket is judged: what is played in place of a part that needs pages.
WITHOUT_PAGES = {"choose_room": None, "any_name": pages.any_name_without_pages}


def parts(row: str) -> list[Scenario]:
    """Return what proves together that this row holds, the quickest part first."""
    return [scenario for scenario in SCENARIOS[row][:2] if scenario]
