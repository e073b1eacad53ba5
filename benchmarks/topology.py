"""Does the topology of several workers (deployments/topology.py) keep its promises when parts of it die?

    python benchmarks/topology.py                      all four, on a topology in a temporary folder, ended afterwards
    python benchmarks/topology.py takeover limit       some of them

- takeover: the worker that trains is killed with all its processes (SIGKILL); another one goes on from the store.
- restart: PostgreSQL, then Redis are killed (SIGKILL) and started again during a nightly run; nothing lost or doubled.
- limit: 50 runs are triggered of a deployment that may run twice at once.
- commands: eight commands at once report to the server.
- reruns: `casebook backfill` over five days, two at once, of one of which there is no file yet; the file comes, and
  `casebook retry failed` starts that day again. Each is asked for twice, and nothing is doubled.

The last line is a JSON record. Needed: Debian's postgresql and redis-server, and the extra `cluster`.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
RUNS, LIMIT, COMMANDS = 50, 2, 8
PATIENCE = 5400.0


class Shows:
    """What is shown on a topology that runs."""

    def __init__(self, topology: Any, output: Path) -> None:
        from prefect.client.orchestration import get_client

        self.topology, self.output = topology, output
        self.client = get_client(sync_client=True).__enter__()

    def trigger(self, deployment: str, **parameters: Any) -> Any:
        """Ask for a run of a deployment."""
        found = self.client.read_deployment_by_name(deployment)
        return self.client.create_flow_run_from_deployment(found.id, parameters=parameters)

    def run(self, identity: UUID) -> Any:
        """Return a flow run as it is now; while the server cannot say, ask again."""
        return self.client.read_flow_run(identity)

    def wait(self, identity: UUID, *names: str) -> Any:
        """Wait until a run is in one of these states, or in any final one; return it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.run(identity)
            if found.state and (found.state.name in names or (not names and found.state.is_final())):
                return found
            time.sleep(0.5)
        raise SystemExit(f"The run {identity} did not get there: {found.state}")

    def tasks(self, identity: UUID) -> Counter[str]:
        """Count the task runs of a flow run by the type of their state."""
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

        wanted = FlowRunFilter(id=FlowRunFilterId(any_=[identity]))
        return Counter(
            str(item.state_type.value) for item in self.client.read_task_runs(flow_run_filter=wanted, limit=200)
        )

    def results(self, case: str) -> list[dict[str, Any]]:
        """Return what the runs of a case left."""
        return [json.loads(file.read_text("utf-8")) for file in sorted(self.output.glob(f"{case}/*/result.json"))]

    def worker_of(self, identity: UUID) -> str | None:
        """Return the worker below which a flow run's process runs."""
        from deployments.processes import tree

        for name, noted in self.topology.noted.items():
            for process in tree(noted.pid) if name.startswith("worker") else []:
                text = Path(f"/proc/{process.pid}/environ").read_bytes()
                if f"PREFECT__FLOW_RUN_ID={identity}".encode() in text:
                    return str(name)
        return None

    def takeover(self) -> dict[str, Any]:
        """Kill the worker that trains, and see who goes on from where."""
        started = self.trigger(
            "quality/sample", seed=int(time.time()) % 100_000
        )  # a seed of its own: nothing is cached
        self.wait(started.id, "Running")
        while self.tasks(started.id)["COMPLETED"] < 8:  # in the middle of the comparison of the models
            time.sleep(0.2)
        worker = self.worker_of(started.id)
        assert worker is not None
        done = self.tasks(started.id)["COMPLETED"]
        self.topology.end(worker, signal.SIGKILL)
        clock = time.monotonic()
        told: dict[str, Any] = {"killed": worker, "stages_done_at_the_kill": done}
        while (found := self.run(started.id)).state.name == "Running" and found.run_count == 1:
            time.sleep(0.5)
        told["seconds_until_noticed"] = round(time.monotonic() - clock, 1)
        while (found := self.run(started.id)).run_count < 2:
            time.sleep(0.5)
        told["seconds_until_taken_up"] = round(time.monotonic() - clock, 1)
        told["taken_up_by"] = self.worker_of(started.id)
        found = self.wait(started.id)
        told |= {
            "state": found.state.name,
            "starts": found.run_count,
            "seconds_until_done": round(time.monotonic() - clock, 1),
        }
        mine = [item for item in self.results("quality") if item["prefect"] == str(started.id)]
        told["reports"] = len(mine)
        if mine:
            states = Counter(stage["state"] for stage in mine[0]["stages"])
            told |= {"stages_cached": states["cached"], "stages_ran": states["ran"]}
        self.topology.start(worker)
        return told

    def restart(self) -> dict[str, Any]:
        """Kill and start again both databases during a nightly run."""
        cases = ["births", "cloud_costs", "consumer_prices"]
        before = {case: len(self.results(case)) for case in cases}
        started = self.trigger("nightly/all-cases", cases=cases)
        self.wait(started.id, "Running")
        for name in ("postgres", "redis"):
            while not self._a_case_computes(started.id):
                time.sleep(0.2)
            self.topology.end(name, signal.SIGKILL)
            time.sleep(5)
            self.topology.start(name)
            time.sleep(5)
        found = self.wait(started.id)
        time.sleep(15)  # what the events still have to say of task runs
        told: dict[str, Any] = {"state": found.state.name, "starts": found.run_count, "cases": {}}
        for case in cases:
            results = self.results(case)[before[case] :]
            stages = sum(len(item["stages"]) for item in results)
            known = self.tasks(UUID(results[-1]["prefect"])) if results else Counter()
            told["cases"][case] = {"reports": len(results), "stages": stages, "task_runs": dict(known)}
        told["sub_runs"] = self._below(started.id)
        return told

    def _a_case_computes(self, night: UUID) -> bool:
        return self._below(night).get("RUNNING", 0) > 0

    def _below(self, night: UUID) -> dict[str, int]:
        """Count the flow runs below a flow run by the type of their state."""
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId

        wanted = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[night]))
        return dict(Counter(str(item.state_type.value) for item in self.client.read_flow_runs(flow_run_filter=wanted)))

    def limit(self) -> dict[str, Any]:
        """Trigger 50 runs of a deployment that may run twice at once."""
        model = self.client.read_deployment_by_name("births/sample")
        made = self.client.create_deployment(
            flow_id=model.flow_id,
            name="fifty",
            entrypoint=model.entrypoint,
            path=model.path,
            tags=["casebook"],
            pull_steps=model.pull_steps,
            work_pool_name=model.work_pool_name,
            concurrency_limit=LIMIT,
            concurrency_options={"collision_strategy": "ENQUEUE"},
        )
        clock = time.monotonic()
        asked = [self.client.create_flow_run_from_deployment(made).id for _ in range(RUNS)]
        most = 0
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            states = self._states(made)
            most = max(most, states["RUNNING"] + states["PENDING"])
            if sum(states[name] for name in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")) == RUNS:
                break
            time.sleep(0.2)
        spans = sorted(self._spans(asked))
        return {
            "runs": RUNS,
            "states": dict(self._states(made)),
            "at_once_as_polled": most,
            "at_once_by_their_times": at_once(spans),
            "seconds": round(time.monotonic() - clock, 1),
        }

    def _runs_of(self, deployment: UUID) -> list[Any]:
        from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

        wanted = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
        return list(self.client.read_flow_runs(deployment_filter=wanted, limit=200))

    def _states(self, deployment: UUID) -> Counter[str]:
        return Counter(str(item.state_type.value) for item in self._runs_of(deployment))

    def _spans(self, asked: list[UUID]) -> list[tuple[float, float]]:
        runs = [self.run(identity) for identity in asked]
        return [
            (item.start_time.timestamp(), item.end_time.timestamp())
            for item in runs
            if item.start_time and item.end_time
        ]

    def commands(self) -> dict[str, Any]:
        """Start eight commands at once."""
        clock = time.monotonic()
        names = ["births", "listening", "cloud_costs", "births", "listening", "cloud_costs", "births", "listening"]
        running = [
            subprocess.Popen(
                [sys.executable, f"flows/{name}.py"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for name in names[:COMMANDS]
        ]
        said = [child.communicate(timeout=PATIENCE) for child in running]
        failed = [err.decode()[-300:] for child, (_, err) in zip(running, said, strict=True) if child.returncode]
        reports = {out.decode().strip() for out, _ in said}
        return {
            "commands": len(running),
            "failed": len(failed),
            "why": failed,
            "reports": len(reports),
            "seconds": round(time.monotonic() - clock, 1),
        }

    def reruns(self) -> dict[str, Any]:
        """Fill five days, one of them without a file, and start what failed again."""
        from tasks.cases.births.sample import write_rows

        folder = self.output.parent / "days"
        folder.mkdir(exist_ok=True)
        days = [f"2026-03-{day:02}" for day in range(1, 6)]
        for number, day in enumerate(days):
            if number != 2:
                write_rows(folder / f"{day}.parquet", 20_000, seed=number)
        fill = [
            "backfill",
            "births",
            "--from",
            days[0],
            "--to",
            days[-1],
            "--at-once",
            "2",
            "--source",
            f"{folder}/{{date}}.parquet",
        ]
        clock = time.monotonic()
        told: dict[str, Any] = {"backfill": [self._casebook(*fill), self._casebook(*fill)]}
        made = self.client.read_deployment_by_name("births/backfill").id
        told["after_backfill"] = self._settled(made, 5)
        told["at_once_by_their_times"] = at_once(sorted(self._spans([item.id for item in self._runs_of(made)])))
        write_rows(folder / f"{days[2]}.parquet", 20_000, seed=2)
        again = ["retry", "failed", "--case", "births"]
        told["retry"] = [self._casebook(*again), self._casebook(*again)]
        told["after_retry"] = self._settled(made, 6)
        told["reports"] = len([item for item in self.results("births") if str(folder) in json.dumps(item)])
        return told | {"seconds": round(time.monotonic() - clock, 1)}

    def _casebook(self, *words: str) -> str:
        """Run a `casebook` command; return what it said."""
        command = [sys.executable, "-m", "flows", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return f"{done.returncode}: {(done.stdout + done.stderr).strip()[-300:]}"

    def _settled(self, deployment: UUID, runs: int) -> dict[str, int]:
        """Wait until a deployment has so many runs and all have ended; return their states."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            states = self._states(deployment)
            if sum(states[name] for name in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")) >= runs:
                return dict(states)
            time.sleep(0.5)
        raise SystemExit(f"The runs did not end: {dict(states)}")


def at_once(spans: list[tuple[float, float]]) -> int:
    """Return how many of the spans overlap at most."""
    marks = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    now = most = 0
    for _, step in marks:
        now += step
        most = max(most, now)
    return most


def main() -> None:
    """Run the shows that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shows", nargs="*", help="takeover, restart, limit, commands, reruns")
    parser.add_argument("--keep", type=Path, help="a topology's home that is used and left running")
    given = parser.parse_args()
    home = (given.keep or Path(tempfile.mkdtemp(prefix="casebook-topology-"))).absolute()
    home.mkdir(exist_ok=True)
    home.chmod(0o711)
    os.environ |= {"CASEBOOK_HOME": str(home), "CASEBOOK_TRACKING": "off"}
    output = Path(os.environ.setdefault("CASEBOOK_OUTPUT", str(home / "reports")))
    from deployments.topology import Topology
    from tasks.platform.settings import apply_prefect_settings

    apply_prefect_settings()
    topology = Topology()
    told: dict[str, Any] = {}
    clock = time.monotonic()
    try:
        topology.up()
        told["seconds_to_start"] = round(time.monotonic() - clock, 1)
        os.environ |= topology.site.environment() | {"PREFECT_PROFILES_PATH": os.devnull}
        shows = Shows(topology, output)
        for name in given.shows or ["takeover", "restart", "limit", "commands", "reruns"]:
            told[name] = getattr(shows, name)()
            print(f"{name}: {json.dumps(told[name])}", flush=True)
    finally:
        if not given.keep:
            topology.down()
            shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
