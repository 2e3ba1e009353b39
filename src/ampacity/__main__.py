"""`python -m ampacity`."""

import sys

from .cli import main

sys.exit(main())
