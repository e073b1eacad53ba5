"""Who is told when a run fails, crashes or is late, or when figures drift? Makes the automations of automations.yaml.

    export CASEBOOK_ALERT_URL=https://hooks.slack.com/services/…     # a secret: it is stored in a block, hidden
    python deployments/alerts.py                                     # a POST with subject and text as JSON
    python deployments/alerts.py --block slack-webhook/team          # or by a notification block that you made in the
                                                                     # Prefect UI: Slack, e-mail, Teams, PagerDuty …
    python deployments/alerts.py --off
    python deployments/alerts.py --recovery on                       # runs whose machine is gone are taken up by
                                                                     # another worker; or off

It talks to the `make serve` that runs, or to PREFECT_API_URL.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from tasks.platform.api import known_api  # noqa: E402 - the path comes first
from tasks.platform.errors import CasebookError, UsageError  # noqa: E402

BLOCK = "casebook-alerts"
URL = "CASEBOOK_ALERT_URL"


def connect() -> None:
    """Take the server that `make serve` runs, or the one that is set.

    Raises:
        CasebookError: there is none.
    """
    os.environ |= known_api()


def read_automations(part: str = "automations") -> list[dict[str, Any]]:
    """Read the automations that tell somebody, without their action; or those of `recovery`, with it."""
    import yaml

    return list(yaml.safe_load((ROOT / "deployments" / "automations.yaml").read_text("utf-8"))[part])


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
        name=BLOCK,
        url="{{address}}",
        secrets=SecretDict({"address": address}),
        json_data={"text": "{{subject}}\n{{body}}", "subject": "{{subject}}", "body": "{{body}}"},
    )
    return str(block.save(BLOCK, overwrite=True))


def install(block: str | None) -> list[str]:
    """Replace the automations that tell somebody by those of the file; without a block they are only taken away.

    Returns:
        The names of those that are there now.
    """
    entries = read_automations()
    names = [entry["name"] for entry in entries]
    for entry in entries:
        told = {"subject": entry.pop("subject"), "body": entry.pop("body")}
        entry["actions"] = [{"type": "send-notification", "block_document_id": block, **told}]
    return replace(names, entries if block else [])


def install_recovery(on: bool) -> list[str]:
    """Let crashed runs be taken up again, or not any more; return the names of the automations that do."""
    entries = read_automations("recovery")
    return replace([entry["name"] for entry in entries], entries if on else [])


def replace(names: list[str], entries: list[dict[str, Any]]) -> list[str]:
    """Take away the automations of these names and make those of `entries`; return the names of those made."""
    from prefect.automations import Automation
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        for old in client.read_automations():
            if old.name in names:
                client.delete_automation(old.id)
    for entry in entries:
        Automation.model_validate(entry | {"enabled": True}).create()
    return [entry["name"] for entry in entries]


def main() -> int:
    """Make or take away the automations; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--block", default="", help="a notification block of Prefect, as type/name")
    parser.add_argument("--off", action="store_true", help="take the automations away")
    parser.add_argument("--recovery", choices=["on", "off"], help="whether crashed runs are taken up again")
    given = parser.parse_args()
    try:
        connect()
        if given.recovery:
            install_recovery(given.recovery == "on")
            print(f"Crashed runs are {'' if given.recovery == 'on' else 'not '}taken up again from now on.")
            return 0
        made = install(None if given.off else notification_block(given.block))
    except CasebookError as error:
        print(f"casebook: {error}", file=sys.stderr)
        return error.exit_status
    print("Nobody is told of anything any more." if given.off else f"Told from now on: {', '.join(made)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
