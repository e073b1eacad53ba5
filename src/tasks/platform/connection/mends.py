"""What are the three likeliest mends of a broken link? By the link, by what broke it, and by what is asked."""

from tasks.platform.connection.targets import Target
from tasks.platform.google import BLOCK, OF_GOOGLE, VARIABLE

LINKS = ("name", "route", "TLS", "clock", "credentials", "permission", "quota")

_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN too if they are temporary), or AWS_PROFILE",
    "gs": f"the path of a service account's key in {OF_GOOGLE}",
    "abfs": "AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN, or AZURE_STORAGE_CONNECTION_STRING",
    "bigquery": f"the key of a service account in {VARIABLE} or {OF_GOOGLE}, or in the Secret block {BLOCK}",
    "host": "user and password, or the token, of the address",
}
_ROLES = {
    "s3": "s3:ListBucket on the bucket and s3:GetObject (s3:PutObject for a store) on what is in it",
    "gs": "Storage Object Viewer (Storage Object User for a store) on the bucket",
    "abfs": "Storage Blob Data Reader (Contributor for a store) on the container, or a SAS that may list and read",
    "bigquery": "BigQuery Job User in the project, and BigQuery Data Viewer on the tables",
    "host": "what the address shows",
}
_NAMED = {"s3": "bucket", "gs": "bucket", "abfs": "container", "bigquery": "project", "host": "path"}


def mends(link: str, cause: str, target: Target) -> list[str]:
    """Return what to do about a broken link, the likeliest first.

    Args:
        link: one of `LINKS`.
        cause: what broke it, as the check has found it.
        target: what is asked.
    """
    keys, roles, named = (table.get(target.kind, "") for table in (_KEYS, _ROLES, _NAMED))
    host, port = target.host, target.port
    table: dict[tuple[str, str], list[str]] = {
        ("name", "unknown"): [
            f"Look for a typing error in {host}: account, bucket and region are part of the name.",
            "See that what it names exists still, in this region; a private name is known in its own network only.",
            f"Ask another resolver (`nslookup {host} 1.1.1.1`); if it knows the name, mend /etc/resolv.conf here.",
        ],
        ("name", "silent"): [
            "See that this machine has a network at all (`ip route`), and a VPN that it needs.",
            "Look at the resolver in /etc/resolv.conf: it does not answer.",
            "Behind a proxy set HTTPS_PROXY, so that the proxy looks names up.",
        ],
        ("route", "refused"): [
            f"Start the service: the machine is there, and nothing listens on port {port}.",
            f"Look whether {port} is the right port, and whether the service listens on more than loopback.",
            "Have the firewall of that machine let this one in; some refuse in place of being silent.",
        ],
        ("route", "silent"): [
            f"Have the firewall or security group let this machine reach port {port} (a silent drop looks like this).",
            "Connect the VPN or private endpoint by which that network is reached, or set HTTPS_PROXY.",
            f"See that the machine {host} runs, and that its address has not changed.",
        ],
        ("route", "unreachable"): [
            "See that this machine has a route there (`ip route get`), and a VPN that it needs.",
            "Where only IPv6 fails, turn it off or give the IPv4 address.",
            "See that the subnet there has a gateway for the way back.",
        ],
        ("TLS", "untrusted"): [
            "If a proxy of your site opens the encryption, add its authority: SSL_CERT_FILE=/path/of/bundle.pem.",
            "Have the server send its whole chain, intermediate certificates included.",
            "If neither is so, do not go on: somebody else may answer in the place of the server.",
        ],
        ("TLS", "name"): [
            f"Ask by a name that is in the certificate; {host} is not.",
            "See whether the name resolves to the right machine (a stale entry in /etc/hosts, a captive portal).",
            f"Have the certificate made for {host} too.",
        ],
        ("TLS", "date"): [
            "Compare the clock of this machine with the dates of the certificate (`timedatectl`), and set it.",
            "Have the server renew its certificate and load it anew.",
            "If a proxy of your site opens the encryption, have its authority renewed.",
        ],
        ("TLS", "none"): [
            f"See whether port {port} speaks TLS at all, or whether the address is http.",
            "A proxy or captive portal may answer in its place: open the address in a browser.",
            "Have the server accept TLS 1.2 or 1.3.",
        ],
        ("TLS", "silent"): [
            "Look for a firewall that inspects TLS and drops what it does not like.",
            "Try a smaller MTU (`ip link set dev eth0 mtu 1400`): a VPN may lose large packets.",
            "See that the server is not overloaded: it takes connections and does not go on.",
        ],
        ("clock", "off"): [
            "Set the clock of this machine: `timedatectl set-ntp true`, or start chronyd.",
            "Let NTP out (UDP port 123), or name the time server of your site.",
            "On a virtual machine or in WSL take the time from the host after it slept.",
        ],
        ("credentials", "none"): [
            f"Give {keys}.",
            "See that the variable is set where the program runs: services, containers and cron do not see your shell.",
            "Look for a typing error in the name of the variable or the path of the file.",
        ],
        ("credentials", "refused"): [
            f"Make a new key and give {keys}.",
            "See that the key is whole (no line break or quotation mark lost), and of this account.",
            "See whether the key was deactivated or deleted, or its account with it.",
        ],
        ("credentials", "expired"): [
            "Log in anew: temporary credentials have ended (`aws sso login`, a new SAS, a new token).",
            "Take a key that is renewed by itself: a role or a service account.",
            "See that no old variable stands before the new credentials (`env | grep -i -E 'aws|azure|google'`).",
        ],
        ("permission", "denied"): [
            f"Have the account given {roles}.",
            f"See that it is the right account and {named}: a key of another project looks like this.",
            "Look at the firewall of the account, conditions and policies above it; a new role takes minutes to count.",
        ],
        ("permission", "absent"): [
            f"Look for a typing error in the {named} {target.name}".rstrip() + ".",
            "See that it exists still, in this region and account.",
            f"Have the account given {roles}: what it may not see looks as if it were not there.",
        ],
        ("quota", "used up"): [
            "Ask less often, and run again after the wait that the service names.",
            "See which quota it is (the console's quotas page), and have it raised or wait until it is renewed.",
            "See what else uses it: another job with the same key, a loop that lists without end.",
        ],
        ("quota", "out of order"): [
            "Wait some minutes and try again: the service is out of order or overloaded.",
            "Look at the status page of the service, for this region.",
            "If a gateway or load balancer answers, see that what is behind it runs.",
        ],
        ("TLS", "greeting"): [
            f"See whether an SSH server listens on port {port}: something else may have taken it.",
            "See that the server does not ban this machine (fail2ban, MaxStartups, hosts.deny).",
            "See that sshd can start a session (`journalctl -u ssh` there): it takes connections and says nothing.",
        ],
    }
    return table[link, cause]
