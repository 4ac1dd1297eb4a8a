"""What is the least that each kind takes is written down once, beside the tests of every kind."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "apiserver"))
