#!/usr/bin/python
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module grubkd.kdump.crashkernel. It calls grubkd and knows nothing about boot loaders itself."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: crashkernel
short_description: Set the crashkernel reservation and other kernel arguments
version_added: 0.1.0
description:
  - Gives the boot entries of a machine, or of an image tree, a value of the kernel's C(crashkernel=) parameter,
    through the command C(grubkd) that is installed there.
  - Covers all boot loader layouts that grubkd edits, and new kernels. A run is one transaction - all files change or
    none - and C(grubkd rollback) undoes it. The manual page grubkd(8) has the details.
  - A second run changes nothing.
author:
  - The grubkd developers (!UNKNOWN)
requirements:
  - grubkd on the managed machine
options:
  value:
    description:
      - The value, with or without C(crashkernel=). Two values that belong together are separated by a blank.
      - Excludes O(auto).
    type: str
  auto:
    description: Let grubkd choose the value by RAM, architecture, distribution and kernel.
    type: bool
    default: false
  state:
    description:
      - With V(present) the selected entries have exactly the wanted value and arguments.
      - With V(absent) they have no C(crashkernel=); then no value and no arguments can be given.
    type: str
    choices: [present, absent]
    default: present
  entries:
    description:
      - The entries to change, as selectors of C(grubkd --kernel) - V(ALL), V(DEFAULT), an index, C(title=TITLE), a
        kernel's path, or an id. Each element is one selector; give a list, since Ansible splits a text at its commas.
      - By default every Linux entry, and kernels installed later.
    type: list
    elements: str
    default: []
  arguments:
    description:
      - Arguments, as C(NAME) or C(NAME=VALUE), that replace all arguments of the same name, as C(grubkd set --arg)
        does. A name that is given several times is set once for each value.
    type: list
    elements: str
    default: []
  add_arguments:
    description: Arguments to append if they are missing, as C(grubkd set --add-arg) does.
    type: list
    elements: str
    default: []
  remove_arguments:
    description: Arguments to remove, as C(grubkd set --remove-arg) does.
    type: list
    elements: str
    default: []
  root:
    description: The operating system tree to change.
    type: path
    default: /
  ram:
    description: The memory of the machine that the tree is for, such as V(16G). Needed by O(auto) for an image tree.
    type: str
  arch:
    description: The architecture of its kernels, if the tree does not show it.
    type: str
  this_machine:
    description: The tree in O(root) is for the machine that the module runs on, as in an installer.
    type: bool
    default: false
  offset:
    description: Also set the place of the reservation - V(auto), or an address.
    type: str
  regenerate:
    description: Run the tree's own generator of C(grub.cfg) instead of editing that file.
    type: bool
    default: false
  run_followups:
    description: For an O(root) that is not V(/), run follow-up commands such as C(zipl) inside it.
    type: bool
    default: false
  force:
    description: Write values that would not boot or would reserve nothing, too.
    type: bool
    default: false
  executable:
    description: The grubkd command, as a path or as a name to look for on E(PATH).
    type: str
    default: grubkd
attributes:
  check_mode:
    description: Runs C(grubkd --dry-run), which makes the same decision and changes no byte.
    support: full
  diff_mode:
    description: Shows the unified diff of each file.
    support: full
"""

EXAMPLES = r"""
- name: Reserve what the vendor recommends for this machine
  grubkd.kdump.crashkernel:
    auto: true
  register: reservation

- name: Reboot if the running kernel was booted with another value
  ansible.builtin.reboot:
  when: reservation.reboot_required

- name: Reserve memory above and below 4 GiB
  grubkd.kdump.crashkernel:
    value: 256M,high 72M,low

- name: Set the place for one entry too
  grubkd.kdump.crashkernel:
    value: 64M@16M
    entries:
      - title=Fedora (2.6.29.4-167.fc11.i586)

- name: Replace all consoles by two, and remove quiet
  grubkd.kdump.crashkernel:
    arguments:
      - console=tty0
      - console=ttyS0,115200
    remove_arguments:
      - quiet

- name: Prepare an image for machines with 16 GiB
  grubkd.kdump.crashkernel:
    auto: true
    ram: 16G
    root: /srv/images/web

- name: Remove the reservation
  grubkd.kdump.crashkernel:
    state: absent
"""

RETURN = r"""
reboot_required:
  description:
    - Whether the running kernel was booted with other values than the next boot will get; in check mode, would get.
    - Always false for an image tree.
  returned: success
  type: bool
  sample: true
transaction:
  description: The id of the change, for C(grubkd rollback); null if nothing was written.
  returned: success
  type: str
  sample: 20261123-011604-850529
