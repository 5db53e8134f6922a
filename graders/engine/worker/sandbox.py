"""What a worker takes from itself before it loads code that nobody has read.

Four layers, each for what the others leave open:

- resource limits: memory, size and number of files, core dumps;
- privileges: no capabilities, and no way to get any, so that root in a container has no more rights than a learner;
- Landlock: which files may be read and written;
- seccomp: which system calls may be made. Landlock says nothing about `chmod`, signals, new processes or most sockets.

All of them bind the calling thread and what it starts, and none can be taken back. So a forkserver calls `prepare`
once, and each worker `restrict`, while it has a single thread. What the process already holds, it keeps: memory and
open files are not taken away.
"""
# ruff: noqa: SIM905, two hundred system calls are better read as words than as strings

import errno
import functools
import os
import signal
import socket
import struct
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if sys.platform != "win32":  # which has no such limits
    import resource

if TYPE_CHECKING:
    import ctypes

    import landlockpy
    import pyseccomp

FILE_SIZE = 16 * 2**20  # bytes, the largest file that can be written
OPEN_FILES = 64
SPARE_THREADS = 4096  # far above what libraries start; only a thread bomb gets there

# What libraries look up outside the interpreter's folders.
_SYSTEM_PATHS = (
    "/lib /lib64 /usr/lib /usr/lib64 /etc/ld.so.cache /etc/localtime /usr/share/zoneinfo /dev/urandom "
    "/proc/cpuinfo /sys/devices/system/cpu"  # by these torch and OpenMP choose their kernels
).split()

# System calls that CPython, numpy, torch and their like need. Any call in none of these lists reports ENOSYS, so that
# a C library tries an older one. A name that the processor's architecture or libseccomp does not know is left out.
_ALLOWED = (
    # files by name: Landlock decides which
    "access chdir faccessat faccessat2 fchdir getcwd link linkat lstat mkdir mkdirat newfstatat readlink readlinkat "
    "rename renameat renameat2 rmdir stat statfs statx umask unlink unlinkat "
    # open files
    "close close_range copy_file_range dup dup2 dup3 fadvise64 fdatasync flock fstat fstatfs fsync ftruncate "
    "getdents getdents64 lseek pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readv sendfile write writev "
    # waiting
    "epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 pipe pipe2 poll ppoll "
    "pselect6 recvfrom select "  # recvfrom, sendto (below): the channel to the grader may be a socket
    # memory
    "brk get_mempolicy madvise membarrier mmap mprotect mremap msync munmap "
    # threads
    "arch_prctl exit exit_group futex gettid rseq sched_yield set_robust_list set_tid_address "
    # signals and timers of this process
    "alarm getitimer pause restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn rt_sigsuspend "
    "rt_sigtimedwait setitimer sigaltstack wait4 waitid "
    # questions
    "capget clock_getres clock_gettime clock_nanosleep getcpu getegid geteuid getgid getgroups getpeername getpgid "
    "getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname "
    "getsockopt gettimeofday getuid nanosleep sched_get_priority_max sched_get_priority_min sched_getaffinity "
    "sched_getparam sched_getscheduler sysinfo time times uname"
).split()

# What a learner should read as "Operation not permitted", not as a gap of the system.
_FORBIDDEN = (
    # other processes
    "fork vfork execve execveat kcmp pidfd_getfd pidfd_open pidfd_send_signal process_madvise process_mrelease "
    "process_vm_readv process_vm_writev ptrace rt_sigqueueinfo rt_tgsigqueueinfo tkill "
    # the network, and every other way to reach a process
    "accept accept4 bind connect listen recvmmsg recvmsg sendmmsg sendmsg setsockopt shutdown socket socketpair "
    "memfd_create memfd_secret mq_open mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat "
    "shmctl shmdt shmget "
    # changes to files that Landlock does not look at
    "chmod chown fchmod fchmodat fchmodat2 fchown fchownat fgetxattr flistxattr fremovexattr fsetxattr futimesat "
    "getxattr lchown lgetxattr listxattr llistxattr lremovexattr lsetxattr mknod mknodat removexattr setxattr symlink "
    "symlinkat truncate utime utimensat utimes fanotify_init inotify_add_watch inotify_init inotify_init1 "
    "name_to_handle_at open_by_handle_at "
    # who the process is, and how the system treats it
    "capset ioprio_set personality sched_setaffinity sched_setattr sched_setparam sched_setscheduler setfsgid setfsuid "
    "setgid setgroups setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid "
    # the system
    "add_key bpf chroot clock_settime finit_module init_module io_uring_enter io_uring_register io_uring_setup keyctl "
    "mount move_mount open_tree perf_event_open pivot_root reboot request_key setns settimeofday sync syslog umount2 "
    "unshare userfaultfd"
).split()

