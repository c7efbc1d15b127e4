"""The pages, by the client that pytest-django hands to a test."""

import pytest


@pytest.mark.parametrize("name", ["", " ", "a/b", ".", "x" * 81])
def test_a_bad_name_stays_in_the_form(client, name):
    page = client.get("/chat/", {"room": name}).content.decode()
    assert f'value="{name}"' in page


def test_a_good_name_is_an_address(client):
    assert client.get("/chat/", {"room": "100%"}).headers["Location"] == "/chat/100%25/"
