// Made from docs/devtools-api.yaml by `make ui-types`.

export type RunStatus = "pending" | "running" | "completed" | "failed" | "aborted";

export type AttemptStatus = "running" | "completed" | "failed" | "aborted" | "interrupted" | "lost";

export interface Problem {
  type: string;
  title: string;
  status: number;
  /** for programs; it stays when the words change */
  code: string;
  /** for people */
  detail: string;
}

export interface BriefError {
  type_name: string;
  message: string;
}

export interface Error {
  type_name: string;
  message: string;
  /** may be empty */
  traceback: string;
}

export interface RunLink {
  stimulation_id: string;
  ref: string;
}

export interface Value {
  /** size of the stored JSON */
  bytes: number;
  is_cut: boolean;
  /** false if what is stored is no JSON */
  is_readable: boolean;
  /** any JSON value */
  data: unknown;
}

export interface Signal {
  /** its place in the run's sequence of signals */
  ordinal: number;
  collateral_name: string;
  /** of the payload's declared type */
  version: number;
  /** size of the payload */
  bytes: number;
  /** ordinal of the activation that emitted it; null for one from outside */
  producer: number | null;
}

export interface SignalWithPayload {
  /** its place in the run's sequence of signals */
  ordinal: number;
  collateral_name: string;
  /** of the payload's declared type */
  version: number;
  /** size of the payload */
  bytes: number;
  /** ordinal of the activation that emitted it; null for one from outside */
  producer: number | null;
  payload: Value;
}

export interface Run {
  /** what stands for the id in a path */
  ref: string;
  stimulation_id: string;
  status: RunStatus;
  /** changes when it is tried again, or ends; `seen` of a command */
  version: string;
  /** collaterals of the signals that it was started with */
  entry: Array<string>;
  /** of its latest attempt, from 1; 0 if none has started */
  attempt_number: number;
  /** the worker that holds it */
  owner: string | null;
  /** attempts that were lost with their worker */
  recoveries: number;
  /** starts that count against its policy of retries */
  starts: number;
  /** activations that have settled, over all attempts */
  hop_count: number;
  /** activations that are left, failed ones included */
  outstanding: number;
  /** seconds since the epoch, by the store's clock */
  created_at: number;
  /** seconds since the epoch, by the store's clock */
  updated_at: number;
  /** seconds since the epoch, by the store's clock */
  ended_at: number | null;
  /** when it may be taken; null if at once */
  due_at: number | null;
  /** the higher one is taken first */
  priority: number;
  /** progress: no history is kept */
  volume: "full" | "progress";
  error: BriefError | null;
  clone_of: RunLink | null;
  forked_from: RunLink | null;
  /** ordinal of the activation there */
  forked_task: number | null;
  /** why its owner is asked to abort it */
  abort_requested: string | null;
}

export interface RunDetail {
  /** what stands for the id in a path */
  ref: string;
  stimulation_id: string;
  status: RunStatus;
  /** changes when it is tried again, or ends; `seen` of a command */
  version: string;
  /** collaterals of the signals that it was started with */
  entry: Array<string>;
  /** of its latest attempt, from 1; 0 if none has started */
  attempt_number: number;
  /** the worker that holds it */
  owner: string | null;
  /** attempts that were lost with their worker */
  recoveries: number;
  /** starts that count against its policy of retries */
  starts: number;
  /** activations that have settled, over all attempts */
  hop_count: number;
  /** activations that are left, failed ones included */
  outstanding: number;
  /** seconds since the epoch, by the store's clock */
  created_at: number;
  /** seconds since the epoch, by the store's clock */
  updated_at: number;
  /** seconds since the epoch, by the store's clock */
  ended_at: number | null;
  /** when it may be taken; null if at once */
  due_at: number | null;
  /** the higher one is taken first */
  priority: number;
  /** progress: no history is kept */
  volume: "full" | "progress";
  error: Error | null;
  clone_of: RunLink | null;
  forked_from: RunLink | null;
  /** ordinal of the activation there */
  forked_task: number | null;
  /** why its owner is asked to abort it */
  abort_requested: string | null;
  scope: string;
  /** grows each time that a worker takes it */
  fence: number;
  entry_signals: Array<SignalWithPayload>;
  durability: "hop" | "interval" | "exit";
  modality: string | null;
  afferent_path: string | null;
  concurrency: number | null;
  max_neuron_hops: number | null;
  metadata: Value;
}

export interface RunPage {
  runs: Array<Run>;
  /** gets the next page; null after the last one */
  cursor: string | null;
  /** runs that were looked at. With `neuron` or `text` a page may have fewer runs than wanted, or none, although `cursor` says that there are more to look at. */
  looked_at: number;
}

