"""The pages, fetched by Django's test client: no server, and no browser to run their scripts."""

from urllib.parse import quote

import pytest
from django.utils.html import escape
from pytest_django.asserts import assertContains, assertRedirects

from chat.rooms import room_name_error


@pytest.fixture
def client(client, django_user_model, db):
    """Log the test client in."""
    client.force_login(django_user_model.objects.create_user("ann"))
    return client


def test_the_site_starts_where_a_room_is_chosen(client):
    assertRedirects(client.get("/"), "/chat/")


def test_the_form_is_shown_without_an_error(client):
    assertContains(client.get("/chat/"), 'role="alert"></p>')


@pytest.mark.parametrize("room", ["my room", "大家", "100%", "what?#1", '<b>"&amp;"'])
def test_the_form_leads_to_the_room(client, room):
    response = client.get("/chat/", {"room": f"  {room} "}, follow=True)
    assertContains(response, f"<h1>{escape(room)}</h1>")


@pytest.mark.parametrize("typed", ["", "a/b", '"><b>/', "x" * 81])
def test_the_form_says_what_is_wrong_and_keeps_what_was_typed(client, typed):
    response = client.get("/chat/", {"room": typed})
    assertContains(response, f'value="{escape(typed)}"')
    assertContains(response, escape(room_name_error(typed)))


@pytest.mark.parametrize("room", ["x" * 81, " kitchen", "kit\nchen", ".."])
def test_a_room_with_a_bad_name_is_not_found(client, room):
    response = client.get(f"/chat/{quote(room)}/")
    assert response.status_code == 404, f"There should be no page for the room {room!r}."
