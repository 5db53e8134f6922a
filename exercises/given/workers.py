"""A group of workers to send messages between, in one process: what the section `optimization` needs of
`torch.distributed`."""

import inspect
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor


class Deadlock(RuntimeError):
    """Every worker that still runs waits for a message."""


class Request:
    """A message on its way, as isend and irecv return it."""

    def __init__(self, tensor: Tensor, finish: Callable[[], None] | None = None) -> None:
        """`finish` waits for it; None if there is nothing to wait for."""
        self.tensor = tensor
        self.finish = finish

    def wait(self) -> None:
        """Return when the message was sent, or has been received."""
        if self.finish is not None:
            finish, self.finish = self.finish, None
            finish()

    def is_completed(self) -> bool:
        """Whether it was waited for."""
        return self.finish is None


class Workers:
    """Stands for `torch.distributed`: workers that send each other tensors. Here each is a thread of one process.

    The object `dist` below is the only one. Within a worker, dist.send and dist.recv are all that you need.
    """

    def __init__(self) -> None:
        """No worker runs yet."""
        self.own = threading.local()  # .rank: the number of the worker whose thread it is
        self.changed = threading.Condition()
        self.start(0)

    def start(self, world_size: int) -> None:
        """Forget everything: a new group of workers begins."""
        self.running = world_size
        self.mail: dict[tuple[int, int], deque[Tensor]] = defaultdict(deque)  # (from, to) -> messages on their way
        self.waiting: dict[int, int] = {}  # rank -> the rank whose message it waits for
        self.sent: list[tuple[int, int, int]] = []  # (from, to, how many numbers)
        self.asked: dict[tuple[int, int], deque[Request]] = defaultdict(deque)  # (from, to) -> irecv's not waited for

    def send(self, tensor: Tensor, dst: int) -> None:
        """Send a copy of `tensor` to rank dst, without waiting for it to be received."""
        if dst == self.own.rank:
            raise ValueError(f"rank {dst} sends a message to itself")
        with self.changed:
            self.mail[self.own.rank, dst].append(tensor.detach().clone())
            self.sent.append((self.own.rank, dst, tensor.numel()))
            self.changed.notify_all()

    def isend(self, tensor: Tensor, dst: int) -> Request:
        """As send; there is nothing to wait for."""
        self.send(tensor, dst)
        return Request(tensor)

    def irecv(self, tensor: Tensor, src: int) -> Request:
        """Ask for the next message from rank src; `wait` of what is returned copies it into `tensor`.

        Messages go to the tensors in the order in which they were asked for, whichever is waited for first.
        """
        waiting = self.asked[src, self.own.rank]

        def finish() -> None:
            while request in waiting:
                first = waiting.popleft()
                first.finish = None
                self.take(first.tensor, src)

        request = Request(tensor, finish)
        waiting.append(request)
        return request

    def recv(self, tensor: Tensor, src: int) -> None:
        """Wait for the next message from rank src and copy it into `tensor`, which must have its shape.

        Raises:
            Deadlock: there will be no message, since every worker that still runs waits for one.
        """
        self.irecv(tensor, src).wait()

    def take(self, tensor: Tensor, src: int) -> None:
        """Wait for a message and copy it."""
        rank = self.own.rank
        with self.changed:
            self.waiting[rank] = src
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.mail[src, rank] or self.stuck())
            del self.waiting[rank]
            if not self.mail[src, rank]:
                raise Deadlock(f"rank {rank} waits for a message that rank {src} never sends")
            message = self.mail[src, rank].popleft()
        if message.shape != tensor.shape:
            raise ValueError(f"rank {rank} got shape {tuple(message.shape)} where it has {tuple(tensor.shape)}")
        tensor.copy_(message)

    def stuck(self) -> bool:
        """Whether everyone waits and nothing is on its way to them."""
        return len(self.waiting) == self.running and not any(self.mail[src, dst] for dst, src in self.waiting.items())

    def leave(self) -> None:
        """A worker is done."""
        with self.changed:
            self.running -= 1
            self.changed.notify_all()


dist = Workers()


def run_workers(task: Callable[..., None], tensors: Sequence[Tensor], **options: Any) -> list[Tensor]:
    """Run task(tensor, rank, world_size, **options) once for each tensor, each in a worker of its own, all at once.

    Returns:
        The tensors as the workers left them. Each worked on a copy.

    Raises:
        Exception: what the first worker that failed has raised.
        RuntimeError: a message was sent that nobody received.
    """
    copies = [tensor.clone() for tensor in tensors]
    errors: dict[int, Exception] = {}

    def work(rank: int) -> None:
        dist.own.rank = rank
        try:
            task(copies[rank], rank, len(copies), **options)
        except Exception as error:
            errors[rank] = error
        finally:
            dist.leave()

    inspect.unwrap(task).__globals__["dist"] = dist  # also for a file that has torch.distributed under this name
    dist.start(len(copies))
    threads = [threading.Thread(target=work, args=(rank,), daemon=True) for rank in range(1, len(copies))]
    for thread in threads:
        thread.start()
    work(0)  # in this thread, so that debuggers and profilers see one of the workers
    for thread in threads:
        thread.join()
    if errors:  # where one worker fails, others wait in vain: its own error says more than theirs
        raise min(errors.items(), key=lambda item: (isinstance(item[1], Deadlock), item[0]))[1]
    for (src, dst), messages in sorted(dist.mail.items()):
        if messages:
            raise RuntimeError(f"rank {dst} never received a message that rank {src} sent")
    return copies
