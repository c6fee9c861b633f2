import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogLine, Run } from "../src/api/types";
import { between, byNeuron, newKey, obstacle, sortedFor } from "../src/logic/deeds";
import { levelsIn, linesFrom } from "../src/logic/log_lines";

const run = (status: Run["status"], outstanding = 1, type_name = "E") => ({ status, outstanding, error: { type_name, message: "" } }) as Run;

test("what has failed or was aborted is retried, if something is left", () => {
  assert.deepEqual(
    [run("failed"), run("aborted"), run("aborted", 0), run("failed", 0, "PoisonRun")].map((one) => obstacle("retry", one)),
    [null, null, null, null],
  );
  assert.deepEqual(
    [run("failed", 0), run("running"), run("completed", 0)].map((one) => obstacle("retry", one)),
    ["nothing is left of it", "running", "completed"],
  );
});

test("what is over is not aborted, what runs is not deleted, and everything is cloned", () => {
  assert.deepEqual([obstacle("abort", run("failed")), obstacle("abort", run("pending"))], ["failed", null]);
  assert.deepEqual([obstacle("delete", run("running")), obstacle("delete", run("pending"))], ["running", null]);
  assert.equal(obstacle("clone", run("running")), null);
});

test("of many runs it is told which are left out, and why", () => {
  const { possible, skipped } = sortedFor("retry", [run("failed"), run("completed"), run("completed"), run("running")]);

  assert.equal(possible.length, 1);
  assert.deepEqual([...skipped], [["completed", 2], ["running", 1]]);
});

test("a frontier is counted by neuron, the most first", () => {
  const names = ["b", "a", "c", "a", "c"].map((neuron_name) => ({ neuron_name }));

  assert.deepEqual(byNeuron(names), [["a", 2], ["c", 2], ["b", 1]]);
});

test("a range goes either way, and begins anew where its beginning is gone", () => {
  assert.deepEqual(between(["a", "b", "c"], "c", "b"), ["b", "c"]);
  assert.deepEqual(between(["a", "b", "c"], "gone", "b"), ["b"]);
});

test("no key is given out twice", () => {
  const keys = Array.from({ length: 1000 }, newKey);

  assert.equal(new Set(keys).size, 1000);
  assert.match(keys[0]!, /^[0-9a-f]{32}$/);
});

test("a log is narrowed to a level and above; levels of one's own stand alone", () => {
  const lines = ["INFO", "NOTICE", "ERROR", "DEBUG"].map((level) => ({ level }) as LogLine);

  assert.deepEqual(levelsIn(lines), ["DEBUG", "INFO", "ERROR", "NOTICE"]);
  assert.deepEqual(linesFrom(lines, "INFO").map((line) => line.level), ["INFO", "ERROR"]);
  assert.deepEqual(linesFrom(lines, "NOTICE").map((line) => line.level), ["NOTICE"]);
  assert.equal(linesFrom(lines, "").length, 4);
});
