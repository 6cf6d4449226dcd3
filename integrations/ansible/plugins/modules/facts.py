#!/usr/bin/python
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module grubkd.kdump.facts. It calls grubkd and knows nothing about boot loaders itself."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: facts
short_description: Collect boot entries, crashkernel values, the reservation, and whether a crash leaves a dump
version_added: 0.1.0
description:
  - Asks the command C(grubkd) that is installed on the machine, C(grubkd show) and C(grubkd check), and keeps the
    answers as the fact C(ansible_facts.grubkd). Nothing is changed.
  - The module succeeds on a machine that would not leave a dump, and on one without a boot configuration, whose
    C(entries) are empty.
author:
  - The grubkd developers (!UNKNOWN)
requirements:
  - grubkd on the managed machine
options:
  root:
    description: The operating system tree to look at.
    type: path
    default: /
  ram:
    description: The memory of the machine that an image tree is for, such as V(16G).
    type: str
  arch:
    description: The architecture of its kernels, if the tree does not show it.
    type: str
  executable:
    description: The grubkd command, as a path or as a name to look for on E(PATH).
    type: str
    default: grubkd
attributes:
  check_mode:
    description: Nothing is changed in any mode.
    support: full
  diff_mode:
    description: Nothing is changed, so there is no difference.
    support: none
"""

EXAMPLES = r"""
- name: Look
  grubkd.kdump.facts:

- name: Require that a crash leaves a dump
  ansible.builtin.assert:
    that: ansible_facts.grubkd.will_dump.now
    fail_msg: "{{ ansible_facts.grubkd.findings | selectattr('status', 'eq', 'problem') | map(attribute='message') }}"

- name: Report the memory that is reserved
  ansible.builtin.debug:
    msg: "{{ (ansible_facts.grubkd.reservation.reserved_bytes / 1048576) | int }} MiB"
"""

RETURN = r"""
ansible_facts:
  description: The facts. The lists and dictionaries of grubkd's own answers are described in grubkd(8), JSON.
  returned: success
  type: dict
  contains:
    grubkd:
      description: What grubkd found.
      returned: success
      type: dict
      contains:
        entries:
          description: The boot entries in the order of the menu, as C(grubkd show --json) has them.
          returned: success
          type: list
          elements: dict
        new_kernels:
          description: The places that feed kernels installed later, with their values; C(future) of C(grubkd show).
          returned: success
          type: list
          elements: dict
        values:
          description:
            - The different values of the machine's own Linux entries, in the order of the menu, each as the option
              O(grubkd.kdump.crashkernel#module:value) takes it; an empty text for an entry without one.
          returned: success
          type: list
          elements: str
          sample: [1G-4G:192M]
        recommended:
          description: The value that grubkd would choose, C(values), and why, C(source); null if it is not known.
          returned: success
          type: dict
        reservation:
          description:
            - Of the running kernel C(release), the values it was booted with, C(crashkernel), the memory that it set
              aside, C(reserved_bytes), and whether a capture kernel is C(loaded). Null for an image tree.
          returned: success
          type: dict
          sample: {release: 6.1.0-50-amd64, crashkernel: [384M-:128M], reserved_bytes: 134217728, loaded: true}
        will_dump:
          description: Whether a crash leaves a dump, C(now) and after the C(next) boot; null if it is not known.
          returned: success
          type: dict
          sample: {now: true, next: true}
        findings:
          description: The findings of C(grubkd check), with C(check), C(status), C(message), C(why) and C(fix).
          returned: success
          type: list
          elements: dict
        service:
          description: The service that loads the capture kernel, C(name), and whether it is C(enabled).
          returned: success
          type: dict
        target:
          description: Where dumps go.
          returned: success
          type: dict
        errors:
          description: The files that grubkd does not understand; the facts then lack what is in them.
          returned: success
          type: list
          elements: dict
hint:
  description: What to do about a failure.
  returned: failure
  type: str
  sample: give the path of a directory
grubkd:
  description: The answer of the grubkd command that failed.
  returned: failure, if grubkd printed an answer
  type: dict
command:
  description: The grubkd command that failed, as a list of words.
  returned: failure, once the command was found
  type: list
  elements: str
rc:
  description: The exit status of the grubkd command that failed.
  returned: failure, once the command was run
  type: int
"""

# Ansible requires the documentation before the imports.
from typing import Any  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible_collections.grubkd.kdump.plugins.module_utils.grubkd_command import run, said  # noqa: E402

# Exit statuses that come with an answer. 3: a file was not understood, which `errors` says. 4: no dump would be saved.
SHOWN = (0, 3)
CHECKED = (0, 3, 4)


def facts(shown: dict[str, Any], checked: dict[str, Any]) -> dict[str, Any]:
    """The facts, of the answers of show and check."""
    own = [each for each in shown["entries"] if each["linux"] and not each["foreign"]]
    return {
        "entries": shown["entries"],
        "new_kernels": shown["future"],
        "values": list(dict.fromkeys(" ".join(each["crashkernel"]) for each in own)),
        "recommended": shown["recommended"],
        "reservation": checked["running"],
        "will_dump": checked["will_dump"],
        "findings": checked["checks"],
        "service": checked["service"],
        "target": checked["target"],
        "errors": shown["errors"],
    }


def main() -> None:
    """Run grubkd show and grubkd check, and return what they say."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "default": "/"},
            "ram": {"type": "str"},
            "arch": {"type": "str"},
            "executable": {"type": "str", "default": "grubkd"},
        },
        supports_check_mode=True,
    )
    given = ["--root", module.params["root"], "--json"]
    given += [word for name in ("ram", "arch") if module.params[name] for word in (f"--{name}", module.params[name])]
    shown = run(module, ["show", *given], SHOWN)["grubkd"]
    checked = run(module, ["check", *given], CHECKED)["grubkd"]
    for each in shown["errors"]:
        module.warn(said(each))
    module.exit_json(changed=False, ansible_facts={"grubkd": facts(shown, checked)})


if __name__ == "__main__":
    main()
