"""Which pod does a run get? Writes base-job-template.json for the work pool `casebook` of type kubernetes.

    python deployments/kubernetes/make_template.py
    cd deployments/kubernetes
    prefect work-pool create casebook --type kubernetes --base-job-template base-job-template.json

Beside what Prefect's own template has: not root, nothing to write but three folders, no account of the cluster, bounded
processor and memory, the store on a volume or an object store, and every secret from a Secret of Kubernetes.
"""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("base-job-template.json")
IMAGE = "registry.example/casebook:0.2.0"
FOLDERS = {"scratch": "/tmp", "home": "/data"}  # noqa: S108 - of a container that is gone with the run


def variable(kind: str, default: Any, description: str, **rest: Any) -> dict[str, Any]:
    """Describe what a deployment may set in its `job_variables`."""
    return {"type": kind, "default": default, "description": description, **rest}


def variables() -> dict[str, Any]:
    """Return all that may be set; the names are those of Prefect's kubernetes worker."""
    text = {"type": "string"}
    return {
        "name": variable("string", "casebook", "name of the job"),
        "command": variable("string", "", "what runs; Prefect's own command when empty"),
        "env": {"type": "object", "title": "Environment", "additionalProperties": text, "default": {}},
        "labels": {"type": "object", "additionalProperties": text, "default": {}},
        "namespace": variable("string", "casebook", "namespace of the jobs"),
        "image": variable("string", IMAGE, "image of Casebook"),
        "image_pull_policy": variable(
            "string", "IfNotPresent", "when it is fetched", enum=["IfNotPresent", "Always", "Never"]
        ),
        "cpu": variable("string", "2", "processors of a run"),
        "memory": variable("string", "6Gi", "memory of a run"),
        "finished_job_ttl": variable("integer", 3600, "seconds that a finished job is kept"),
        "job_watch_timeout_seconds": variable("integer", 14400, "seconds until the worker takes a silent job for gone"),
        "pod_watch_timeout_seconds": variable("integer", 300, "seconds that a pod may take to start"),
        "stream_output": variable("boolean", True, "whether the worker shows what the run says"),
        "reports": variable("string", "casebook-reports", "claim of the volume with the reports"),
        "settings": variable("string", "casebook-settings", "ConfigMap with CASEBOOK_*: store, MLflow, Spark"),
        "secrets": variable("string", "casebook-secrets", "Secret with keys of object store, MLflow and Prefect"),
    }


def manifest() -> dict[str, Any]:
    """Return the job; what stands in double braces is a variable."""
    run = {
        "name": "casebook",
        "image": "{{ image }}",
        "imagePullPolicy": "{{ image_pull_policy }}",
        "args": "{{ command }}",
        "env": "{{ env }}",
        "envFrom": [{"configMapRef": {"name": "{{ settings }}"}}, {"secretRef": {"name": "{{ secrets }}"}}],
        "resources": {
            "requests": {"cpu": "{{ cpu }}", "memory": "{{ memory }}"},
            "limits": {"memory": "{{ memory }}"},
        },
        "securityContext": {
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            *({"name": name, "mountPath": path} for name, path in FOLDERS.items()),
            {"name": "reports", "mountPath": "/reports"},
        ],
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [run],
        "volumes": [
            *({"name": name, "emptyDir": {"sizeLimit": "20Gi"}} for name in FOLDERS),
            {"name": "reports", "persistentVolumeClaim": {"claimName": "{{ reports }}"}},
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"labels": "{{ labels }}", "namespace": "{{ namespace }}", "generateName": "{{ name }}-"},
        # Kubernetes does not repeat a pod: Prefect's recovery does (automations.yaml), and counts how often.
        "spec": {"backoffLimit": 0, "ttlSecondsAfterFinished": "{{ finished_job_ttl }}", "template": {"spec": pod}},
    }


def template() -> dict[str, Any]:
    """Return the base job template."""
    taken = ("command", "env", "labels", "name", "namespace", "job_watch_timeout_seconds", "pod_watch_timeout_seconds")
    configuration: dict[str, Any] = {name: f"{{{{ {name} }}}}" for name in (*taken, "stream_output")}
    return {
        "job_configuration": configuration | {"job_manifest": manifest()},
        "variables": {"type": "object", "properties": variables()},
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(template(), indent=2) + "\n", "utf-8")
    print(FILE)
