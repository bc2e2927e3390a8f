"""A slow wire: packets between two TUN devices, late and at a bounded rate.

For kernels without netem. Owns the forwarding; addresses and routes are netns.bed's.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import select
import struct
import time
from contextlib import suppress
from multiprocessing.connection import Connection

from .spaces import enter

__all__ = ["DEVICE", "TUN", "forward"]

TUN = "/dev/net/tun"
DEVICE = "slow0"
# <linux/if_tun.h>
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
LONGEST_PACKET = 65536
# The source address in an IPv4 header (RFC 791 section 3.1).
SOURCE = slice(12, 16)


def _device(space: str) -> int:
    """The descriptor of a TUN device that exists as long as it is open."""
    enter(space)
    descriptor = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def forward(near: str, far: str, delay: float, rate: float | None, ready: Connection) -> None:
    """Carry packets between two namespaces until this process is ended.

    Each takes `delay` seconds. Towards `near`, each sender has a wire of `rate` octets a second.
    """
    sides = {near: _device(near), far: _device(far)}
    others = {sides[near]: sides[far], sides[far]: sides[near]}
    ready.send(True)
    waiting: list[tuple[float, int, int, bytes]] = []
    free_at: dict[bytes, float] = {}
    poll = select.poll()
    for each in others:
        poll.register(each, select.POLLIN)
    number = 0
    while True:
        pause = None if not waiting else max(0.0, waiting[0][0] - time.monotonic()) * 1000
        for descriptor, _ in poll.poll(pause):
            packet = os.read(descriptor, LONGEST_PACKET)
            due = time.monotonic() + delay
            if rate is not None and descriptor == sides[far]:
                sender = packet[SOURCE]
                due = free_at[sender] = max(due, free_at.get(sender, 0.0)) + len(packet) / rate
            number += 1
            heapq.heappush(waiting, (due, number, others[descriptor], packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, out, packet = heapq.heappop(waiting)
            with suppress(OSError):  # that end is not up yet
                os.write(out, packet)
