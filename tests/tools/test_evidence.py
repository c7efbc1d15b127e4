"""What is taken from a terminal and from pytest."""

from pathlib import Path

from course.judge.evidence import of_pytest, of_terminal, without_consequences

HERE = Path("/my chat")
LIBRARY = """Traceback (most recent call last):
  File "/lib/redis.py", line 7, in connect
    raise OSError()
OSError: [Errno 111] Connect call failed

"""
BECAME = "During handling of the above exception, another exception occurred:\n\n"
OURS = """Traceback (most recent call last):
  File "/lib/channels.py", line 3, in run
    await connect()
  File "/my chat/chat/consumers.py", line 20, in connect
    await self.channel_layer.group_add(
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
redis.ConnectionError: Error 111 connecting to redis:6379: refused: really
"""


def test_the_root_the_end_and_the_own_line_of_an_exception_are_shown() -> None:
    own = "in chat/consumers.py, line 20: await self.channel_layer.group_add("
    last = "redis.ConnectionError: Error 111 connecting to redis:6379: refused: really"
    for printed, lines in (
        ("all is well\n", []),
        (OURS, [last, own]),
        (
            f"log\n{LIBRARY}{BECAME}{OURS}log\n",
            ["OSError: [Errno 111] Connect call failed", last, own],
        ),
        (f"{LIBRARY}{OURS}", [last, own]),  # two, and not one that became the other
        (
            "ERRORS:\n?: (daphne.E001) Daphne must be first\n",
            ["?: (daphne.E001) Daphne must be first"],
        ),
        (
            "a.py:3: RuntimeWarning: coroutine 'x' was never awaited\n",
            ["RuntimeWarning: coroutine 'x' was never awaited"],
        ),
    ):
        assert of_terminal(printed, HERE) == lines


def test_what_follows_from_an_error_in_the_own_code_points_nowhere() -> None:
    assert without_consequences(f"{LIBRARY}{BECAME}{OURS}", HERE) == f"{LIBRARY}{BECAME}{OURS}"
    assert "OSError" not in without_consequences(f"{OURS}\n{BECAME}{LIBRARY}", HERE)


def test_of_pytest_the_first_failed_test_is_shown_with_its_end() -> None:
    printed = """
=== FAILURES ===
____ Tests.test_one[ a b] ____
>       assert 1 == 2
E       assert 1 == 2

chat/tests/test_a.py:3: AssertionError
____ test_two ____
E       assert 3 == 4
=== short test summary info ===
FAILED chat/tests/test_a.py::Tests::test_one[ a b] - assert 1 == 2
FAILED chat/tests/test_a.py::test_two - assert 3 == 4
"""
    assert of_pytest(printed) == ["chat/tests/test_a.py::Tests::test_one[ a b]", "assert 1 == 2"]
    assert of_pytest("ImportError: no module\n") == ["ImportError: no module"]
