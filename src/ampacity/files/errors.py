"""What can be wrong with a file. `status` is what HTTP says of it, `remedy` what would be right."""

from __future__ import annotations


class FileTrouble(Exception):
    """A file that was not taken or given."""

    status = 400

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.remedy = remedy


class FileTooLarge(FileTrouble):
    """More bytes than one file may have."""

    status = 413

    def __init__(self, name: str, limit: int) -> None:
        super().__init__(f"the file {name!r} is larger than {limit:,} bytes", "send a smaller one")
        self.limit = limit


class NoRoom(FileTrouble):
    """The disk, or what logs may take of it, is full."""

    status = 507


class FileBroken(FileTrouble):
    """What came is not what was announced: cut off, or another checksum."""

    status = 400


class TooSlow(FileTrouble):
    """A transfer stood still or took too long."""

    status = 408


class AddressUnfit(FileTrouble):
    """Stations can't, or must not, be sent to this node's files."""

    status = 409
