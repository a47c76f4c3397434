.venv/
__pycache__/
.mypy_cache/
.pytest_cache/
.ruff_cache/
signoff.db*
