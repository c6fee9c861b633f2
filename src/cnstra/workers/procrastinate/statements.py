"""What is done to jobs and workers that Procrastinate has no function for: each statement asks whose the job is."""

from __future__ import annotations

from typing import Final

__all__ = ["BEAT", "DEFERRED_AT", "DUE_IN", "FINISH", "FORGET", "GIVE_BACK", "STALLED", "STRAYS", "SWEEP", "TO_ABORT"]

# A job is a delivery's own as long as the same worker has it and nobody has given it back in between, which counts an
# attempt. Procrastinate's functions do not ask that: a worker that slept would answer for its successor.
_IS_MINE: Final = (
    "job.id = %(job)s AND job.status = 'doing' AND job.worker_id = %(worker)s AND job.attempts = %(attempts)s"
)

FINISH: Final = f"""
    UPDATE procrastinate_jobs AS job
       SET status = CASE WHEN job.abort_requested AND NOT %(is_done)s THEN 'aborted'
                         WHEN %(is_done)s THEN 'succeeded' ELSE 'failed' END::procrastinate_job_status,
           abort_requested = false,
           attempts = job.attempts + 1,
           args = CASE WHEN NOT %(is_done)s THEN job.args || jsonb_build_object('reason', %(reason)s::text)
                       WHEN job.args ? 'reason' THEN job.args - 'reason' ELSE job.args END
     WHERE {_IS_MINE}
 RETURNING job.id
"""  # noqa: S608 - ours
"""Succeed or fail, and keep the reason of a failure; without an answer the job was not this delivery's."""

FORGET: Final = f"DELETE FROM procrastinate_jobs AS job WHERE {_IS_MINE} RETURNING job.id"  # noqa: S608 - ours

# A job that waits again takes its queueing lock back, unless another one with that lock waits already: they would
# collide. One that somebody wants aborted cannot wait.
_BACK: Final = """
       SET status = CASE WHEN job.abort_requested THEN 'aborted' ELSE 'todo' END::procrastinate_job_status,
           abort_requested = false,
           worker_id = NULL,
           attempts = job.attempts + %(counted)s,
           scheduled_at = CASE WHEN %(after)s::float8 > 0 THEN clock_timestamp() + make_interval(secs => %(after)s)
                               ELSE job.scheduled_at END,
           queueing_lock = CASE WHEN EXISTS (
               SELECT FROM procrastinate_jobs AS other
                WHERE other.queueing_lock = job.queueing_lock AND other.status = 'todo' AND other.id <> job.id
           ) THEN NULL ELSE job.queueing_lock END,
           args = CASE WHEN %(reason)s::text IS NULL THEN job.args
                       ELSE job.args || jsonb_build_object('reason', %(reason)s::text) END
"""
# Procrastinate tells its workers of jobs that are added, and not of those that come back.
_TELL: Final = """
    SELECT back.id, CASE WHEN %(after)s::float8 > 0 THEN NULL ELSE pg_notify(
               'procrastinate_queue_v1#' || back.queue_name,
               json_build_object('type', 'job_inserted', 'job_id', back.id)::text
           ) END
      FROM back
"""

GIVE_BACK: Final = f"""
    WITH back AS (
        UPDATE procrastinate_jobs AS job {_BACK} WHERE {_IS_MINE} RETURNING job.id, job.queue_name
    ) {_TELL}
"""
"""Have the job delivered again; without an answer it was not this delivery's."""

_IS_LIVELY: Final = """
    EXISTS (SELECT FROM procrastinate_workers AS worker
             WHERE worker.id = job.worker_id
               AND worker.last_heartbeat >= now() - make_interval(secs => %(timeout)s))
"""

STALLED: Final = f"""
    SELECT job.id, job.worker_id, job.attempts FROM procrastinate_jobs AS job
     WHERE job.status = 'doing' AND job.queue_name = %(queue)s AND job.task_name = %(task)s AND NOT {_IS_LIVELY}
"""  # noqa: S608 - ours
"""The jobs of workers that are dead, or have stood still for too long."""

SWEEP: Final = f"""
    WITH back AS (
        UPDATE procrastinate_jobs AS job {_BACK}
         WHERE job.id = %(job)s AND job.status = 'doing' AND job.attempts = %(attempts)s
           AND job.worker_id IS NOT DISTINCT FROM %(worker)s AND NOT {_IS_LIVELY}
     RETURNING job.id, job.queue_name
    ) {_TELL}
"""
"""Take a job from its worker, if that is still dead; without an answer it was not, or somebody was faster."""

STRAYS: Final = """
    SELECT job.id, job.attempts FROM procrastinate_jobs AS job
     WHERE job.status = 'doing' AND job.worker_id = %(worker)s AND job.id <> ALL(%(in_hand)s)
"""
"""The jobs that a worker was given and never got: the answer was lost on the way."""

DUE_IN: Final = """
    SELECT extract(epoch FROM min(job.scheduled_at) - clock_timestamp())::float8 FROM procrastinate_jobs AS job
     WHERE job.status = 'todo' AND job.queue_name = %(queue)s AND job.scheduled_at > now() - interval '1 second'
"""
"""In how many seconds the next job is due that waits for its time; one may just have become due, and be free."""

DEFERRED_AT: Final = """
    SELECT (extract(epoch FROM min(at)) * 1000)::bigint FROM procrastinate_events
     WHERE job_id = %(job)s AND type = 'deferred'
"""
"""When a job was added, in milliseconds: its number says too little, since numbers begin again with new tables."""

BEAT: Final = "UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(worker)s RETURNING id"
"""Without an answer this worker is forgotten, having stood still for too long."""

TO_ABORT: Final = """
    SELECT job.id FROM procrastinate_jobs AS job
     WHERE job.status = 'doing' AND job.worker_id = %(worker)s AND job.abort_requested
"""
"""The jobs that somebody wants aborted."""
