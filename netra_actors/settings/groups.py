"""The settings, in the slices in which they are handed to the parts of the service.

A part gets its slice, never the whole, and never reads the environment. Units are in the
names: ``_s`` seconds, ``_bytes`` bytes, ``_d`` days; a plain plural is a count.
"""

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import environ

from netra_actors.settings.values import (
    Address,
    Kind,
    Network,
    Secret,
    choice,
    integer,
    modules,
    networks,
    origins,
    rate,
    seconds,
    secret,
    size,
    text,
    url,
)

if TYPE_CHECKING:
    # environ.config makes an attrs class, but only attrs' own name tells type checkers so.
    from attrs import frozen as settings_group
else:
    settings_group = environ.config(frozen=True)

Durability: TypeAlias = Literal["memory", "commit", "fsync"]
PlanName: TypeAlias = Literal["free", "early", "mid", "enterprise"]

_KIB: Final = 1 << 10
_MIB: Final = 1 << 20
MIN_SECRET_BYTES: Final = 32


def _setting(variable: str, default: Any, kind: Kind, about: str) -> Any:
    return environ.var(default=default, converter=kind, name=variable, help=about)


@settings_group
class ServerSettings:
    """Where and how the service listens."""

    host: str = _setting("NETRA_HOST", "127.0.0.1", text(), "address to listen on")
    port: int = _setting("NETRA_PORT", 8000, integer(0, 65535), "port to listen on; 0 picks one")
    workers: int = _setting("NETRA_WORKERS", 1, integer(1, 256), "worker processes")
    max_connections: int = _setting(
        "NETRA_MAX_CONNECTIONS", 20_000, integer(1), "WebSocket and SSE connections of one worker"
    )
    allowed_origins: tuple[str, ...] = _setting(
        "NETRA_ALLOWED_ORIGINS", (), origins(), "other sites whose pages may connect"
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        "NETRA_TRUSTED_PROXIES", (), networks(), "proxies whose X-Forwarded-* is believed"
    )


@settings_group
class RecordSettings:
    """Where logs are durable, and when an event counts as committed."""

    database_url: Address = _setting(
        "NETRA_DATABASE_URL",
        Address("sqlite:///netra.db"),
        url("sqlite", "postgres", "postgresql", "postgresql+psycopg", "memory"),
        "the record",
    )
    durability: Durability = _setting(
        "NETRA_DURABILITY", "commit", choice("memory", "commit", "fsync"), "what an ok waits for"
    )
    redis_url: Address | None = _setting(
        "NETRA_REDIS_URL", None, url("redis", "rediss", "unix"), "the bus between workers"
    )


@settings_group
class AuthSettings:
    """Whose tokens are believed. Neither a secret nor a key set: development mode."""

    jwt_secret: Secret | None = _setting(
        "NETRA_JWT_SECRET", None, secret(MIN_SECRET_BYTES), "shared secret of HS256 tokens"
    )
    jwks_url: Address | None = _setting(
        "NETRA_JWKS_URL", None, url("https", "http"), "public keys of RS256, ES256, Ed25519 tokens"
    )
    jwt_audience: str | None = _setting(
        "NETRA_JWT_AUDIENCE", None, text(), "aud that a token must carry"
    )
    jwt_issuer: str | None = _setting(
        "NETRA_JWT_ISSUER", None, text(), "iss that a token must carry"
    )
    ticket_ttl_s: float = _setting(
        "NETRA_TICKET_TTL_S", 300.0, seconds(1, 3600), "life of a ticket"
    )
    default_plan: PlanName = _setting(
        "NETRA_DEFAULT_PLAN",
        "mid",
        choice("free", "early", "mid", "enterprise"),
        "plan of tokens that name none",
    )


@settings_group
class SocketSettings:
    """What one connection may do, and how it is watched."""

    max_message_bytes: int = _setting(
        "NETRA_MAX_MESSAGE_BYTES", 8 * _KIB, size(1024, _MIB), "largest command"
    )
    window_bytes: int = _setting(
        "NETRA_WINDOW_BYTES", _MIB, size(64 * _KIB), "unacked bytes of a client that acks"
    )
    heartbeat_s: float = _setting("NETRA_HEARTBEAT_S", 25.0, seconds(1, 600), "time between pings")
    heartbeat_grace_s: float = _setting(
        "NETRA_HEARTBEAT_GRACE_S", 8.0, seconds(0.1, 600), "time to answer a ping"
    )
    hello_timeout_s: float = _setting(
        "NETRA_HELLO_TIMEOUT_S", 5.0, seconds(0.1, 60), "time for the first frame"
    )
    pending_sockets_per_address: int = _setting(
        "NETRA_PENDING_SOCKETS_PER_ADDRESS", 20, integer(1), "sockets without credential yet"
    )
    commands_per_s: float = _setting("NETRA_COMMANDS_PER_S", 20.0, rate(), "commands of a user")
    commands_burst: int = _setting("NETRA_COMMANDS_BURST", 60, integer(1), "commands at once")


@settings_group
class SessionSettings:
    """Bounds of one session."""

    mailbox_capacity: int = _setting(
        "NETRA_MAILBOX_CAPACITY", 256, integer(1), "commands waiting in a session; then busy"
    )
    queue_capacity: int = _setting(
        "NETRA_QUEUE_CAPACITY", 16, integer(0), "runs waiting in a session; then queue_full"
    )
    idle_s: float = _setting(
        "NETRA_SESSION_IDLE_S", 60.0, seconds(0), "quiet time before a session leaves memory"
    )
    uncommitted_session_bytes: int = _setting(
        "NETRA_UNCOMMITTED_SESSION_BYTES", 256 * _KIB, size(_KIB), "a session waits above it"
    )
    uncommitted_worker_bytes: int = _setting(
        "NETRA_UNCOMMITTED_WORKER_BYTES", 64 * _MIB, size(_KIB), "every session waits above it"
    )
    log_limit_bytes: int = _setting(
        "NETRA_LOG_LIMIT_BYTES", _MIB, size(64 * _KIB), "uncommitted bytes at which runs fail"
    )


@settings_group
class DrainSettings:
    """How the service stops."""

    run_grace_s: float = _setting(
        "NETRA_RUN_GRACE_S", 15.0, seconds(), "time runs are given to finish"
    )
    close_grace_s: float = _setting(
        "NETRA_CLOSE_GRACE_S", 5.0, seconds(), "time to close connections"
    )
    flush_grace_s: float = _setting(
        "NETRA_FLUSH_GRACE_S", 5.0, seconds(), "time for the last commit"
    )
    total_s: float = _setting("NETRA_DRAIN_TOTAL_S", 25.0, seconds(0.1), "limit of all three")


@settings_group
class AgentSettings:
    """Which agents there are, and what their tools may use."""

    modules: tuple[str, ...] = _setting("NETRA_AGENTS", (), modules(), "modules with agents")
    tool_threads: int = _setting(
        "NETRA_TOOL_THREADS", 2, integer(1, 64), "tools in threads at once"
    )
    file_max_bytes: int = _setting(
        "NETRA_FILE_MAX_BYTES", 5 * _MIB, size(_KIB, 256 * _MIB), "largest upload"
    )


@settings_group
class LogSettings:
    """What the service says about itself."""

    level: str = _setting(
        "NETRA_LOG_LEVEL", "info", choice("debug", "info", "warning", "error"), "least level"
    )
    format: str = _setting(
        "NETRA_LOG_FORMAT", "auto", choice("auto", "console", "json"), "auto: console on a terminal"
    )
