"""Python tells what is really done, and a judge that fails disturbs nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from harness import PATIENCE_S

ACTS = {
    "open('there')": [("read", "open", ["there"])],
    "open(b'there', 'a')": [("write", "open", ["there"])],
    "os.open('there', os.O_RDWR)": [("write", "open", ["there"])],
    "open(os.open('there', os.O_RDONLY))": [("read", "open", ["there"]), ("read", "open", [])],
    "os.listdir()": [("list", "os.listdir", ["."])],
    "os.scandir('/')": [("list", "os.scandir", ["/"])],
    "os.chdir('.')": [("enter", "os.chdir", ["."])],
    "os.mkdir('made')": [("write", "os.mkdir", ["made"])],
    "os.rename('made', 'moved')": [("write", "os.rename", ["made", "moved"])],
    "os.link('there', 'other')": [("write", "os.link", ["there", "other"])],
    "os.symlink('there', 'link')": [("write", "os.symlink", ["there", "link"])],
    "os.truncate('there', 0)": [("write", "os.truncate", ["there"])],
    "os.chmod('there', 0o600)": [("write", "os.chmod", ["there"])],
    "os.chown('there', -1, -1)": [("write", "os.chown", ["there"])],
    "os.utime('there')": [("write", "os.utime", ["there"])],
    "os.setxattr('there', 'user.a', b'')": [("write", "os.setxattr", ["there"])],
    "os.remove('there')": [("write", "os.remove", ["there"])],
    "os.rmdir('moved')": [("write", "os.rmdir", ["moved"])],
    "socket.socket().bind(('127.0.0.1', 0))": [("connect", "socket.bind", [])],
    "socket.socket().connect(('127.0.0.1', 9))": [("connect", "socket.connect", [])],
    "datagrams().sendto(b'', ('127.0.0.1', 9))": [("connect", "socket.sendto", [])],
    "datagrams().sendmsg([b''], [], 0, ('127.0.0.1', 9))": [("connect", "socket.sendmsg", [])],
    "socket.getaddrinfo('127.0.0.1', 9)": [("lookup", "socket.getaddrinfo", [])],
    "socket.gethostbyname('127.0.0.1')": [("lookup", "socket.gethostbyname", [])],
    "urllib.request.urlopen('data:,x')": [("request", "urllib.Request", [])],
    "subprocess.Popen(['true']).wait()": [("start", "subprocess.Popen", [])],
    "os.system('true')": [("start", "os.system", [])],
    "os.posix_spawn('/bin/true', ['true'], {})": [("start", "os.posix_spawn", [])],
    "os.fork() or os._exit(0)": [("start", "os.fork", [])],
    "os.forkpty()[0] or os._exit(0)": [("start", "os.forkpty", [])],
    "os.execv('/nowhere', ['x'])": [("start", "os.exec", [])],
    "os.kill(os.getpid(), 0)": [("signal", "os.kill", [])],
    "os.killpg(0, 0)": [("signal", "os.killpg", [])],
    "ctypes.CDLL(None)": [("load", "ctypes.dlopen", [])],
    "sum(range(3))": [],
    "sys.audit('open', 'too few')": [],
    "sys.audit('open', object(), 'r', 0)": [],
}
"""Python code, and what is told of it: kind, Python's name of the event, paths."""

PRELUDE = """
import contextlib, ctypes, encodings.idna, json, os, socket, subprocess, sys, urllib.request
from esr.sandbox.inside import audit_hook as observer
def datagrams():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
"""

TOLD = """
acts, told = [compile(act, "act", "eval") for act in json.loads(sys.argv[1])], []
observer.install(lambda event: told[-1].append((event.kind, event.name, event.paths)) if told else None)
for act in acts:
    told.append([])
    with contextlib.suppress(OSError):
        eval(act)
told.append([])
print(json.dumps(told[:-1]))
"""


def _run(root: Path, folder: Path, program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-B", "-c", PRELUDE + program, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="what Python calls differs")
def test_every_act_is_told_with_its_kind_and_its_paths(tmp_path: Path, root: Path) -> None:
    (tmp_path / "there").write_text("")
    told = json.loads(_run(root, tmp_path, TOLD, json.dumps(list(ACTS))))
    found = {
        act: [tuple(event) for event in events] for act, events in zip(ACTS, told, strict=True)
    }
    assert found == ACTS


JUDGED = """
raised = []
def judge(event):
    if event.kind == "enter":
        raise {error}("no")
observer.install(judge)
try:
    os.chdir("/")
except Exception as error:
    raised.append(type(error).__name__)
print(os.getcwd(), *raised)
"""


@pytest.mark.parametrize(
    ("error", "comes_through"),
    [("PermissionError", True), ("RecursionError", True), ("KeyError", False), ("OSError", False)],
)
def test_a_judge_may_refuse_and_nothing_else(
    tmp_path: Path, root: Path, error: str, comes_through: bool
) -> None:
    said = _run(root, tmp_path, JUDGED.format(error=error)).split()
    assert said == ([str(tmp_path), error] if comes_through else ["/"])
