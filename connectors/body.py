"""The body of an answer: read and unpacked whole, or not at all, and never more of it than fits."""

import zlib

import urllib3

from connectors.contract import ConnectorError, MalformedAnswer, TryLater

MOST_BYTES = 64 * 2**20
"""No page of a tracker is larger, unpacked; an answer that is, is refused before it fills the memory."""

_CHUNK = 2**20
_GZIP = 16 + zlib.MAX_WBITS


def whole(reply: urllib3.BaseHTTPResponse) -> bytes | None:
    """Return the body as it came; None when it is too large."""
    chunks, size = [], 0
    while chunk := reply.read(_CHUNK, decode_content=False):
        chunks.append(chunk)
        size += len(chunk)
        if size > MOST_BYTES:
            return None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def unpacked(packed: bytes, encoding: str, what: str) -> bytes | ConnectorError:
    """Return a body without its compression, or the error that it is."""
    if encoding.strip().lower() in ("", "identity"):
        return packed
    if encoding.strip().lower() not in ("gzip", "x-gzip"):
        return MalformedAnswer(f"The answer for {what} is packed in a way that was not asked for; it was not used.")
    content = b""
    while packed:  # more than one piece is unusual, and legal
        unpacking = zlib.decompressobj(_GZIP)
        try:
            content += unpacking.decompress(packed, MOST_BYTES + 1 - len(content))
        except zlib.error:
            return MalformedAnswer(f"The answer for {what} cannot be unpacked; nothing of it was used.")
        if len(content) > MOST_BYTES:
            return too_large(what)
        if not unpacking.eof:
            return TryLater(f"Only a part of the answer for {what} came: try again later.")
        packed = unpacking.unused_data
    return content


def too_large(what: str) -> MalformedAnswer:
    """Return the error of a body that `whole` or `unpacked` gave up."""
    return MalformedAnswer(f"The answer for {what} is larger than {MOST_BYTES >> 20} MB; it was not used.")