followups:
  description: Commands that still have to be run in the image tree, each a list of words.
  returned: success
  type: list
  elements: list
  sample: [[zipl]]
grubkd:
  description: The whole answer of C(grubkd --json), described in grubkd(8); after a failure it has C(error).
  returned: when grubkd printed an answer
  type: dict
  sample: {version: 1, changed: false, dry_run: false, files: [], transaction: null, followups: [],
    reboot_required: false, warnings: []}
hint:
  description: What to do about a failure.
  returned: failure
  type: str
  sample: grubkd edits only what it can read; correct the file, or report the statement
command:
  description: The command that was run, as a list of words.
  returned: always, once the command was found
  type: list
  elements: str
  sample: [/usr/bin/grubkd, set, --root, /, --json, --auto]
rc:
  description: The exit status of grubkd.
  returned: always, once the command was run
  type: int
  sample: 0
"""

# Ansible requires the documentation before the imports.
import os  # noqa: E402
from typing import Any  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible_collections.grubkd.kdump.plugins.module_utils.grubkd_command import run, said  # noqa: E402

LISTS = {"entries": "--kernel", "arguments": "--arg", "add_arguments": "--add-arg", "remove_arguments": "--remove-arg"}
TEXTS = {"ram": "--ram", "arch": "--arch"}
FLAGS = {
    "auto": "--auto",
    "this_machine": "--this-machine",
    "regenerate": "--regenerate",
    "run_followups": "--run-followups",
    "force": "--force",
}
# `grubkd unset` has only these.
OF_UNSET = {"entries", "run_followups", "force"}


def words(parameters: dict[str, Any], *, dry_run: bool) -> list[str]:
    """The arguments of grubkd for the parameters of the module."""
    found = ["unset" if parameters["state"] == "absent" else "set", "--root", parameters["root"], "--json"]
    for name, option in LISTS.items():
        found += [word for each in parameters[name] for word in (option, each)]
    for name, option in TEXTS.items():
        found += [option, parameters[name]] if parameters[name] else []
    found += [option for name, option in FLAGS.items() if parameters[name]]
    # The option's value is optional: as a separate word it would be read as a VALUE.
    found += ["--offset={}".format(parameters["offset"])] if parameters["offset"] else []
    found += ["--dry-run"] if dry_run else []
    values = (parameters["value"] or "").split()
    return [*found, "--", *values] if values else found


def check_parameters(module: AnsibleModule) -> None:
    """Fail the module if the parameters contradict each other or ask for nothing."""
    given = module.params
    if given["state"] == "absent":
        extra = {name for name in ("value", *LISTS, *TEXTS, *FLAGS, "offset") if given[name]} - OF_UNSET
        if extra:
            module.fail_json(msg="state=absent takes no {}".format(", ".join(sorted(extra))))
    # Ansible's own check would also refuse auto=false together with a value.
    elif given["value"] and given["auto"]:
        module.fail_json(msg="value and auto exclude each other")
    elif not any(given[name] for name in ("value", "auto", "arguments", "add_arguments", "remove_arguments")):
        module.fail_json(msg="nothing to set: give value, auto, arguments, add_arguments or remove_arguments")


def main() -> None:
    """Run grubkd once and return its answer."""
    module = AnsibleModule(
        argument_spec={
            "value": {"type": "str"},
            "auto": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "entries": {"type": "list", "elements": "str", "default": []},
            "arguments": {"type": "list", "elements": "str", "default": []},
            "add_arguments": {"type": "list", "elements": "str", "default": []},
            "remove_arguments": {"type": "list", "elements": "str", "default": []},
            "root": {"type": "path", "default": "/"},
            "ram": {"type": "str"},
            "arch": {"type": "str"},
            "this_machine": {"type": "bool", "default": False},
            "offset": {"type": "str"},
            "regenerate": {"type": "bool", "default": False},
            "run_followups": {"type": "bool", "default": False},
            "force": {"type": "bool", "default": False},
            "executable": {"type": "str", "default": "grubkd"},
        },
        supports_check_mode=True,
    )
    check_parameters(module)
    result = run(module, words(module.params, dry_run=module.check_mode))
    answer = result["grubkd"]
    for each in answer["warnings"]:
        module.warn(said(each))
    module.exit_json(
        changed=answer["changed"],
        reboot_required=answer["reboot_required"] and os.path.realpath(module.params["root"]) == "/",
        transaction=answer["transaction"],
        followups=answer["followups"],
        diff=[{"prepared": each["diff"]} for each in answer["files"]] if module._diff else [],
        **result,
    )


if __name__ == "__main__":
    main()
