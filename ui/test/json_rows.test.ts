import assert from "node:assert/strict";
import { test } from "node:test";
import { differences, rowsOf } from "../src/logic/json_rows";

const NONE = new Set<string>();

test("what is small is open", () => {
  const rows = rowsOf({ a: [1, null], b: { c: true } }, NONE);

  assert.deepEqual(rows.map((row) => [row.path, row.text]), [
    ["", "{}"],
    [".a", "[2]"],
    [".a[0]", "1"],
    [".a[1]", "null"],
    [".b", "{}"],
    [".b.c", "true"],
  ]);
});

test("what is large is folded until it is toggled", () => {
  const data = { items: Array.from({ length: 100_000 }, (_, n) => n) };

  assert.equal(rowsOf(data, NONE).length, 2);
  assert.equal(rowsOf(data, new Set([".items"])).length, 100_002);
});

test("a long text unfolds into its lines, in pieces", () => {
  const text = `${"x".repeat(250)}\nend`;

  const folded = rowsOf(text, NONE);
  const open = rowsOf(text, new Set([""]));

  assert.equal(folded.length, 1);
  assert.deepEqual(open.slice(1).map((row) => row.text.length), [120, 120, 10, 3]);
});

test("what the server does not show is marked", () => {
  const rows = rowsOf([{ $redacted: "key" }, { $cut: { items: 7 } }, { $number: "1e999" }], NONE);

  assert.deepEqual(rows.slice(1).map((row) => [row.kind, row.text]), [
    ["redacted", "redacted"],
    ["cut", "7 more items"],
    ["number", "1e999"],
  ]);
});

test("differences are told by their paths", () => {
  const found = differences({ a: { b: 1 }, c: [1, 2] }, { a: { b: 2 }, c: [1, 2, 3] });

  assert.deepEqual(found.map((one) => [one.path, one.before, one.after]), [
    [".a.b", 1, 2],
    [".c[2]", undefined, 3],
  ]);
});
