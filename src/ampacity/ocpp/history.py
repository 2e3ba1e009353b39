"""Which calls of the peer were answered lately, so that a repeated one is answered again and not done again.

A station that missed our answer repeats its message, often with the same id and always with the same text;
it may do so on a new connection. Ids alone can't be trusted: many stations count from 1 again after a
reboot, so a message is the same one only when its whole text is. Even then a BootNotification or Heartbeat
of a rebooted station may repeat an old text to the letter. Hence two rules:

    same connection     the same id and text is the same message
    new connection      only for actions whose text carries the moment it speaks of (CARRIED)

Errors are not remembered: a call that we refused was not done, and its repetition deserves a fresh look.
"""

CARRIED = frozenset(
    {
        "MeterValues",
        "NotifyEvent",
        "SecurityEventNotification",
        "StartTransaction",
        "StopTransaction",
        "TransactionEvent",
    }
)

Key = int
"""Hash of a message's text, which holds its id."""


class History:
    """Memory of one peer, handed from each connection's engine to the next. Holds `size` answers."""

    def __init__(self, size: int = 16) -> None:
        if size < 1:
            raise ValueError(f"history of {size} answers: at least 1 is needed")
        self._size = size
        self._answers: dict[Key, tuple[str, str, str]] = {}
        self._open: dict[Key, str] = {}

    def reconnected(self) -> None:
        """A new connection begins: keep only what is safe to take for a repetition on it."""
        self._answers = {key: entry for key, entry in self._answers.items() if entry[0] in CARRIED}
        carried = [(key, action) for key, action in self._open.items() if action in CARRIED]
        # An owner that neither answers nor abandons must not make this grow with every connection.
        self._open = dict(carried[-4 * self._size :])

    def __contains__(self, key: Key) -> bool:
        """Whether the message was answered lately or is being worked on."""
        return key in self._answers or key in self._open

    def answer_to(self, key: Key) -> str | None:
        """The frame that answered this message, None when it wasn't answered or is forgotten."""
        entry = self._answers.get(key)
        return entry[1] if entry is not None else None

    def is_open(self, key: Key) -> bool:
        """Whether the message is being worked on, on this connection or an earlier one."""
        return key in self._open

    def opened(self, key: Key, action: str) -> None:
        """Work on a message begins."""
        self._open[key] = action

    def answered(self, key: Key, action: str, frame: str, message_id: str) -> None:
        """The message was answered with `frame`; the oldest answer makes room."""
        self._open.pop(key, None)
        answers = self._answers
        if len(answers) >= self._size:
            answers.pop(key, None)
            while len(answers) >= self._size:
                del answers[next(iter(answers))]
        answers[key] = (action, frame, message_id)

    def dropped(self, key: Key) -> None:
        """The message was refused or given up: a repetition counts as new."""
        self._open.pop(key, None)

    def action_of(self, message_id: str) -> str:
        """Action of the remembered answer with this id, empty when there is none."""
        return next((action for action, _, told in self._answers.values() if told == message_id), "")
