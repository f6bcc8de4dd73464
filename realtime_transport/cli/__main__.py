"""``python -m realtime_transport.cli``: the program where its script is not on the path."""

import sys

from realtime_transport.cli import main

sys.exit(main())
