"""Settings of the CSMS. All times are site seconds."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .authorizers import HookSettings
from .boot_policy import BootPolicy
from .closing import ClosingRules
from .gaps import GapRules


class SecuritySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Passwords and certificates of stations.

    `authority` signs what stations ask for: `internal` is an authority of our own, with its keys in `folder`
    ("": `pki` in the node's data) or in a hardware module; `outside` posts each request to `outside_url`;
    `none` refuses. Certificates are for `certificate_days`, and renewed by ourselves `renew_before_days`
    before their end. `organization` must stand in a station's certificate where it is set.

    `revocation_lists` are files (PEM or DER) of other authorities that vouch for stations, looked at each
    minute.

    `key_passphrase` encrypts the authority's key files. `pkcs11_module` is the library of a hardware module,
    whose token `pkcs11_token` keeps the keys behind `pkcs11_pin`.
    """

    authority: Literal["internal", "outside", "none"] = "internal"
    folder: str = ""
    organization: str = ""
    certificate_days: float = 90.0
    renew_before_days: float = 30.0
    renew: bool = True
    revocation_lists: tuple[str, ...] = ()
    authority_years: float = 20.0
    key_passphrase: str = ""
    pkcs11_module: str = ""
    pkcs11_token: str = ""
    pkcs11_pin: str = ""
    outside_url: str = ""
    outside_token: str = ""
    outside_timeout_s: float = 30.0


class PlugAndChargeSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Contracts of cars that pay by certificate, and the certificates of stations.

    `ocsp_hosts` are the OCSP responders that may be asked: names or addresses, and `*` for whatever has a
    public address. Each is given `ocsp_timeout_s`. With `revocation` `required` a contract counts only when
    its responders prove that nothing of its chain was revoked; `when_told` lets one pass of which nobody
    could tell. `pool_url` is the contract certificate pool that new contracts of cars come from (empty: there
    is none), `pool_token` its bearer token; a car waits about five seconds. A pool whose tokens are
    short-lived gives them at `pool_token_url` for `pool_client_id` and `pool_client_secret` (OAuth 2.0 client
    credentials, with `pool_audience` where it wants one). Timeouts are wall time.
    """

    ocsp_hosts: tuple[str, ...] = ("*",)
    ocsp_timeout_s: float = 3.0
    revocation: Literal["required", "when_told"] = "required"
    pool_url: str = ""
    pool_token: str = ""
    pool_token_url: str = ""
    pool_client_id: str = ""
    pool_client_secret: str = ""
    pool_audience: str = ""
    pool_timeout_s: float = 4.5


class CsmsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`operator_id` owns what has no other owner: stations that are admitted unknown, rejected handshakes.

    `admit_unknown` lets a station in that nobody registered, and registers it. `unknown_tokens` says what a
    token is worth that nobody entered. `concurrent_transactions` lets one token charge at two places at once.
    Tokens of the group `master_pass_group` stop any transaction and start none (the stations' variable
    MasterPassGroupId must name the same). `cache_verdicts_s` is how long a station may remember a verdict
    (None: as it is set itself). `authorization_hook` is asked about tokens in real time.

    `onboard` provisions stations by itself: `after_boot_s` after a boot their variables are read (all of them
    when they are new or their firmware is), expected values set, and statuses asked for that don't come
    within `status_grace_s`. `boot` is what stations are answered for which nothing else is set: accepted,
    pending until they are provisioned, or rejected; who was not accepted shall come again after
    `boot_retry_s`, give or take `boot_jitter` of it. A report is asked for again when no part of it comes for
    `report_patience_s`.

    Each `oversee_every_s` transactions are looked for that will never end or that miss messages;
    `ask_for_transactions` lets their stations be asked (GetTransactionStatus of 2.x). `closing` is how long
    each sign of an end must last: `plug_s` after the EVSE is free, `resume_s` after a boot, `silent_s`
    without a word of the station, `eternal_s` of age with `quiet_s` without energy. `gaps` is the same for
    missing messages: `patience_s` before a question, `again_s` between questions, at most `questions`
    without a clear answer, `give_up_s` in all. `security` is about passwords and certificates.

    Where prices are set, the running cost of a transaction goes with the answers to its messages, once in
    `tell_cost_every_s`; stations that show costs are told it anyway after `push_cost_every_s` without one.
    """

    operator_id: str = "default"
    operator_name: str = "Default operator"
    admit_unknown: bool = False
    unknown_tokens: Literal["accept", "reject"] = "reject"
    concurrent_transactions: bool = False
    master_pass_group: str | None = None
    cache_verdicts_s: float | None = None
    authorization_hook: HookSettings = HookSettings()
    heartbeat_interval_s: int = 300
    onboard: bool = True
    after_boot_s: float = 1.0
    status_grace_s: float = 15.0
    boot: BootPolicy = "accept"
    boot_retry_s: Annotated[int, Meta(ge=1)] = 60
    boot_jitter: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.2
    report_patience_s: float = 60.0
    nominal_voltage_v: float = 230.0
    log_messages: bool = True
    oversee_every_s: float = 60.0
    ask_for_transactions: bool = True
    closing: ClosingRules = ClosingRules()
    gaps: GapRules = GapRules()
    tell_cost_every_s: Annotated[float, Meta(gt=0.0)] = 60.0
    push_cost_every_s: Annotated[float, Meta(gt=0.0)] = 300.0
    security: SecuritySettings = SecuritySettings()
    plug_and_charge: PlugAndChargeSettings = PlugAndChargeSettings()
