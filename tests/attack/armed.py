"""A clone in which everything that Git could be made to run leaves a mark: settings, hooks, attributes.

The settings lie in `.git/config`, as in an archive of a whole repository that somebody unpacked, or in a
bare repository that was committed as a folder; what a plain clone brings lies in the commits.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

HOOKS = [
    "applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit",
    "prepare-commit-msg", "commit-msg", "post-commit", "pre-rebase", "post-checkout", "post-merge",
    "pre-push", "pre-receive", "update", "proc-receive", "post-receive", "post-update",
    "reference-transaction", "push-to-checkout", "pre-auto-gc", "post-rewrite", "sendemail-validate",
    "fsmonitor-watchman", "post-index-change",
]  # fmt: skip
VERBS = ["cat-file", "rev-parse", "rev-list", "log", "ls-files", "merge-tree", "fetch", "push", "switch"]
ATTRIBUTES = "* filter=evil diff=evil merge=evil text=auto eol=lf\n"


class Armed:
    """Marks in one folder, and what would leave them."""

    def __init__(self, marks: Path) -> None:
        self.marks = marks
        marks.mkdir(exist_ok=True)

    def run(self, name: str) -> str:
        """A command that leaves a mark and then fails: nothing goes on as if it had not been there."""
        return f"touch {shlex.quote(str(self.marks / name))}; false"

    def script(self, path: Path, name: str) -> Path:
        """The same as a program."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{self.run(name)}\n")
        path.chmod(0o755)
        return path

    @property
    def left(self) -> list[str]:
        """Which marks were left."""
        return sorted(each.name for each in self.marks.iterdir())

    def settings(self, clone: Path) -> dict[str, str]:
        """Settings by which Git runs something, or goes elsewhere."""
        programs = {
            key: str(self.script(clone / ".git/programs" / key, key))
            for key in ("core.askPass", "gpg.program", "gpg.ssh.program", "gpg.x509.program", "core.gitProxy",
                        "remote.origin.uploadpack", "remote.origin.receivepack", "core.alternateRefsCommand",
                        "diff.external", "core.fsmonitor", "uploadpack.packObjectsHook",
                        "gpg.ssh.defaultKeyCommand", "gc.recentObjectsHook", "core.pager", "core.editor")
        }  # fmt: skip
        commands = {
            key: self.run(key)
            for key in ("core.sshCommand", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process",
                        "merge.evil.driver", "diff.evil.textconv", "diff.evil.command", "sequence.editor",
                        "interactive.diffFilter", "trailer.x.command", "man.x.cmd", "browser.x.cmd")
        }  # fmt: skip
        shells = {key: f"!{self.run(key)}" for key in ("credential.helper", *(f"alias.{v}" for v in VERBS))}
        pagers = {f"pager.{verb}": self.run(f"pager.{verb}") for verb in VERBS}
        return {
            **programs, **commands, **shells, **pagers, "core.hooksPath": ".githooks",
            "core.attributesFile": str(clone / ".gitattributes"), "filter.evil.required": "true",
            "protocol.allow": "always", "protocol.ext.allow": "always", "commit.gpgSign": "true",
            "log.showSignature": "true", "submodule.recurse": "true", "fetch.recurseSubmodules": "true",
            "gc.auto": "1", "maintenance.auto": "true", "maintenance.strategy": "incremental",
            "core.logAllRefUpdates": "always", "push.followTags": "true", "remote.origin.promisor": "true",
            "remote.origin.partialclonefilter": "blob:none", "trace2.eventTarget": str(self.marks / "trace2"),
            "http.cookieFile": str(self.marks / "cookies"), "http.saveCookies": "true",
        }  # fmt: skip

    def arm_settings(self, clone: Path, run: Mapping[str, str]) -> None:
        """Put them into a clone's own configuration, by an included file, with its hooks and attributes."""
        included = clone / ".git/more"
        for key, value in self.settings(clone).items():
            subprocess.run(["git", "config", "--file", str(included), key, value], check=True, env=dict(run))
        subprocess.run(["git", "config", "include.path", "more"], cwd=clone, check=True, env=dict(run))
        for name in HOOKS:
            self.script(clone / ".git/hooks" / name, f"hook {name}")
        (clone / ".git/info").mkdir(exist_ok=True)
        (clone / ".git/info/attributes").write_text(ATTRIBUTES)

    def arm_content(self, clone: Path) -> None:
        """Put what a plain clone brings into its working tree."""
        for name in HOOKS:
            self.script(clone / ".githooks" / name, f"committed hook {name}")
        (clone / ".gitattributes").write_text(ATTRIBUTES)
        (clone / ".gitmodules").write_text(
            '[submodule "x"]\n\tpath = vendor/x\n\turl = ext::touch% ran-by-ext\n\tupdate = !touch ran\n'
        )
        (clone / ".lfsconfig").write_text(f"[lfs]\n\turl = ext::{self.run('lfs')}\n")
        (clone / "away").symlink_to(self.marks)
        (clone / "dvc.yaml").write_text(f"stages:\n  x:\n    cmd: {self.run('dvc')}\n")
        (clone / "evil.dvc").write_text(f"!!python/object/apply:os.system [{self.run('yaml')!r}]\n")
        for name in ("sitecustomize", "usercustomize", "ordain", "git", "yaml", "subprocess"):
            (clone / f"{name}.py").write_text(f"import os\nos.system({self.run(f'module {name}')!r})\n")

    def environment(self, folder: Path) -> dict[str, str]:
        """Variables by which Git runs something, or looks at another repository."""
        programs = folder / "programs"
        self.script(programs / "git-upload-pack", "GIT_EXEC_PATH")
        named = {
            key: str(self.script(programs / key, key))
            for key in ("GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR",
                        "GIT_PAGER", "PAGER", "EDITOR", "VISUAL")
        }  # fmt: skip
        return {
            **named, "GIT_EXEC_PATH": str(programs), "GIT_DIR": str(folder), "GIT_WORK_TREE": str(folder),
            "GIT_COMMON_DIR": str(folder), "GIT_INDEX_FILE": str(folder / "index"),
            "GIT_OBJECT_DIRECTORY": str(folder), "GIT_NAMESPACE": "evil", "GIT_TEMPLATE_DIR": str(folder),
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor",
            "GIT_CONFIG_VALUE_0": str(self.script(programs / "count", "GIT_CONFIG_COUNT")),
            "GIT_CONFIG_PARAMETERS": f"'core.sshCommand={self.run('GIT_CONFIG_PARAMETERS')}'",
            "GIT_TRACE": str(self.marks / "GIT_TRACE"), "GIT_TRACE2_EVENT": str(self.marks / "GIT_TRACE2"),
            "GIT_TRACE_PACKET": str(self.marks / "GIT_TRACE_PACKET"), "GIT_ALLOW_PROTOCOL": "ext:file",
            "GIT_REPLACE_REF_BASE": "refs/evil/", "GIT_ATTR_SOURCE": "HEAD",
            "GIT_GRAFT_FILE": str(folder / "x"), "GIT_SHALLOW_FILE": str(folder / "x"),
            "GIT_DEFAULT_HASH": "sha256",
        }  # fmt: skip
