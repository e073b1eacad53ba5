"""What an image and its topology promise: nobody is root, nothing is published, secrets are files, all is pinned."""

import importlib.util
import json
import re
import stat
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tasks.platform.settings import apply_prefect_settings

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deployments"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PINNED = re.compile(r"[a-z0-9./-]+:\d[\w.-]*\d[\w.-]*")  # a tag with a full version


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"deployed_{Path(name).stem}", FOLDER / name)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


prepare, template = load("containers/prepare.py"), load("kubernetes/make_template.py")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["user"].startswith("${CASEBOOK_UID:?")  # refused when unset, so that it cannot become root
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert PINNED.fullmatch(service["image"])
    assert "privileged" not in service
    assert service.get("network_mode") is None
    if name == "deploy":  # ends by itself
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_the_loopback_address_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)


def test_the_databases_have_no_way_out() -> None:
    assert COMPOSE["networks"]["inner"] == {"internal": True}
    for name in ("postgres", "redis", "spark-master", "spark-worker"):
        assert SERVICES[name]["networks"] == ["inner"]
        assert "ports" not in SERVICES[name]


def test_secrets_are_files_and_nothing_else_looks_like_one() -> None:
    made = prepare.texts()
    declared = {name: entry["file"] for name, entry in COMPOSE["secrets"].items()}
    assert declared == {name: f"./secrets/{name}" for name in made}
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == set(made)
    for service in SERVICES.values():
        for name, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|SECRET|AUTH|TOKEN|CONNECTION|REDIS_MESSAGING_URL", name):
                assert str(value).startswith("/run/secrets/")


def test_whoever_asks_the_database_depends_on_it_and_knows_it() -> None:
    for name in ("prefect", "prefect-services"):
        assert "PREFECT_SERVER_DATABASE_CONNECTION_URL" in SERVICES[name]["secrets"]
        assert SERVICES[name]["environment"]["PREFECT_MESSAGING_BROKER"] == "prefect_redis.messaging"
    for name in ("worker", "deploy"):
        assert "PREFECT_SERVER_DATABASE_CONNECTION_URL" not in SERVICES[name]["secrets"]
    for name, service in SERVICES.items():
        for other in service.get("depends_on", {}):
            assert other in SERVICES, name


def test_prepare_makes_files_for_their_owner_once(tmp_path: Path) -> None:
    prepare.prepare(tmp_path)
    files = sorted((tmp_path / "secrets").iterdir())
    assert [file.name for file in files] == sorted(prepare.texts())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    before = [file.read_text("utf-8") for file in files]
    assert len(set(before)) >= len(before) - 1  # the two strings of Prefect are one
    password = (tmp_path / "secrets" / "postgres_password").read_text("utf-8")
    assert len(password) >= 32
    assert password in (tmp_path / "secrets" / "PREFECT_SERVER_DATABASE_CONNECTION_URL").read_text("utf-8")
    prepare.prepare(tmp_path)
    assert [file.read_text("utf-8") for file in files] == before
    assert re.fullmatch(r"CASEBOOK_UID=[1-9]\d*\nCASEBOOK_GID=\d+\n", (tmp_path / ".env").read_text("utf-8"))
    files[0].unlink()  # they belong together: half of them new would lock everybody out
    with pytest.raises(SystemExit, match=f"lacks {re.escape(files[0].name)}"):
        prepare.prepare(tmp_path)


def test_the_entry_makes_variables_of_files_and_keeps_the_signals(tmp_path: Path) -> None:
    script = (FOLDER / "containers" / "entry.sh").read_text("utf-8").replace("/run/secrets", str(tmp_path))
    (tmp_path / "entry.sh").write_text(script)
    (tmp_path / "A_SECRET").write_text("with 'quotes' $HOME\n")
    (tmp_path / "lower.conf").write_text("no variable")
    code = "import json, os; print(json.dumps([os.environ['A_SECRET'], 'lower.conf' in os.environ, os.getpid()]))"
    child = subprocess.Popen(
        ["/bin/sh", str(tmp_path / "entry.sh"), sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    )
    said, _ = child.communicate(timeout=60)
    assert json.loads(said) == ["with 'quotes' $HOME", False, child.pid]


def test_healthy_sees_a_server_and_its_absence() -> None:
    import socket

    healthy = load("containers/healthy.py").healthy
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert healthy(f"127.0.0.1:{port}")
    assert not healthy(f"127.0.0.1:{port}")
    assert not healthy(f"http://127.0.0.1:{port}/health")
    assert not healthy("nonsense")


DOCKERFILE = (FOLDER / "Dockerfile").read_text("utf-8")


def test_the_image_is_pinned_and_is_not_root() -> None:
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.1[123]\.\d+-slim-\w+$", DOCKERFILE, re.M)
    assert "--require-hashes" in DOCKERFILE
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.M)[-1] == "${USER_ID}"
    assert "ARG USER_ID=10001\n" in DOCKERFILE
    assert len(re.findall(r"^FROM ", DOCKERFILE, re.M)) == 2
    assert "HEALTHCHECK" in DOCKERFILE
    assert not re.search("apt|curl|wget|git clone", DOCKERFILE)


