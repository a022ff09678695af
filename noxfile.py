"""Commands for development: `nox -l` lists them. `.ci/run` and the public CI run the same ones.

They run in the environment that nox itself runs in, which CONTRIBUTING.md sets up.
"""

import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["quick", "lint", "types"]

PYTEST = ("-m", "pytest", "-n", "logical")
# Rooms whose tests start few processes, and one test file that runs whole pipelines.
QUICK = [
    "tests/test_structure.py",
    "tests/catalogue/test_node_catalogue.py",
    "tests/catalogue/test_node_params.py",
    "tests/config",
    "tests/documents",
    "tests/errors",
    "tests/executors",
    "tests/manifest",
    "tests/plan",
    "tests/testing/test_harness.py",
    "tests/wire/test_codec.py",
    "tests/wire/test_contract.py",
    "tests/wire/test_generated_classes.py",
]
LOCK = Path("requirements-dev.lock")


@nox.session
def quick(session: nox.Session) -> None:
    """Run the tests that take less than a minute on two cores."""
    session.run(sys.executable, *PYTEST, "-q", *(session.posargs or QUICK))


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests, or those that the arguments name."""
    session.run(sys.executable, *PYTEST, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format, and the rules of structured concurrency."""
    session.run(sys.executable, "-m", "ruff", "check", ".")
    session.run(sys.executable, "-m", "ruff", "format", "--check", ".")
    patterns = ["actors/*.py", "runtime/*.py", ":!runtime/wire/generated"]
    # It reads a file for seconds, so only those that it may find something in.
    listed = str(session.run("git", "grep", "-l", "async def", "--", *patterns, silent=True))
    # ruff's rules miss a yield inside a nursery and an unshielded await in `finally`.
    command = Path(sys.executable).with_name("flake8-async")
    session.run(str(command), "--enable", "ASYNC1", *listed.split())


@nox.session
def types(session: nox.Session) -> None:
    """Check the types, those of the tests too."""
    session.run(sys.executable, "-m", "mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation in build/site; `nox -s docs -- serve` shows it while you write."""
    session.run(sys.executable, "docs/hooks/build_site.py", *session.posargs)


@nox.session(venv_backend="venv")
def lock(session: nox.Session) -> None:
    """Write the versions that a fresh environment gets today to requirements-dev.lock."""
    session.install("-e", ".[dev]")
    frozen = str(session.run("python", "-m", "pip", "freeze", "--exclude-editable", silent=True))
    lines = [line for line in frozen.splitlines() if "==" in line]
    LOCK.write_text(
        "# The versions that were tested last: pip install -e '.[dev]' -c requirements-dev.lock\n"
        + "".join(f"{line}\n" for line in lines)
    )
