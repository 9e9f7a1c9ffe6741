"""System calls that no network needs, refused by the kernel: sabotage of the parent and of others.

Landlock guards files and signals; a process may still change limits, priority or processors of its
parent, rights, times and attributes of files that it cannot write, and leave segments of shared
memory behind. A filter of system calls stands beside it, holds for all that the process starts, and
costs some ten nanoseconds a call. Numbers and layouts: linux/include/uapi/linux/{seccomp,filter,
audit,fs,fsverity,fscrypt}.h, asm-generic/ioctls.h and the kernel's tables of system calls.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""BPF: load a word, jump if equal, if as large, if any bit is set, return."""
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS, _ARGUMENT_BYTES = 0, 4, 16, 8
"""Offsets in what a filter sees of a call, and the size of each of its arguments."""
_X32 = 0x40000000
"""From here on x86-64 has the same calls under other numbers."""
_NAMESPACES = 0x7E020080
"""Flags of clone: new mount, cgroup, UTS, IPC, user, process, network and time namespaces."""


@dataclass(frozen=True)
class _Machine:
    """A kind of processor."""

    architecture: int
    """As the kernel names it to a filter."""
    numbers: dict[str, int]
    """System calls by name."""


_NEW = {
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "clone3": 435,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "fchmodat2": 452,
    "setxattrat": 463, "removexattrat": 466, "file_setattr": 469,
}  # fmt: skip
"""The same on every processor."""
_MACHINES = {
    "x86_64": _Machine(0xC000003E, _NEW | {
        "prlimit64": 302, "sched_setaffinity": 203, "sched_setscheduler": 144,
        "sched_setparam": 142, "sched_setattr": 314, "setpriority": 141, "ioprio_set": 251,
        "chmod": 90, "fchmod": 91, "fchmodat": 268, "chown": 92, "fchown": 93, "lchown": 94,
        "fchownat": 260, "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "shmget": 29,
        "shmat": 30, "shmctl": 31, "semget": 64, "semop": 65, "semctl": 66, "msgget": 68,
        "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "mq_open": 240, "ptrace": 101,
        "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "bpf": 321,
        "perf_event_open": 298, "userfaultfd": 323, "add_key": 248, "request_key": 249,
        "keyctl": 250, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161,
        "unshare": 272, "setns": 308, "clone": 56, "migrate_pages": 256, "move_pages": 279,
        "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170, "init_module": 175,
        "delete_module": 176, "finit_module": 313, "kexec_load": 246, "settimeofday": 164,
        "clock_settime": 227, "adjtimex": 159, "clock_adjtime": 305, "open_by_handle_at": 304,
        "quotactl": 179, "acct": 163, "utime": 132, "utimes": 235, "futimesat": 261,
        "utimensat": 280, "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199,
        "ioctl": 16,
    }),
    "aarch64": _Machine(0xC00000B7, _NEW | {
        "prlimit64": 261, "sched_setaffinity": 122, "sched_setscheduler": 119,
        "sched_setparam": 118, "sched_setattr": 274, "setpriority": 140, "ioprio_set": 30,
        "fchmod": 52, "fchmodat": 53, "fchown": 55, "fchownat": 54, "setxattr": 5, "lsetxattr": 6,
        "fsetxattr": 7, "shmget": 194, "shmat": 196, "shmctl": 195, "semget": 190, "semop": 193,
        "semctl": 191, "msgget": 186, "msgsnd": 189, "msgrcv": 188, "msgctl": 187, "mq_open": 180,
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "bpf": 280,
        "perf_event_open": 241, "userfaultfd": 282, "add_key": 217, "request_key": 218,
        "keyctl": 219, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97,
        "setns": 268, "clone": 220, "migrate_pages": 238, "move_pages": 239, "swapon": 224,
        "swapoff": 225, "reboot": 142, "sethostname": 161, "init_module": 105,
        "delete_module": 106, "finit_module": 273, "kexec_load": 104, "settimeofday": 170,
        "clock_settime": 112, "adjtimex": 171, "clock_adjtime": 266, "open_by_handle_at": 265,
        "quotactl": 60, "acct": 89, "utimensat": 88, "removexattr": 14, "lremovexattr": 15,
        "fremovexattr": 16, "ioctl": 29,
    }),
}  # fmt: skip

