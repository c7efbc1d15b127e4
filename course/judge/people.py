"""Who uses a site: nobody in particular or, if it asks for a log-in, a person who has signed up."""

import json
import uuid
from collections.abc import Iterable
from http.client import HTTPException
from http.cookiejar import CookieJar
from ssl import SSLContext
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPSHandler, ProxyHandler, Request, build_opener

from bs4 import BeautifulSoup

from course.judge.browser import Unmet

SIGN_UP = "/accounts/signup/"
PASSWORD = "correct horse battery staple"


class Person:
    """A person's name ("": nobody is logged in) and, in place of a browser, an opener of URLs that
    keeps the cookies."""

    def __init__(self, name: str = "", trust: SSLContext | None = None) -> None:
        self.name, self.jar = name, CookieJar()
        # A proxy that the environment names is for other machines.
        handlers = ProxyHandler({}), HTTPCookieProcessor(self.jar), HTTPSHandler(context=trust)
        self.opener = build_opener(*handlers)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies, by name."""
        return {cookie.name: cookie.value or "" for cookie in self.jar}

    @property
    def headers(self) -> dict[str, str]:
        """The header with which a browser sends the cookies; none without cookies."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": cookies} if cookies else {}

    def submit(self, url: str, **fields: str) -> BeautifulSoup:
        """Ask for a page, fill in the form with these fields, and send it. Return the page that
        comes; raise Unmet if there is no such form or no answer."""
        try:
            page = BeautifulSoup(self.opener.open(url, timeout=10).read(), "html.parser")
            field = page.find("input", {"name": next(iter(fields))})
            if not field or not (form := field.find_parent("form")):
                raise Unmet(f"{url} should have a form with the fields {', '.join(fields)}.")
            hidden = {each["name"]: each["value"] for each in form.select("input[type=hidden]")}
            data = urlencode(hidden | fields).encode()
            answer = self.opener.open(Request(url, data, from_page(url)), timeout=10)
            return BeautifulSoup(answer.read(), "html.parser")
        except (OSError, HTTPException) as error:
            raise Unmet(f"{url} should show a form and take it; {error}.") from error

    def post(self, url: str, data: bytes | Iterable[bytes], kind: str) -> tuple[int, dict]:
        """Send bytes of this kind as a script of a page does; return the status and the JSON that
        come. Raise Unmet if no answer comes."""
        headers = {"Content-Type": f"application/{kind}", **from_page(url)}
        headers["X-CSRFToken"] = self.cookies.get("csrftoken", "")
        try:
            try:
                answer = self.opener.open(Request(url, data, headers), timeout=60)
            except HTTPError as error:
                answer = error
            with answer:
                return answer.status, dict(json.loads(answer.read() or "{}"))
        except ValueError:  # a page
            return answer.status, {}
        except (OSError, HTTPException) as error:
            raise Unmet(f"{url} should take what is sent; {error}.") from error


def from_page(url: str) -> dict[str, str]:
    """Return the headers with which a browser shows that a page of the same site sends this."""
    return {"Origin": "/".join(url.split("/")[:3]), "Referer": url}


def asks_for_log_in(site: str, path: str = "/chat/") -> bool:
    """Return whether a page is only for people who are logged in."""
    try:
        page = Person().opener.open(f"{site}{path}", timeout=10).read()
    except OSError:
        return False  # an error page, or none: what is played next shows it
    return bool(BeautifulSoup(page, "html.parser").select_one("input[type=password]"))


def sign_up(site: str, name: str = "", trust: SSLContext | None = None) -> Person:
    """Sign up at a site through its page, under this name or one that is new. Return the person,
    who is logged in; raise Unmet if that fails. `trust` has the certificates of a site of ours."""
    person = Person(name or f"ann{uuid.uuid4().hex[:8]}", trust)
    fields = {"username": person.name, "password1": PASSWORD, "password2": PASSWORD}
    page = person.submit(site + SIGN_UP, **fields)
    if page.select_one("input[type=password]"):
        says = " ".join(each.get_text(" ", strip=True) for each in page.select(".errorlist"))
        raise Unmet(f"{SIGN_UP} should sign a person up and in; it asks again. {says}".strip())
    return person
