"""The predictor against real kernels: /proc/iomem shows what was predicted, or one of the predicted possibilities."""

from dataclasses import replace
from itertools import zip_longest

import pytest

from lab.kernels import KERNELS
from lab.matrix import COUNTS, Booted, Case, boot, cases, changed
from lab.packages import Unavailable
from lab.prediction import compare, compare_silent, question, size_fits, text
from lab.results import record

X86, I386 = "6.1 x86_64", "6.1 i386"
SHORT = [
    Case(X86, 1024, "pc", "128M"),
    Case(X86, 6144, "pc", "256M,high 72M,low", kaslr=False),
    Case(X86, 1024, "q35", "192M", kaslr=False, efi=True),
    Case(I386, 1024, "pc", "128M", kaslr=False),
]
# The kernels take turns, so that a run that is stopped has tried all of them.
_BY_KERNEL = zip_longest(*(cases(kernel) for kernel in COUNTS))
LONG = [
    Case(X86, 2048, "q35", "1G-4G:192M,4G-64G:256M,64G-:512M", kaslr=False),
    Case(X86, 512, "pc", "600M", kaslr=False),
    Case(X86, 1024, "q35", "64M@16M", kaslr=False),
    Case(I386, 2048, "q35", "0512M", kaslr=False),
    *(case for group in _BY_KERNEL for case in group if case),
]


def booted(case: Case) -> Booted:
    """Boot, or skip the test if something is not available."""
    try:
        return boot(case)
    except Unavailable as problem:
        pytest.skip(str(problem))


def check(case: Case, *, keep: bool) -> None:
    found = booted(case)
    if found.report:
        known = compare(found.report, case.arch)
        typical = compare(found.report, case.arch, knows_image=False)
        unplaced = compare(found.report, case.arch, loader=case.loader)
        asked = question(found.report, case.arch, knows_image=True)
        assert size_fits(found.report, known.reserved)
    else:
        # A machine that ended by itself had a fault, which is not predicted for any value.
        assert not found.run.ended, found.run.tail()
        other = booted(replace(case, value="")).report
        assert other, f"silent, and so without crashkernel=: {found.run.tail()}"
        line = f"{other.cmdline} {case.cmdline}"
        known = compare_silent(other, case.arch, line)
        typical = compare_silent(other, case.arch, line, knows_image=False)
        unplaced, asked = known, question(other, case.arch, knows_image=True)
    if keep:
        record(
            "matrix",
            str(case),
            kernel=case.kernel,
            release=KERNELS[case.kernel].release,
            memory=case.memory,
            machine=case.kind,
            value=case.value,
            kaslr=case.kaslr,
            ballast=case.ballast,
            efi=case.efi,
            words=case.words,
            loader=case.loader,
            unplaced_outcome=unplaced.outcome,
            changed=case in changed(case.kernel),
            request={**asked, "loader": case.loader},
            regions=found.report.reserved if found.report else [],
            size=found.report.size if found.report else None,
            status=known.status,
            outcome=known.outcome,
            typical_status=typical.status,
            typical_outcome=typical.outcome,
            predicted=text(known.predicted),
            alternatives=len(known.alternatives),
            reserved=text(known.reserved) if found.report else "does not boot",
            seconds=round(found.run.seconds, 1),
            faults=found.faults,
        )
    for compared in (known, typical, unplaced):
        assert compared.outcome != "wrong", compared
        if not compared.alternatives:
            assert compared.outcome == "exact", compared


@pytest.mark.parametrize("case", SHORT, ids=str)
def test_some_boots(case: Case) -> None:
    check(case, keep=False)


@pytest.mark.lab
@pytest.mark.parametrize("case", LONG, ids=str)
def test_every_boot_of_the_matrix(case: Case) -> None:
    check(case, keep=True)
