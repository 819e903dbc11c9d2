"""Ten sums over two ranks; in the first attempt rank 1 kills itself after the fifth, in the second it fails there.

`torchrun dying_rank.py FILE`
"""

import os
import signal
import sys
from pathlib import Path

import torch

from eigenlm.errors import DataError
from eigenlm.machine.processes import join_ranks

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's, so that the other rank says what it finds
    attempt, said = int(os.environ["TORCHELASTIC_RESTART_COUNT"]), Path(sys.argv[1])
    with join_ranks() as ranks:
        for step in range(10):
            if attempt == 0 and step == 5 and ranks.rank == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            if attempt == 1 and step == 5 and ranks.rank == 1:
                raise DataError("no more room")
            total = ranks.sum(torch.ones(1))
        if ranks.is_first:
            said.write_text(f"attempt {attempt}: a sum of {int(total)}")
