"""`grubkd plan --as`: each text as the tool that it is for reads it."""

import io
import json
import shlex
import subprocess
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from pykickstart.parser import KickstartParser
from pykickstart.version import makeVersion

from grubkd.cli import main
from grubkd.memory.architecture import Architecture

FIXTURES = Path(__file__).parents[2] / "fixtures"
RHEL9 = "1G-4G:192M,4G-64G:256M,64G-:512M"
OF_RHEL9 = ("--release", "5.14.0-427.13.1.el9_4.x86_64", "--ram", "16G")
VERSIONS = ("RHEL8", "RHEL9", "RHEL10", "F40", "F44")


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with redirect_stdout(out), redirect_stderr(err):
        status = main(["plan", *arguments])
    out.flush()
    err.flush()
    return status, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()


def snippet(form: str, *arguments: str) -> str:
    status, text, _story = run(*arguments, f"--as={form}")
    assert status == 0
    return text


def tree(name: str, ram: str) -> tuple[str, ...]:
    return "--root", str(FIXTURES / name / "root"), "--ram", ram


def kickstart(text: str, version: str) -> Any:
    """What Anaconda's own parser of that version makes of the text."""
    handler = makeVersion(version)
    KickstartParser(handler).readKickstartFromString(text)
    return handler


@pytest.mark.parametrize("version", VERSIONS)
def test_kickstart_says_it_both_ways(version: str) -> None:
    found = kickstart(snippet("kickstart", *OF_RHEL9), version)
    assert found.bootloader.appendLine == f"crashkernel={RHEL9}"
    assert "%addon com_redhat_kdump --enable --reserve-mb=256\n%end" in str(found)


def test_kickstart_is_whole_and_nothing_else() -> None:
    assert snippet("kickstart", *OF_RHEL9) == (
        "# Merge this into the bootloader command of the file: there must be only one.\n"
        f'bootloader --append="crashkernel={RHEL9}"\n'
        "\n"
        "# An installer with the kdump addon uses this value instead of the one above. They are the same only on a\n"
        "# machine with this amount of RAM.\n"
        "%addon com_redhat_kdump --enable --reserve-mb=256\n"
        "%end\n"
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (tree("fedora-11-i386", "2G"), "crashkernel=64M@16M"),  # a place
        (OF_RHEL9[:2], f"crashkernel={RHEL9}"),  # ranges, of a machine whose RAM is not known
    ],
)
def test_kickstart_has_no_addon_where_megabytes_cannot_say_it(
    version: str, arguments: tuple[str, ...], value: str, tmp_path: Path
) -> None:
    if "--root" not in arguments:
        arguments = (*arguments, "--root", str(tmp_path))
    text = snippet("kickstart", *arguments)
    found = kickstart(text, version)
    assert found.bootloader.appendLine == value
    assert "\n%addon" not in text
    assert "grubkd-kickstart(7)" in text


def test_blueprint() -> None:
    assert tomllib.loads(snippet("blueprint", *OF_RHEL9)) == {
        "customizations": {"kernel": {"append": f"crashkernel={RHEL9}"}}
    }


def test_kargs() -> None:
    """bootc refuses a file with any other member."""
    assert tomllib.loads(snippet("kargs.d", *tree("centos-stream-10-bootc", "8G"))) == {
        "kargs": ["crashkernel=2G-4G:256M,4G-64G:320M,64G-:576M"],
        "match-architectures": ["aarch64"],
    }


@pytest.mark.parametrize(
    ("release", "arch", "name"),
    [
        ("6.12.0-55.el10.x86_64", None, "x86_64"),
        ("6.12.0-55.el10.aarch64", None, "aarch64"),
        ("6.12.0-55.el10.ppc64le", None, "powerpc64"),
        ("6.12.0-55.el10.s390x", None, "s390x"),
        ("6.12.0", "riscv64", "riscv64"),
    ],
)
def test_kargs_name_architectures_as_rust_does(release: str, arch: str | None, name: str) -> None:
    given = ("--arch", arch) if arch else ()
    found = tomllib.loads(snippet("kargs.d", "--release", release, "--ram", "16G", *given))
    assert found["match-architectures"] == [name]


