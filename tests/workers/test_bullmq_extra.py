"""Without the extra, the module says what to install."""

import subprocess
import sys


def test_a_missing_client_is_told_of_with_the_way_to_install_it() -> None:
    code = "import sys; sys.modules['bullmq'] = None; import cnstra.workers.bullmq"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "ImportError: workers on BullMQ need its client: pip install 'cnstra[bullmq]'" in done.stderr