# System call: the argument that is looked at, and the values it may have.
_ALLOWED_VALUES = {
    # Without F_SETOWN and F_SETSIG, by which a pipe sends any signal to any process of the same user.
    "fcntl": (1, (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)),  # F_DUPFD to F_SETLKW, F_OFD_*, F_DUPFD_CLOEXEC …
    "ioctl": (1, (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)),  # isatty, terminal size, FIONREAD, FIONBIO, FIOCLEX
    # PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_GET_NO_NEW_PRIVS, SVE and SME vector lengths, PR_SET_VMA
    "prctl": (0, (3, 15, 16, 39, 51, 64, 0x53564D41)),
}

_SOME_PROCESS = 0x7A5B3C1D  # stands for the worker's own number in the filter
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_CLONE_THREAD = 0x10000
_CLONE_NEW = 0x7E020000  # every flag that makes a namespace


@functools.cache
def support() -> str | None:
    """None where this system can restrict a worker; else what is missing, in words for the report."""
    if sys.platform != "linux":
        return "Landlock and seccomp exist on Linux only"
    try:
        import landlockpy
    except ImportError:
        return "the Python package landlockpy is not installed"
    try:
        import pyseccomp
    except ImportError:
        return "the Python package pyseccomp is not installed"
    except RuntimeError:  # what pyseccomp raises without its library
        return "the library libseccomp is not installed"
    try:
        if not landlockpy.supported():
            return "this system has no Landlock"
    except OSError:  # some containers forbid to ask
        return "this system does not permit the use of Landlock"
    if pyseccomp.system_arch() not in (pyseccomp.Arch.X86_64, pyseccomp.Arch.AARCH64):
        return f"the sandbox knows the processors x86_64 and aarch64, not {os.uname().machine}"
    return None if _has_seccomp() else "this system has no seccomp filters"


