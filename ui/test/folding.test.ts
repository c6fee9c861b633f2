import assert from "node:assert/strict";
import { test } from "node:test";
import { axisOf } from "../src/logic/folding";

test("work without gaps takes the whole axis", () => {
  const axis = axisOf([{ start: 10, end: 12 }, { start: 11, end: 14 }]);

  assert.equal(axis.place(10), 0);
  assert.equal(axis.place(12), 0.5);
  assert.equal(axis.place(14), 1);
  assert.deepEqual(axis.folds, []);
});

test("a day between two attempts is folded away", () => {
  const axis = axisOf([{ start: 0, end: 2 }, { start: 86_400, end: 86_402 }]);

  const [fold] = axis.folds;

  assert.equal(axis.folds.length, 1);
  assert.equal(fold!.end - fold!.start, 86_398);
  assert.ok(axis.place(2) > 0.4 && axis.place(86_400) < 0.6);
});

test("a gap that is short beside the work stays", () => {
  assert.deepEqual(axisOf([{ start: 0, end: 10 }, { start: 11.5, end: 20 }]).folds, []);
});

test("places never go back, however many gaps there are", () => {
  const spans = Array.from({ length: 30 }, (_, n) => ({ start: n * 100, end: n * 100 + 0.5 }));
  const axis = axisOf(spans);
  const places = spans.flatMap(({ start, end }) => [axis.place(start), axis.place(end)]);

  assert.deepEqual(places, places.toSorted((a, b) => a - b));
  assert.ok(places.every((place) => place >= 0 && place <= 1 + 1e-9));
});

test("ticks are round and have room", () => {
  const { ticks } = axisOf([{ start: 5, end: 65 }]);

  assert.deepEqual(ticks.map((tick) => tick.seconds), [0, 10, 20, 30, 40, 50]);
});

test("nothing, and something that takes no time, have an axis", () => {
  assert.equal(axisOf([]).place(0), 0);
  assert.equal(axisOf([{ start: 3, end: 3 }]).place(3), 0);
});
