"""Pages own what the console shows and what it lets people write: one module for each noun."""

from signoff.console.pages._every import every_page

__all__ = ["every_page"]
