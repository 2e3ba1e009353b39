"""Files that come in a form (`multipart/form-data`), as many stations' HTTP clients send them: the first part
with a file name is the file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from .errors import FileBroken


async def content_of_form(
    chunks: AsyncIterator[bytes], content_type: str, name: str
) -> tuple[str, AsyncIterator[bytes]]:
    """The file's name (`name` where the form says none) and its content. Raises FileBroken for what is no
    form, or one without a file.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get("boundary")
    if not boundary:
        raise FileBroken("the form names no boundary", "send the file itself as the body")
    parts = _parts(chunks, boundary)
    async for part in parts:
        if isinstance(part, MultipartSegment) and part.filename:
            return part.filename, _content(parts)
    raise FileBroken("the form holds no file", "send the file itself as the body")


async def _content(parts: AsyncIterator[MultipartSegment | bytes | None]) -> AsyncIterator[bytes]:
    async for part in parts:
        if isinstance(part, bytes | bytearray):
            yield bytes(part)
        elif part is None:  # the end of the file; what may follow is read and dropped
            async for _ in parts:
                pass
            return
    raise FileBroken("the form ends in the midst of its file", "send it again")


async def _parts(
    chunks: AsyncIterator[bytes], boundary: str
) -> AsyncIterator[MultipartSegment | bytes | None]:
    """Segments, their content, and None at the end of each."""
    try:
        with PushMultipartParser(boundary, max_segment_count=16) as parser:
            async for chunk in chunks:
                for found in parser.parse(chunk):
                    yield found
            if not parser.closed:
                for found in parser.parse(b""):
                    yield found
    except MultipartError as error:
        raise FileBroken(f"the form is broken: {error}", "send the file itself as the body") from error
