"""`signoff telemetry`: what goes with the metrics."""

from __future__ import annotations

import typer

app = typer.Typer(help="A dashboard and alert rules over the metrics.", no_args_is_help=True)


@app.command()
def dashboard() -> None:
    """Print a dashboard for Grafana, as JSON; import it there."""
    from signoff.telemetry import dashboard

    print(dashboard(), end="")


@app.command()
def alerts() -> None:
    """Print alert rules for Prometheus, as YAML; name the file under `rule_files`."""
    from signoff.telemetry import alerts

    print(alerts(), end="")
