"""What else may come through a socket, or not come at all."""

from course.scenarios import holds
from course.scenarios.stage import Refused, Stage

BAD_FRAMES: dict[str, str | bytes] = {
    "not JSON": "hello",
    "empty": "",
    "cut off": '{"message": "hel',
    "NaN": "NaN",
    "null": "null",
    "a list": '["message"]',
    "a text": '"message"',
    "no message": "{}",
    "another key": '{"text": "hello"}',
    "null as message": '{"message": null}',
    "a number as message": '{"message": 1}',
    "NaN as message": '{"message": NaN}',
    "an object as message": '{"message": {"text": "hello"}}',
    "an empty message": '{"message": ""}',
    "only spaces": '{"message": " \\t\\n "}',
    "1,001 characters": '{"message": "' + "x" * 1001 + '"}',
    "a newline": '{"message": "two\\nlines"}',
    "a control character": '{"message": "be\\u0007ll"}',
    "half of a surrogate pair": '{"message": "\\ud83d"}',
    "a deep nest": "[" * 100_000,
    "a deep nest of objects": '{"message":' * 50_000,
    "a huge number": '{"message": ' + "9" * 10_000 + "}",
    "binary": b'{"message": "hello"}',
    "empty binary": b"",
}


@holds("bad_frames")
def bad_frames(stage: Stage) -> None:
    client = stage.client()
    for number, (what, frame) in enumerate(BAD_FRAMES.items()):
        client.send(frame)
        answer = client.receive()
        assert isinstance(answer.get("error"), str) and answer["error"], f"{what}: got {answer}."
        good = {"message": f"good {number}"}
        client.send(good)
        answer = client.receive()
        assert answer == good, f"After {what}, the next good message should come; {answer} came."
    longest = {"message": "🎉" * 1000}
    client.send(longest)
    assert client.receive() == longest, "1,000 characters, emoji included, are not too many."

    tab = stage.joined()
    for length in (1001, 1_200_000):  # servers hang up at about 1 MiB
        tab.say("x" * length)
        tab.shows_error("#chat-error")
        kept = len(tab.element("#chat-message-input").get_property("value"))
        assert kept == length, f"{length} characters should be kept for mending; {kept} are."
        tab.shows("connected")
        tab.say(f"mended {length}")
        tab.ends_with(f"mended {length}")
        assert tab.element("#chat-error").text == "", "The error should go with the next message."
    tab.sees("mended 1001", "mended 1200000")


@holds("foreign_origin")
def foreign_origin(stage: Stage) -> None:
    for origin in ("http://evil.example", "https://evil.example:443", "null", None):
        try:
            stage.client(origin=origin)
        except Refused as refused:
            assert refused.status == 403, f"Origin {origin} should get 403, not {refused.status}."
        else:
            raise AssertionError(f"Origin {origin} should be refused; its socket opened.")
    stage.client().send({"message": "from our own page"})


@holds("idle")
def idle(stage: Stage) -> None:
    tab, client = stage.joined(), stage.client(room=f"{stage.room} idle")
    # The page comes back after a drop within a second, so what it said meanwhile is kept.
    tab.driver.execute_script(
        """const status = document.getElementById("chat-status");
        window.said = [];
        new MutationObserver(() => window.said.push(status.textContent))
          .observe(status, {childList: true, characterData: true, subtree: true});"""
    )
    client.stays_silent(seconds=7)  # it is the time that is tested here
    client.send({"message": "still here"})
    assert client.receive() == {"message": "still here"}
    said = tab.driver.execute_script("return window.said")
    assert not said, f"Tab A was idle for 7 seconds, and its connection went: {said}."
    tab.say("still here")
    tab.sees("still here")
