"""amoCRM's OAuth: clients, codes, tokens that rotate, long-lived tokens, revoking."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any

from .crm.clock import Clock
from .crm.models import Profile
from .crm.switches import Switches

CODE_SECONDS = 20 * 60
LONG_LIVED_SECONDS = 5 * 365 * 86_400
PROBLEM_TYPE = "https://developers.amocrm.ru/v3/errors/OAuthProblemJson"
BAD_PARAMETERS = "В запросе отсутствует ряд параметров или параметры невалидны"


class OAuthRefusedError(Exception):
    """A refusal of the token endpoint; `body` is what it answers with `status`."""

    def __init__(self, status: int, hint: str = "") -> None:
        super().__init__(hint or "client refused")
        self.status = status
        if hint:
            self.body: dict[str, Any] = {
                "hint": hint, "title": "Некорректный запрос", "type": PROBLEM_TYPE, "status": status,
                "detail": BAD_PARAMETERS,
            }  # fmt: skip
        else:
            self.body = {
                "title": "Некорректный клиент", "type": PROBLEM_TYPE, "status": status,
                "detail": "Авторизация клиента не прошла",
            }  # fmt: skip


@dataclass(slots=True)
class Client:
    """A registered integration. A `redirect_uri` of None is learned from the first who names one."""

    id: str
    secret: str
    name: str
    redirect_uri: str | None = None
    disable_url: str | None = None


@dataclass(slots=True)
class Code:
    client_id: str
    account_id: int
    expires_at: int
    used: bool = False


@dataclass(slots=True)
class AccessToken:
    client_id: str
    account_id: int
    expires_at: int
    long_lived: bool = False
    revoked: bool = False


@dataclass(slots=True)
class RefreshToken:
    """`parent` is the refresh token that this one came of."""

    client_id: str
    account_id: int
    expires_at: int
    parent: str | None = None
    dead: bool = False


@dataclass(frozen=True, slots=True)
class TokenPair:
    access_token: str
    refresh_token: str
    expires_in: int
    server_time: int

    def as_json(self) -> dict[str, Any]:
        """The token endpoint's 200."""
        return {
            "token_type": "Bearer", "expires_in": self.expires_in, "server_time": self.server_time,
            "access_token": self.access_token, "refresh_token": self.refresh_token,
        }  # fmt: skip


