"""Without the extra, the module says what to install."""

import subprocess
import sys


def test_a_missing_client_is_told_of_with_the_way_to_install_it() -> None:
    code = "import sys; sys.modules['procrastinate'] = None; import cnstra.workers.procrastinate"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "need it and its driver: pip install 'cnstra[procrastinate]'" in done.stderr
