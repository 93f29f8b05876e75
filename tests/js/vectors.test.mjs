import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Replica } from "../../netra_actors/web/static/netra-replica.js";
import { State } from "../../netra_actors/web/static/netra-state.js";

const load = (name) =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8")).cases;

function expand(value) {
  if (Array.isArray(value)) return value.map(expand);
  if (value === null || typeof value !== "object") return value;
  if (value.$repeat !== undefined)
    return value.$repeat.map(([unit, count]) => unit.repeat(count)).join("");
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, expand(one)]));
}

const copy = (value) => JSON.parse(JSON.stringify(value));
const folded = (state, events) => {
  for (const event of events) state.apply(event);
  return state;
};

for (const { name, events, states, merged } of load("fold").map(expand)) {
  const last = events.at(-1).seq;

  test(`fold "${name}" gives every state on the way`, () => {
    const state = new State();
    if (states[0] !== undefined) assert.deepEqual(state.snapshot(), states[0]);
    for (const event of events) {
      state.apply(event);
      assert.equal(state.applied, event.seq);
      if (states[event.seq] !== undefined)
        assert.deepEqual(state.snapshot(), states[event.seq], `after ${event.seq}`);
    }
  });

  test(`fold "${name}" from any snapshot and its tail ends where the whole fold ends`, () => {
    for (const [key, snapshot] of Object.entries(states)) {
      const at = Number(key);
      const state = State.fromSnapshot(copy(snapshot), at);
      assert.deepEqual(state.snapshot(), snapshot);
      folded(
        state,
        events.filter((event) => event.seq > at),
      );
      assert.deepEqual(state.snapshot(), states[last], `from the snapshot at ${at}`);
      assert.equal(state.applied, last);
    }
  });

  if (merged !== undefined) {
    test(`fold "${name}" is the same over merged frames`, () => {
      assert.deepEqual(folded(new State(), merged).snapshot(), states[last]);
    });
  }
}

const VERDICTS = { apply: "applied", drop: "dropped", hole: "hole" };

for (const { name, applied, steps } of load("apply")) {
  test(`apply rule "${name}"`, () => {
    const replica = new Replica();
    replica.welcome({ epoch: "e", mode: "snapshot" });
    replica.snapshot({ at: applied, state: { threads: [], messages: [], runs: [] } });
    for (const { seq_from, seq, verdict, applied: after } of steps) {
      const merged = seq_from === seq ? {} : { seq_from };
      assert.equal(replica.offer({ type: "unheard_of", seq, ...merged }), VERDICTS[verdict]);
      assert.equal(replica.applied, after);
    }
  });
}
