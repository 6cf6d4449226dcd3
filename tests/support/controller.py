"""An Ansible controller: a directory where the collection is installed from its archive, as a user installs it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

TOP = Path(__file__).parents[2]
SOURCE = TOP / "integrations" / "ansible"
TOOLS = Path(sys.executable).parent
# A module that is given no root uses /, which is the machine that runs the tests.
_AS_THE_RUNNING_SYSTEM = """#!{python}
import sys
sys.path[:0] = {paths}
from grubkd.tree.root import Root
Root.live = property(lambda root: True)
from grubkd.cli import main
given = [word if word != "/" else {tree!r} for word in sys.argv[1:]]
sys.exit(main(given if {tree!r} in given else [given[0], "--root", {tree!r}, *given[1:]]))
"""


def as_the_running_system(tree: Path, command: Path) -> Path:
    """Write a grubkd command that takes this tree for the running system."""
    command.write_text(_AS_THE_RUNNING_SYSTEM.format(python=sys.executable, paths=[str(TOP)], tree=str(tree)))
    command.chmod(0o755)
    return command


class Task(NamedTuple):
    """The result of a task for a host: `state` is ok, changed, skipping or fatal."""

    name: str
    state: str
    result: dict[str, Any]


class Ansible(NamedTuple):
    """A directory with the collection, a grubkd command for local hosts, and the directory of Ansible's commands."""

    home: Path
    grubkd: Path
    tools: Path = TOOLS

    def run(self, tool: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.tools / tool, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            env={
                "PATH": f"{self.tools}:{os.environ['PATH']}",
                "HOME": str(self.home),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_HOME": str(self.home / "ansible"),
                "ANSIBLE_COLLECTIONS_PATH": str(self.home / "collections"),
                "ANSIBLE_LOCALHOST_WARNING": "false",
                "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
                "ANSIBLE_FORKS": "2",
                "ANSIBLE_PIPELINING": "true",
                **environment,
            },
        )

    def build(self) -> Path:
        """The collection's archive."""
        done = self.run("ansible-galaxy", "collection", "build", SOURCE, "--output-path", self.home)
        assert done.returncode == 0, done.stderr
        (found,) = self.home.glob("*.tar.gz")
        return found

    def install(self, archive: Path) -> None:
        into = self.home / "collections"
        done = self.run("ansible-galaxy", "collection", "install", "--offline", "-p", into, archive)
        assert done.returncode == 0, done.stderr

    def play(self, hosts: dict[str, dict[str, Any]], playbook: str, *arguments: str) -> "Played":
        """Run a playbook, given as text or name, for hosts with these variables; hosts are local by default.

        The variable `executable` is the grubkd command.
        """
        local = {"ansible_connection": "local", "executable": str(self.grubkd)}
        inventory = {"all": {"hosts": {name: {**local, **variables} for name, variables in hosts.items()}}}
        (self.home / "hosts.json").write_text(json.dumps(inventory))
        if "\n" in playbook:
            (self.home / "play.yml").write_text(playbook)
            playbook = "play.yml"
        done = self.run("ansible-playbook", "-i", "hosts.json", playbook, "-v", *arguments)
        return Played(done.returncode, done.stdout, done.stderr)


class Played(NamedTuple):
    """The exit code of a playbook and the output of ansible-playbook."""

    status: int
    out: str
    err: str

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        found = re.findall(r"^(\S+) +: (ok=.*)$", self.out, re.M)
        return {
            host: {name: int(count) for name, _, count in (word.partition("=") for word in counts.split())}
            for host, counts in found
        }

    def hosts(self, state: str) -> set[str]:
        return {host for host, counts in self.recap.items() if counts[state]}

    def tasks(self, host: str) -> list[Task]:
        """The results of each task for the host, in order; without tasks in loops."""
        found = []
        for block in re.split(r"^(?:TASK|RUNNING HANDLER) ", self.out, flags=re.M)[1:]:
            name = block[1 : block.index("] ***")].rpartition(" : ")[2]
            said = re.search(rf"^(ok|changed|skipping|fatal): \[{re.escape(host)}\].*? => (?=\{{)", block, re.M)
            if said:
                result, _ = json.JSONDecoder().raw_decode(block, said.end())
                found.append(Task(name, said[1], result))
        return found

    def task(self, host: str, name: str) -> Task:
        (found,) = (each for each in self.tasks(host) if each.name == name)
        return found

    def result(self, host: str) -> dict[str, Any]:
        """What the last task returned for a host."""
        found = self.tasks(host)
        assert found, self.out + self.err
        return found[-1].result
