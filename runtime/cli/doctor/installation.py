"""Checks of what is installed and configured."""

from typing import Final

from .finding import Finding, State
from .subject import Subject, normalized

# Extras for work on Millrace itself.
_FOR_DEVELOPERS: Final = {"dev", "docs", "benchmarks", "models"}


def check_settings(subject: Subject) -> Finding:
    """Check that runtime.toml is valid."""
    faults = subject.settings_faults
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return Finding(
            "settings",
            State.ERROR,
            faults[0] + more,
            "Correct it: the server does not start. The other checks use the defaults. "
            "`millrace config` lists all faults.",
        )
    found = subject.settings_file or "defaults: there is no runtime.toml here"
    return Finding("settings", State.OK, found)


def check_extras(subject: Subject) -> Finding:
    """Check that each extra is installed as a whole, and those that the settings need."""
    installed: list[str] = []
    absent: list[str] = []
    partly: dict[str, list[str]] = {}
    # Another distribution has brought these along: they tell nothing about an extra.
    of_others = subject.required_by_others()
    for extra, packages in subject.extras.items():
        if extra in _FOR_DEVELOPERS:
            continue
        missing = [package for package in packages if not subject.is_installed(package)]
        if not missing:
            installed.append(extra)
        elif {normalized(each) for each in packages if each not in missing} <= of_others:
            absent.append(extra)
        else:
            partly[extra] = missing
    parts = [
        f"installed: {', '.join(installed) or 'none'}",
        f"not installed: {', '.join(absent)}" if absent else "",
        *(f"{extra} lacks {', '.join(missing)}" for extra, missing in partly.items()),
    ]
    found = "; ".join(filter(None, parts))
    needed = _needed_extras(subject) - set(installed)
    if needed:
        return Finding("extras", State.ERROR, found, f"The settings need it: {_install(needed)}")
    if partly:
        return Finding("extras", State.WARNING, found, _install(set(partly)))
    return Finding("extras", State.OK, found)


def _needed_extras(subject: Subject) -> set[str]:
    config = subject.config
    needed = {
        "http": config.http.enabled,
        "llm": bool(config.models),
        "otel": config.tracing.endpoint is not None,
        "ray": config.executors.ray.enabled,
        "record": config.recording.folder is not None,
    }
    return {extra for extra, is_needed in needed.items() if is_needed}


def _install(extras: set[str]) -> str:
    return f'pip install "millrace-runtime[{",".join(sorted(extras))}]"'