class OAuth:
    """Who may call in whose name. `profiles` finds an account's profile by its id."""

    def __init__(self, clock: Clock, switches: Switches, profiles: Any) -> None:
        self._clock = clock
        self._switches = switches
        self._profiles = profiles
        self.key = secrets.token_hex(16)
        self.clients: dict[str, Client] = {}
        self.codes: dict[str, Code] = {}
        self.access: dict[str, AccessToken] = {}
        self.refresh: dict[str, RefreshToken] = {}

    def register(
        self, client_id: str, secret: str, *, name: str = "Voronka", redirect_uri: str | None = None,
        disable_url: str | None = None,
    ) -> Client:  # fmt: skip
        """A new integration, or new properties for a known one."""
        client = Client(client_id, secret, name, redirect_uri, disable_url)
        self.clients[client_id] = client
        return client

    def code_for(self, client_id: str, account_id: int) -> str:
        """A person consented: the code that goes to the redirect URI, good once and for 20 minutes."""
        code = "def502" + secrets.token_hex(64)
        self.codes[code] = Code(client_id, account_id, self._clock.now() + CODE_SECONDS)
        return code

    def exchange(self, request: dict[str, Any]) -> TokenPair:
        """Either grant of the token endpoint. Raises OAuthRefusedError."""
        client = self.clients.get(str(request.get("client_id")))
        if client is None or not hmac.compare_digest(client.secret, str(request.get("client_secret"))):
            raise OAuthRefusedError(401)
        self._check_redirect(client, request.get("redirect_uri"))
        match request.get("grant_type"):
            case "authorization_code":
                return self._redeem(client, str(request.get("code", "")))
            case "refresh_token":
                return self._rotate(client, str(request.get("refresh_token", "")))
        raise OAuthRefusedError(400, "Check the `grant_type` parameter")

    def pair_for(self, account_id: int, client_id: str, *, parent: str | None = None) -> TokenPair:
        """Issue tokens outright, as if consent had been given."""
        now = self._clock.now()
        seconds = self._switches.access_token_seconds
        access = self._issue_access(account_id, client_id, seconds)
        refresh = "def50200" + secrets.token_hex(80)
        self.refresh[refresh] = RefreshToken(
            client_id, account_id, now + self._switches.refresh_token_seconds, parent=parent
        )
        return TokenPair(access, refresh, seconds, now)

    def long_lived(self, account_id: int, client_id: str, *, seconds: int = LONG_LIVED_SECONDS) -> str:
        """A token generated by hand in the integration's keys: no refresh token comes with it."""
        return self._issue_access(account_id, client_id, seconds, long_lived=True)

    def holder(self, access_token: str) -> AccessToken | None:
        """Whose token it is, if it is good now."""
        token = self.access.get(access_token)
        if token is None or token.revoked or token.expires_at <= self._clock.now():
            return None
        return token

    def account_of_refresh(self, refresh_token: str) -> int | None:
        """The account of a refresh token that could be used; reading does not use it."""
        token = self.refresh.get(refresh_token)
        return token.account_id if token is not None and not token.dead else None

    def revoke(self, account_id: int, client_id: str) -> None:
        """All that an integration holds for an account is void."""
        for access in self.access.values():
            if (access.account_id, access.client_id) == (account_id, client_id):
                access.revoked = True
        for refresh in self.refresh.values():
            if (refresh.account_id, refresh.client_id) == (account_id, client_id):
                refresh.dead = True

    def disable_notice(self, account_id: int, client_id: str) -> dict[str, str]:
        """The signed query that tells an integration of its being disabled."""
        message = f"{client_id}|{account_id}".encode()
        signature = hmac.new(self.clients[client_id].secret.encode(), message, hashlib.sha256).hexdigest()
        return {"client_uuid": client_id, "account_id": str(account_id), "signature": signature}

    def _check_redirect(self, client: Client, redirect_uri: Any) -> None:
        if not redirect_uri:
            raise OAuthRefusedError(400, "Check the `redirect_uri` parameter")
        if client.redirect_uri is None:
            client.redirect_uri = str(redirect_uri)
        elif self._switches.strict_redirect_uri and client.redirect_uri != redirect_uri:
            raise OAuthRefusedError(400, "Redirect URI is not associated with client")

    def _redeem(self, client: Client, text: str) -> TokenPair:
        code = self.codes.get(text)
        if code is None or code.client_id != client.id:
            raise OAuthRefusedError(400, "Cannot decrypt the authorization code")
        if code.used:
            raise OAuthRefusedError(400, "Authorization code has been revoked")
        if code.expires_at <= self._clock.now():
            raise OAuthRefusedError(400, "Authorization code has expired")
        code.used = True
        return self.pair_for(code.account_id, client.id)

    def _rotate(self, client: Client, text: str) -> TokenPair:
        token = self.refresh.get(text)
        if token is None or token.client_id != client.id:
            raise OAuthRefusedError(401, "Cannot decrypt the refresh token")
        if token.dead:
            raise OAuthRefusedError(401, "Token has been revoked")
        if token.expires_at <= self._clock.now():
            raise OAuthRefusedError(401, "Token has expired")
        if not self._switches.kommo_refresh:
            token.dead = True
        elif token.parent in self.refresh:
            # Kommo: the use of the new token is what ends the old one.
            self.refresh[token.parent].dead = True
        return self.pair_for(token.account_id, client.id, parent=text)

    def _issue_access(self, account_id: int, client_id: str, seconds: int, *, long_lived: bool = False) -> str:
        now = self._clock.now()
        profile: Profile = self._profiles(account_id)
        claims = {
            "aud": client_id, "jti": secrets.token_hex(40), "iat": now, "nbf": now, "exp": now + seconds, "sub": "1",
            "grant_type": "", "account_id": account_id, "base_domain": profile.domain, "version": 2,
            "scopes": ["push_notifications", "files", "crm", "files_delete", "notifications"],
            "api_domain": f"api-b.{profile.domain}",
        }  # fmt: skip
        token = self._jwt(claims)
        self.access[token] = AccessToken(client_id, account_id, now + seconds, long_lived)
        return token

    def _jwt(self, claims: dict[str, Any]) -> str:
        parts = [_base64url(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "HS256"}, claims)]
        signature = hmac.new(self.key.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
        return ".".join([*parts, _base64url(signature)])


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
