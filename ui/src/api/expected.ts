/** What the API is about to tell of commands: until its description does. */

import type { RunLink, Value } from "./types";

declare module "./types" {
  interface Run {
    version: string;
  }
  interface RunDetail {
    version: string;
  }
  interface Meta {
    read_only: boolean;
  }
  interface Task {
    logs: number;
  }
  interface TaskDetail {
    logs: Array<LogLine>;
  }
}

export type CommandKind = "retry" | "clone" | "fork" | "abort" | "delete" | "stimulate";

export type CommandStatus = "waiting" | "taken" | "done" | "refused";

export interface Command {
  number: number;
  key: string;
  kind: CommandKind;
  stimulation_id: string | null;
  ref: string | null;
  arguments: unknown;
  actor: string;
  seen: string | null;
  status: CommandStatus;
  ordered_at: number;
  taken_by: string | null;
  takes: number;
  ended_at: number | null;
  outcome: string | null;
  made: RunLink | null;
}

export interface Commands {
  commands: Array<Command>;
}

export interface CommandPage {
  commands: Array<Command>;
  cursor: string | null;
}

export interface LogLine {
  at: number;
  level: string;
  logger_name: string;
  message: string;
}

export interface PayloadProblem {
  path: string;
  message: string;
}

export interface Validation {
  ok: boolean;
  problems: Array<PayloadProblem>;
}

export interface Example {
  stimulation_id: string;
  ref: string;
  payload: Value;
}

export interface CollateralForm {
  collateral_name: string;
  schema: unknown;
  examples: Array<Example>;
}
