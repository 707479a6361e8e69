"""
Signing in to a mail provider once, so that there is a refresh token: the authorization code of OAuth 2.0 (RFC 6749
section 4.1) with a proof that who redeems it is who asked for it (RFC 7636).

The provider sends the browser to this machine (RFC 8252 section 7.3), where nobody listens: the address at which it
ended is given by hand, so that this works over SSH too.
"""

import base64
import hashlib
import secrets
from urllib.parse import parse_qs, urlencode, urlsplit

from mailconsent.errors import Refused
from mailconsent.oauth import ask, is_token
from mailconsent.oauth_grant import Grant

#: Microsoft takes this with any port or none; of Google's clients of the type "Desktop app" it is the default.
REDIRECT = "http://localhost"


class SignIn:
    """One attempt: what it asks for can be used once, and only by it."""

    def __init__(self, grant: Grant, page: str) -> None:
        """`page` is the URL at which the provider lets people sign in."""
        self._grant = grant
        self._state = secrets.token_urlsafe(24)
        self._verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self._verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": grant.client_id,
            "redirect_uri": REDIRECT,
            **({"scope": grant.scope} if grant.scope else {}),
            "state": self._state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            # How Google is asked for a refresh token, and for a new one where it gave one before.
            "access_type": "offline",
            "prompt": "consent",
        }
        #: Where the person is to go.
        self.url = (
            f"{page}{'&' if urlsplit(page).query else '?'}{urlencode({n: text for n, text in query.items() if text})}"
        )

    def refresh_token(self, ended_at: str, *, timeout: float = 30.0) -> str:
        """
        The token, by the address at which the browser ended. Raises Refused where that is not of this sign-in, and as
        `ask` does.
        """
        try:
            answer = parse_qs(urlsplit(ended_at.strip()).query)
        except ValueError:
            answer = {}
        if not secrets.compare_digest(answer.get("state", [""])[0].encode(errors="replace"), self._state.encode()):
            raise Refused(
                "This is not the address at which the browser ended: it holds `state=` and what we asked with."
            )
        if "code" not in answer:
            raise Refused("The provider did not agree: it sent no code.")
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"][0],
            "redirect_uri": REDIRECT,
            "code_verifier": self._verifier,
            "client_id": self._grant.client_id,
            "client_secret": self._grant.client_secret,
        }
        token = ask(self._grant.endpoint, form, timeout=timeout).get("refresh_token")
        if not is_token(token):
            raise Refused("The provider gave no refresh token: check what the client is allowed.")
        return str(token)
