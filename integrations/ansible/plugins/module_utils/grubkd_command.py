# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command grubkd on the managed machine: found, run, and its JSON answer, for the modules of this collection."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container

    from ansible.module_utils.basic import AnsibleModule


def run(module: AnsibleModule, arguments: list[str], statuses: Container[int] = (0,)) -> dict[str, Any]:
    """Run grubkd once: `command`, `rc`, and its answer as `grubkd`. Fails the module unless it answers and ends so."""
    command = [_found(module), *arguments]
    status, output, errors = module.run_command(command)
    answer = _parsed(output)
    result: dict[str, Any] = {"command": command, "rc": status}
    if answer is None:
        module.fail_json(
            msg=f"{command[0]} printed no answer and exited {status}: {errors.strip() or output.strip()}",
            hint="check that it is grubkd and that it runs: grubkd --version",
            **result,
        )
    result["grubkd"] = answer
    if "error" in answer or status not in statuses:
        problem = answer.get("error") or {"message": errors.strip()}
        module.fail_json(msg=said(problem), hint=problem.get("fix"), **result)
    return result


def said(notice: dict[str, Any]) -> str:
    """A message of grubkd in one line: place, message, fix."""
    numbers = [str(notice[key]) for key in ("line", "column") if notice.get(key) is not None]
    if notice.get("file"):
        place = ":".join([notice["file"], *numbers])
    else:
        # An error without a file that has a column is about the VALUE.
        place = "column {} of VALUE".format(notice["column"]) if notice.get("column") else ""
    text = "{}: {}".format(place, notice["message"]) if place else notice["message"]
    return "{} ({})".format(text, notice["fix"]) if notice.get("fix") else text


def _found(module: AnsibleModule) -> str:
    """The path of the command; fails the module if there is none."""
    executable = module.params["executable"]
    path = module.get_bin_path(executable)
    if path is None:
        hint = "install it, as the role grubkd.kdump.kdump does, or give its path as executable"
        module.fail_json(msg=f"the command {executable} was not found ({hint})", hint=hint)
    return path


def _parsed(output: str) -> Any:
    """The answer, or None if the output is not one, for example if the command is not grubkd."""
    try:
        answer = json.loads(output)
    except ValueError:
        return None
    return _sendable(answer) if isinstance(answer, dict) and answer.get("version") == 1 else None


def _sendable(answer: Any) -> Any:
    """The same with U+FFFD for every byte that is not UTF-8, because Ansible prints only text."""
    if isinstance(answer, str):
        return answer.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(answer, list):
        return [_sendable(each) for each in answer]
    if isinstance(answer, dict):
        return {key: _sendable(each) for key, each in answer.items()}
    return answer
