"""OpenTelemetry as FastAPI brings it along: there where somebody could listen, and free where nobody can."""

from __future__ import annotations

from importlib.util import find_spec

from fastapi.telemetry import TelemetryConfig


def telemetry() -> TelemetryConfig:
    """What to build an application with.

    Without OpenTelemetry's SDK, which is no dependency of ours, there is nothing that spans could be sent with; to find
    that out anew FastAPI would look into the environment six times for every request.
    """
    if find_spec("opentelemetry.sdk") is not None:
        return {}
    return {"tracing": False, "metrics": False, "logs": False}
