/** Whether work gets done: runs, workers and their leases, over the last hour, day or week. */

import { useEffect } from "preact/hooks";
import { ask } from "../api/client";
import { listen } from "../api/feed";
import { useFetched } from "../api/fetched";
import type { Activity, Bucket, Health, Keep, Retention, RunPage, Worker, Workers } from "../api/types";
import { bytes, count, counted, duration, lasting, moment } from "../logic/format";
import { now } from "../parts/clock";
import { Ago, Empty, Fact, Key, Trouble, Waiting } from "../parts/shown";
import { Card } from "./neuron_view";
import { chosenWindow, WindowChoice } from "./window_choice";

const EVERY = 10_000;
/** Open runs that are looked at for what is left of them. */
const OPEN = 500;

export function HealthView() {
  const window_ = chosenWindow();
  const health = useFetched("health", (signal) => ask<Health>(["health"], {}, signal));
  const workers = useFetched("workers", (signal) => ask<Workers>(["workers"], {}, signal));
  const activity = useFetched(`activity ${window_}`, (signal) => ask<Activity>(["activity"], { window: window_ }, signal));
  const open = useFetched("open", (signal) => ask<RunPage>(["runs"], { status: ["pending", "running"], limit: OPEN }, signal));
  useEffect(() => {
    const reload = () => [health, workers, activity, open].forEach((one) => one.reload());
    const timer = setInterval(() => document.hidden || reload(), EVERY);
    const stops = [listen("stats", reload), listen("workers", reload)];
    return () => {
      clearInterval(timer);
      stops.forEach((stop) => stop());
    };
  }, []);
  if (health.error && !health.data) return <Trouble error={health.error} retry={health.reload} />;
  if (!health.data) return <Waiting what="the health of the store" />;
  return (
    <>
      <div class="title">
        <h1>Health</h1>
        <WindowChoice />
      </div>
      <Numbers health={health.data} open={open.data} />
      <Throughput activity={activity.data} />
      <Keeping retention={health.data.retention} />
      <WorkerList workers={workers.data?.workers ?? null} />
    </>
  );
}

function Numbers({ health, open }: { health: Health; open: RunPage | null }) {
  const left = open?.runs.reduce((sum, run) => sum + run.outstanding, 0) ?? 0;
  const oldest = health.oldest_open_age;
  return (
    <dl class="cards">
      <Card name="Running" value={count(health.runs.running)} />
      <Card name="Pending" value={count(health.runs.pending)} />
      <Card name="Failed" value={count(health.runs.failed)} isBad={health.runs.failed > 0} />
      <Card name="Completed" value={count(health.runs.completed)} />
      <Card name="Aborted" value={count(health.runs.aborted)} />
      <Card name="Frontier" value={`${count(left)}${open?.cursor ? "+" : ""}`} note="tasks left in open runs" />
      <Card name="Oldest open run" value={oldest === null ? "–" : duration(oldest)} />
      <Card name="Workers" value={count(health.workers)} note={health.expired_workers > 0 ? `${health.expired_workers} expired` : ""} isBad={health.expired_workers > 0} />
      <Card
        name="Actions waiting"
        value={`${count(health.commands.waiting)}${health.commands.is_complete ? "" : "+"}`}
        note={health.commands.oldest_age === null ? "" : `the oldest for ${duration(health.commands.oldest_age)}`}
      />
      <Card name="Store" value={health.size === null ? "–" : bytes(health.size)} note="all scopes together" />
      <Card
        name="Live feed"
        value={counted(health.feed.clients, "client")}
        note={`${counted(health.feed.events, "event")}, ${count(health.feed.overflows)} dropped`}
        isBad={health.feed.overflows > 0}
      />
    </dl>
  );
}

const CHART = { width: 1000, height: 150 };
const OUTCOMES = ["completed", "failed", "aborted"] as const;

