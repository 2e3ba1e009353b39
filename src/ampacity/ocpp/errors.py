"""RPC error codes of the three versions, and how a rejected payload becomes one of them.

Inside, codes have the 2.x spelling. On the wire 1.6 has two of its own, kept wrong on purpose by its errata
sheet ("message level change"): FormationViolation, and OccurenceConstraintViolation with one r. We send the
spelling of the version and read every spelling.

Which code for which fault, by the words of the error tables (OCPP-J 1.6 4.2.3, 2.x part 4 section 4.3):

    fault                              1.6                           2.0.1 and 2.1
    frame cannot be read               FormationViolation            RpcFrameworkError
    payload is not JSON                FormationViolation            FormatViolation
    payload is no object, or has a
      member that is not defined       FormationViolation            ProtocolError
    required member missing            ProtocolError                 OccurrenceConstraintViolation
    too few or too many items          OccurenceConstraintViolation  OccurrenceConstraintViolation
    wrong JSON type, null, bad date    TypeConstraintViolation       TypeConstraintViolation
    enum, range, length, decimals      PropertyConstraintViolation   PropertyConstraintViolation
    action unknown                     NotImplemented                NotImplemented
    action known, wrong direction      NotSupported                  NotSupported
    message type number unknown        (ignored)                     MessageTypeNotSupported (2.0.1 only)
"""

import re
from enum import StrEnum
from typing import Any

from ampacity.ocpp.version import Version

MAX_DESCRIPTION = 255


class ErrorCode(StrEnum):
    """RPC error codes in the spelling of 2.x."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


_SPELLED_16 = {
    ErrorCode.FORMAT_VIOLATION: "FormationViolation",
    ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION: "OccurenceConstraintViolation",
    ErrorCode.RPC_FRAMEWORK_ERROR: "FormationViolation",
    ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED: "NotSupported",
}
_READ = {
    "FormationViolation": ErrorCode.FORMAT_VIOLATION,
    "OccurenceConstraintViolation": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
} | {code.value: code for code in ErrorCode}


def spell(version: Version, code: str) -> str:
    """The code as `version` writes it; unknown codes become GenericError, which every version has."""
    known = _READ.get(code, ErrorCode.GENERIC_ERROR)
    return _SPELLED_16.get(known, known.value) if version is Version.V16 else known.value


def read(code: str) -> str:
    """The code of a peer in our spelling; one that no version knows is kept as it came."""
    known = _READ.get(code)
    return known.value if known is not None else code


class Fault(StrEnum):
    """What is wrong with a payload, independent of the version."""

    SYNTAX = "syntax"
    STRUCTURE = "structure"
    MISSING = "missing"
    ITEMS = "items"
    TYPE = "type"
    VALUE = "value"
    UNKNOWN_ACTION = "unknown action"
    WRONG_DIRECTION = "wrong direction"


_CODES = {
    Fault.SYNTAX: (ErrorCode.FORMAT_VIOLATION, ErrorCode.FORMAT_VIOLATION),
    Fault.STRUCTURE: (ErrorCode.FORMAT_VIOLATION, ErrorCode.PROTOCOL_ERROR),
    Fault.MISSING: (ErrorCode.PROTOCOL_ERROR, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
    Fault.ITEMS: (ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
    Fault.TYPE: (ErrorCode.TYPE_CONSTRAINT_VIOLATION, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
    Fault.VALUE: (ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
    Fault.UNKNOWN_ACTION: (ErrorCode.NOT_IMPLEMENTED, ErrorCode.NOT_IMPLEMENTED),
    Fault.WRONG_DIRECTION: (ErrorCode.NOT_SUPPORTED, ErrorCode.NOT_SUPPORTED),
}

# First match decides; msgspec's texts are pinned by tests/ocpp/test_errors.py.
_PATTERNS = (
    (re.compile(r"Object missing required field"), Fault.MISSING),
    (re.compile(r"Object contains unknown field"), Fault.STRUCTURE),
    (re.compile(r"Expected `array` of length"), Fault.ITEMS),
    (re.compile(r"Expected `object`, got `[^`]*`$"), Fault.STRUCTURE),
    (re.compile(r"Expected `\w+`(?: \| null)? (?:of length|[<>]=?|with at most)"), Fault.VALUE),
    (re.compile(r"Invalid enum value|Number out of range"), Fault.VALUE),
)


class PayloadError(Exception):
    """A payload that the schema of its action refuses.

    `code` is the RPC error code in our spelling, `description` at most 255 characters, `details` a JSON
    object with the JSON path (`$` is the payload) and what was expected.
    """

    def __init__(self, version: Version, fault: Fault, description: str, path: str = "$") -> None:
        self.fault = fault
        self.code: ErrorCode = _CODES[fault][version is not Version.V16]
        self.description = description[:MAX_DESCRIPTION]
        self.path = path
        super().__init__(f"{self.code}: {description} at {path}")

    @property
    def details(self) -> dict[str, Any]:
        """The errorDetails of a CALLERROR."""
        return {"path": self.path}

    @classmethod
    def from_validation(cls, version: Version, action: str, error: Exception) -> "PayloadError":
        """Translate an error of msgspec about the payload of `action`."""
        text, _, path = str(error).partition(" - at `")
        fault = next((fault for pattern, fault in _PATTERNS if pattern.match(str(error))), Fault.TYPE)
        return cls(version, fault, f"{action}: {text}", path.rstrip("`") or "$")
