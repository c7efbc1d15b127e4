"""Different here: a session that ends tells nobody. See consumers.py."""


def check_when_session_ends(get_response):
    return get_response
