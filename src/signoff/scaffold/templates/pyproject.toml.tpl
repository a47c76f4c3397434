[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "$project"
version = "0.1.0"
description = $summary
requires-python = ">=3.11"
%% if gate
dependencies = ["signoff[policy]"]
%% else
dependencies = ["signoff"]
%% end

[dependency-groups]
dev = ["mypy>=1.15", "pytest>=8.3", "ruff>=0.12"]

[tool.hatch.build.targets.wheel]
packages = ["$package"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = [".", "tests"]
filterwarnings = ["error"]

[tool.ruff]
line-length = 100
src = [".", "tests"]

[tool.ruff.lint]
select = ["E", "F", "I", "UP", "B", "SIM", "RUF"]

[tool.mypy]
strict = true
files = ["$package", "tests"]
mypy_path = "tests"
