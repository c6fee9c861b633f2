import assert from "node:assert/strict";
import { test } from "node:test";
import { beginning, definition, fieldOf, hiddenIn, parsedJson, withoutHidden, withPart, type Schema } from "../src/logic/schema_form";

const ORDER: Schema = {
  $ref: "#/$defs/Order",
  $defs: {
    Order: {
      type: "object",
      properties: {
        number: { type: "integer", minimum: 1 },
        customer: { type: "string", default: "ada" },
        books: { type: "array", items: { $ref: "#/$defs/Book" } },
        card: { type: "string", default: { $redacted: "key" } },
        gift: { anyOf: [{ $ref: "#/$defs/Book" }, { type: "null" }] },
      },
      required: ["number", "books"],
    },
    Book: { type: "object", properties: { title: { type: "string" }, next: { $ref: "#/$defs/Book" } }, required: ["title", "next"] },
  },
};

test("each kind of a schema has a field, and what has none is written as JSON", () => {
  const kind = (schema: unknown) => fieldOf(schema, ORDER).kind;

  assert.equal(kind(ORDER), "object");
  assert.deepEqual(
    [{ type: "string" }, { type: "number" }, { type: "boolean" }, { enum: ["a", 1] }, { const: 3 }, { type: "array", items: {} }].map(kind),
    ["text", "number", "boolean", "choice", "fixed", "list"],
  );
  assert.deepEqual([{ anyOf: [{ type: "string" }, { type: "null" }] }, { type: ["integer", "null"] }].map(kind), ["maybe", "maybe"]);
  assert.deepEqual(
    [true, {}, { anyOf: [{ type: "string" }, { type: "integer" }] }, { type: "object", additionalProperties: true }, { type: "array" }].map(kind),
    ["json", "json", "json", "json", "json"],
  );
});

test("a secret is asked for as one", () => {
  assert.deepEqual(fieldOf({ type: "string", format: "password" }, {}), { kind: "text", isSecret: true, isLong: false, hint: "" });
});

test("a form begins with what is required and with the defaults, but with none that is not shown", () => {
  assert.deepEqual(beginning(ORDER, ORDER), { books: [] });
  assert.equal(beginning({ type: "string", default: { $redacted: "key" } }, {}), undefined);
  assert.equal(beginning({ anyOf: [{ type: "integer" }, { type: "null" }] }, {}), null);
});

test("a schema that refers to itself ends", () => {
  const book = { $ref: "#/$defs/Book" };

  assert.ok(JSON.stringify(beginning(book, ORDER)).length < 200);
  assert.equal(fieldOf(book, ORDER, 7).kind, "json");
  assert.deepEqual(definition({ $ref: "#/$defs/a" }, { $defs: { a: { $ref: "#/$defs/a" } } }).$ref, "#/$defs/a");
});

test("what stands beside a reference counts", () => {
  assert.equal(definition({ $ref: "#/$defs/Book", title: "Gift" }, ORDER).title, "Gift");
});

test("a part is changed in its place, and left out if it is undefined", () => {
  assert.deepEqual(Object.entries(withPart({ a: 1, b: 2 }, "a", 3)), [["a", 3], ["b", 2]]);
  assert.deepEqual(withPart({ a: 1, b: 2 }, "a", undefined), { b: 2 });
  assert.deepEqual(withPart(undefined, "a", 1), { a: 1 });
});

test("what is not shown is found, and left out", () => {
  const payload = { card: { $redacted: "key" }, books: [{ title: "x" }, { $cut: { items: 3 } }], price: { $number: "nan" } };

  assert.deepEqual(hiddenIn(payload), ["$.card", "$.books[1]", "$.price"]);
  assert.deepEqual(withoutHidden(payload), { books: [{ title: "x" }] });
  assert.equal(withoutHidden({ $redacted: "key" }), undefined);
});

test("what is no JSON is told of", () => {
  assert.deepEqual(parsedJson(" [1] "), { value: [1], problem: null });
  assert.match(parsedJson("{").problem!, /^This is no JSON/);
  assert.match(parsedJson(" ").problem!, /write null/);
});
