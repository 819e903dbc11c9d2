"""`python -m eigenlm` is `eigenlm`."""

import sys

from eigenlm.cli import main

sys.exit(main())
