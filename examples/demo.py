"""Import a deck of flash cards while its worker is killed with SIGKILL, again and again; prove that nothing was lost.

```
python examples/demo.py                        # the 118 elements, 5 kills
python examples/demo.py --kills 20 --seed 7    # more kills, the same ones every time
python examples/demo.py --file cards.csv       # a deck of your own: a header, then one card a row
```

The pipeline is `flashcards/graph.py`, and `flashcards/worker.py` is all that it takes to run it durably. Exit status: 0
if the proof holds, 1 if it does not, 2 if there is nothing to import.
"""

import runpy

if __name__ == "__main__":
    runpy.run_module("flashcards", run_name="__main__", alter_sys=True)