def pins(file: Path) -> dict[str, str]:
    """Return the pinned versions; a package may have one for each platform."""
    return {line.split(";")[0].strip(" \\"): line for line in file.read_text("utf-8").splitlines() if "==" in line[:80]}


def test_the_image_has_the_pins_of_the_suite_without_its_tools() -> None:
    own, suite = pins(FOLDER / "image.lock"), pins(ROOT / "requirements.lock")
    assert own.keys() <= suite.keys()
    names = {pin.partition("==")[0] for pin in own}
    assert {"prefect", "prefect-redis", "flask-wtf", "s3fs", "tensorflow", "pyspark"} <= names
    assert not names & {"pytest", "ruff", "mypy", "moto", "hypothesis", "uv", "polars"}
    text = (FOLDER / "image.lock").read_text("utf-8")
    assert text.count("--hash=sha256:") > len(own)
    assert "://" not in text


def sent() -> list[str]:
    """Return the files of the repository that .dockerignore lets through; the last rule that fits a file decides."""
    rules = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and line[0] != "#"]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    kept = []
    for file in filter(None, listed):
        fits = [rule for rule in rules if fnmatch(file, rule.lstrip("!")) or fnmatch(file, rule.lstrip("!*/") + "*")]
        if fits and fits[-1].startswith("!"):
            kept.append(file)
    return kept


def test_only_what_the_image_needs_is_sent() -> None:
    files = sent()
    tops = {file.split("/")[0] for file in files}
    assert tops == {"deployments", "flows", "src", "pyproject.toml", "LICENSE"}
    assert not [file for file in files if "secret" in file and file.startswith("deployments")]
    for needed in re.findall(
        r"/app/(deployments/\S+?\.(?:sh|py))", DOCKERFILE + (FOLDER / "compose.yaml").read_text("utf-8")
    ):
        assert needed in files


VARIABLE = re.compile(r"\{\{ (\w+) \}\}")


def test_the_job_template_is_what_its_script_makes_and_is_whole() -> None:
    stored = json.loads((FOLDER / "kubernetes" / "base-job-template.json").read_text("utf-8"))
    assert stored == template.template()
    known = stored["variables"]["properties"]
    used = set(VARIABLE.findall(json.dumps(stored["job_configuration"])))
    assert used == set(known)
    pod = stored["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    [run] = pod["containers"]
    assert run["securityContext"]["readOnlyRootFilesystem"] is True
    assert run["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {mount["name"] for mount in run["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_prefect_takes_the_job_template() -> None:
    apply_prefect_settings()
    from prefect.server.schemas.actions import WorkPoolCreate

    made = template.template()
    assert WorkPoolCreate(name="casebook", type="kubernetes", base_job_template=made).base_job_template == made
    del made["variables"]["properties"]["memory"]
    with pytest.raises(ValueError, match="memory"):
        WorkPoolCreate(name="casebook", type="kubernetes", base_job_template=made)


@pytest.mark.parametrize("name", ["server-values.yaml", "worker-values.yaml", "casebook.yaml"])
def test_on_kubernetes_nobody_is_root_and_secrets_are_named(name: str) -> None:
    text = (FOLDER / "kubernetes" / name).read_text("utf-8")
    for document in yaml.safe_load_all(text):
        for path, value in flat(document):
            if path.endswith((".runAsUser", ".runAsGroup")):
                assert value > 0
            if path.endswith("allowPrivilegeEscalation"):
                assert value is False
            if re.search(r"password|authString|connectionString$", path, re.I) and "existing" not in path.lower():
                raise AssertionError(f"{path} holds a secret")
            if path.endswith((".image", ".prefectTag")) and isinstance(value, str):
                assert re.search(r"\d+\.\d+\.\d+", value)
    assert ":latest" not in text


def flat(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return all plain values of a document with their paths."""
    if isinstance(value, dict):
        return [pair for key, item in value.items() for pair in flat(item, f"{path}.{key}")]
    if isinstance(value, list):
        return [pair for item in value for pair in flat(item, path)]
    return [(path, value)]
