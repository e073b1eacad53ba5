"""Who is told when a run fails, crashes or is late, or when figures drift? Makes the automations of automations.yaml.

    export CASEBOOK_ALERT_URL=https://hooks.slack.com/services/…     # a secret: it is stored in a block, hidden
    python deployments/alerts.py                                     # a POST with subject and text as JSON
    python deployments/alerts.py --block slack-webhook/team          # or by a notification block that you made in the
                                                                     # Prefect UI: Slack, e-mail, Teams, PagerDuty …
    python deployments/alerts.py --off

It talks to the `make serve` that runs, or to PREFECT_API_URL.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from tasks.platform import keys  # noqa: E402 - the path comes first
from tasks.platform.errors import CasebookError, UsageError  # noqa: E402
from tasks.platform.server import is_ours, note_file, read_note  # noqa: E402
from tasks.platform.settings import apply_prefect_settings  # noqa: E402

BLOCK = "casebook-alerts"
URL = "CASEBOOK_ALERT_URL"
PREFIX = "casebook-"


def connect() -> None:
    """Take the server that `make serve` runs, or the one that is set.

    Raises:
        CasebookError: there is none.
    """
    apply_prefect_settings()
    note = read_note(note_file())
    if is_ours(str(note.get("url", ""))):
        os.environ |= {"PREFECT_API_URL": str(note["api_url"]), "PREFECT_API_AUTH_STRING": keys.auth_string()}
    elif not os.environ.get("PREFECT_API_URL"):
        raise CasebookError("No Prefect server is known: start `make serve`, or set PREFECT_API_URL.")


def read_automations(file: Path = ROOT / "deployments" / "automations.yaml") -> list[dict[str, Any]]:
    """Read the automations, without their action."""
    import yaml

    return list(yaml.safe_load(file.read_text("utf-8"))["automations"])


def notification_block(name: str) -> str:
    """Return the identifier of the block that notifies: the one that is named, or one for the address that is set.

    Raises:
        UsageError: there is neither, or no block of that name.
    """
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    if not name:
        return _webhook()
    kind, _, document = name.partition("/")
    with get_client(sync_client=True) as client:
        try:
            return str(client.read_block_document_by_name(document, kind).id)
        except ObjectNotFound:
            raise UsageError(f"There is no block {name}; make it in the Prefect UI under Blocks.") from None


def _webhook() -> str:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from prefect.types import SecretDict

    address = os.environ.get(URL, "")
    if not address.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise UsageError(f"Set {URL} to an https address that takes a POST, or name a block by --block.")
    block = CustomWebhookNotificationBlock(
        name=BLOCK, url="{{address}}", secrets=SecretDict({"address": address}),
        json_data={"text": "{{subject}}\n{{body}}", "subject": "{{subject}}", "body": "{{body}}"},
    )  # fmt: skip
    return str(block.save(BLOCK, overwrite=True))


def install(block: str | None) -> list[str]:
    """Replace the automations of Casebook by those of the file; without a block they are only taken away.

    Returns:
        The names of those that are there now.
    """
    from prefect.automations import Automation
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        for old in client.read_automations():
            if old.name.startswith(PREFIX):
                client.delete_automation(old.id)
    made = []
    for entry in read_automations() if block else []:
        action = {
            "type": "send-notification", "block_document_id": block,
            "subject": entry.pop("subject"), "body": entry.pop("body"),
        }  # fmt: skip
        automation = Automation.model_validate(entry | {"actions": [action], "enabled": True})
        automation.create()
        made.append(automation.name)
    return made


def main() -> int:
    """Make or take away the automations; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--block", default="", help="a notification block of Prefect, as type/name")
    parser.add_argument("--off", action="store_true", help="take the automations away")
    given = parser.parse_args()
    try:
        connect()
        made = install(None if given.off else notification_block(given.block))
    except CasebookError as error:
        print(f"casebook: {error}", file=sys.stderr)
        return error.exit_status
    print("Nobody is told of anything any more." if given.off else f"Told from now on: {', '.join(made)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