_BINDING = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")
_ONLY_ON_ITSELF = ("prlimit64", "sched_setaffinity")
"""Allowed where the first argument, a process, is 0: libraries ask for their own limits so."""
_SAID_TO_BE_DONE = (*("chmod", "fchmod", "fchmodat", "fchmodat2"),)
"""Copying a file sets its rights and times: that this did nothing harms no honest program."""
_TIMES = {"utime": 1, "utimes": 1, "futimesat": 2, "utimensat": 2}
"""Which argument points to the times. None means now, and fails where there is no file: that is how
a file is touched, and is allowed. Of others it is said that they were set."""
_REFUSED_REQUESTS = {
    "TIOCSTI": 0x5412, "TIOCLINUX": 0x541C, "FS_IOC_SETFLAGS": 0x40086602,
    "FS_IOC32_SETFLAGS": 0x40046602, "FS_IOC_FSSETXATTR": 0x401C5820,
    "FS_IOC_ENABLE_VERITY": 0x40806685, "FS_IOC_SET_ENCRYPTION_POLICY": 0x800C6613,
}  # fmt: skip
"""Of ioctl: typing for the user, and what the owner of a file may do who may only read it."""
_UNKNOWN = ("clone3",)
"""Its flags cannot be seen; C libraries then take clone."""


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("first", ctypes.POINTER(_Instruction)))


class Filter:
    """A filter, ready to be put on a process between fork and exec.

    Where there is none for this processor, it does nothing.
    """

    def __init__(self) -> None:
        machine = _MACHINES.get(platform.machine()) if sys.platform == "linux" else None
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.exists = machine is not None and self._is_supported()
        if machine is not None and self.exists:
            # OpenMP then puts its threads where the user has said, one by one.
            binds = any(name in os.environ for name in _BINDING)
            refused = machine.numbers.items()
            numbers = {n: at for n, at in refused if not (binds and n == "sched_setaffinity")}
            instructions = [_Instruction(*line) for line in _write(machine.architecture, numbers)]
            self._lines = (_Instruction * len(instructions))(*instructions)
            self._program = _Program(len(instructions), self._lines)

    def _is_supported(self) -> bool:
        # A filter at no address is a fault where there are filters, see seccomp(2).
        self._libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, None)
        return ctypes.get_errno() == errno.EFAULT

    @property
    def program(self) -> bytes:
        """The same as bubblewrap takes it; empty where there is none."""
        return bytes(self._lines) if self.exists else b""

    def put_on(self) -> None:
        """Put it on the calling process, for good.

        Raises:
            OSError: the kernel refuses.
        """
        if not self.exists:
            return
        prctl = self._libc.prctl
        prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))
        if prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(self._program)) != 0:
            raise OSError(ctypes.get_errno(), "seccomp")


def _write(architecture: int, numbers: Mapping[str, int]) -> Iterable[tuple[int, int, int, int]]:
    """Write the filter in BPF: (code, lines to skip if true, if false, value)."""
    yield _LOAD, 0, 0, _ARCHITECTURE
    yield _EQUAL, 1, 0, architecture
    yield _answer(errno.ENOSYS)  # Another processor's calls, which have other numbers.
    yield _LOAD, 0, 0, _NUMBER
    yield _AT_LEAST, 0, 1, _X32
    yield _answer(errno.ENOSYS)
    for name, number in numbers.items():
        judged = list(_judge(name))
        yield _EQUAL, 0, len(judged), number
        yield from judged
    yield _RETURN, 0, 0, _ALLOW


def _judge(name: str) -> Sequence[tuple[int, int, int, int]]:
    """Write what follows where a call is the one of this name."""
    allow = (_RETURN, 0, 0, _ALLOW)
    argument = _load(0)
    if name in _ONLY_ON_ITSELF:
        return (argument, (_EQUAL, 1, 0, 0), _answer(errno.EPERM), allow)
    if name == "clone":
        return (argument, (_ANY_BIT, 0, 1, _NAMESPACES), _answer(errno.EPERM), allow)
    if name == "ioctl":
        requests = [
            line
            for number in _REFUSED_REQUESTS.values()
            for line in ((_EQUAL, 0, 1, number), _answer(errno.EPERM))
        ]
        return (_load(1), *requests, allow)
    if name in _TIMES:
        done = _answer(0)
        low, high = _load(_TIMES[name]), _load(_TIMES[name], high=True)
        return (low, (_EQUAL, 1, 0, 0), done, high, (_EQUAL, 1, 0, 0), done, allow)
    if name in _UNKNOWN:
        return (_answer(errno.ENOSYS),)
    return (_answer(0 if name in _SAID_TO_BE_DONE else errno.EPERM),)


def _load(argument: int, *, high: bool = False) -> tuple[int, int, int, int]:
    # The lower half stands first on the processors that have numbers here.
    return _LOAD, 0, 0, _ARGUMENTS + argument * _ARGUMENT_BYTES + 4 * high


def _answer(number: int) -> tuple[int, int, int, int]:
    return _RETURN, 0, 0, _ERRNO | number
