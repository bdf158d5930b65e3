"""Artifacts in a registry, over the OCI distribution specification 1.1.

Blobs go first and the manifest last, so that whatever can be pulled is whole. What comes is held to the
digest that was asked for before anything else looks at it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from ordain.adapters.registry.logins import find_login
from ordain.adapters.registry.session import Question, Session
from ordain.core.artifacts.appending import Image, parts_of
from ordain.core.artifacts.artifact import (
    INDEX,
    LAYOUT,
    LAYOUT_BYTES,
    MAX_FILE,
    MAX_JSON,
    Index,
    Layout,
    Manifest,
    ManifestDescriptor,
    altered,
    blob_path,
    build_layout,
    parse,
    read_layout,
    to_json,
)
from ordain.core.artifacts.reference import Reference, Repository
from ordain.core.artifacts.referrers import (
    INDEX as INDEX_TYPE,
)
from ordain.core.artifacts.referrers import (
    MANIFEST,
    ReferrerError,
    attachment,
    content_of,
    extended,
    fallback_tag,
    listed,
)
from ordain.core.artifacts.registry_login import Login
from ordain.core.canonical import bytes_digest
from ordain.core.reasons import Reason
from ordain.errors import UserError

PULL, PUSH = "pull", "push"
# A layer holds one graph of at most `MAX_FILE` bytes, and little else.
LAYER_LIMIT = MAX_FILE + 64 * 2**20
MOST_ATTACHED = 100
T = TypeVar("T")


def open_registry() -> HttpRegistry:
    """Any registry, with the logins of Docker or Podman."""
    return HttpRegistry(find_login)


class HttpRegistry:
    """Registries by the hosts of what is asked for; implements `ports.Registry`.

    Args:
        logins: the login for a host. pause: waits some seconds before another try.
    """

    def __init__(
        self, logins: Callable[[str], Login | None], pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._logins = logins
        self._pause = pause
        self._sessions: dict[str, Session] = {}

    def has(self, reference: Reference) -> bool:
        """As `ports.Registry.has`."""
        return self._has(reference.repository, f"manifests/{reference.digest}", PULL)

    def push(self, layout: Layout, place: Repository, tag: str) -> bool:
        """As `ports.Registry.push`; raises as `core.artifact.read_layout` for what is no artifact."""
        read_layout(layout.blobs)
        digest = layout.manifest_digest
        if self._has(place, f"manifests/{digest}", PUSH):
            return False
        manifest = layout.blobs[blob_path(digest)]
        parts = parse(manifest, blob_path(digest), Manifest)
        for part in (parts.config.digest, parts.layers[0].digest):
            self._send_blob(place, layout.blobs[blob_path(part)])
        self._put(place, tag, MANIFEST, manifest)
        return True

    def pull(self, reference: Reference) -> Layout:
        """As `ports.Registry.pull`.

        Raises:
            UserError: reason `artifact-absent` when it is not there; `release-invalid` for bytes that do
                not have their digest; `hostile-object` for what an artifact never holds.
        """
        place, digest = reference.repository, reference.digest
        manifest = self._fetch(place, f"manifests/{digest}", digest, MAX_JSON)
        parts = parse(manifest, blob_path(digest), Manifest)
        blobs = {blob_path(digest): manifest}
        for part, limit in ((parts.config, MAX_JSON), (parts.layers[0], LAYER_LIMIT)):
            most = min(max(part.size, 0), limit)
            blobs[blob_path(part.digest)] = self._fetch(place, f"blobs/{part.digest}", part.digest, most)
        entry = ManifestDescriptor(digest=digest, size=len(manifest))
        index = to_json(Index(manifests=(entry,)))
        try:
            return build_layout(read_layout({LAYOUT: LAYOUT_BYTES, INDEX: index, **blobs}))
        except UserError as error:
            error.where = f"{place}: {error.where}"
            raise

    def attach(self, layout: Layout, place: Repository, kind: str, content: bytes) -> bool:
        """As `ports.Registry.attach`."""
        subject = layout.manifest_digest
        added = attachment(layout.blobs[blob_path(subject)], kind, content)
        known = self._referrers(place.at(subject), PUSH)
        new = self._understood(place, partial(extended, known, added))
        if new is None:
            return False
        for data in added.blobs.values():
            self._send_blob(place, data)
        headers = self._put(place, added.digest, MANIFEST, added.manifest)
        if "oci-subject" not in headers:
            # Two that attach at once may lose one entry: the specification has no way to prevent it.
            self._put(place, fallback_tag(subject), INDEX_TYPE, new)
        return True

    def attached(self, reference: Reference, kind: str) -> tuple[bytes, ...]:
        """As `ports.Registry.attached`."""
        place, subject = reference.repository, reference.digest
        index = self._referrers(reference, PULL)
        if index is None:
            return ()
        found = []
        for digest in self._understood(place, partial(listed, index, kind))[:MOST_ATTACHED]:
            manifest = self._fetch(place, f"manifests/{digest}", digest, MAX_JSON)
            part = self._understood(place, partial(content_of, manifest, subject, kind))
            most = min(max(part.size, 0), MAX_JSON)
            found.append(self._fetch(place, f"blobs/{part.digest}", part.digest, most))
        return tuple(found)

    def image(self, reference: Reference) -> Image:
        """As `ports.Registry.image`; raises as `core.appending.parts_of` for what is no single image."""
        place, digest = reference.repository, reference.digest
        manifest = self._fetch(place, f"manifests/{digest}", digest, MAX_JSON)
        config, _ = parts_of(manifest, str(reference))
        return Image(manifest=manifest, config=self._fetch(place, f"blobs/{config}", config, MAX_JSON))

    def push_image(self, image: Image, place: Repository, source: Repository, tag: str) -> bool:
        """As `ports.Registry.push_image`."""
        if self._has(place, f"manifests/{image.digest}", PUSH):
            return False
        own = {bytes_digest(data) for data in image.layers}
        for digest, size in parts_of(image.manifest, str(place))[1]:
            if digest not in own:
                self._take_over(place, source, digest, size)
        for data in (*image.layers, image.config):
            self._send_blob(place, data)
        self._put(place, tag, MANIFEST, image.manifest)
        return True

    def _take_over(self, place: Repository, source: Repository, digest: str, size: int) -> None:
        """A blob of another repository: mounted where the registry can do that, else sent."""
        if self._has(place, f"blobs/{digest}", PUSH):
            return
        if place.host == source.host:
            session = self._session(place)
            mount = Question(
                method="POST", url=_url(place, "blobs/uploads/"), expected=(201, 202),
                params={"mount": digest, "from": source.name},
            )  # fmt: skip
            if session.retried(lambda: session.ask(mount, _scope(place, PUSH))).status == 201:
                return
        self._send_blob(place, self._fetch(source, f"blobs/{digest}", digest, min(size, LAYER_LIMIT)))

    def _referrers(self, reference: Reference, action: str) -> bytes | None:
        """The list of what refers to an artifact, from the API or, without one, from its tag."""
        place, subject = reference.repository, reference.digest
        index = self._read(place, f"referrers/{subject}", action)
        return index or self._read(place, f"manifests/{fallback_tag(subject)}", action)

    # -- single requests -------------------------------------------------------------------------------

    def _session(self, place: Repository) -> Session:
        if place.host not in self._sessions:
            self._sessions[place.host] = Session(place.host, self._logins, self._pause)
        return self._sessions[place.host]

    def _has(self, place: Repository, what: str, action: str) -> bool:
        session = self._session(place)
        question = Question(
            method="HEAD", url=_url(place, what), headers={"accept": MANIFEST}, expected=(200, 404)
        )
        return session.retried(lambda: session.ask(question, _scope(place, action))).status == 200

    def _read(self, place: Repository, what: str, action: str) -> bytes | None:
        """A JSON document that may not be there."""
        session = self._session(place)
        accept = f"{INDEX_TYPE}, {MANIFEST}"
        question = Question(
            method="GET", url=_url(place, what), headers={"accept": accept}, expected=(200, 404)
        )
        answer = session.retried(lambda: session.ask(question, _scope(place, action)))
        return answer.body if answer.status == 200 else None

    def _fetch(self, place: Repository, what: str, digest: str, most: int) -> bytes:
        """Bytes that have the digest by which they were asked for."""
        session = self._session(place)
        question = Question(
            method="GET", url=_url(place, what), headers={"accept": f"{MANIFEST}, */*"}, limit=most,
            expected=(200, 404),
        )  # fmt: skip
        answer = session.retried(lambda: session.ask(question, _scope(place, PULL)))
        if answer.status == 404:
            raise UserError(
                f"the registry {place.host} does not have {digest}",
                where=str(place),
                fix="ordain publish, from the clone that released it",
                reason=Reason.ARTIFACT_ABSENT,
            )
        if bytes_digest(answer.body) != digest:
            error = altered(blob_path(digest), "what the registry sent does not have that digest")
            error.where, error.fix = (
                str(place.at(digest)),
                "ask whoever runs the registry; nothing of it was used",
            )
            raise error
        return answer.body

    def _send_blob(self, place: Repository, data: bytes) -> None:
        """Make a blob available, unless it is there. An upload that broke off begins anew."""
        digest, session = bytes_digest(data), self._session(place)
        if self._has(place, f"blobs/{digest}", PUSH):
            return

        def upload() -> None:
            begin = Question(method="POST", url=_url(place, "blobs/uploads/"), expected=(202,))
            location = session.ask(begin, _scope(place, PUSH)).headers.get("location", "")
            whole = Question(
                method="PUT", url=session.absolute(location), params={"digest": digest}, content=data,
                headers={"content-type": "application/octet-stream"}, expected=(201,),
            )  # fmt: skip
            session.ask(whole, _scope(place, PUSH))

        session.retried(upload)

    def _put(self, place: Repository, name: str, kind: str, data: bytes) -> dict[str, str]:
        """Store a manifest or index by tag or digest; the answer's headers."""
        session = self._session(place)
        question = Question(
            method="PUT", url=_url(place, f"manifests/{name}"), content=data,
            headers={"content-type": kind}, expected=(201,),
        )  # fmt: skip
        headers = session.retried(lambda: session.ask(question, _scope(place, PUSH))).headers
        said = headers.get("docker-content-digest", bytes_digest(data))
        if said != bytes_digest(data):
            fix = "ask whoever runs the registry: it must keep manifests byte for byte"
            raise UserError(f"the registry {place.host} stored another manifest", where=str(place), fix=fix)
        return {key.lower(): value for key, value in headers.items()}

    def _understood(self, place: Repository, read: Callable[[], T]) -> T:
        try:
            return read()
        except ReferrerError as error:
            fix = "look at what refers to the artifact there: its signatures"
            raise UserError(
                f"{place.host} lists something else: {error}", where=str(place), fix=fix
            ) from error


def _url(place: Repository, what: str) -> str:
    return f"/v2/{place.name}/{what}"


def _scope(place: Repository, action: str) -> str:
    """A token for pushing also pulls, and one for pulling is all that reading asks for."""
    return f"{place.name}:{action}"
