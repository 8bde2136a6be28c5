"""Two of everything over one PostgreSQL and one Valkey."""

from tests.servers import find_free_port
from tests.stack import Stack, stop_group

WEBS = ("web", "web-2")
OTHERS = ("worker", "worker-2", "sweeper", "sweeper-2", "beat")


class ScaledStack(Stack):
    """Two web process groups, two workers and two sweepers; one beat, as everywhere."""

    def _start(self):
        self.second_port = find_free_port()
        self.more_commands["web-2"] = self.web_command(self.second_port)
        super()._start()
        worker, sweeper = self.commands["worker"], self.commands["sweeper"]
        self.more_commands["worker-2"] = [*worker, "--hostname", "second@%h"]
        self.more_commands["sweeper-2"] = sweeper
        for name in ("web-2", "worker-2", "sweeper-2"):
            self.start_process(name)
        self.wait_for_web(self.second_port)

    @property
    def ports(self) -> dict[str, int]:
        return dict(zip(WEBS, (self.port, self.second_port), strict=True))

    def replace(self, name: str):
        """End a process as a deployment does, and start it again with what ``env`` holds now."""
        stop_group(self.processes[name], seconds=30)
        self.start_process(name)
        if name in WEBS:
            self.wait_for_web(self.ports[name])
