"""Where amoCRM is ambiguous, or can be set, a switch decides. The defaults are the likeliest amoCRM."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Switches:
    """Every switch of the sandbox; `PATCH /_sandbox/switches` sets them from outside by these names."""

    filter_without_addon: str = "ignored"
    """`filter[…]` on an account without the paid add-on: `ignored` (the full list comes) or `error` (403)."""
    deleted_lead_read: int = 204
    """`GET /leads/{id}` of a deleted deal: 204, or 200 with `is_deleted: true`."""
    limit_over_maximum: str = "cap"
    """`limit` above the page maximum when reading: `cap` or `error` (422)."""
    order_as_asked: bool = True
    """Whether lists come in the order that was asked for; otherwise by id, and all events, the oldest first."""
    heaviest_page: int = 250
    """A list of more rows than this is answered 504."""
    token_accepts_form: bool = False
    """Whether the token endpoint takes form-encoded bodies; otherwise they are a 401."""
    strict_redirect_uri: bool = True
    """Whether `redirect_uri` must be the client's exactly (in both grants)."""
    kommo_refresh: bool = False
    """Kommo's way: an old refresh token works until the new one has been used."""
    access_token_seconds: int = 86_400
    refresh_token_seconds: int = 90 * 86_400
    rate_limit: bool = True
    requests_per_second: int = 7
    """Per account and integration, in any one second."""
    account_requests_per_second: int = 50
    block_after: int = 30
    """This many 429 within a minute end in a 403 block until it is lifted; 0: never."""
    too_many_as_html: bool = False
    retry_after: int = 0
    """Seconds told with a 429, as `Retry-After` and as `retry_after` in a JSON body; 0: not told, as amoCRM does."""
    minor_units: bool = False
    """Whether prices also come as `price_with_minor_units`."""
    escape_hook_values: bool = False
    """Whether `&` in hook values comes as `&amp;`, as was seen in real hooks."""
    merge_sends_delete: bool = False
    """Whether a merge also sends `delete_lead` for the deal merged away."""
    post_enables_hook: bool = False
    """Whether subscribing again switches a disabled hook on; the documents ask an admin to press a button."""
    hook_disable_after: int = 100
    """More invalid answers than this within two hours switch a hook off."""
    hook_time_scale: float = 1.0
    """Factor on the waits between retries of a hook (5 min, 15 min…)."""
    hook_timeout: float = 2.0
