"""The files that come with it."""

from __future__ import annotations

from importlib import resources

_HERE = resources.files("signoff.telemetry")


def dashboard() -> str:
    """A dashboard for Grafana over the metrics, as JSON."""
    return _HERE.joinpath("grafana.json").read_text(encoding="utf-8")


def alerts() -> str:
    """Alert rules for Prometheus over the metrics, as YAML."""
    return _HERE.joinpath("alerts.yml").read_text(encoding="utf-8")
