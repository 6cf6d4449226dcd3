"""The settings of the kdump services: what the service refuses, and what it ignores, with file and line."""

from pathlib import Path

import pytest
from support.answered import answer
from support.livetree import Files, Live, debian, put, red_hat

from grubkd.advice import kdump_config
from grubkd.advice.finding import Status
from grubkd.commands import check
from grubkd.machine import kdump
from grubkd.tree.root import Root

# The words of kdumpctl that parse_config of kdump-utils 1.0.5 accepts, and those of its messages.
KDUMPCTL = """\
#!/bin/bash
case "$config_opt" in
dracut_args) ;; raw) ;;
ext[234] | minix | btrfs | xfs | nfs | ssh | virtiofs) ;; sshkey) ;; default) ;;
path | core_collector | kdump_post | kdump_pre | extra_bins | extra_modules | failure_action | final_action) ;;
force_rebuild | force_no_rebuild | fence_kdump_args | fence_kdump_nodes | auto_reset_crashkernel) ;;
net | options | link_delay | disk_timeout | debug_mem_level | blacklist) derror "Deprecated kdump config option" ;;
*) derror "Invalid kdump config option $config_opt" ;;
esac
derror "Duplicated kdump config value of option $opt"
"""


UNITS = {"kdump": "usr/lib/systemd/system/kdump.service", "kdump-tools": "lib/systemd/system/kdump-tools.service"}
Found = list[tuple[str, str, int | None]]


def judged(tree: Path, service: str, files: Files) -> Found:
    put(tree, {UNITS[service]: "[Unit]\n", **files})
    root = Root(str(tree))
    found = list(kdump_config.findings(kdump.read(root), root))
    assert all(each.why and each.fix and each.check == "settings" for each in found if each.status is not Status.OK)
    return [(each.status.value, each.code, each.place.line if each.place else None) for each in found]


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ("path /var/crash\n# comment\n\n", [("ok", "settings", 0)]),
        ("path /var/crash\npth /srv\n", [("problem", "unknown-option", 3)]),
        ("auto_reset_crashkernel=no\n", [("problem", "unknown-option", 2)]),
        ("net nfs:vault:/export\n", [("problem", "deprecated-option", 2)]),
        (
            "link_delay 60\nblacklist e1000\n",
            [("problem", "deprecated-option", 2), ("problem", "deprecated-option", 3)],
        ),
        ("path\n", [("problem", "empty-option", 2)]),
        ("path   # nothing\n", [("problem", "empty-option", 2)]),
        ("failure_action restart\n", [("problem", "bad-option", 2)]),
        ("failure_action dump_to_rootfs\nfinal_action poweroff\n", [("ok", "settings", 0)]),
        ("final_action shell\n", [("problem", "bad-option", 2)]),
        ("default mount_root_run_init\n", [("problem", "bad-option", 2)]),
        ("default shell\nfailure_action shell\n", [("problem", "repeated-option", 3)]),
        ("path /var/crash\npath /var/crash\n", [("problem", "repeated-option", 3)]),
        ("force_rebuild yes\n", [("problem", "bad-option", 2)]),
        ("force_rebuild 1\nforce_no_rebuild 1\n", [("problem", "repeated-option", 3)]),
        ("force_rebuild 1\nforce_no_rebuild 0\n", [("ok", "settings", 0)]),
        ("kdump_post /etc/kdump/gone.sh\n", [("problem", "missing-file", 2)]),
        ("extra_bins /etc/kdump.conf\n", [("problem", "missing-file", 2)]),
        ("ssh vault\n", [("problem", "bad-option", 2)]),
        ("ssh kdump@vault\nsshkey /etc/gone\n", [("warning", "no-sshkey", 3)]),
        ("dracut_args --mount a --mount b\n", [("problem", "bad-option", 2)]),
    ],
    ids=lambda value: value.split("\n")[0] if isinstance(value, str) else "",
)
@pytest.mark.parametrize(
    "tool", [KDUMPCTL, "#!/bin/bash\nkdump_get_conf_val auto_reset_crashkernel\n"], ids=["", "old"]
)
def test_kdump_conf(conf: str, expected: Found, tool: str, tmp_path: Path) -> None:
    files = {"etc/kdump.conf": f"auto_reset_crashkernel no\n{conf}", "usr/bin/kdumpctl": tool}
    assert judged(tmp_path, "kdump", files) == expected