export interface Attempt {
  attempt_number: number;
  status: AttemptStatus;
  worker_id: string;
  /** seconds since the epoch, by the store's clock */
  started_at: number;
  /** seconds since the epoch, by the store's clock */
  ended_at: number | null;
  hop_count: number;
  error: Error | null;
}

export interface Attempts {
  attempts: Array<Attempt>;
}

export interface Task {
  /** its place in the run's sequence of activations */
  ordinal: number;
  /** the idempotency key that its handler has */
  activation_id: string;
  neuron_name: string;
  /** of the dendrite */
  collateral_name: string;
  /** among the neuron's dendrites on that collateral */
  dendrite_index: number;
  /** ordinal of the activation that emitted its input */
  parent: number | null;
  input: Signal | null;
  attempt_number: number;
  status: "done" | "failed";
  /** since when it waited, if that is known */
  queued_at: number | null;
  /** when its handler was called, by the worker's clock */
  started_at: number;
  /** seconds */
  duration: number;
  outputs: Array<Signal>;
  /** neurons whose context value it changed */
  contexts: Array<string>;
  error: BriefError | null;
  /** how many lines it has logged that are stored */
  logs: number;
}

export interface TaskPage {
  tasks: Array<Task>;
  /** how many there are with this filter */
  total: number;
  /** where the next page starts; null after the last one */
  next: number | null;
}

export interface ContextChange {
  neuron_name: string;
  is_changed: boolean;
  /** null: it had none */
  before: Value | null;
  /** null: it has none */
  after: Value | null;
}

export interface LogLine {
  /** seconds since the epoch, by the worker's clock */
  at: number;
  /** such as WARNING */
  level: string;
  logger_name: string;
  /** redacted */
  message: string;
}

export interface TaskDetail {
  /** its place in the run's sequence of activations */
  ordinal: number;
  /** the idempotency key that its handler has */
  activation_id: string;
  neuron_name: string;
  /** of the dendrite */
  collateral_name: string;
  /** among the neuron's dendrites on that collateral */
  dendrite_index: number;
  /** ordinal of the activation that emitted its input */
  parent: number | null;
  input: SignalWithPayload | null;
  attempt_number: number;
  status: "done" | "failed";
  /** since when it waited, if that is known */
  queued_at: number | null;
  /** when its handler was called, by the worker's clock */
  started_at: number;
  /** seconds */
  duration: number;
  outputs: Array<SignalWithPayload>;
  /** of its own neuron, and of those that it changed */
  contexts: Array<ContextChange>;
  error: Error | null;
  /** what it has logged, in order; there may have been more */
  logs: Array<LogLine>;
}

export interface FrontierTask {
  /** its place in the run's sequence of activations */
  ordinal: number;
  /** the idempotency key that its handler has */
  activation_id: string;
  neuron_name: string;
  /** of the dendrite */
  collateral_name: string;
  /** among the neuron's dendrites on that collateral */
  dendrite_index: number;
  /** ordinal of the activation that emitted its input */
  parent: number | null;
  input: Signal | null;
  status: "outstanding" | "failed";
  error: BriefError | null;
}

export interface Frontier {
  tasks: Array<FrontierTask>;
}

export interface FrontierTaskDetail {
  /** its place in the run's sequence of activations */
  ordinal: number;
  /** the idempotency key that its handler has */
  activation_id: string;
  neuron_name: string;
  /** of the dendrite */
  collateral_name: string;
  /** among the neuron's dendrites on that collateral */
  dendrite_index: number;
  /** ordinal of the activation that emitted its input */
  parent: number | null;
  input: SignalWithPayload | null;
  status: "outstanding" | "failed";
  error: Error | null;
}

export interface Lineage {
  parents: Array<Run>;
  /** clones and forks of it */
  children: Array<Run>;
  /** false if there are later runs that were not looked at */
  is_complete: boolean;
}

export interface Export {
  format: "cnstra-run/1";
  run: RunDetail;
  attempts: Array<Attempt>;
  tasks: Array<TaskDetail>;
  frontier: Array<FrontierTaskDetail>;
}

export type CommandKind = "retry" | "clone" | "fork" | "abort" | "delete" | "stimulate";

export type CommandStatus = "waiting" | "taken" | "done" | "refused";

export interface Command {
  /** its place among all commands; grows */
  number: number;
  /** makes it once */
  key: string;
  kind: CommandKind;
  /** the run that it is about; null for stimulate */
  stimulation_id: string | null;
  /** what stands for that in a path */
  ref: string | null;
  /** as given, redacted; of a payload only its size (`bytes`) */
  arguments: Record<string, unknown>;
  /** who ordered it */
  actor: string;
  /** version of the run that was decided upon */
  seen: string | null;
  status: CommandStatus;
  /** seconds since the epoch, by the store's clock */
  ordered_at: number;
  /** the worker that took it last */
  taken_by: string | null;
  /** how often it was taken: more than once if a worker died over it */
  takes: number;
  /** seconds since the epoch, by the store's clock */
  ended_at: number | null;
  /** what was done, or why not, in a sentence */
  outcome: string | null;
  /** the run that came of it */
  made: RunLink | null;
}

