"""Files of a user: attachments of messages, and results too large for an event."""

from typing import Any, Final, final
from urllib.parse import quote

import attrs
from quart_trio.wrappers import TrioResponse
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, File, MultipartDecoder, NeedData

from netra_actors.errors import Busy, InvalidField, MessageTooLarge, NotFound
from netra_actors.identity import FileID
from netra_actors.log.port import FileRow
from netra_actors.protocol.text import clean_text, cut
from netra_actors.web.api import shapes
from netra_actors.web.calls import Call, Route

PATH: Final = "/api/files"
ENVELOPE_BYTES: Final = 64 * 1024
"""What multipart's boundaries and headers may add to a file."""
_MAX_NAME_CHARS: Final = 200
_DOWNLOAD_WITHIN_S: Final = 600.0
_MAX_PARTS: Final = 10
_UPLOADS: Final = 16
"""Uploads that one worker takes at once; the next one is refused as busy."""


@final
@attrs.define(eq=False)
class Uploads:
    """The uploads under way, whose bytes are in memory. Policy at the bound: refuse as busy."""

    limit: int = _UPLOADS
    _under_way: int = attrs.field(default=0, init=False)

    async def put_file(self, call: Call) -> dict[str, Any]:
        """Store a file of the user."""
        if self._under_way >= self.limit:
            raise Busy("too many uploads are under way", retry_after_s=1.0)
        self._under_way += 1
        try:
            file = await _read_upload(call)
            await call.worker.record.put_file(call.user.user_id, file)
        finally:
            self._under_way -= 1
        return {"file_id": file.file_id, "name": file.name, "bytes": len(file.body)}


async def get_file(call: Call) -> TrioResponse:
    """Return a file to its owner, as a download whatever is in it."""
    file = await call.worker.record.file(call.user.user_id, FileID(call.params["file_id"]))
    if file is None:
        raise NotFound("there is no such file")
    response = TrioResponse(file.body, 200, content_type="application/octet-stream")
    response.timeout = _DOWNLOAD_WITHIN_S
    name = quote(file.name, safe="")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


async def _read_upload(call: Call) -> FileRow:
    kind, options = parse_options_header(call.request.headers.get("content-type"))
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary or not boundary.isascii():
        raise InvalidField("send the file as multipart/form-data", field="file")
    limit = call.worker.settings.agents.file_max_bytes
    try:
        data = await call.request.get_data(cache=False, as_text=False, parse_form_data=False)
        name, body = parse_upload(data, boundary.encode())
    except RequestEntityTooLarge:
        raise _too_large(limit) from None
    if len(body) > limit:
        raise _too_large(limit)
    ids = call.worker.ids
    return FileRow(file_id=ids.generate_file_id(), name=name, body=body, created_at=ids.clock())


def _too_large(limit: int) -> MessageTooLarge:
    return MessageTooLarge(
        f"a file may have {limit} bytes", recovery="Send a smaller file.", field="file"
    )


def parse_upload(data: bytes, boundary: bytes) -> tuple[str, bytes]:
    """Return name and bytes of the first file in a multipart body.

    The framework's own parser would spool parts of any number and size to disk.

    Raises:
        InvalidField: there is no file in it, or it is not multipart.
    """
    decoder = MultipartDecoder(boundary, len(data), max_parts=_MAX_PARTS)
    decoder.receive_data(data)
    decoder.receive_data(None)
    name: str | None = None
    body = bytearray()
    try:
        while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
            name, is_done = _take(event, name, body)
            if is_done:
                break
    except ValueError as error:
        raise InvalidField(f"the body is not multipart/form-data: {error}", field="file") from None
    if name is None:
        raise InvalidField("there is no file in the body", field="file")
    return name, bytes(body)


def _take(event: Event, name: str | None, body: bytearray) -> tuple[str | None, bool]:
    """Add what *event* says of the first file; return its name and whether it is complete."""
    if isinstance(event, File) and name is None:
        return file_name(event.filename), False
    if isinstance(event, Data) and name is not None:
        body += event.data
        return name, not event.more_data
    return name, False


def file_name(given: str) -> str:
    """Return the last part of a path, without control characters; never empty."""
    last = given.replace("\\", "/").rpartition("/")[2]
    printable = "".join(character for character in clean_text(last) if character.isprintable())
    return cut(printable.strip(". "), _MAX_NAME_CHARS) or "file"


def file_routes() -> tuple[Route, ...]:
    """Return the routes about files; each table counts its own uploads."""
    return (
        Route(
            method="POST",
            path=PATH,
            handler=Uploads().put_file,
            summary="Store a file (multipart/form-data)",
            status=201,
            gives=shapes.FileAnswer,
            uploads=True,
        ),
        Route(
            method="GET",
            path=f"{PATH}/{{file_id}}",
            handler=get_file,
            summary="A file of the user, as a download",
            media="application/octet-stream",
        ),
    )
