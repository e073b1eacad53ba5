"""Is one of the pinned packages known to be vulnerable? `make audit` asks the PyPI advisory database by pip-audit.

Exit status 0 when none is known, or when the service cannot be reached (which is said); 1 when there are some.
"""

import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel, ValidationError

from tasks.platform.settings import project_root
from tasks.platform.text import shorten

SECONDS = 600
SERVICES = ("pypi", "osv")  # asked in this order; the second where the first knows nothing


class Weakness(BaseModel):
    """A known vulnerability of a release."""

    id: str
    fix_versions: list[str] = []


class Package(BaseModel):
    """A pinned package, and what is known of it."""

    name: str
    version: str = ""
    vulns: list[Weakness] = []
    skip_reason: str = ""


class Audit(BaseModel):
    """What pip-audit found."""

    dependencies: list[Package]

    @property
    def vulnerable(self) -> list[Package]:
        """The packages with a known weakness."""
        return [package for package in self.dependencies if package.vulns]


def ask(lock: Path) -> Audit | str:
    """Return what is known of the pins in `lock`; the reason as a sentence where no service gives an answer."""
    reasons = []
    for service in SERVICES:
        answer = _ask(lock, service)
        if isinstance(answer, Audit):
            return answer
        reasons.append(f"{service}: {answer}")
    return "; ".join(reasons)


def _ask(lock: Path, service: str) -> Audit | str:
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "30", "--vulnerability-service", service]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {SECONDS} seconds"
    try:
        audit = Audit.model_validate_json(done.stdout)
        unknown = all(package.skip_reason for package in audit.dependencies)
        return shorten(audit.dependencies[0].skip_reason, 200) if audit.dependencies and unknown else audit
    except ValidationError:
        lines = done.stderr.strip().splitlines() or [f"pip-audit ended with status {done.returncode}"]
        return shorten(lines[-1], 300)


def told(audit: Audit | str) -> str:
    """Return the outcome in words."""
    if isinstance(audit, str):
        return f"No advisory service gives an answer, so nothing was checked: {audit}"
    lines = [
        f"{package.name} {package.version}: {weakness.id}"
        f" ({'mended in ' + ', '.join(weakness.fix_versions) if weakness.fix_versions else 'not mended yet'})"
        for package in audit.vulnerable
        for weakness in package.vulns
    ]
    skipped = sum(bool(package.skip_reason) for package in audit.dependencies)
    asked = f"{len(audit.dependencies) - skipped} pinned packages asked for"
    rest = f", {skipped} unknown to the service" if skipped else ""
    return "\n".join([*lines, f"{asked}{rest}: {len(audit.vulnerable) or 'none'} known to be vulnerable."])


def main() -> int:
    """Ask, tell, and return the exit status."""
    audit = ask(project_root() / "requirements.lock")
    print(told(audit))
    return int(isinstance(audit, Audit) and bool(audit.vulnerable))


if __name__ == "__main__":
    sys.exit(main())
