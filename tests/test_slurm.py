"""The array script of docs/clusters.md, run by a real Slurm of one node."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import PATIENCE_S, Harness, tiny, write_pairs
from test_ray_engine import no_overlaps, table

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "sinfo")

pytestmark = pytest.mark.skipif(
    any(shutil.which(program) is None for program in PROGRAMS) or os.geteuid() != 0,
    reason="needs Debian's slurm-wlm and munge, and root",
)

CONF = """
ClusterName=esr
SlurmctldHost={host}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={port}
SlurmdPort={next_port}
ProctrackType=proctrack/pgid
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Start munged, a controller and one node, and say in which environment they are found."""
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir()
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    munge = folder / "munge"
    places = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    flags = [f"--{flag}={munge / name}" for flag, name in places.items()]
    port = 20_000 + os.getpid() % 20_000
    host = socket.gethostname().partition(".")[0]
    conf = folder / "slurm.conf"
    conf.write_text(
        CONF.format(
            host=host, folder=folder, port=port, next_port=port + 1, cores=os.cpu_count() or 1
        )
    )
    daemons = (
        ["munged", "--foreground", "--force", f"--key-file={key}", *flags],
        ["slurmctld", "-D", "-f", str(conf)],
        ["slurmd", "-D", "-f", str(conf)],
    )
    environment = os.environ | {"SLURM_CONF": str(conf)}
    running = []
    try:
        for command in daemons:
            running.append(
                subprocess.Popen(
                    command,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
            time.sleep(2)
        for _ in range(60):
            said = subprocess.run(
                ["sinfo", "-h", "-o", "%t"], env=environment, capture_output=True, text=True
            )
            if said.stdout.strip() == "idle":
                break
            time.sleep(1)
        else:
            pytest.skip(f"Slurm does not come up here: {said.stdout}{said.stderr}")
        yield environment
    finally:
        for daemon in reversed(running):
            daemon.terminate()
            daemon.wait(30)


def test_the_array_script_gives_the_leaderboard_of_a_serial_run(
    slurm: dict[str, str], tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```bash\n(.*?--array=.*?)```", page, flags=re.DOTALL)
    assert "#SBATCH --gpus=1\n" in script
    file = tmp_path / "esr.sbatch"
    file.write_text(script.replace("#SBATCH --gpus=1\n", ""))
    made = Harness(tmp_path / "harness")
    write_pairs(tmp_path / "data")
    made.count_at(32)
    for number in range(4):
        made.add(f"team{number:02d}_T", tiny("self.no") if number == 2 else tiny())
    serial = tmp_path / "serial"
    data = str(tmp_path / "data")
    done = made.run("--model_id", "all", "--data_dir", data, "--save_dir", str(serial))
    assert done.returncode == 1, done.stderr
    results = tmp_path / "results"
    environment = slurm | {
        "ESR_HOME": str(made.path),
        "ESR_DATA": data,
        "ESR_RESULTS": str(results),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    submitted = subprocess.run(
        ["sbatch", "--wait", "--array=1-2", "--cpus-per-task=1", str(file)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    logs = "\n".join(log.read_text() for log in tmp_path.glob("esr-*.log"))
    assert submitted.returncode == 0, submitted.stderr + logs
    subprocess.run(
        [sys.executable, "-m", "esr", "leaderboard", str(results)], cwd=made.path, check=True
    )
    assert table(results) == table(serial)
    assert no_overlaps(results) == 4
