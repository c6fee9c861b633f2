import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, href, parsed } from "../src/logic/address";
import { refOf } from "../src/logic/refs";

test("an address comes back from its text", () => {
  const text = href(["runs", "~ä/?"], { status: ["failed", "running"], error: "a=b & c" });

  const { path, query } = parsed(text);

  assert.deepEqual(path, ["runs", "~ä/?"]);
  assert.deepEqual(query.getAll("status"), ["failed", "running"]);
  assert.equal(query.get("error"), "a=b & c");
});

test("what is empty is left out of an address", () => {
  assert.equal(href(["runs"], { id: "", entry: null, neuron: undefined, status: [] }), "#/runs");
});

test("a change of the query leaves the rest of it", () => {
  const place = parsed("#/runs/a?view=tasks&task=1.2");

  assert.equal(changed(place, { task: null, attempt: 2 }), "#/runs/a?view=tasks&attempt=2");
});

test("an address that cannot be decoded is taken as it stands", () => {
  assert.deepEqual(parsed("#/runs/%zz").path, ["runs", "%zz"]);
});

test("a name is its own reference if it is harmless, and base64url otherwise", () => {
  assert.equal(refOf("order-7:1"), "order-7:1");
  assert.equal(refOf("a/ä"), "~YS_DpA");
  assert.equal(refOf(".."), "~Li4");
});
