"""Release files of every age."""

from pathlib import Path

import pytest
from support.livetree import grow

from grubkd.machine import distribution
from grubkd.memory.vendors import Distribution
from grubkd.tree.root import Root


class TestDistribution:
    @pytest.mark.parametrize(
        ("files", "wanted"),
        [
            (
                {"etc/os-release": 'ID="rhel"\nVERSION_ID="9.5"\nID_LIKE="fedora"\nPRETTY_NAME="RHEL 9.5"\n'},
                Distribution("rhel", (9, 5), ("fedora",), "RHEL 9.5"),
            ),
            (
                {"usr/lib/os-release": "ID=debian\nNAME=Debian\nVERSION_CODENAME=forky\n"},
                Distribution("debian", (14,), (), "Debian"),
            ),
            (
                {"etc/os-release": "ID=debian\n", "etc/debian_version": "trixie/sid\n"},
                Distribution("debian", (13,), (), "debian"),
            ),
            (
                {"etc/redhat-release": "CentOS Linux release 7.9.2009 (Core)\n"},
                Distribution(
                    "centos",
                    (7, 9, 2009),
                    ("rhel", "fedora"),
                    "CentOS Linux release 7.9.2009 (Core)",
                ),
            ),
            (
                {"etc/fedora-release": "Fedora release 11 (Leonidas)\n", "etc/redhat-release": "Fedora release 11\n"},
                Distribution("fedora", (11,), (), "Fedora release 11 (Leonidas)"),
            ),
            (
                {"etc/SuSE-release": "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n"},
                Distribution("sles", (11, 4), ("suse",), "SUSE Linux Enterprise Server 11 (x86_64)"),
            ),
            (
                {
                    "etc/lsb-release": "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=8.04\n",
                    "etc/debian_version": "lenny/sid\n",
                },
                Distribution("ubuntu", (8, 4), (), "Ubuntu 8.04"),
            ),
            (
                {"etc/debian_version": "5.0.10\n"},
                Distribution("debian", (5, 0, 10), (), "Debian 5.0.10"),
            ),
            (
                {"etc/debian_version": "squeeze/sid\n"},
                Distribution("debian", (6,), (), "Debian squeeze/sid"),
            ),
            ({"etc/redhat-release": "\n", "etc/SuSE-release": "", "etc/lsb-release": "X=1\n"}, distribution.UNKNOWN),
            ({}, distribution.UNKNOWN),
        ],
        ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
    )
    def test_release_files(self, tmp_path: Path, files: dict[str, str | bytes], wanted: Distribution) -> None:
        assert distribution.read(Root(str(grow(tmp_path, files)))) == wanted
