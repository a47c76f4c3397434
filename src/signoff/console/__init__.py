"""The console owns showing what a store holds, and answering, in a web browser."""

from signoff.console._app import create_app
from signoff.console._serving import serve
from signoff.console._settings import Settings
from signoff.console.access import AccessSettings

__all__ = ["AccessSettings", "Settings", "create_app", "serve"]