def _has_seccomp() -> bool:
    """Offers the kernel a filter at address zero: one that knows filters complains about the address."""
    try:
        _call_c("prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, None, 0, 0)
    except OSError as error:
        return error.errno == errno.EFAULT
    return False


def interpreter_paths() -> list[Path]:
    """The files and folders this interpreter and its libraries are read from, without links, none inside another.

    Only folders that hold libraries: a prefix may be `/usr/local`, or the very project when that is a virtual
    environment, so it is not opened as a whole. For the same reason `sys.path` counts only as far as its entries are
    called `site-packages` or `dist-packages`.
    """
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    candidates = [f"{prefix}/{folder}" for prefix in prefixes for folder in ("lib", "lib64", "share/zoneinfo")]
    candidates += [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    candidates += [entry for entry in sys.path if os.path.basename(entry) in ("site-packages", "dist-packages")]
    found = {Path(os.path.realpath(path)) for path in (*candidates, *_SYSTEM_PATHS) if os.path.exists(path)}
    return sorted(path for path in found if found.isdisjoint(path.parents))


def prepare() -> None:
    """Does once, before workers are forked, what else each of them would do again. `restrict` works without it."""
    if support() is None:
        _filter_program()
        _file_rules().close()


def restrict(readable: Sequence[Path], scratch: Path, memory: int, hidden: Sequence[Path] = ()) -> None:
    """Takes from this process what a learner's code does not need. It cannot be undone.

    Where `support()` names something missing, only the limits are set (and on Linux privileges are dropped).

    Args:
        readable: files and folders that may be read; other files are as if locked. See `interpreter_paths`.
        scratch: the one folder in which files may also be written.
        memory: bytes of address space the process may take in addition to what it has now.
        hidden: files and folders, without links, that may not be read although they lie in one of `readable`.

    Raises:
        OSError: a layer could not be put in place, or a path does not exist. The process is then not safe to use.
        RuntimeError: the process has other threads, which would stay free.
    """
    _limit_resources(memory)
    if sys.platform != "linux":
        return
    _drop_privileges()
    if support() is None:
        if len(os.listdir("/proc/self/task")) > 1:
            raise RuntimeError("a process can be restricted only while it has a single thread")
        _restrict_files(readable, scratch, hidden)
        _restrict_system_calls()


def _limit_resources(memory: int) -> None:
    if sys.platform == "win32":
        return
    # Crashes stay quick: 1 stops core dumps also where a system pipes them into a program, which 0 does not.
    limits = {resource.RLIMIT_CORE: 1, resource.RLIMIT_FSIZE: FILE_SIZE, resource.RLIMIT_NOFILE: OPEN_FILES}
    if sys.platform == "linux":  # macOS has RLIMIT_AS and does not keep it
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + memory
        # The kernel counts all threads of the user, so the limit starts from all threads of the system.
        threads = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
        limits[resource.RLIMIT_NPROC] = threads + SPARE_THREADS
    for limit, value in limits.items():
        hard = resource.getrlimit(limit)[1]
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (lowest, lowest))
    with suppress(OSError):  # if memory runs out all the same, the kernel is to end this process and no other
        Path("/proc/self/oom_score_adj").write_text("1000")


def _drop_privileges() -> None:
    """Gives up all capabilities, lets the parent see which files are held, and does not outlive the forkserver."""
    import ctypes

    set_death_signal, set_dumpable, drop_from_bounding_set, set_no_new_privileges, ambient, clear = 1, 4, 24, 38, 47, 4
    _call_c("prctl", set_no_new_privileges, 1, 0, 0, 0)
    with suppress(OSError):  # past the last capability, or at once for a process that has none to lose
        for capability in range(64):
            _call_c("prctl", drop_from_bounding_set, capability, 0, 0, 0)
    _call_c("prctl", ambient, clear, 0, 0, 0)
    version, this_process = 0x20080522, 0
    _call_c("capset", (ctypes.c_uint32 * 2)(version, this_process), (ctypes.c_uint32 * 6)())
    _call_c("prctl", set_dumpable, 1, 0, 0, 0)  # or only root could see
    _call_c("prctl", set_death_signal, signal.SIGKILL, 0, 0, 0)


def _restrict_files(readable: Sequence[Path], scratch: Path, hidden: Sequence[Path]) -> None:
    from landlockpy import AccessFS, RestrictFlag

    of_files = AccessFS.EXECUTE | AccessFS.READ_FILE | AccessFS.WRITE_FILE | AccessFS.TRUNCATE
    read = AccessFS.EXECUTE | AccessFS.READ_FILE | AccessFS.READ_DIR
    write = AccessFS.READ_FILE | AccessFS.READ_DIR | AccessFS.WRITE_FILE | AccessFS.TRUNCATE | AccessFS.MAKE_REG
    write |= AccessFS.MAKE_DIR | AccessFS.REMOVE_FILE | AccessFS.REMOVE_DIR | AccessFS.REFER
    with _file_rules() as ruleset:
        for path, is_listed_only in _around(readable, hidden):
            access = AccessFS.READ_DIR if is_listed_only else read
            ruleset.allow_path(path, access if path.is_dir() else access & of_files)
        ruleset.allow_path(os.devnull, AccessFS.READ_FILE | AccessFS.WRITE_FILE)
        ruleset.allow_path(scratch, write)
        ruleset.restrict(RestrictFlag.LOG_SAME_EXEC_OFF)  # a learner's refused call is nothing for the system's log


def _around(readable: Sequence[Path], hidden: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """The paths without the hidden ones, and whether a folder may only be listed: one that holds something hidden.

    Landlock cannot take back what it allows for a folder, so what else lies in it is allowed piece by piece.
    """
    for path in readable:
        holds_hidden = any(path in secret.parents for secret in hidden)
        if path not in hidden:
            yield path, holds_hidden
        if holds_hidden:
            yield from _around([inner for inner in path.iterdir() if inner.exists()], hidden)


def _file_rules() -> "landlockpy.Ruleset":
    """Landlock rules that allow nothing yet. All this kernel knows is handled: files, ports, sockets and signals."""
    from landlockpy import Ruleset, Scope

    return Ruleset(scoped=Scope.ABSTRACT_UNIX_SOCKET | Scope.SIGNAL)


def _restrict_system_calls() -> None:
    """Loads the filter as the kernel takes it: `struct sock_fprog`, a count of instructions and their address."""
    import ctypes

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]

    instructions = _filter_program().replace(struct.pack("=I", _SOME_PROCESS), struct.pack("=I", os.getpid()))
    program = Program(len(instructions) // 8, instructions)
    _call_c("prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)


@functools.cache
def _filter_program() -> bytes:
    """The filter as instructions for the kernel, with `_SOME_PROCESS` where each worker writes its own number.

    Making it takes ten times as long as loading it, so it is made once.
    """
    from pyseccomp import ALLOW, ERRNO, SyscallFilter

    calls = SyscallFilter(ERRNO(errno.ENOSYS))
    for action, names in ((ALLOW, _ALLOWED), (ERRNO(errno.EPERM), _FORBIDDEN)):
        for name in names:
            _add_rule(calls, action, name)
    _add_rules_on_arguments(calls)
    end, start = os.pipe()  # holds 64 KiB, and the program has three
    with open(end, "rb") as reader:
        with open(start, "wb") as writer:
            calls.export_bpf(writer)
        return reader.read()


def _add_rules_on_arguments(calls: "pyseccomp.SyscallFilter") -> None:
    from pyseccomp import ALLOW, EQ, ERRNO, MASKED_EQ, NE, Arg

    refuse = ERRNO(errno.EPERM)
    for name, (position, values) in _ALLOWED_VALUES.items():
        for value in values:
            _add_rule(calls, ALLOW, name, Arg(position, EQ, value))
    # Its own limits, and not to set them; a socket it has, to the other end; signals to itself alone (0 is a group).
    _add_rule(calls, ALLOW, "prlimit64", Arg(0, EQ, 0), Arg(2, EQ, 0))
    _add_rule(calls, refuse, "prlimit64", Arg(0, NE, 0))
    _add_rule(calls, refuse, "prlimit64", Arg(2, NE, 0))
    only = (("kill", 0, _SOME_PROCESS), ("tgkill", 0, _SOME_PROCESS))
    for name, position, value in only:
        _add_rule(calls, ALLOW, name, Arg(position, EQ, value))
        _add_rule(calls, refuse, name, Arg(position, NE, value))
    # A byte out of band would wake a reader that then finds nothing to read.
    _add_rule(calls, ALLOW, "sendto", Arg(4, EQ, 0), Arg(3, MASKED_EQ, socket.MSG_OOB, 0))
    _add_rule(calls, refuse, "sendto", Arg(4, NE, 0))
    _add_rule(calls, refuse, "sendto", Arg(3, MASKED_EQ, socket.MSG_OOB, socket.MSG_OOB))
    # Threads yes, processes no. A filter cannot see the flags of clone3, so that has no rule: C libraries then clone.
    _add_rule(calls, ALLOW, "clone", Arg(0, MASKED_EQ, _CLONE_THREAD | _CLONE_NEW, _CLONE_THREAD))
    _add_rule(calls, refuse, "clone", Arg(0, MASKED_EQ, _CLONE_THREAD, 0))
    # Opening to read and emptying at once: Landlock before its third version takes it for reading.
    mode = os.O_ACCMODE | os.O_TRUNC
    for name, position in (("open", 1), ("openat", 2)):
        _add_rule(calls, ALLOW, name, Arg(position, MASKED_EQ, os.O_TRUNC, 0))
        _add_rule(calls, ALLOW, name, Arg(position, MASKED_EQ, mode, os.O_WRONLY | os.O_TRUNC))
        _add_rule(calls, ALLOW, name, Arg(position, MASKED_EQ, mode, os.O_RDWR | os.O_TRUNC))
        _add_rule(calls, refuse, name, Arg(position, MASKED_EQ, mode, os.O_RDONLY | os.O_TRUNC))


def _add_rule(calls: "pyseccomp.SyscallFilter", action: int, name: str, *conditions: "pyseccomp.Arg") -> None:
    import pyseccomp

    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    if number >= 0:  # else this processor, or this libseccomp, has no such call
        calls.add_rule(action, number, *conditions)


def _call_c(function: str, *arguments: object) -> None:
    import ctypes

    if getattr(_libc(), function)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)} ({function})")


@functools.cache
def _libc() -> "ctypes.CDLL":
    import ctypes

    return ctypes.CDLL(None, use_errno=True)