def test_what_the_service_refuses_saves_no_dump_after_the_next_boot(tmp_path: Path) -> None:
    tree = red_hat(tmp_path)
    put(tree, {"etc/kdump.conf": "auto_reset_crashkernel no\npath /var/crash\nfailure_action restart\n"})
    found = answer(lambda: check.check_tree(Live(str(tree)), json=True))
    (wrong,) = [each for each in found.json["checks"] if each["status"] != "ok"]
    assert (wrong["check"], wrong["file"], wrong["line"]) == ("settings", "/etc/kdump.conf", 3)
    assert (found.exit, found.json["will_dump"]) == (4, {"now": True, "next": False})


def test_the_options_that_a_kdumpctl_knows_are_its_own(tmp_path: Path) -> None:
    """RHEL 7 knows no failure_action; a later kdump-utils may know more than grubkd."""
    old = KDUMPCTL.replace("failure_action |", "").replace("*)", "brand_new) ;; *)")
    conf = "auto_reset_crashkernel no\nfailure_action shell\nbrand_new x\n"
    files = {"etc/kdump.conf": conf, "usr/bin/kdumpctl": old}
    assert judged(tmp_path, "kdump", files) == [("problem", "unknown-option", 2)]


def test_kdump_conf_without_kdumpctl_is_not_judged(tmp_path: Path) -> None:
    """The init script of RHEL 5 and 6 reads it otherwise: `net` was right there."""
    assert judged(tmp_path, "kdump", {"etc/kdump.conf": "net root@vault\n"}) == []


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ("USE_KDUMP=1\n", [("ok", "settings", 0)]),
        ("USE_KDUMP=1\nKDUMP_KERNEL=/boot/gone\n", [("problem", "missing-file", 2)]),
        ("USE_KDUMP=1\nKDUMP_KERNEL=/var/lib/kdump/vmlinuz\n", [("ok", "settings", 0)]),
        ("USE_KDUMP=1\nNFS=vault\n", [("problem", "bad-option", 2)]),
        ("USE_KDUMP=1\nKDUMP_COMPRESSION=zip\n", [("warning", "bad-option", 2)]),
    ],
)
def test_kdump_tools(conf: str, expected: Found, tmp_path: Path) -> None:
    assert judged(tmp_path, "kdump-tools", {"etc/default/kdump-tools": conf}) == expected


def test_kdump_tools_without_use_kdump_does_nothing(tmp_path: Path) -> None:
    tree = debian(tmp_path)
    put(tree, {"etc/default/kdump-tools": "KDUMP_COREDIR=/var/crash\n"})
    answered = answer(lambda: check.check_tree(Live(str(tree)), json=True)).json
    (found,) = [each for each in answered["checks"] if each["status"] == "problem"]
    assert (found["code"], found["message"]) == ("off", "kdump-tools.service does nothing: USE_KDUMP is not set")
    assert found["fix"] == "add this line to /etc/default/kdump-tools: USE_KDUMP=1"


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ("KDUMP_SAVEDIR=file:///var/crash\nKDUMP_DUMPFORMAT=zstd\n", [("ok", "settings", 0)]),
        ("KDUMP_SAVEDIR=http://vault/x\n", [("problem", "bad-option", 1)]),
        ("KDUMP_SAVEDIR=crash\n", [("problem", "bad-option", 1)]),
        ("KDUMP_SAVEDIR=/var/crash\nKDUMP_DUMPFORMAT=zip\n", [("warning", "bad-option", 2)]),
        ("KDUMP_CPUS=all\n", [("warning", "bad-option", 1)]),
        ("KDUMP_DUMPLEVEL=32\n", [("warning", "bad-option", 1)]),
    ],
)
def test_sysconfig_of_suse(conf: str, expected: Found, tmp_path: Path) -> None:
    assert judged(tmp_path, "kdump", {"etc/sysconfig/kdump": conf}) == expected
