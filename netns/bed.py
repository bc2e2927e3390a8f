"""The bed: two network namespaces, the cable between them, and what can be done to its packets.

    client 10.77.0.2/30 ---- 10.77.0.1 world: 10.77.N.1 is Region N, 10.77.0.1 the name server and a proxy

Owns namespaces and child processes, and removes both. The client's default route ends in `world`, which
forwards nothing: an address that is not there is a black hole, and neither namespace has a way out. Nothing
else of the machine is changed; resolv.conf is covered in the children alone.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self

from . import wire, world
from .spaces import cover, die_with_parent, enter
from .world import GATEWAY, REGIONS, Scene

__all__ = ["DEAD_NAME_SERVER", "DROP", "RESET", "RESOLVER", "Bed", "is_root", "missing", "unavailable"]

PREFIX = "cognito-mr-netns-"
TOOLS = ("ip", "nft")
PACKAGES = ("trustme", "gunicorn", "waitress", "cheroot")
# Where Debian has them; a user's PATH often lacks it.
TOOL_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"

DROP = "drop"
RESET = "meta l4proto tcp reject with tcp reset"
DEAD_NAME_SERVER = "nameserver 10.77.66.9\n"
RESOLVER = f"nameserver {GATEWAY}\n"
# Name look-ups ask the name server alone, and no daemon of this machine.
NSSWITCH = "hosts: files dns\n"
TABLE = "table inet faults"

_fork = multiprocessing.get_context("fork")


def _tool(name: str) -> str:
    found = shutil.which(name, path=TOOL_PATH)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed")
    return found


def _run(*command: str, text: str | None = None) -> None:
    name, *arguments = command
    done = subprocess.run([_tool(name), *arguments], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def missing() -> list[str]:
    """The tools and packages that this machine lacks."""
    tools = [each for each in TOOLS if shutil.which(each, path=TOOL_PATH) is None]
    return tools + [each for each in PACKAGES if find_spec(each) is None]


def is_root() -> bool:
    """Whether this is root on Linux."""
    return sys.platform == "linux" and not os.geteuid()


def unavailable() -> str | None:
    """Why root with all tools can make no bed here (a container may forbid it); None if it can."""
    space = f"{PREFIX}{os.getpid()}-probe"
    ours, theirs = _fork.Pipe()
    try:
        _run("ip", "netns", "add", space)
        with theirs:
            probe = _fork.Process(target=_probe, args=(space, theirs))
            probe.start()
        reason: str | None = ours.recv()
        probe.join()
        _run("ip", "netns", "delete", space)
    except RuntimeError as error:
        return str(error)
    return reason


def _probe(space: str, verdict: Connection) -> None:
    try:
        os.close(os.open(wire.TUN, os.O_RDWR))
        enter(space)
        cover({})
        _run("nft", "-f", "-", text=f"{TABLE} {{ }}")
    except (OSError, RuntimeError) as error:
        verdict.send(str(error))
    else:
        verdict.send(None)


class Bed:
    """The namespaces and their processes, for a `with` block.

    `context` trusts the Regions' certificates.
    """

    def __init__(self) -> None:
        self._spaces = {each: f"{PREFIX}{os.getpid()}-{each}" for each in ("client", "world")}
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._children: list[BaseProcess] = []
        self._wire: BaseProcess | None = None
        self.authority = ""
        self.context = ssl.create_default_context()

    def __enter__(self) -> Self:
        try:
            _sweep()
            self._lay()
            self._orders = self._serve()
            self.clear()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for each in (*self._children, *filter(None, [self._wire])):
            _end(each)
        for space in self._spaces.values():
            if Path(f"/run/netns/{space}").exists():
                _run("ip", "netns", "delete", space)
        shutil.rmtree(self._folder, ignore_errors=True)

    # ---- to lay it

    def _lay(self) -> None:
        for space in self._spaces.values():
            _run("ip", "netns", "add", space)
            self._ip(space, "link set lo up")
        client, world_ = self._spaces["client"], self._spaces["world"]
        _run(*f"ip link add cable0 netns {client} type veth peer name cable0 netns {world_}".split())
        for space, end in ((client, 2), (world_, 1)):
            self._ip(space, f"address add 10.77.0.{end}/30 dev cable0")
            self._ip(space, f"-6 address add 2001:db8:77::{end}/64 dev cable0 nodad")
            self._ip(space, "link set cable0 up")
        for address in REGIONS.values():
            self._ip(world_, f"address add {address}/32 dev lo")
        self._ip(client, f"route add default via {GATEWAY}")
        self._ip(client, "-6 route add default via 2001:db8:77::1")

    @staticmethod
    def _ip(space: str, command: str) -> None:
        _run("ip", "-n", space, *command.split())

    def _serve(self) -> Connection:
        import trustme

        authority = trustme.CA()
        self.authority = authority.cert_pem.bytes().decode()
        self.context.load_verify_locations(cadata=self.authority)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*world.HOSTS).configure_cert(server)
        ours, theirs = _fork.Pipe()
        with theirs:  # so that the child's end is the last one
            self._start(world.serve, self._spaces["world"], server, theirs)
        ours.recv()
        return ours

    # ---- what can be done to it

    def scene(self, scene: Scene) -> None:
        """Tell all servers how to behave from now on."""
        self._orders.send(scene)
        self._orders.recv()

    def asked(self) -> list[float]:
        """When each request reached a Region's server, by the machine's monotonic clock."""
        self._orders.send(None)
        moments: list[float] = self._orders.recv()
        return moments

    def packets(self, verdicts: dict[str, str]) -> None:
        """What becomes of packets to these Regions: DROP or RESET. Those of other Regions pass."""
        rules = " ".join(f"ip daddr {REGIONS[region]} {verdict};" for region, verdict in verdicts.items())
        chain = f"chain arriving {{ type filter hook input priority 0; {rules} }}"
        self._in_world(f"{TABLE} {{ }}\ndelete {TABLE}\n{TABLE} {{\n{chain}\n}}\n")

    def all_packets(self, verdict: str) -> None:
        """The same for every Region."""
        self.packets(dict.fromkeys(REGIONS, verdict))

    def _in_world(self, rules: str) -> None:
        _run("ip", "netns", "exec", self._spaces["world"], _tool("nft"), "-f", "-", text=rules)

    def slow(self, *, delay: float = 0.0, rate: float | None = None) -> None:
        """Packets to and from Regions take `delay` seconds each way; each Region sends `rate` octets/s."""
        client, world_ = self._spaces["client"], self._spaces["world"]
        ours, theirs = _fork.Pipe()
        with ours, theirs:
            self._wire = self._child(wire.forward, client, world_, delay, rate, theirs)
            ours.recv()
        for space, end, peer in ((client, 2, 1), (world_, 1, 2)):
            self._ip(space, f"address add 10.78.0.{end} peer 10.78.0.{peer} dev {wire.DEVICE}")
            self._ip(space, f"link set {wire.DEVICE} up")
        for address in REGIONS.values():
            self._ip(client, f"route add {address} dev {wire.DEVICE} src 10.78.0.2")

    def clear(self) -> None:
        """No fault: all packets pass at once."""
        self.packets({})
        if self._wire is not None:  # its devices and routes go with it
            _end(self._wire)
            self._wire = None

    def file(self, name: str, text: str) -> Path:
        """A file of this name with this text, for the bed's life; who is shown it sees it change."""
        place = self._folder / name
        place.write_text(text, "utf-8")
        return place

    # ---- processes

    def inside(self, resolver: Path, work: Callable[..., None], *arguments: Any) -> BaseProcess:
        """Run a function in a process of the client's namespace."""
        nsswitch = self.file("nsswitch.conf", NSSWITCH)
        files = {"/etc/resolv.conf": resolver, "/etc/nsswitch.conf": nsswitch}
        return self._start(_enter_and_work, self._spaces["client"], files, work, arguments)

    def _start(self, work: Callable[..., None], *arguments: Any) -> BaseProcess:
        child = self._child(work, *arguments)
        self._children.append(child)
        return child

    @staticmethod
    def _child(work: Callable[..., None], *arguments: Any) -> BaseProcess:
        child = _fork.Process(target=_work, args=(work, arguments), daemon=True)
        child.start()
        return child

    @contextmanager
    def row(self) -> Iterator[None]:
        """What is begun inside ends here, faults and processes alike."""
        before = list(self._children)
        try:
            yield
        finally:
            for each in self._children[len(before) :]:
                _end(each)
            self._children = before
            self.clear()


def _work(work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    die_with_parent()
    os.setsid()  # what this process starts ends with it; Ctrl-C is the bed's alone
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    work(*arguments)


def _enter_and_work(
    space: str, files: dict[str, Path], work: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    enter(space)
    cover(files)
    work(*arguments)


def _end(child: BaseProcess) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid or 0, signal.SIGKILL)
    child.kill()
    child.join()


def _sweep() -> None:
    """Remove the namespaces of beds that were killed."""
    for place in Path("/run/netns").glob(f"{PREFIX}*"):
        if not Path("/proc", place.name.removeprefix(PREFIX).partition("-")[0]).exists():
            with suppress(RuntimeError):  # another bed was quicker
                _run("ip", "netns", "delete", place.name)