function Throughput({ activity }: { activity: Activity | null }) {
  if (activity === null) return <Waiting what="the throughput" />;
  const { buckets, width, sample } = activity;
  const sum = (of: (bucket: Bucket) => number) => buckets.reduce((total, bucket) => total + of(bucket), 0);
  const highest = Math.max(1, ...buckets.map((one) => Math.max(one.created, one.completed + one.failed + one.aborted)));
  const total = sum((one) => one.created);
  return (
    <section class="card part" aria-label="Throughput">
      <h2>
        Throughput{" "}
        <small>
          {counted(total, "run")} started, {count(sum((one) => one.completed))} completed, {count(sum((one) => one.failed))} failed;{" "}
          {count(highest)} at most in {duration(width)}
          {!sample.is_complete && "; not all were looked at"}
        </small>
      </h2>
      <svg class="chart" viewBox={`0 0 ${CHART.width} ${CHART.height}`} preserveAspectRatio="none" role="img" aria-label={`${counted(total, "run")} started`}>
        {buckets.map((bucket, index) => (
          <Bars key={bucket.from} bucket={bucket} index={index} of={buckets.length} highest={highest} />
        ))}
      </svg>
      <p class="chart-ends">
        <span>{buckets[0] && moment(buckets[0].from)}</span>
        <span>now</span>
      </p>
      <p class="legend">
        <Key of="created" label="started" />
        <Key of="done" label="completed" />
        <Key of="failed" label="failed" />
        <Key of="aborted" label="aborted" />
      </p>
    </section>
  );
}

function Bars({ bucket, index, of, highest }: { bucket: Bucket; index: number; of: number; highest: number }) {
  const width = CHART.width / of;
  const scale = (value: number) => (value / highest) * (CHART.height - 4);
  let top = CHART.height;
  return (
    <g>
      <title>
        {`${moment(bucket.from)}: ${bucket.created} started, ${bucket.completed} completed, ${bucket.failed} failed, ${bucket.aborted} aborted`}
      </title>
      <rect class="ghost" x={index * width} y={0} width={width} height={CHART.height} />
      <rect class="created" x={index * width + width * 0.1} width={width * 0.8} y={CHART.height - scale(bucket.created)} height={scale(bucket.created)} />
      {OUTCOMES.map((outcome) => {
        const height = scale(bucket[outcome]);
        top -= height;
        return <rect key={outcome} class={outcome} x={index * width + width * 0.25} width={width * 0.5} y={top} height={height} />;
      })}
    </g>
  );
}

const ENDED = ["completed", "failed", "aborted"] as const;

function Keeping({ retention }: { retention: Retention | null }) {
  return (
    <section class="card part" aria-label="Retention">
      <h2>How long runs are kept</h2>
      {retention === null ? (
        <p class="dim">That is not known here: each worker has its own rule.</p>
      ) : (
        <dl class="facts">
          {ENDED.map((status) => (
            <Fact key={status} name={status}>
              {kept(retention[status])}
            </Fact>
          ))}
        </dl>
      )}
    </section>
  );
}

function kept(keep: Keep | null): string {
  if (keep === null || (keep.age === null && keep.count === null)) return "for ever";
  const parts = [keep.age !== null && `for ${duration(keep.age)}`, keep.count !== null && `the latest ${count(keep.count)}`];
  return parts.filter(Boolean).join(", ");
}

function WorkerList({ workers }: { workers: readonly Worker[] | null }) {
  if (workers === null) return <Waiting what="the workers" />;
  return (
    <section aria-label="Workers">
      <h2>Workers and leases</h2>
      {workers.length === 0 ? (
        <Empty title="No worker is there">
          <p>Runs wait until one comes.</p>
        </Empty>
      ) : (
        <div class="card table-card">
          <table class="numbers" aria-label="Workers">
            <thead>
              <tr>
                <th scope="col">Worker</th>
                <th scope="col" class="optional">
                  Host
                </th>
                <th scope="col" class="number optional">
                  Process
                </th>
                <th scope="col">Since</th>
                <th scope="col">Lease</th>
              </tr>
            </thead>
            <tbody>
              {workers.map((worker) => (
                <tr key={worker.worker_id}>
                  <td class="mono">{worker.worker_id}</td>
                  <td class="optional dim">{worker.host}</td>
                  <td class="number optional">{worker.pid}</td>
                  <td>
                    <Ago at={worker.started_at} />
                  </td>
                  <td>
                    {worker.is_expired ? (
                      <span class="pill is-failed">expired</span>
                    ) : (
                      <span class="pill is-completed">{lasting(worker.lease_until - now.value)} left</span>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
