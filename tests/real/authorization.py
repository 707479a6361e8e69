"""
An OAuth 2.0 authorization server (RFC 6749) on the loopback interface, which also says whether a token is
good (RFC 7662).
"""

import base64
import hashlib
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT, SECRET = "client-1", "correct-horse"


class Authorization:
    """Knows one client. Whom its access tokens are for, their time and whether refresh tokens change, a test says."""

    def __init__(self) -> None:
        self.user = ""
        self.lifetime: float | None = 3600
        #: Each use of a refresh token brings a new one and ends the old.
        self.rotating = False
        self.refresh_tokens = {"refresh-1"}
        #: Who signs in gets a refresh token.
        self.generous = True
        #: Codes of who signed in, and the challenge that each was asked with.
        self._codes: dict[str, str] = {}
        #: The access tokens that are good, and for whom.
        self.access_tokens: dict[str, str] = {}
        #: The forms that the token endpoint was sent.
        self.forms: list[dict[str, str]] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def token_endpoint(self) -> str:
        return f"{self.url}/token"

    def withdraw_all(self) -> None:
        """No access token is good any more, whatever its time."""
        self.access_tokens.clear()

    def sign_in(self, url: str) -> str:
        """What a browser does at that URL, where the person agrees: the address at which it ends."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = secrets.token_hex(8)
        self._codes[code] = asked["code_challenge"]
        return f"{asked['redirect_uri']}/?{urlencode({'state': asked['state'], 'code': code})}"

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _give(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        self.forms.append(form)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client", "error_description": f"{form.get('client_id')} is unknown"}
        newer: dict[str, object] = {}
        if form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") not in self.refresh_tokens:
                return 400, {"error": "invalid_grant", "error_description": f"not good for {self.user}"}
            if self.rotating:
                self.refresh_tokens.remove(form["refresh_token"])
                newer = {"refresh_token": f"refresh-{secrets.token_hex(4)}"}
                self.refresh_tokens.add(str(newer["refresh_token"]))
        elif form.get("grant_type") == "authorization_code":
            challenge = self._codes.pop(form.get("code", ""), None)
            hashed = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if challenge != base64.urlsafe_b64encode(hashed).rstrip(b"=").decode():
                return 400, {"error": "invalid_grant"}
            newer = {"refresh_token": f"refresh-{secrets.token_hex(4)}"} if self.generous else {}
            self.refresh_tokens |= {str(token) for token in newer.values()}
        elif form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        # As long as Microsoft's.
        token = secrets.token_urlsafe(2000)
        self.access_tokens[token] = self.user
        lifetime = {} if self.lifetime is None else {"expires_in": self.lifetime}
        return 200, {"access_token": token, "token_type": "Bearer", **lifetime, **newer}

    def _introspect(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        user = self.access_tokens.get(form.get("token", ""))
        return 200, {"active": True, "username": user} if user else {"active": False}

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the request's
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                answer = server._give if urlsplit(self.path).path == "/token" else server._introspect
                status, values = answer(form)
                content = json.dumps(values).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        return Handler