def test_every_architecture_has_a_name_of_rusts() -> None:
    """The values of std::env::consts::ARCH."""
    names = {"x86", "x86_64", "arm", "aarch64", "powerpc64", "s390x", "riscv64", "loongarch64"}
    assert {each.rust_name for each in Architecture} == names


def test_grubby(tmp_path: Path) -> None:
    """The shell passes the values to grubby whole: a fake grubby records them."""
    fake = tmp_path / "grubby"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@" --- >>"$0.log"\n')
    fake.chmod(0o755)
    text = snippet("grubby", *OF_RHEL9)
    subprocess.run(["sh", "-euc", text], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    assert (tmp_path / "grubby.log").read_text().split("---\n") == [
        "--update-kernel=ALL\n--remove-args=crashkernel crashkernel\n",
        f"--update-kernel=ALL\n--args=crashkernel={RHEL9}\n",
        "",
    ]
    assert len(shlex.split(text)) == 7


def test_json() -> None:
    status, text, _story = run(*OF_RHEL9, "--as=blueprint", "--json")
    answer = json.loads(text)
    assert status == 0
    assert [(name, answer[name]) for name in ("version", "as", "values", "errors")] == [
        ("version", 1),
        ("as", "blueprint"),
        ("values", [RHEL9]),
        ("errors", []),
    ]
    assert answer["text"] == snippet("blueprint", *OF_RHEL9)
    assert [warning["code"] for warning in answer["warnings"]] == ["unknown-distribution"]


def test_a_release_without_a_snippet() -> None:
    status, text, _story = run(*OF_RHEL9, "--json")
    answer = json.loads(text)
    assert (status, answer["entries"], answer["future"]["values"]) == (0, [], [RHEL9])
    assert run(*OF_RHEL9)[1].splitlines()[0] == "x86_64, 16G of RAM"


def test_a_release_in_a_tree_gets_that_distribution_s_row() -> None:
    status, text, stderr = run(*tree("ubuntu-24.04", "8G"), "--release", "6.8.0-31-generic", "--as=blueprint")
    assert (status, stderr) == (0, "")
    assert "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M" in text


def test_entries_share_one_value() -> None:
    """Of the entries of a tree, and of one alone."""
    of_all = snippet("blueprint", *tree("debian-6-legacy-xen", "4G"))
    assert tomllib.loads(of_all)["customizations"]["kernel"]["append"].startswith("crashkernel=")
    assert snippet("blueprint", *tree("debian-12", "4G"), "--kernel=0").endswith('append = "crashkernel=384M-:128M"\n')


@pytest.mark.parametrize(
    "arguments",
    [
        (*OF_RHEL9, "--as=grubby", "--explain"),
        (*tree("debian-12", "4G"), "--as=grubby", "--map"),
        (*tree("debian-12", "4G"), "--as=grubby", "--svg", "picture.svg"),
        (*OF_RHEL9, "--kernel=0"),
        (*OF_RHEL9, "--map"),
        ("--release", "none"),
        ("--as=lilo",),
    ],
)
def test_what_excludes_each_other_is_refused(arguments: tuple[str, ...]) -> None:
    status, text, stderr = run(*arguments)
    assert (status, text) == (2, "")
    assert stderr.startswith("grubkd: error: ")


def test_without_ram_a_value_that_depends_on_it_is_refused() -> None:
    assert run("--release", "2.6.18-194.el5", "--arch", "i386", "--root", str(FIXTURES / "no-bootloader/root"))[0] == 4


def test_a_file_that_is_not_understood_is_told() -> None:
    """The snippet is for another system's entries too: it is printed, and the exit code says that one was not read."""
    status, text, stderr = run(*tree("rhel-9-broken-script", "8G"), "--as=blueprint")
    assert (status, "append =" in text) == (3, True)
    assert "grubkd: error: /boot/grub2/grub.cfg" in stderr


def test_a_script_gets_the_bare_value() -> None:
    assert snippet("value", *OF_RHEL9) == f"{RHEL9}\n"
    assert snippet("value", *tree("debian-12", "8G")) == "384M-:128M\n"
