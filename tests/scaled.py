"""Two of everything over one PostgreSQL and one Valkey."""

from tests.stack import Stack

WEBS = ("web", "web.2")
OTHERS = ("worker", "worker.2", "sweeper", "sweeper.2", "beat")


class ScaledStack(Stack):
    """Two web process groups, two workers and two sweepers; one beat, as everywhere."""

    def _start(self):
        super()._start()
        for name in ("web.2", "worker.2", "sweeper.2"):
            self.start_process(name)
        self.wait_until_healthy("web.2")

    @property
    def web_ports(self) -> list[int]:
        return [self.ports[name] for name in WEBS]
