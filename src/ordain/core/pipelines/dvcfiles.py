"""What of DVC's own files Ordain lets DVC read before anything was approved.

A `.dvc` file says where its output lies, and DVC writes there, through symlinks too. A configuration names
credentials, folders to write into and, for some remotes, a command that DVC starts. So of both only what
is known to be harmless is let through; whatever else somebody needs has its place outside of Git.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from ordain.core.reasons import Reason
from ordain.core.yaml import yamlplain
from ordain.errors import UserError

CONFIG, FOLDER = ".dvc/config", ".dvc/"
# Of what lies in these folders Git may hold nothing else: the rest is this machine's own.
TRACKED = {CONFIG, f"{FOLDER}.gitignore"}
PLOTS = f"{FOLDER}plots/"

_OUTPUT = {"path", "md5", "size", "hash", "isexec", "cache", "persist", "push", "remote", "desc", "type",
           "labels", "meta"}  # fmt: skip
_TOP = {"outs", "desc", "meta"}
_MD5 = re.compile(r"[0-9a-f]{32}")

_SECTION = re.compile(r"""\[(core|cache|'remote\s*"[A-Za-z0-9_.-]+"'|remote\s*"[A-Za-z0-9_.-]+")\]""")
_SETTING = re.compile(r"([a-z0-9_]+)\s*=\s*(?!['\"]{3})(.*)")
_ALLOWED = {
    "core": {
        "remote", "analytics", "check_update", "checksum_jobs", "interactive", "hardlink_lock", "no_scm",
        "site_cache_dir",
    },
    "cache": {"type", "shared", "protected", "slow_link_warning", "verify"},
    "remote": {
        "url", "jobs", "checksum_jobs", "verify", "version_aware", "worktree", "no_traverse", "timeout",
        "connect_timeout", "read_timeout", "connection_timeout", "allow_anonymous_login",
        "region", "profile", "endpointurl", "use_ssl", "listobjects", "cache_regions", "acl", "sse",
        "sse_kms_key_id", "projectname", "port", "user", "allow_agent", "gss_auth", "max_sessions",
        "replication", "kerberos", "kerberos_principal", "use_https", "auth", "method", "account_name",
        "tenant_id", "client_id", "exclude_environment_credential",
        "exclude_visual_studio_code_credential", "exclude_shared_token_cache_credential",
        "exclude_managed_identity_credential", "oss_endpoint", "gdrive_use_service_account",
        "gdrive_trash_only", "gdrive_acknowledge_abuse",
    },
}  # fmt: skip
_LINE_END = re.compile(r"\r\n|\r|\n")
_SITE_CACHE = ".ordain/local/dvc"


def tracked_md5(data: bytes, where: str) -> str:
    """The MD5 of the one file that a `.dvc` file tracks, which lies beside it and is named like it.

    Args:
        data: the file's content. where: its path, which ends in `.dvc`.

    Raises:
        UserError: reason `hostile-object`, when it says anything else.
    """
    try:
        content: Any = yamlplain.load12(data)
    except (yaml.YAMLError, ValueError) as error:
        said = str(error).partition("\n")[0]
        raise _no_pointer(where, f"this is no file of DVC's: {said}") from error
    rows = content.get("outs") if isinstance(content, dict) else None
    if not (isinstance(rows, list) and len(rows) == 1 and isinstance(rows[0], dict)):
        raise _no_pointer(where, "a `.dvc` file of a model's data has one output")
    output: dict[str, Any] = rows[0]
    odd = sorted(str(each) for each in {*(content.keys() - _TOP), *(output.keys() - _OUTPUT)})
    if odd:
        raise _no_pointer(where, f"`{odd[0][:40]}` leads DVC elsewhere")
    if output.get("path") != where.rpartition("/")[2].removesuffix(".dvc"):
        raise _no_pointer(where, "its output is not the file beside it that has its name")
    md5 = output.get("md5")
    if not (isinstance(md5, str) and _MD5.fullmatch(md5)):
        raise _no_pointer(where, "its output has no MD5")
    return md5


def _no_pointer(where: str, what: str) -> UserError:
    fix = f"dvc add {where.removesuffix('.dvc')}"
    return UserError(what, where=where, fix=fix, reason=Reason.HOSTILE_OBJECT)


def check_config(data: bytes) -> None:
    """Hold a committed configuration to settings that name no secret, no file and no command.

    Raises:
        UserError: reason `hostile-object`, naming the first other setting, or a line that is none.
    """
    section = ""
    for number, line in enumerate(_LINE_END.split(data.decode("utf-8", "replace")), 1):
        text = line.strip()
        head, setting = _SECTION.fullmatch(text), _SETTING.fullmatch(text)
        if not text or (text.startswith("#") and text.isprintable()):
            continue
        if head is not None:
            section = "remote" if "remote" in head[1] else head[1]
        elif setting is None or not _harmless(section, setting[1], setting[2]):
            named = f"`{setting[1]}`" if setting else f"line {number}"
            raise UserError(
                f"{named} has no place in the committed configuration of DVC",
                where=CONFIG,
                fix="remove it here; what this machine needs: dvc config --local, dvc remote modify --local",
                reason=Reason.HOSTILE_OBJECT,
            )


def _harmless(section: str, key: str, value: str) -> bool:
    if key == "site_cache_dir" and value.strip() != _SITE_CACHE:
        return False
    return value.isprintable() and key in _ALLOWED.get(section, ())


def check_tracked(path: str) -> None:
    """A path below DVC's folder, or Ordain's own local one, that Git holds.

    Raises:
        UserError: reason `hostile-object`, when it has no place in Git: DVC would follow it as a setting
            or a symlink, or take it for its own cache, which it unpickles.
    """
    if path not in TRACKED and not path.startswith(PLOTS):
        raise UserError(
            "this belongs to one machine and has no place in Git",
            where=path,
            fix=f"git rm --cached {path}",
            reason=Reason.HOSTILE_OBJECT,
        )