export interface CommandPage {
  commands: Array<Command>;
  /** gets the next page; null after the last one */
  cursor: string | null;
}

export interface OrderedCommands {
  commands: Array<Command>;
}

export interface Order {
  commands: Array<NewCommand>;
}

export type NewCommand = RetryOrder | CloneOrder | ForkOrder | AbortOrder | DeleteOrder | StimulateOrder;

export interface RetryOrder {
  /** makes it once */
  key: string;
  kind: "retry";
  /** of the run */
  stimulation_id: string;
  /** version of the run that was decided upon */
  seen?: string | null;
  arguments?: Record<string, unknown>;
}

export interface CloneOrder {
  /** makes it once */
  key: string;
  kind: "clone";
  /** of the run */
  stimulation_id: string;
  /** version of the run that was decided upon */
  seen?: string | null;
  arguments?: { new_id?: string | null };
}

export interface ForkOrder {
  /** makes it once */
  key: string;
  kind: "fork";
  /** of the run */
  stimulation_id: string;
  /** version of the run that was decided upon */
  seen?: string | null;
  arguments: { from_task: number; payload?: unknown; new_id?: string | null };
}

export interface AbortOrder {
  /** makes it once */
  key: string;
  kind: "abort";
  /** of the run */
  stimulation_id: string;
  /** version of the run that was decided upon */
  seen?: string | null;
  arguments?: { reason?: string | null };
}

export interface DeleteOrder {
  /** makes it once */
  key: string;
  kind: "delete";
  /** of the run */
  stimulation_id: string;
  /** version of the run that was decided upon */
  seen?: string | null;
  arguments?: Record<string, unknown>;
}

export interface StimulateOrder {
  /** makes it once */
  key: string;
  kind: "stimulate";
  stimulation_id?: null;
  seen?: null;
  arguments: { collateral: string; payload: unknown; stimulation_id?: string | null; metadata?: Record<string, unknown> | null };
}

export interface Meta {
  name: string;
  /** of cnstra */
  version: string;
  store: string;
  scope: string;
  /** whether the graph was given; else it is what was seen of it at work */
  has_graph: boolean;
  /** what may be done here beside looking */
  actions: Array<CommandKind>;
  /** whether that is nothing */
  read_only: boolean;
}

export interface Place {
  name: string;
  module: string;
  doc: string | null;
  file: string | null;
  line: number | null;
}

export interface Contract {
  type_name: string;
  /** JSON Schema (2020-12); true if everything is allowed */
  schema: unknown;
  source: Place | null;
}

export interface Neuron {
  /** registered name, else its label */
  name: string;
  /** what stands for the name in a path */
  ref: string;
  /** whether runs can be stored with it */
  is_registered: boolean;
  /** first line of its documentation */
  doc: string | null;
  /** what is before the last . or / of its name; null if there is none */
  group: string | null;
  /** number of the cycle that it is in; null if it is in none */
  cycle: number | null;
  /** collaterals of its axon */
  emits: Array<string>;
  /** collaterals of its dendrites */
  listens: Array<string>;
}

export interface Neurons {
  neurons: Array<Neuron>;
}

export interface Dendrite {
  collateral_name: string;
  /** among the neuron's dendrites on that collateral */
  index: number;
  mode: "sync" | "async" | "thread";
  is_transactional: boolean;
  modalities: Array<string>;
  handler: Place | null;
}

export interface NeuronDetail {
  /** registered name, else its label */
  name: string;
  /** what stands for the name in a path */
  ref: string;
  /** whether runs can be stored with it */
  is_registered: boolean;
  /** first line of its documentation */
  doc: string | null;
  /** what is before the last . or / of its name; null if there is none */
  group: string | null;
  /** number of the cycle that it is in; null if it is in none */
  cycle: number | null;
  /** collaterals of its axon */
  emits: Array<string>;
  /** collaterals of its dendrites */
  listens: Array<string>;
  concurrency: number | null;
  /** seconds */
  max_duration: number | null;
  axon: Place | null;
  context: Contract | null;
  dendrites: Array<Dendrite>;
}

export interface Collateral {
  /** registered name, else its label */
  name: string;
  /** what stands for the name in a path */
  ref: string;
  /** whether runs can be stored with it */
  is_registered: boolean;
  /** of the payloads that this code writes */
  version: number;
  /** whether no neuron emits it */
  is_entry: boolean;
  /** neurons that emit it */
  emitters: Array<string>;
  /** neurons that listen on it */
  subscribers: Array<string>;
  /** declared type of its payloads; null if everything is allowed, or it is not known */
  type_name: string | null;
}

