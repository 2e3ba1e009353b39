"""What is tested by command only: with files that are not part of the repository."""

from __future__ import annotations

import os

collect_ignore = [] if "AMPACITY_REFERENCE" in os.environ else ["test_profile_vectors.py"]
