"""Which kdump service a tree has, and whether it is enabled."""

from pathlib import Path

import pytest
from support.livetree import Files, put

from grubkd.machine import kdump
from grubkd.tree.root import Root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ("", True, False)),
        ({"etc/init.d/kdump": "#!/bin/sh\n"}, ("kdump", False, False)),
        (
            {"etc/rc.d/init.d/kdump": "#!/bin/sh\n", "etc/rc.d/rc3.d/S20kdump": "-> ../init.d/kdump"},
            ("kdump", False, True),
        ),
        ({"etc/init.d/boot.kdump": "", "etc/init.d/boot.d/S12boot.kdump": "-> ../boot.kdump"}, ("kdump", False, True)),
        ({"etc/init.d/kdump": "", "etc/rc3.d/K80kdump": "-> ../init.d/kdump"}, ("kdump", False, False)),
        ({"usr/lib/systemd/system/kdump.service": "[Unit]\n"}, ("kdump", True, False)),
        (
            {
                "usr/lib/systemd/system/kdump.service": "[Unit]\n",
                "usr/lib/systemd/system/multi-user.target.wants/kdump.service": "-> ../kdump.service",
            },
            ("kdump", True, True),
        ),
        ({"etc/systemd/system/kdump.service": "[Unit]\n"}, ("kdump", True, False)),
        ({"etc/systemd/system/x.target.wants/kdump.service": "-> /gone"}, ("", True, False)),
    ],
)
def test_services(files: Files, expected: tuple[str, bool, bool], tmp_path: Path) -> None:
    put(tmp_path, files)
    found = kdump.read_service(Root(str(tmp_path)))
    assert (found.name, found.systemd, found.enabled) == expected