export interface Collaterals {
  collaterals: Array<Collateral>;
}

export interface CollateralDetail {
  /** registered name, else its label */
  name: string;
  /** what stands for the name in a path */
  ref: string;
  /** whether runs can be stored with it */
  is_registered: boolean;
  /** of the payloads that this code writes */
  version: number;
  /** whether no neuron emits it */
  is_entry: boolean;
  /** neurons that emit it */
  emitters: Array<string>;
  /** neurons that listen on it */
  subscribers: Array<string>;
  /** declared type of its payloads; null if everything is allowed, or it is not known */
  type_name: string | null;
  contract: Contract;
}

export interface Example {
  stimulation_id: string;
  ref: string;
  /** any JSON value, redacted as in `Value` */
  payload: unknown;
}

export interface Form {
  collateral_name: string;
  /** JSON Schema (2020-12); null if everything is allowed, or it is not known */
  schema: unknown;
  /** at most 5, of the latest runs that were started so */
  examples: Array<Example>;
}

export interface Payload {
  /** any JSON value */
  payload: unknown;
}

export interface PayloadProblem {
  /** the place in it, such as $.items[0].n */
  path: string;
  message: string;
}

export interface Verdict {
  ok: boolean;
  problems: Array<PayloadProblem>;
}

export interface Edge {
  /** null: from outside */
  source: string | null;
  collateral: string;
  /** null: nobody listens */
  target: string | null;
}

export interface Graph {
  /** observed: it was not given, and is what recent histories show of it */
  source: "declared" | "observed";
  /** changes when the graph does */
  version: string;
  /** false if older histories in the window were not looked at */
  is_complete: boolean;
  neurons: Array<Neuron>;
  collaterals: Array<Collateral>;
  edges: Array<Edge>;
}

export interface Extent {
  runs: number;
  tasks: number;
  /** false if there was more */
  is_complete: boolean;
}

export interface NeuronStatistics {
  name: string;
  ref: string;
  /** activations that are done */
  done: number;
  /** activations that failed */
  failed: number;
  /** seconds; null if none is done */
  p50: number | null;
  /** seconds */
  p95: number | null;
  /** seconds */
  longest: number | null;
}

export interface Statistics {
  /** seconds */
  window: number;
  sample: Extent;
  neurons: Array<NeuronStatistics>;
}

export interface RecentTask {
  run: Run;
  task: Task;
}

export interface NeuronStatisticsDetail {
  /** seconds */
  window: number;
  sample: Extent;
  name: string;
  ref: string;
  /** activations that are done */
  done: number;
  /** activations that failed */
  failed: number;
  /** seconds; null if none is done */
  p50: number | null;
  /** seconds */
  p95: number | null;
  /** seconds */
  longest: number | null;
  /** at most 20, the latest first */
  recent: Array<RecentTask>;
}

export interface Worker {
  worker_id: string;
  /** names the machine and its process namespace */
  host: string;
  pid: number;
  started_at: number;
  lease_until: number;
  /** whether its runs are free */
  is_expired: boolean;
}

export interface Workers {
  workers: Array<Worker>;
}

export interface RunCounts {
  pending: number;
  running: number;
  completed: number;
  failed: number;
  aborted: number;
}

export interface FeedNumbers {
  clients: number;
  /** since the start */
  events: number;
  /** how often a client was too slow, and was told to fetch everything again */
  overflows: number;
}

export interface OpenCommands {
  /** among the latest 500 */
  waiting: number;
  /** when the oldest of them was stored */
  oldest_at: number | null;
  /** seconds */
  oldest_age: number | null;
  /** false if there are more that were not looked at */
  is_complete: boolean;
}

export interface Keep {
  /** seconds since their end; null: any */
  age: number | null;
  /** the latest so many; null: any number */
  count: number | null;
}

export interface Retention {
  /** null: for ever */
  completed: Keep | null;
  /** null: for ever */
  failed: Keep | null;
  /** null: for ever */
  aborted: Keep | null;
}

export interface Health {
  /** the time here */
  now: number;
  runs: RunCounts;
  /** when the oldest run that is not over was stored */
  oldest_open_at: number | null;
  /** seconds */
  oldest_open_age: number | null;
  /** bytes, all scopes together */
  size: number | null;
  /** that live */
  workers: number;
  expired_workers: number;
  commands: OpenCommands;
  /** null: not known here */
  retention: Retention | null;
  feed: FeedNumbers;
}

export interface Bucket {
  /** when it begins */
  from: number;
  created: number;
  completed: number;
  failed: number;
  aborted: number;
}

export interface Activity {
  /** seconds */
  window: number;
  /** seconds of a part */
  width: number;
  /** How much was looked at. */
  sample: { runs: number; is_complete: boolean };
  buckets: Array<Bucket>;
}
