import assert from "node:assert/strict";
import { test } from "node:test";
import type { FrontierTask, Run, Task } from "../src/api/types";
import { filterOf, filtersIn, matches, paramsOf, queryOf } from "../src/logic/filter";
import { bytes, count, duration, nameAndRest } from "../src/logic/format";
import { ancestry, progressAt } from "../src/logic/progress";
import { fingerprint, folded, groupsOf, neighbourhood, topologyOf } from "../src/logic/topology";

const task = (ordinal: number, neuron_name: string, parent: number | null, status: "done" | "failed" = "done") =>
  ({ ordinal, neuron_name, parent, status, collateral_name: `to-${neuron_name}`, attempt_number: 1 }) as Task;
const left = (ordinal: number, neuron_name: string, parent: number | null, status: "outstanding" | "failed") =>
  ({ ordinal, neuron_name, parent, status, collateral_name: `to-${neuron_name}` }) as FrontierTask;

test("a filter comes back from the address", () => {
  const query = new URLSearchParams("status=failed&status=nonsense&neuron=a&within=3600");
  const filter = filterOf(query);

  assert.deepEqual(queryOf(filter), { status: ["failed"], id: "", entry: "", neuron: "a", error: "", text: "", within: 3600, after: null, before: null });
  assert.equal(filtersIn(filter), 3);
  assert.equal(paramsOf(filter, 10_000).created_after, 6_400);
});

test("a run that comes live is compared with the filter, and only the server knows its neurons", () => {
  const run = { status: "failed", stimulation_id: "a-1", entry: ["x"], created_at: 5, error: { type_name: "E", message: "no" } } as Run;
  const is = (text: string) => matches(run, filterOf(new URLSearchParams(text)), 10);

  assert.equal(is("status=failed&id=a&entry=x&error=E: n"), true);
  assert.equal(is("status=running"), false);
  assert.equal(is("within=2"), false);
  assert.equal(is("after=5&before=6"), true);
  assert.equal(is("before=5"), false);
  assert.equal(is("neuron=n"), null);
  assert.equal(is("text=ada"), null);
});

test("what is left grows and shrinks step by step", () => {
  const tasks = [task(0, "a", null), task(1, "b", 0, "failed"), task(2, "c", 0)];
  const rest = [left(1, "b", 0, "failed")];

  assert.deepEqual(progressAt(tasks, rest, 0).frontier.map((one) => one.ordinal), [0]);
  assert.deepEqual(progressAt(tasks, rest, 1).frontier.map((one) => one.ordinal), [1, 2]);
  assert.deepEqual(progressAt(tasks, rest, 3).neurons.get("b"), { done: 0, failed: 1, left: 1 });
  assert.ok(progressAt(tasks, rest, 3).travelled.has("n:a>n:c"));
});

test("a task that failed and was done in the next attempt is done", () => {
  const tasks = [task(0, "a", null, "failed"), { ...task(0, "a", null), attempt_number: 2 }];

  assert.deepEqual(progressAt(tasks, [], 2).neurons.get("a"), { done: 1, failed: 0, left: 0 });
});

test("an ancestry leads to what came from outside", () => {
  assert.deepEqual([...ancestry([task(0, "a", null), task(1, "b", 0), task(2, "c", 1)], 2)], [2, 1, 0]);
});

const edge = (source: string | null, collateral: string, target: string | null) => ({ source, collateral, target, dendrite_index: 0 });

test("all that goes from one neuron to another is one line", () => {
  const { boxes, lines } = topologyOf({ neurons: [], edges: [edge(null, "in", "a"), edge("a", "x", "b"), edge("a", "y", "b"), edge("b", "out", null)] });

  assert.deepEqual(boxes.map((box) => box.kind), ["entry", "neuron", "neuron", "end"]);
  assert.deepEqual(lines.map((line) => line.collaterals), [["in"], ["x", "y"], ["out"]]);
});

test("a neighbourhood has so many steps in both directions", () => {
  const chain = topologyOf({ neurons: [], edges: ["b", "c", "d", "e"].map((to, n) => edge("abcd"[n]!, to, to)) });

  assert.deepEqual(neighbourhood(chain, "n:c", 1).boxes.map((box) => box.label), ["b", "c", "d"]);
});

test("a group that is folded is one box, and what goes on inside is not seen", () => {
  const named = (name: string, group: string | null) => ({ name, group });
  const groups = groupsOf([named("pay.card", "pay"), named("ship", null), named("pay.cash", "pay")]);
  const edges = [edge(null, "in", "pay.card"), edge("pay.card", "x", "pay.cash"), edge("pay.card", "y", "ship"), edge("pay.cash", "z", "ship")];
  const whole = topologyOf({ neurons: [], edges });

  const { boxes, lines } = folded(whole, groups, () => true);

  assert.deepEqual(boxes.map((box) => [box.label, box.kind]), [["in", "entry"], ["pay", "group"], ["ship", "neuron"]]);
  assert.deepEqual(lines.map((line) => [line.id, line.collaterals]), [["e:in>g:pay", ["in"]], ["g:pay>n:ship", ["y", "z"]]]);
  assert.equal(folded(whole, groups, () => false), whole);
});

test("another graph has another fingerprint", () => {
  const of = (target: string) => fingerprint(topologyOf({ neurons: [], edges: [edge("a", "x", target)] }));

  assert.equal(of("b"), of("b"));
  assert.notEqual(of("b"), of("c"));
});

test("numbers read as people say them", () => {
  assert.deepEqual([0.00005, 0.0042, 0.25, 3.456, 59.97, 125, 3_725, 90_000].map(duration), ["50 µs", "4.2 ms", "250 ms", "3.46 s", "1 min", "2 min 5 s", "1 h 2 min", "1 d 1 h"]);
  assert.deepEqual([12, 2_048, 5_242_880].map(bytes), ["12 B", "2.0 KB", "5.0 MB"]);
  assert.equal(count(1234567), "1,234,567");
});

test("of a run that failed, what failed first is named", () => {
  const error = (type_name: string, message: string) => nameAndRest({ type_name, message });

  assert.deepEqual(error("StimulationFailed", "ValueError in neuron 'a': b\nc"), ["ValueError", "in neuron 'a': b\nc"]);
  assert.deepEqual(error("StimulationFailed", "KeyError in a response listener"), ["KeyError", "in a response listener"]);
  assert.deepEqual(error("StimulationFailed", "1 activation failed"), ["StimulationFailed", "1 activation failed"]);
  assert.deepEqual(error("ValueError", "KeyError in neuron 'a'"), ["ValueError", "KeyError in neuron 'a'"]);
});
