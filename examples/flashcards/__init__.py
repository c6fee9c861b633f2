"""Import a CSV of flash cards into SQLite, in a run that survives `kill -9`.

The pipeline, which is the part to copy: `rows` reads and checks the file, `cards` is the user's own database, `graph`
is the neurons and their stored names, `worker` runs them. Around it, for the demonstration only: `supervisor` kills the
worker again and again, `display` shows it, `evidence` reads both databases at the end, `proof` judges, `verdict` tells.
"""
